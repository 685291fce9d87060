/* See measure.h for what this promises. */
#include "measure.h"

#define BLOCK_BYTES 512

/* As JavaScript's `x | 0`, for what is less than 2^64. */
static uint32_t word_of(double x) {
  if (x >= 0) return x < 0x1p64 ? (uint32_t)(uint64_t)x : 0;
  return x > -0x1p63 ? (uint32_t)(int64_t)x : 0;
}

static double floor_of(double x) {
  double whole = (double)(int64_t)x;
  return whole > x ? whole - 1 : whole;
}

/* The same 32 bits as the caller's own digest of a file. */
static uint32_t digest_of(double inode, double size, double time_ms) {
  double whole_ms = floor_of(time_ms);
  double words[] = {inode,    inode / 0x1p32,    size,
                    size / 0x1p32, whole_ms, whole_ms / 0x1p32,
                    (time_ms - whole_ms) * 1e6};
  uint32_t digest = 0;
  for (size_t index = 0; index < sizeof words / sizeof *words; index += 1) {
    digest = (digest ^ word_of(words[index])) * 0x9e3779b1u;
    digest ^= digest >> 15;
  }
  return digest;
}

static int add_link(struct measurer *measurer, const struct facts *facts) {
  struct link_row link = {.inode = (double)facts->inode, .names = facts->names, .row = measurer->row};
  return append(measurer->links, &link, sizeof link);
}

/* Each of these returns 0, or an error where the part is to be handed over. */
static int add_file(struct measurer *measurer, int directory, const char *name, struct measure *measure) {
  struct facts facts;
  int error = look_at(directory, name, &facts);
  if (error != 0) return error;
  bool is_of_layer = facts.device != measurer->device;
  if (is_of_layer && (measurer->mount == NO_MOUNT || facts.mount != measurer->mount)) return EXDEV;
  if (facts.owner != measurer->owner || facts.kind != KIND_FILE || !facts.is_plain) return EINVAL;
  if (facts.names > 1) {
    if (is_of_layer) return EMLINK;
    error = add_link(measurer, &facts);
    if (error != 0) return error;
  }
  measure->files += 1;
  measure->bytes += facts.size;
  measure->disk_bytes += facts.blocks * BLOCK_BYTES / facts.names;
  /* A layer's file gets another number when it is moved or written to. */
  measure->digest += digest_of(is_of_layer ? 0 : (double)facts.inode, facts.size, facts.modified_ms);
  if (facts.modified_ms > measure->newest_file_ms) measure->newest_file_ms = facts.modified_ms;
  return 0;
}

int kind_at(int directory, const struct entry *entry, uint32_t *kind) {
  *kind = entry->kind;
  if (entry->kind != KIND_UNKNOWN) return 0;
  struct facts facts;
  int error = look_at(directory, entry->name, &facts);
  if (error == 0) *kind = facts.kind;
  return error;
}

char *buffer_at(struct measurer *measurer, int depth) {
  if (measurer->entries[depth] == NULL) measurer->entries[depth] = malloc(ENTRIES_BYTES);
  return measurer->entries[depth];
}

static int add_entries(struct measurer *measurer, int directory, struct measure *measure, int depth) {
  char *buffer = buffer_at(measurer, depth);
  if (buffer == NULL) return ENOMEM;
  for (;;) {
    long length = read_entries(directory, buffer, ENTRIES_BYTES);
    if (length <= 0) return (int)-length;
    struct entry entry;
    for (long at = 0; next_entry(buffer, length, &at, &entry);) {
      uint32_t kind;
      int error = is_stopped(measurer->request) ? ECANCELED : kind_at(directory, &entry, &kind);
      if (error == 0) error = add_part(measurer, directory, entry.name, kind, measure, depth);
      if (error != 0) return error;
    }
  }
}

static int add_directory(struct measurer *measurer, int parent, const char *name, struct measure *measure, int depth) {
  if (depth >= DEPTH_MAX) return ELOOP;
  int directory = open_directory(parent, name);
  if (directory < 0) return -directory;
  struct facts facts;
  int error = look_at_open(directory, &facts);
  if (error == 0 && (facts.device != measurer->device || facts.owner != measurer->owner || !facts.is_plain)) error = EXDEV;
  if (error == 0) {
    measure->disk_bytes += facts.blocks * BLOCK_BYTES;
    if (facts.modified_ms > measure->newest_directory_ms) measure->newest_directory_ms = facts.modified_ms;
    error = add_entries(measurer, directory, measure, depth + 1);
  }
  close_directory(directory);
  return error;
}

int add_part(struct measurer *measurer, int parent, const char *name, uint32_t kind, struct measure *measure, int depth) {
  if (kind == KIND_FILE) return add_file(measurer, parent, name, measure);
  return kind == KIND_DIRECTORY ? add_directory(measurer, parent, name, measure, depth) : EINVAL;
}

void read_surroundings(const uint32_t *words, struct measurer *measurer) {
  measurer->device = words[SURROUNDINGS_DEVICE_LOW] | (uint64_t)words[SURROUNDINGS_DEVICE_HIGH] << 32;
  measurer->owner = words[SURROUNDINGS_OWNER];
  measurer->mount = words[SURROUNDINGS_MOUNT];
}

void free_buffers(struct measurer *measurer) {
  for (int depth = 0; depth <= DEPTH_MAX; depth += 1) free(measurer->entries[depth]);
}
