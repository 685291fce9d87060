/*
 * Preloaded, it lets the monotonic clock run ahead by the seconds in a file, as if the process had been idle for as long:
 * timers that wait for tomorrow expire today. The wall clock is not its business.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

typedef int (*clock_reader)(clockid_t, struct timespec *);

static clock_reader read_clock;
static volatile const int64_t *idle_s;

__attribute__((constructor)) static void open_idle_file(void) {
  if (read_clock != NULL) return;
  const char *path = getenv("FAKETIME_IDLE_SECONDS_FILE");
  int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) abort();
  void *page = mmap(NULL, sizeof *idle_s, PROT_READ, MAP_SHARED, fd, 0);
  if (page == MAP_FAILED) abort();
  idle_s = page;
  read_clock = (clock_reader)dlsym(RTLD_NEXT, "clock_gettime");
  if (read_clock == NULL) abort();
}

static int is_monotonic(clockid_t id) {
  return id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE || id == CLOCK_MONOTONIC_RAW;
}

int clock_gettime(clockid_t id, struct timespec *time) {
  open_idle_file();
  int status = read_clock(id, time);
  if (status == 0 && is_monotonic(id)) time->tv_sec += *idle_s;
  return status;
}
