/* Adds up the files of a part of a session, and claims to know it only where all of it is as it should be. */
#ifndef SWEEPER_MEASURE_H
#define SWEEPER_MEASURE_H

#include <stdint.h>

#include "request.h"
#include "system.h"

/* As deep as the caller walks; each level holds a descriptor and a buffer. */
#define DEPTH_MAX 32
#define ENTRIES_BYTES (1 << 15)

/* The words that files are held against: the device number's low and high half, the owner's id, the mount's number or NO_MOUNT. */
enum {
  SURROUNDINGS_DEVICE_LOW,
  SURROUNDINGS_DEVICE_HIGH,
  SURROUNDINGS_OWNER,
  SURROUNDINGS_MOUNT,
  SURROUNDINGS_WORDS,
};

struct measurer {
  uint64_t device;
  uint32_t owner;
  uint32_t mount;
  const struct request *request;
  /* Names of files that have several, each with the number of the row that it belongs to. */
  struct bytes *links;
  uint32_t row;
  char *entries[DEPTH_MAX + 1];
};

/* A name of a file that has several, in the row of that number. */
struct link_row {
  double inode;
  uint32_t names;
  uint32_t row;
};

struct measure {
  double newest_file_ms;
  double newest_directory_ms;
  double bytes;
  double disk_bytes;
  uint32_t files;
  uint32_t digest;
};

void read_surroundings(const uint32_t *words, struct measurer *measurer);
void free_buffers(struct measurer *measurer);
/* For the entries of a directory so deep; NULL where there is no memory. */
char *buffer_at(struct measurer *measurer, int depth);
/* Asks the file where the entry does not tell. */
int kind_at(int directory, const struct entry *entry, uint32_t *kind);
/* Returns 0, or an error where the part is to be handed over. */
int add_part(struct measurer *measurer, int parent, const char *name, uint32_t kind, struct measure *measure, int depth);

/* Of its files; of its directories where it has none. */
static inline double newest_of(const struct measure *measure) {
  return measure->files > 0 ? measure->newest_file_ms : measure->newest_directory_ms;
}

#endif
