/*
 * native-driver KIND REQUEST SEED ROUNDS: has the native part do a request of one kind (`scan`, `look`, `move`) of which the open directories are the
 * descriptors 3 and 4, as it is, by several threads at once that are stopped at any time, and changed at random. It ends with 0 where every answer was well formed; what
 * else is wrong, whoever has compiled or runs it tells.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../native/look.h"
#include "../../../native/move.h"
#include "../../../native/scan.h"
#include "../../../native/system.h"

#define THREADS 4

static bool is_look, is_move;
/* A file and a directory, each forth and back. */
#define MOVED_UNITS 4
static uint64_t state;

static uint32_t random_below(uint32_t limit) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (uint32_t)(state >> 32) % limit;
}

static void fail(const char *what) {
  printf("an answer in which %s\n", what);
  exit(1);
}

static size_t check_others(const uint8_t *at, const uint8_t *end, uint32_t count) {
  const uint8_t *from = at;
  for (uint32_t number = 0; number < count; number += 1) {
    if (at >= end || *at < KIND_FILE || *at > KIND_OTHER) fail("an entry is of no kind");
    const uint8_t *zero = memchr(at + 1, 0, (size_t)(end - at - 1));
    if (zero == NULL || zero == at + 1) fail("an entry has no name");
    at = zero + 1;
  }
  return (size_t)(at - from);
}

static void check_scan(const struct answer *result) {
  size_t rows = 0, links = 0, others = 0;
  for (size_t at = 0; at < result->told.length; at += TOLD_WORDS * sizeof(uint32_t)) {
    uint32_t told[TOLD_WORDS];
    memcpy(told, result->told.at + at, sizeof told);
    if (told[TOLD_ERROR] != 0 && (told[TOLD_ROWS] | told[TOLD_LINKS] | told[TOLD_OTHERS_BYTES]) != 0) fail("an error has rows");
    if (told[TOLD_ROWS] + told[TOLD_OTHERS] > told[TOLD_ENTRIES]) fail("there are more rows than entries");
    for (uint32_t number = 0; number < told[TOLD_LINKS]; number += 1) {
      struct link_row link;
      memcpy(&link, result->links.at + (links + number) * sizeof link, sizeof link);
      if (link.row >= told[TOLD_ROWS]) fail("a link is in no row");
    }
    size_t length = told[TOLD_OTHERS_BYTES];
    if (length > result->others.length - others) fail("there are fewer entries than it says");
    if (length > 0 && check_others(result->others.at + others, result->others.at + others + length, told[TOLD_OTHERS]) != length)
      fail("there are more entries than it says");
    rows += told[TOLD_ROWS];
    links += told[TOLD_LINKS];
    others += length;
  }
  if (rows * sizeof(struct part_row) != result->rows.length) fail("rows are nobody's");
  if (links * sizeof(struct link_row) != result->links.length) fail("links are nobody's");
  if (others != result->others.length) fail("entries are nobody's");
}

static void check_value(const struct value *value) {
  if (value->length != NO_VALUE && value->length > VALUE_BYTES_MAX) fail("a value is too long");
}

static void check_look(const struct request *request, const struct answer *result) {
  size_t files = result->told.length / (LOOK_TOLD_WORDS * sizeof(uint32_t)), others = 0;
  size_t rows = files * request->words[LOOK_KEYS];
  if (rows * sizeof(struct key_row) != result->rows.length) fail("keys are nobody's");
  for (size_t number = 0; number < files; number += 1) {
    uint32_t told[LOOK_TOLD_WORDS];
    memcpy(told, result->told.at + number * sizeof told, sizeof told);
    if (told[LOOK_ERROR] != 0 && (told[LOOK_LINES_BYTES] | told[LOOK_WHOLE_BYTES]) != 0) fail("an error has lines");
    if (told[LOOK_WHOLE_BYTES] > request->words[LOOK_WHOLE_BYTES_MAX]) fail("a file is too large");
    if (told[LOOK_LINES_BYTES] > 0 && result->others.at[others + told[LOOK_LINES_BYTES] - 1] != '\n') fail("a line does not end");
    others += told[LOOK_LINES_BYTES] + told[LOOK_WHOLE_BYTES];
  }
  for (size_t number = 0; number < rows; number += 1) {
    struct key_row row;
    memcpy(&row, result->rows.at + number * sizeof row, sizeof row);
    check_value(&row.first);
    check_value(&row.last);
  }
  if (others != result->others.length) fail("lines are nobody's");
}

/* In memory of the very size, as a told word too far is seen then. */
static void move_all(const struct request *request) {
  size_t words = MOVED_UNITS * MOVED_WORDS;
  uint32_t *told = malloc(words * sizeof *told);
  int error = move_run(request, told, words);
  if (error != 0 && error != EINVAL) fail("there is an error of another kind");
  for (size_t at = 0; error == 0 && at < words; at += MOVED_WORDS) {
    if (told[at + MOVED_OUTCOME] > MOVE_CHANGED) fail("an outcome is none");
    if (told[at + MOVED_OUTCOME] == MOVE_LEFT && told[at + MOVED_PARTS] != 0) fail("what is left was moved");
  }
  free(told);
}

static void *work(void *request) {
  if (is_move) {
    move_all(request);
    return NULL;
  }
  struct answer result;
  int error = is_look ? look_run(request, &result) : scan_run(request, &result);
  if (error != 0 && error != EINVAL) fail("there is an error of another kind");
  if (error == 0 && is_look) check_look(request, &result);
  else if (error == 0) check_scan(&result);
  free_answer(&result);
  return NULL;
}

/* By several at once, and stopped after a while. */
static void run_whole(struct request *request) {
  int32_t stop = 0;
  pthread_t threads[THREADS];
  request->stop = &stop;
  for (int number = 0; number < THREADS; number += 1) {
    if (pthread_create(&threads[number], NULL, work, request) != 0) exit(2);
  }
  for (volatile uint32_t wait = random_below(3000000); wait > 0; wait -= 1) continue;
  __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
  for (int number = 0; number < THREADS; number += 1) pthread_join(threads[number], NULL);
}

/* In memory of its own, of the very size, so that a byte too far is seen. */
static void run_changed(const struct request *request) {
  int32_t stop = 0;
  size_t word_count = random_below(4) == 0 ? random_below((uint32_t)request->word_count + 1) : request->word_count;
  size_t name_bytes = random_below(4) == 0 ? random_below((uint32_t)request->name_bytes + 1) : request->name_bytes;
  uint32_t *words = malloc(word_count * sizeof *words);
  char *names = malloc(name_bytes);
  memcpy(words, request->words, word_count * sizeof *words);
  memcpy(names, request->names, name_bytes);
  for (uint32_t times = random_below(4); word_count > 0 && times > 0; times -= 1) {
    uint32_t place = random_below((uint32_t)word_count);
    uint32_t values[] = {0, 1, (uint32_t)name_bytes, (uint32_t)name_bytes - 1, random_below(300), UINT32_MAX, (uint32_t)(state >> 16)};
    words[place] = values[random_below(sizeof values / sizeof *values)];
  }
  for (uint32_t times = random_below(4); name_bytes > 0 && times > 0; times -= 1) {
    names[random_below((uint32_t)name_bytes)] = (char)random_below(256);
  }
  if (name_bytes > 0 && random_below(2) == 0) names[name_bytes - 1] = 0;
  struct request changed = {words, word_count, names, name_bytes, &stop};
  work(&changed);
  free(words);
  free(names);
}

static int open_descriptors(void) {
  int open = 0;
  for (int descriptor = 0; descriptor < 1024; descriptor += 1) open += fcntl(descriptor, F_GETFD) >= 0;
  return open;
}

static void *read_whole(const char *path, size_t *length) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) exit(2);
  static uint8_t bytes[1 << 20];
  *length = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  uint8_t *copy = malloc(*length);
  memcpy(copy, bytes, *length);
  return copy;
}

int main(int count, char **arguments) {
  if (count != 5) return 2;
  size_t length;
  is_look = strcmp(arguments[1], "look") == 0;
  is_move = strcmp(arguments[1], "move") == 0;
  uint32_t *whole = read_whole(arguments[2], &length);
  state = strtoull(arguments[3], NULL, 10) * 2 + 1;
  struct request request = {whole + 1, whole[0], (char *)(whole + 1 + whole[0]), length - 4 * (1 + (size_t)whole[0]), NULL};
  int before = open_descriptors();
  for (long rounds = strtol(arguments[4], NULL, 10); rounds > 0; rounds -= 1) {
    if (rounds % 50 == 0) run_whole(&request);
    else run_changed(&request);
  }
  free(whole);
  if (open_descriptors() != before) fail("a descriptor is left over");
  puts("well formed");
  return 0;
}
