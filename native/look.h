/*
 * Looks into many files of lines for the values of a few keys, as `"key":"value"` or `"key": "value"`, and for lines that hold a text; hands
 * over the whole of a small file. What either means it does not know. It changes nothing, and follows no link.
 */
#ifndef SWEEPER_LOOK_H
#define SWEEPER_LOOK_H

#include <stdint.h>

#include "request.h"

/*
 * The words before the first key: the open directory in which the files' directories are, how large a file is handed over whole at the most,
 * how many keys there are, and how many texts after them; then where each of these begins among the names.
 */
enum { LOOK_DIRECTORY, LOOK_WHOLE_BYTES_MAX, LOOK_KEYS, LOOK_TEXTS, LOOK_HEADER_WORDS };

/*
 * The words of a key: where it begins, with its quotes and colon; where the form does that its values begin with, in which `0` stands for a
 * digit and `?` for any letter, or an empty text for any value; and where a text does: in a form it is the greatest value that counts, else values
 * are counted that are the same.
 */
enum { KEY_NAME, KEY_FORM, KEY_TEXT, KEY_WORDS };

/* The words of a file: where its directory's name begins, and where its own does. */
enum { FILE_DIRECTORY, FILE_NAME, FILE_WORDS };

#define KEYS_MAX 8
#define VALUE_BYTES_MAX 40
#define NO_VALUE UINT32_MAX

struct value {
  uint32_t length;
  char text[VALUE_BYTES_MAX];
};

/* Of each key of each file. */
struct key_row {
  struct value first;
  /* In a form, the greatest. */
  struct value last;
  uint32_t equal;
};

/* With an error, nothing is told: the file is the caller's, or it was stopped. The lines, each of which ends with a newline, come before the whole file. */
enum { LOOK_ERROR, LOOK_LINES_BYTES, LOOK_WHOLE_BYTES, LOOK_TOLD_WORDS };

/* The told words of each file; as `rows` those of its keys; as `others` its lines and itself. */
int look_run(const struct request *request, struct answer *answer);

#endif
