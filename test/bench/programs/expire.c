/*
 * The least that a prune can do: reads a Claude directory and renames what is old into a trash, with no other calls than openat,
 * getdents64, fstatat and renameat (and close), in one thread.
 *
 *   expire CLAUDE_DIR TRASH CUTOFF_SECONDS
 *
 * A transcript, a session's directory or an entry of file-history and tasks is old where its newest file was modified before the
 * cutoff. TRASH holds the directories that it takes already: projects/PROJECT, file-history, tasks. The number of renames goes to
 * stdout.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER_BYTES = 65536 };

struct reading {
  int fd;
  ssize_t length, offset;
  char buffer[BUFFER_BYTES] __attribute__((aligned(8)));
};

static time_t cutoff;
static long renames;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int open_directory(int parent, const char *name) {
  const int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) fail(name);
  return fd;
}

static bool is_dot(const char *name) {
  return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

static struct dirent64 *next_entry(struct reading *reading) {
  for (;;) {
    if (reading->offset == reading->length) {
      reading->length = getdents64(reading->fd, reading->buffer, BUFFER_BYTES);
      reading->offset = 0;
      if (reading->length < 0) fail("getdents64");
      if (reading->length == 0) return NULL;
    }
    struct dirent64 *entry = (struct dirent64 *)(reading->buffer + reading->offset);
    reading->offset += entry->d_reclen;
    if (!is_dot(entry->d_name)) return entry;
  }
}

static time_t newest_of(int parent, const struct dirent64 *entry) {
  if (entry->d_type != DT_DIR) {
    struct stat stats;
    if (fstatat(parent, entry->d_name, &stats, AT_SYMLINK_NOFOLLOW) != 0) fail(entry->d_name);
    return stats.st_mtime;
  }
  struct reading reading = {.fd = open_directory(parent, entry->d_name)};
  time_t newest = 0;
  for (const struct dirent64 *child; (child = next_entry(&reading)) != NULL;) {
    const time_t time = newest_of(reading.fd, child);
    if (time > newest) newest = time;
  }
  close(reading.fd);
  return newest;
}

static void expire_entries(int directory, int trash) {
  struct reading reading = {.fd = directory};
  for (const struct dirent64 *entry; (entry = next_entry(&reading)) != NULL;) {
    if (newest_of(directory, entry) >= cutoff) continue;
    if (renameat(directory, entry->d_name, trash, entry->d_name) != 0) fail(entry->d_name);
    renames += 1;
  }
}

static void expire_in(int parent, int trash_parent, const char *name) {
  const int directory = open_directory(parent, name), trash = open_directory(trash_parent, name);
  expire_entries(directory, trash);
  close(directory);
  close(trash);
}

static void expire_projects(int root, int trash_root) {
  const int trash = open_directory(trash_root, "projects");
  struct reading reading = {.fd = open_directory(root, "projects")};
  for (const struct dirent64 *entry; (entry = next_entry(&reading)) != NULL;) {
    if (entry->d_type == DT_DIR) expire_in(reading.fd, trash, entry->d_name);
  }
  close(reading.fd);
  close(trash);
}

int main(int count, char **arguments) {
  if (count != 4) return 64;
  const int root = open_directory(AT_FDCWD, arguments[1]), trash = open_directory(AT_FDCWD, arguments[2]);
  cutoff = (time_t)atoll(arguments[3]);
  expire_projects(root, trash);
  expire_in(root, trash, "file-history");
  expire_in(root, trash, "tasks");
  printf("%ld\n", renames);
  return 0;
}
