/*
 * Moves units, each whole and only as it was decided on: looks, renames, looks again. Nothing is ever overwritten, each name is one component
 * in a directory that is held open. What is not as it should be, it leaves untouched to its caller.
 */
#ifndef SWEEPER_MOVE_H
#define SWEEPER_MOVE_H

#include <stdint.h>

#include "request.h"

/*
 * The words before the first unit are the surroundings. Those of a unit: how many names there are to be nothing under, how many parts, what
 * it measures (a double's two halves, the lower first, for each of bytes and newest time). Then each name's open directory, and where it
 * begins; and of each part the directory that it is in, the one that it is to go to, its kind, and where its name begins.
 */
enum {
  UNIT_ABSENT,
  UNIT_PARTS,
  UNIT_FILES,
  UNIT_DIGEST,
  UNIT_BYTES_LOW,
  UNIT_BYTES_HIGH,
  UNIT_NEWEST_LOW,
  UNIT_NEWEST_HIGH,
  UNIT_WORDS,
};
enum { ABSENT_DIRECTORY, ABSENT_NAME, ABSENT_WORDS };
enum { PART_FROM, PART_TO, PART_KIND, PART_NAME, PART_WORDS };

enum {
  /* All of it was moved, and is as it was. Of a unit without parts: there is nothing under its names. */
  MOVE_DONE,
  /* Nothing of it was tried to be moved: it is the caller's to look at. With an error, this system knows no such rename. */
  MOVE_LEFT,
  /* So many of its parts were moved, and the next one, maybe the first, could not be; the error says why. */
  MOVE_FAILED,
  /* All of it was moved, and it is not as it was, or cannot be looked at. */
  MOVE_CHANGED,
};
enum { MOVED_OUTCOME, MOVED_PARTS, MOVED_ERROR, MOVED_WORDS };

/*
 * Of each unit the told words, for which there is room. It ends with the first that it could not move as it should: those after it are left.
 * Returns 0, EINVAL for a request that is none (nothing is moved then).
 */
int move_run(const struct request *request, uint32_t *told, size_t told_words);

#endif
