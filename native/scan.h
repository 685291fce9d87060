/*
 * Looks at what many directories hold of sessions, and packs what is as it should be into rows. Whatever is not, it hands over by name,
 * so that the caller's own calls tell what it is: in doubt it claims nothing. It changes nothing, follows no link, and knows no Node.
 */
#ifndef SWEEPER_SCAN_H
#define SWEEPER_SCAN_H

#include <stdint.h>

#include "measure.h"
#include "request.h"

/*
 * The words before the first task are the surroundings. Those of a task: the open directory to begin at; where among the names its path begins, and of how many components it is; which
 * share of the entries is meant, and of how many; twice where a form of names begins, and what an entry of that form is. A rule is the
 * kind in its upper half and the row's flags in the lower one; 0 is none. In a form, `*` stands for the id, the same each time.
 */
enum {
  TASK_DIRECTORY,
  TASK_PATH,
  TASK_DEPTH,
  TASK_SHARE,
  TASK_SHARES,
  TASK_FORM,
  TASK_RULE,
  TASK_OTHER_FORM,
  TASK_OTHER_RULE,
  TASK_WORDS,
};
/* The words in which is told what has come of a task. With an error, it has no rows: it is the caller's as a whole. */
enum {
  TOLD_ERROR,
  TOLD_ENTRIES,
  TOLD_ROWS,
  TOLD_LINKS,
  TOLD_OTHERS,
  TOLD_OTHERS_BYTES,
  TOLD_INODE_LOW,
  TOLD_INODE_HIGH,
  TOLD_WORDS,
};

/* A part of a session; `project` is the caller's. */
struct part_row {
  double newest_ms;
  double bytes;
  double disk_bytes;
  uint32_t id[4];
  uint32_t files;
  uint32_t digest;
  uint32_t project;
  uint32_t flags;
};

/* The told words of each task; the rows; the links; and as `others` what is handed over: of each its kind, its name and a 0. */
int scan_run(const struct request *request, struct answer *answer);

#endif
