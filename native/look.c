/* See look.h for what this promises. */
#include "look.h"

#include "system.h"

#define PIECE_BYTES ((size_t)1 << 18)
/* Of a longer line, only the end is looked through for more than values. */
#define LINE_BYTES_MAX ((size_t)1 << 16)
/* A key and its value have fewer. */
#define FIELD_BYTES_MAX 128
/* A file with more lines than this is the caller's. */
#define LINES_BYTES_MAX ((size_t)1 << 20)

struct look {
  const struct request *request;
  struct answer *answer;
  char *piece;
  /* The directory of the file before, which mostly is the same. */
  uint32_t name;
  int directory;
  struct key_row rows[KEYS_MAX];
};

static const char *text_at(const struct request *request, uint32_t place) { return request->names + place; }

static const uint32_t *key_at(const struct request *request, uint32_t number) {
  return request->words + LOOK_HEADER_WORDS + (size_t)number * KEY_WORDS;
}

static void set_value(struct value *value, const char *text, size_t length) {
  value->length = (uint32_t)length;
  memcpy(value->text, text, length);
}

static bool has_form(const char *at, const char *end, const char *form) {
  for (; *form != 0; form += 1, at += 1) {
    if (at == end || (*form == '0' ? *at < '0' || *at > '9' : *form != '?' && *at != *form)) return false;
  }
  return true;
}

static bool is_greater(const char *left, size_t left_length, const char *right, size_t right_length) {
  int order = memcmp(left, right, left_length < right_length ? left_length : right_length);
  return order > 0 || (order == 0 && left_length > right_length);
}

/* A value begins as the form does, and is taken up to its quote. */
static void add_in_form(struct key_row *row, const char *at, const char *end, const char *form, const char *greatest) {
  if (!has_form(at, end, form)) return;
  size_t length = strlen(form);
  while (at + length < end && length < VALUE_BYTES_MAX && at[length] != '"' && at[length] != '\n') length += 1;
  if (is_greater(at, length, greatest, strlen(greatest))) return;
  if (row->last.length == NO_VALUE || is_greater(at, length, row->last.text, row->last.length)) set_value(&row->last, at, length);
}

static void add_value(struct key_row *row, const char *at, const char *end, const char *counted) {
  size_t length = 0;
  while (at + length < end && at[length] != '"' && at[length] != '\n' && length <= VALUE_BYTES_MAX) length += 1;
  if (at + length == end || at[length] != '"' || length > VALUE_BYTES_MAX) return;
  if (row->first.length == NO_VALUE) set_value(&row->first, at, length);
  set_value(&row->last, at, length);
  if (strlen(counted) == length && memcmp(at, counted, length) == 0) row->equal += 1;
}

/* Those that begin before `limit`; their ends are looked for up to `end`. */
static void look_for_keys(struct look *look, const char *from, const char *limit, const char *end) {
  const struct request *request = look->request;
  for (uint32_t number = 0; number < request->words[LOOK_KEYS]; number += 1) {
    const uint32_t *key = key_at(request, number);
    const char *name = text_at(request, key[KEY_NAME]), *form = text_at(request, key[KEY_FORM]);
    size_t length = strlen(name);
    for (const char *at = from; (at = memmem(at, (size_t)(end - at), name, length)) != NULL && at < limit;) {
      at += length;
      const char *value = at;
      if (value < end && *value == ' ') value += 1;
      if (value == end || *value != '"') continue;
      if (*form == 0) add_value(&look->rows[number], value + 1, end, text_at(request, key[KEY_TEXT]));
      else add_in_form(&look->rows[number], value + 1, end, form, text_at(request, key[KEY_TEXT]));
    }
  }
}

static bool has_text(const struct look *look, const char *line, size_t length) {
  const struct request *request = look->request;
  const uint32_t *texts = key_at(request, request->words[LOOK_KEYS]);
  for (uint32_t number = 0; number < request->words[LOOK_TEXTS]; number += 1) {
    const char *text = text_at(request, texts[number]);
    if (memmem(line, length, text, strlen(text)) != NULL) return true;
  }
  return false;
}

/* Of a long line, its end: half a line, cut off by a kill, may stand before a whole one. */
static int look_for_line(struct look *look, const char *from, const char *end) {
  if ((size_t)(end - from) > LINE_BYTES_MAX) from = end - LINE_BYTES_MAX;
  if (!has_text(look, from, (size_t)(end - from))) return 0;
  struct bytes *others = &look->answer->others;
  int error = append(others, from, (size_t)(end - from));
  return error == 0 ? append(others, "\n", 1) : error;
}

/* All texts at once in what mostly has none, and then line by line. */
static int look_for_lines(struct look *look, const char *from, const char *end) {
  if (!has_text(look, from, (size_t)(end - from))) return 0;
  while (from < end) {
    const char *newline = memchr(from, '\n', (size_t)(end - from));
    int error = look_for_line(look, from, newline == NULL ? end : newline);
    if (error != 0) return error;
    from = newline == NULL ? end : newline + 1;
  }
  return 0;
}

/* One after the last newline; `from` where there is none. */
static const char *after_last_line(const char *from, const char *end) {
  while (end > from && end[-1] != '\n') end -= 1;
  return end;
}

/*
 * Looks through what has come so far of the file, but for what may go on in the next piece.
 * Returns where that begins; NULL where there is no memory.
 */
static const char *look_through(struct look *look, const char *end, bool is_last, bool *is_long) {
  const char *from = look->piece;
  if (*is_long) {
    const char *newline = memchr(from, '\n', (size_t)(end - from));
    const char *stop = newline == NULL ? end : newline + 1;
    bool is_over = newline != NULL || is_last;
    const char *limit = is_over ? stop : (size_t)(end - from) > LINE_BYTES_MAX ? end - LINE_BYTES_MAX : from;
    look_for_keys(look, from, limit, stop);
    if (!is_over) return limit;
    if (look_for_line(look, from, newline == NULL ? stop : newline) != 0) return NULL;
    *is_long = false;
    from = stop;
  }
  const char *stop = is_last ? end : after_last_line(from, end);
  look_for_keys(look, from, stop, stop);
  if (look_for_lines(look, from, stop) != 0) return NULL;
  if ((size_t)(end - stop) <= LINE_BYTES_MAX) return stop;
  *is_long = true;
  look_for_keys(look, stop, end - LINE_BYTES_MAX, end);
  return end - LINE_BYTES_MAX;
}

static int look_into(struct look *look, int file, struct bytes *whole) {
  size_t kept = 0, bytes = 0, lines = look->answer->others.length;
  bool is_long = false;
  for (;;) {
    if (is_stopped(look->request)) return ECANCELED;
    ssize_t length = read(file, look->piece + kept, PIECE_BYTES - kept);
    if (length < 0) return errno;
    bytes += (size_t)length;
    if (bytes <= look->request->words[LOOK_WHOLE_BYTES_MAX]) {
      int error = append(whole, look->piece + kept, (size_t)length);
      if (error != 0) return error;
    } else {
      whole->length = 0;
    }
    const char *end = look->piece + kept + length;
    const char *left = look_through(look, end, length == 0, &is_long);
    if (left == NULL || look->answer->others.length - lines > LINES_BYTES_MAX) return EOVERFLOW;
    if (length == 0) return 0;
    kept = (size_t)(end - left);
    memmove(look->piece, left, kept);
  }
}

static int open_file(struct look *look, const uint32_t *file) {
  int projects = (int)look->request->words[LOOK_DIRECTORY];
  if (look->directory < 0 || look->name != file[FILE_DIRECTORY]) {
    if (look->directory >= 0) close_directory(look->directory);
    look->name = file[FILE_DIRECTORY];
    look->directory = open_directory(projects, text_at(look->request, look->name));
  }
  return look->directory < 0 ? look->directory : open_regular(look->directory, text_at(look->request, file[FILE_NAME]));
}

static void forget(struct look *look) {
  memset(look->rows, 0, sizeof look->rows);
  for (int number = 0; number < KEYS_MAX; number += 1) {
    look->rows[number].first.length = NO_VALUE;
    look->rows[number].last.length = NO_VALUE;
  }
}

static int run_file(struct look *look, const uint32_t *words, struct bytes *whole) {
  struct answer *answer = look->answer;
  size_t others = answer->others.length;
  uint32_t told[LOOK_TOLD_WORDS] = {0};
  forget(look);
  whole->length = 0;
  int file = is_stopped(look->request) ? -ECANCELED : open_file(look, words);
  int error = file < 0 ? -file : look_into(look, file, whole);
  if (file >= 0) close(file);
  if (error == ENOMEM) return error;
  if (error != 0) {
    answer->others.length = others;
    forget(look);
  } else {
    told[LOOK_LINES_BYTES] = (uint32_t)(answer->others.length - others);
    told[LOOK_WHOLE_BYTES] = (uint32_t)whole->length;
    error = append(&answer->others, whole->at, whole->length);
    if (error != 0) return error;
  }
  told[LOOK_ERROR] = (uint32_t)error;
  error = append(&answer->told, told, sizeof told);
  if (error != 0) return error;
  return append(&answer->rows, look->rows, look->request->words[LOOK_KEYS] * sizeof look->rows[0]);
}

static bool is_key(const struct request *request, const uint32_t *key) {
  for (int word = 0; word < KEY_WORDS; word += 1) {
    if (key[word] >= request->name_bytes) return false;
  }
  size_t name = strlen(text_at(request, key[KEY_NAME])), form = strlen(text_at(request, key[KEY_FORM]));
  /* With a space, and two quotes. */
  return name > 0 && name + VALUE_BYTES_MAX + 3 <= FIELD_BYTES_MAX && form <= VALUE_BYTES_MAX;
}

/* Whether every text lies among the names. Returns where the files begin; NULL for what is no request. */
static const uint32_t *files_of(const struct request *request) {
  const uint32_t *words = request->words, *end = words + request->word_count;
  if (!has_names(request) || request->word_count < LOOK_HEADER_WORDS) return NULL;
  if (words[LOOK_DIRECTORY] > INT32_MAX || words[LOOK_KEYS] > KEYS_MAX || words[LOOK_TEXTS] > KEYS_MAX) return NULL;
  if (words[LOOK_WHOLE_BYTES_MAX] > LINE_BYTES_MAX) return NULL;
  size_t head = LOOK_HEADER_WORDS + (size_t)words[LOOK_KEYS] * KEY_WORDS + words[LOOK_TEXTS];
  if (request->word_count < head || (request->word_count - head) % FILE_WORDS != 0) return NULL;
  for (uint32_t number = 0; number < words[LOOK_KEYS]; number += 1) {
    if (!is_key(request, key_at(request, number))) return NULL;
  }
  for (const uint32_t *place = key_at(request, words[LOOK_KEYS]); place < end; place += 1) {
    if (*place >= request->name_bytes || *text_at(request, *place) == 0) return NULL;
  }
  return words + head;
}

int look_run(const struct request *request, struct answer *answer) {
  memset(answer, 0, sizeof *answer);
  const uint32_t *file = files_of(request);
  if (file == NULL) return EINVAL;
  struct look look = {.request = request, .answer = answer, .directory = -1, .piece = malloc(PIECE_BYTES)};
  struct bytes whole = {0};
  int error = look.piece == NULL ? ENOMEM : 0;
  for (; error == 0 && file < request->words + request->word_count; file += FILE_WORDS) {
    error = run_file(&look, file, &whole);
  }
  if (look.directory >= 0) close_directory(look.directory);
  free(whole.at);
  free(look.piece);
  return error;
}
