/* The few calls of the system, and what they tell, in one place. Linux. */
#ifndef SWEEPER_SYSTEM_H
#define SWEEPER_SYSTEM_H

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Some file systems tell no kinds with the names. */
enum { KIND_UNKNOWN, KIND_FILE, KIND_DIRECTORY, KIND_OTHER };
#define NO_MOUNT UINT32_MAX

#ifndef AT_SYMLINK_NOFOLLOW
#define AT_SYMLINK_NOFOLLOW 0x100
#endif
#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif
#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE (1U << 0)
#endif
#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000U
#endif

struct facts {
  uint64_t device;
  uint64_t inode;
  /* NO_MOUNT where the kernel does not say. */
  uint32_t mount;
  uint32_t owner;
  uint32_t names;
  uint32_t kind;
  /* Doubles are exact, as they are the caller's numbers, too. */
  bool is_plain;
  double size;
  double blocks;
  double modified_ms;
};

struct entry {
  const char *name;
  uint32_t kind;
};

/* `struct statx`, the same on every architecture; of its own here, since C libraries differ in how much of it they know. */
struct statx_answer {
  uint32_t mask, block_size;
  uint64_t attributes;
  uint32_t names, owner, group;
  uint16_t mode, spare;
  uint64_t inode, size, blocks, attributes_mask;
  struct {
    int64_t seconds;
    uint32_t nanoseconds;
    int32_t reserved;
  } accessed, made, changed, modified;
  uint32_t file_major, file_minor, device_major, device_minor;
  uint64_t mount;
  uint64_t later[13];
};
_Static_assert(sizeof(struct statx_answer) == 256, "struct statx has 256 bytes");

#define BASIC_FACTS 0x7ffU
#define KIND_MASK 0170000
#define EXACT_MAX ((uint64_t)1 << 53)
#define SECONDS_MAX ((int64_t)1 << 43)

static inline uint32_t kind_of_mode(uint32_t mode) {
  if ((mode & KIND_MASK) == 0100000) return KIND_FILE;
  return (mode & KIND_MASK) == 0040000 ? KIND_DIRECTORY : KIND_OTHER;
}

static inline uint64_t device_of(const struct statx_answer *answer) {
  uint64_t major = answer->device_major, minor = answer->device_minor;
  /* As the C library's `makedev` puts it together. */
  return (major & 0xfff) << 8 | (minor & 0xff) | (minor & ~(uint64_t)0xff) << 12 | (major & ~(uint64_t)0xfff) << 32;
}

/* As Node computes it, so that both see the same time. */
static inline double milliseconds(int64_t seconds, uint32_t nanoseconds) {
  return (double)seconds * 1e3 + (double)nanoseconds / 1e6;
}

static inline int ask_statx(int directory, const char *name, int flags, struct statx_answer *answer) {
  if (syscall(SYS_statx, directory, name, flags, BASIC_FACTS | STATX_MNT_ID, answer) != 0) return errno;
  return (answer->mask & BASIC_FACTS) == BASIC_FACTS ? 0 : ENODATA;
}

static inline int ask(int directory, const char *name, int flags, struct facts *facts) {
  struct statx_answer answer;
  *facts = (struct facts){0};
  int error = ask_statx(directory, name, flags, &answer);
  if (error != 0) return error;
  facts->device = device_of(&answer);
  facts->inode = answer.inode;
  facts->mount = (answer.mask & STATX_MNT_ID) != 0 ? (uint32_t)answer.mount : NO_MOUNT;
  facts->owner = answer.owner;
  facts->names = answer.names;
  facts->kind = kind_of_mode(answer.mode);
  facts->is_plain = answer.size < EXACT_MAX && answer.blocks < EXACT_MAX && answer.modified.seconds < SECONDS_MAX &&
                    answer.modified.seconds > -SECONDS_MAX && answer.names > 0 &&
                    (answer.names == 1 || answer.inode < EXACT_MAX);
  facts->size = (double)answer.size;
  facts->blocks = (double)answer.blocks;
  facts->modified_ms = milliseconds(answer.modified.seconds, answer.modified.nanoseconds);
  return 0;
}

/* The facts of an entry itself, also of a symlink. Returns the error, or 0. */
static inline int look_at(int directory, const char *name, struct facts *facts) {
  return ask(directory, name, AT_SYMLINK_NOFOLLOW, facts);
}

static inline int look_at_open(int directory, struct facts *facts) { return ask(directory, "", AT_EMPTY_PATH, facts); }

/* A descriptor, or the error below 0; never through a symlink, nor of anything else than a directory. */
static inline int open_directory(int parent, const char *name) {
  int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  return directory < 0 ? -errno : directory;
}

/* A descriptor of a regular file, or the error below 0; leaves the time of its last reading as it is, and waits for no FIFO's writer. */
static inline int open_regular(int directory, const char *name) {
  int file = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOATIME | O_CLOEXEC);
  if (file < 0) return -errno;
  struct facts facts;
  int error = look_at_open(file, &facts);
  if (error == 0 && facts.kind != KIND_FILE) error = EINVAL;
  if (error == 0) return file;
  close(file);
  return -error;
}

static inline void close_directory(int directory) { close(directory); }

/* Returns the error, or 0; EEXIST where there is something under the new name. */
static inline int rename_without_replacing(int from, const char *name, int to, const char *new_name) {
  return syscall(SYS_renameat2, from, name, to, new_name, RENAME_NOREPLACE) == 0 ? 0 : errno;
}

/* How many bytes of entries have come; 0 at the end, the error below 0. */
static inline long read_entries(int directory, char *buffer, size_t size) {
  long length = syscall(SYS_getdents64, directory, buffer, size);
  return length < 0 ? -(long)errno : length;
}

/* `struct linux_dirent64`: its length at 16, the kind at 18, the name from 19 on. */
static inline bool next_entry(const char *buffer, long length, long *at, struct entry *entry) {
  while (*at < length) {
    const char *record = buffer + *at;
    uint16_t record_bytes;
    memcpy(&record_bytes, record + 16, sizeof record_bytes);
    if (record_bytes == 0) return false;
    *at += record_bytes;
    entry->name = record + 19;
    if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0) continue;
    uint8_t kind = (uint8_t)record[18];
    entry->kind = kind == 8 ? KIND_FILE : kind == 4 ? KIND_DIRECTORY : kind == 0 ? KIND_UNKNOWN : KIND_OTHER;
    return true;
  }
  return false;
}

#endif
