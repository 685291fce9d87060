/* See scan.h for what this promises. */
#include "scan.h"

#define ID_LENGTH 36

struct scan {
  struct measurer measurer;
  struct answer *answer;
  /* Where the rows of the task at hand begin. */
  size_t first_row;
};

struct form {
  const char *text;
  uint32_t kind;
  uint32_t flags;
};

static int digit_of(char character) {
  if (character >= '0' && character <= '9') return character - '0';
  return character >= 'a' && character <= 'f' ? character - 'a' + 10 : -1;
}

/* Lower case alone, as Claude writes it. A name may end anywhere: nothing is read beyond its 0. */
static bool parse_id(const char *text, uint32_t id[4]) {
  uint32_t words[4] = {0};
  int digits = 0;
  for (int place = 0; place < ID_LENGTH; place += 1) {
    if (place == 8 || place == 13 || place == 18 || place == 23) {
      if (text[place] != '-') return false;
      continue;
    }
    int digit = digit_of(text[place]);
    if (digit < 0) return false;
    words[digits / 8] = words[digits / 8] << 4 | (uint32_t)digit;
    digits += 1;
  }
  memcpy(id, words, sizeof words);
  return true;
}

static bool has_form(const char *name, const char *form, uint32_t id[4]) {
  bool has_id = false;
  for (; *form != 0; form += 1) {
    uint32_t found[4];
    if (*form != '*') {
      if (*name != *form) return false;
      name += 1;
      continue;
    }
    if (!parse_id(name, found) || (has_id && memcmp(found, id, sizeof found) != 0)) return false;
    memcpy(id, found, sizeof found);
    has_id = true;
    name += ID_LENGTH;
  }
  return has_id && *name == 0;
}

static int hand_over(struct scan *scan, const char *name, uint32_t kind, uint32_t *told) {
  uint8_t byte = (uint8_t)kind;
  size_t length = strlen(name) + 1;
  int error = append(&scan->answer->others, &byte, 1);
  if (error == 0) error = append(&scan->answer->others, name, length);
  told[TOLD_OTHERS] += 1;
  return error;
}

static int add_entry(struct scan *scan, int directory, const struct entry *entry, const struct form *forms, uint32_t *told) {
  struct part_row row = {0};
  struct measure measure = {0};
  uint32_t kind;
  int error = kind_at(directory, entry, &kind);
  if (error == ENOENT) return 0;
  if (error != 0) return error;
  for (const struct form *form = forms; form < forms + 2; form += 1) {
    if (form->kind != kind || !has_form(entry->name, form->text, row.id)) continue;
    size_t links = scan->answer->links.length;
    scan->measurer.row = (uint32_t)((scan->answer->rows.length - scan->first_row) / sizeof row);
    error = add_part(&scan->measurer, directory, entry->name, kind, &measure, 0);
    if (error == ECANCELED || error == ENOMEM) return error;
    if (error != 0) {
      scan->answer->links.length = links;
      break;
    }
    row.newest_ms = newest_of(&measure);
    row.bytes = measure.bytes;
    row.disk_bytes = measure.disk_bytes;
    row.files = measure.files;
    row.digest = measure.digest;
    row.flags = form->flags;
    return append(&scan->answer->rows, &row, sizeof row);
  }
  return hand_over(scan, entry->name, kind, told);
}

/* Each directory on the way is held against the device, as a mount would be met there. */
static int open_path(const struct scan *scan, int from, const char *path, uint32_t depth, uint32_t *told) {
  int directory = from;
  for (uint32_t level = 0; level < depth; level += 1) {
    int parent = directory;
    directory = open_directory(parent, path);
    if (parent != from) close_directory(parent);
    if (directory < 0) return directory;
    struct facts facts;
    int error = look_at_open(directory, &facts);
    if (error == 0 && facts.device != scan->measurer.device) error = EXDEV;
    if (error != 0) {
      close_directory(directory);
      return -error;
    }
    told[TOLD_INODE_LOW] = (uint32_t)facts.inode;
    told[TOLD_INODE_HIGH] = (uint32_t)(facts.inode >> 32);
    path += strlen(path) + 1;
  }
  return directory;
}

static int scan_entries(struct scan *scan, int directory, const uint32_t *task, const struct form *forms, uint32_t *told) {
  char *buffer = buffer_at(&scan->measurer, 0);
  if (buffer == NULL) return ENOMEM;
  for (;;) {
    long length = read_entries(directory, buffer, ENTRIES_BYTES);
    if (length <= 0) return (int)-length;
    struct entry entry;
    for (long at = 0; next_entry(buffer, length, &at, &entry);) {
      if ((uint8_t)entry.name[0] % task[TASK_SHARES] != task[TASK_SHARE]) continue;
      if (is_stopped(scan->measurer.request)) return ECANCELED;
      told[TOLD_ENTRIES] += 1;
      int error = add_entry(scan, directory, &entry, forms, told);
      if (error != 0) return error;
    }
  }
}

static int run_task(struct scan *scan, const uint32_t *task, const char *names) {
  struct answer *answer = scan->answer;
  uint32_t told[TOLD_WORDS] = {0};
  size_t rows = answer->rows.length, links = answer->links.length, others = answer->others.length;
  struct form forms[2] = {
      {names + task[TASK_FORM], task[TASK_RULE] >> 16, task[TASK_RULE] & 0xffff},
      {names + task[TASK_OTHER_FORM], task[TASK_OTHER_RULE] >> 16, task[TASK_OTHER_RULE] & 0xffff},
  };
  scan->first_row = rows;
  int directory = open_path(scan, (int)task[TASK_DIRECTORY], names + task[TASK_PATH], task[TASK_DEPTH], told);
  int error = directory < 0 ? -directory : scan_entries(scan, directory, task, forms, told);
  if (directory >= 0) close_directory(directory);
  if (error != 0) {
    answer->rows.length = rows;
    answer->links.length = links;
    answer->others.length = others;
    memset(told, 0, sizeof told);
  }
  told[TOLD_ERROR] = (uint32_t)error;
  told[TOLD_ROWS] = (uint32_t)((answer->rows.length - rows) / sizeof(struct part_row));
  told[TOLD_LINKS] = (uint32_t)((answer->links.length - links) / sizeof(struct link_row));
  told[TOLD_OTHERS_BYTES] = (uint32_t)(answer->others.length - others);
  return append(&answer->told, told, sizeof told);
}

/* Whether every path and form of a task lies among the names. */
static bool is_task(const struct request *request, const uint32_t *task) {
  if (task[TASK_DIRECTORY] > INT32_MAX || task[TASK_SHARES] == 0 || task[TASK_DEPTH] == 0) return false;
  if (task[TASK_FORM] >= request->name_bytes || task[TASK_OTHER_FORM] >= request->name_bytes) return false;
  size_t at = task[TASK_PATH];
  for (uint32_t level = 0; level < task[TASK_DEPTH]; level += 1) {
    if (at >= request->name_bytes) return false;
    at += strlen(request->names + at) + 1;
  }
  return true;
}

static bool is_request(const struct request *request) {
  if (!has_names(request)) return false;
  if (request->word_count < SURROUNDINGS_WORDS || (request->word_count - SURROUNDINGS_WORDS) % TASK_WORDS != 0) return false;
  for (size_t at = SURROUNDINGS_WORDS; at < request->word_count; at += TASK_WORDS) {
    if (!is_task(request, request->words + at)) return false;
  }
  return true;
}

int scan_run(const struct request *request, struct answer *answer) {
  memset(answer, 0, sizeof *answer);
  if (!is_request(request)) return EINVAL;
  const uint32_t *words = request->words;
  struct scan scan = {.measurer = {.request = request, .links = &answer->links}, .answer = answer};
  read_surroundings(words, &scan.measurer);
  int error = 0;
  for (size_t at = SURROUNDINGS_WORDS; error == 0 && at < request->word_count; at += TASK_WORDS) {
    error = run_task(&scan, words + at, request->names);
  }
  free_buffers(&scan.measurer);
  return error;
}
