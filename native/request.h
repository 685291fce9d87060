/* What any bulk work is asked for, and what it answers: words and texts, laid out by whoever does it. */
#ifndef SWEEPER_REQUEST_H
#define SWEEPER_REQUEST_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* No answer is larger. */
#define ANSWER_BYTES_MAX ((size_t)1 << 31)

struct request {
  const uint32_t *words;
  size_t word_count;
  /* Texts that end with 0, as does the last of them. */
  const char *names;
  size_t name_bytes;
  /* Anything but 0 ends the work at the next entry, or piece of a file. */
  const int32_t *stop;
};

struct bytes {
  uint8_t *at;
  size_t length;
  size_t capacity;
};

struct answer {
  struct bytes told;
  struct bytes rows;
  struct bytes links;
  struct bytes others;
};

static inline int append(struct bytes *bytes, const void *from, size_t length) {
  size_t needed = bytes->length + length;
  if (needed > ANSWER_BYTES_MAX) return EOVERFLOW;
  if (needed > bytes->capacity) {
    size_t capacity = bytes->capacity == 0 ? 4096 : bytes->capacity;
    while (capacity < needed) capacity *= 2;
    uint8_t *larger = realloc(bytes->at, capacity);
    if (larger == NULL) return ENOMEM;
    bytes->at = larger;
    bytes->capacity = capacity;
  }
  if (length > 0) memcpy(bytes->at + bytes->length, from, length);
  bytes->length = needed;
  return 0;
}

static inline void free_answer(struct answer *answer) {
  free(answer->told.at);
  free(answer->rows.at);
  free(answer->links.at);
  free(answer->others.at);
  memset(answer, 0, sizeof *answer);
}

static inline bool is_stopped(const struct request *request) { return __atomic_load_n(request->stop, __ATOMIC_RELAXED) != 0; }

/* Whether there are texts, and the last of them ends. */
static inline bool has_names(const struct request *request) {
  return request->name_bytes > 0 && request->names[request->name_bytes - 1] == 0;
}

#endif
