/* See move.h for what this promises. */
#include "move.h"

#include "measure.h"

/* A signal may come in between, but not for ever. */
#define ATTEMPTS_MAX 8

static double double_at(const uint32_t *words) {
  uint64_t bits = words[0] | (uint64_t)words[1] << 32;
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static const uint32_t *parts_of(const uint32_t *unit) {
  return unit + UNIT_WORDS + (size_t)unit[UNIT_ABSENT] * ABSENT_WORDS;
}

static const uint32_t *after(const uint32_t *unit) { return parts_of(unit) + (size_t)unit[UNIT_PARTS] * PART_WORDS; }

static bool is_nothing_there(const struct request *request, const uint32_t *unit) {
  const uint32_t *absent = unit + UNIT_WORDS;
  for (uint32_t number = 0; number < unit[UNIT_ABSENT]; number += 1, absent += ABSENT_WORDS) {
    struct facts facts;
    if (look_at((int)absent[ABSENT_DIRECTORY], request->names + absent[ABSENT_NAME], &facts) != ENOENT) return false;
  }
  return true;
}

/* Whether all of it is in one of the two directories of each of its parts, as it should be, and no file of it has another name. */
static bool is_as_decided(struct measurer *measurer, const uint32_t *unit, int side) {
  struct measure measure = {0};
  const uint32_t *part = parts_of(unit);
  measurer->links->length = 0;
  for (uint32_t number = 0; number < unit[UNIT_PARTS]; number += 1, part += PART_WORDS) {
    const char *name = measurer->request->names + part[PART_NAME];
    if (add_part(measurer, (int)part[side], name, part[PART_KIND], &measure, 0) != 0) return false;
  }
  return measurer->links->length == 0 && measure.files == unit[UNIT_FILES] && measure.digest == unit[UNIT_DIGEST] &&
         measure.bytes == double_at(unit + UNIT_BYTES_LOW) && newest_of(&measure) == double_at(unit + UNIT_NEWEST_LOW);
}

static int move_part(const struct request *request, const uint32_t *part) {
  const char *name = request->names + part[PART_NAME];
  int error = EINTR;
  for (int attempt = 0; error == EINTR && attempt < ATTEMPTS_MAX; attempt += 1) {
    error = rename_without_replacing((int)part[PART_FROM], name, (int)part[PART_TO], name);
  }
  return error;
}

static void move_unit(struct measurer *measurer, const uint32_t *unit, uint32_t *told) {
  if (!is_nothing_there(measurer->request, unit)) return;
  if (unit[UNIT_PARTS] == 0) {
    told[MOVED_OUTCOME] = MOVE_DONE;
    return;
  }
  if (!is_as_decided(measurer, unit, PART_FROM)) return;
  const uint32_t *part = parts_of(unit);
  for (; told[MOVED_PARTS] < unit[UNIT_PARTS]; told[MOVED_PARTS] += 1, part += PART_WORDS) {
    int error = move_part(measurer->request, part);
    if (error == 0) continue;
    bool is_unknown = told[MOVED_PARTS] == 0 && (error == EINVAL || error == ENOSYS);
    told[MOVED_OUTCOME] = is_unknown ? MOVE_LEFT : MOVE_FAILED;
    told[MOVED_ERROR] = (uint32_t)error;
    return;
  }
  told[MOVED_OUTCOME] = is_as_decided(measurer, unit, PART_TO) ? MOVE_DONE : MOVE_CHANGED;
}

/* One component, and none that leads away. */
static bool is_name(const struct request *request, uint32_t place) {
  if (place >= request->name_bytes) return false;
  const char *name = request->names + place;
  return *name != 0 && strchr(name, '/') == NULL && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* Whether every unit ends within the words, and every name is one. Returns how many units there are; -1 for what is no request. */
static long count_units(const struct request *request) {
  if (!has_names(request) || request->word_count < SURROUNDINGS_WORDS) return -1;
  const uint32_t *at = request->words + SURROUNDINGS_WORDS, *end = request->words + request->word_count;
  long units = 0;
  for (; at < end; units += 1) {
    size_t left = (size_t)(end - at);
    if (left < UNIT_WORDS || at[UNIT_ABSENT] > left || at[UNIT_PARTS] > left) return -1;
    if (left - UNIT_WORDS < (size_t)at[UNIT_ABSENT] * ABSENT_WORDS + (size_t)at[UNIT_PARTS] * PART_WORDS) return -1;
    const uint32_t *absent = at + UNIT_WORDS, *parts = parts_of(at), *next = after(at);
    for (; absent < parts; absent += ABSENT_WORDS) {
      if (absent[ABSENT_DIRECTORY] > INT32_MAX || !is_name(request, absent[ABSENT_NAME])) return -1;
    }
    for (; parts < next; parts += PART_WORDS) {
      if (parts[PART_FROM] > INT32_MAX || parts[PART_TO] > INT32_MAX || !is_name(request, parts[PART_NAME])) return -1;
    }
    at = next;
  }
  return units;
}

int move_run(const struct request *request, uint32_t *told, size_t told_words) {
  long units = count_units(request);
  if (units < 0 || (size_t)units * MOVED_WORDS != told_words) return EINVAL;
  struct bytes links = {0};
  struct measurer measurer = {.request = request, .links = &links};
  read_surroundings(request->words, &measurer);
  memset(told, 0, told_words * sizeof *told);
  const uint32_t *unit = request->words + SURROUNDINGS_WORDS;
  bool is_over = false;
  for (; units > 0; units -= 1, unit = after(unit), told += MOVED_WORDS) {
    told[MOVED_OUTCOME] = MOVE_LEFT;
    if (!is_over) move_unit(&measurer, unit, told);
    is_over = is_over || (unit[UNIT_PARTS] > 0 && told[MOVED_OUTCOME] != MOVE_DONE);
  }
  free(links.at);
  free_buffers(&measurer);
  return 0;
}
