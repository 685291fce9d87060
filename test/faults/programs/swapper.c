/*
 * Exchanges places of a directory tree with symlinks to elsewhere, or with other directories, and back again, as fast as it
 * can, until SIGTERM. Then everything is back where it belongs, and the number of exchanges goes to stdout.
 *
 *   swapper STAGE SEED REST_US_MAX < PLACES
 *
 * A line of PLACES is KIND, PLACE and OTHER, with tabs between them. KIND `link`: PLACE, which may be a glob, is exchanged with
 * a symlink to OTHER; `directory`: with OTHER itself. Places nearer to the beginning are taken more often. STAGE is an empty
 * directory for the symlinks; what was at a place lies there as long as a symlink stands in for it.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
  PLACES_MAX = 8192,
  SPOTS_MAX = 4 * PLACES_MAX,
  STRANDED_MAX = 1024,
  BURST_MAX = 64,
  /* Together some tens of milliseconds: the worker puts back what it took by mistake. */
  RETURN_ATTEMPTS = 500,
  RETURN_PAUSE_US = 50,
  GLOB_INTERVAL_MS = 20,
};

struct place {
  char *pattern;
  /* Where the symlink leads; NULL where another directory stands in. */
  char *target;
  char *spare;
};

/* A place as it is right now: a glob may match several. */
struct spot {
  const struct place *place;
  char *path;
};

struct stranded {
  char *path;
  char *kept;
};

static struct place places[PLACES_MAX];
static size_t place_count;
static struct spot spots[SPOTS_MAX];
static size_t spot_count;
static struct stranded stranded[STRANDED_MAX];
static size_t stranded_count;
static bool has_globs;
static unsigned long swaps;
static uint64_t random_state;
static volatile sig_atomic_t is_over;

static void end(int signal) {
  (void)signal;
  is_over = 1;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static uint32_t random_below(uint32_t bound) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return bound == 0 ? 0 : (uint32_t)(random_state >> 32) % bound;
}

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static char *joined(const char *directory, const char *kind, size_t number) {
  char *path;
  if (asprintf(&path, "%s/%s-%zu", directory, kind, number) < 0) fail("asprintf");
  return path;
}

static char *copied(const char *text) {
  char *copy = strdup(text);
  if (copy == NULL) fail("strdup");
  return copy;
}

static bool exchange(const char *one, const char *other) {
  if (renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE) != 0) return false;
  swaps += 1;
  return true;
}

static bool move(const char *from, const char *to) {
  return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0;
}

/* Links are a stranger's: what leads elsewhere by its owner's word may be followed. */
enum { STRANGER = 4343 };

static void make_link(const struct place *place) {
  if (place->target != NULL && symlink(place->target, place->spare) != 0 && errno != EEXIST) fail("symlink");
  if (place->target != NULL && lchown(place->spare, STRANGER, STRANGER) != 0) fail("lchown");
}

static void read_places(const char *stage) {
  char *line = NULL;
  size_t size = 0;
  while (getline(&line, &size, stdin) > 0 && place_count < PLACES_MAX) {
    const char *kind = strtok(line, "\t\n"), *pattern = strtok(NULL, "\t\n"), *other = strtok(NULL, "\t\n");
    if (kind == NULL || pattern == NULL || other == NULL) continue;
    struct place *place = &places[place_count];
    const bool is_link = strcmp(kind, "link") == 0;
    place->pattern = copied(pattern);
    place->target = is_link ? copied(other) : NULL;
    place->spare = is_link ? joined(stage, "spare", place_count) : copied(other);
    has_globs = has_globs || strchr(pattern, '*') != NULL;
    make_link(place);
    place_count += 1;
  }
  free(line);
}

static void add_spot(const struct place *place, const char *path) {
  if (spot_count == SPOTS_MAX) return;
  spots[spot_count].place = place;
  spots[spot_count].path = copied(path);
  spot_count += 1;
}

static void find_spots(void) {
  for (size_t index = 0; index < spot_count; index += 1) free(spots[index].path);
  spot_count = 0;
  for (size_t index = 0; index < place_count; index += 1) {
    const struct place *place = &places[index];
    if (strchr(place->pattern, '*') == NULL) {
      add_spot(place, place->pattern);
      continue;
    }
    glob_t found;
    if (glob(place->pattern, GLOB_NOSORT, NULL, &found) == 0) {
      for (size_t match = 0; match < found.gl_pathc; match += 1) add_spot(place, found.gl_pathv[match]);
    }
    globfree(&found);
  }
}

/* Mostly not at all; sometimes as long as a few system calls take, rarely as long as a whole session's move. */
static void hold(void) {
  const uint32_t chance = random_below(100);
  if (chance < 80) return;
  if (chance >= 97) {
    usleep(random_below(300));
    return;
  }
  const uint64_t until = now_ns() + random_below(30000);
  while (now_ns() < until) continue;
}

/* What cannot go back now, since its parent has gone meanwhile, is kept for the end. */
static void strand(const char *stage, const struct place *place, const char *path) {
  if (stranded_count == STRANDED_MAX) {
    errno = ENOSPC;
    fail("strand");
  }
  char *kept = joined(stage, "stranded", stranded_count);
  if (!move(place->spare, kept)) fail("strand");
  stranded[stranded_count].path = copied(path);
  stranded[stranded_count].kept = kept;
  stranded_count += 1;
  make_link(place);
}

static bool swap_back(const char *stage, const struct spot *spot) {
  const struct place *place = spot->place;
  for (unsigned attempt = 0; attempt < RETURN_ATTEMPTS; attempt += 1) {
    if (exchange(spot->path, place->spare)) return true;
    /* The symlink has been taken away. */
    if (move(place->spare, spot->path)) {
      make_link(place);
      return true;
    }
    usleep(RETURN_PAUSE_US);
  }
  strand(stage, place, spot->path);
  return false;
}

static void burst(const char *stage, const struct spot *spot) {
  for (uint32_t left = 1 + random_below(BURST_MAX); left > 0; left -= 1) {
    if (!exchange(spot->path, spot->place->spare)) return;
    hold();
    if (!swap_back(stage, spot)) return;
    hold();
  }
}

static void return_stranded(void) {
  for (size_t index = stranded_count; index > 0; index -= 1) {
    const struct stranded *one = &stranded[index - 1];
    struct stat stats;
    if (lstat(one->path, &stats) == 0 && S_ISLNK(stats.st_mode)) unlink(one->path);
    (void)move(one->kept, one->path);
  }
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fputs("usage: swapper STAGE SEED REST_US_MAX < PLACES\n", stderr);
    return 64;
  }
  const char *stage = argv[1];
  const uint32_t rest_us_max = (uint32_t)strtoul(argv[3], NULL, 10);
  random_state = strtoull(argv[2], NULL, 10) * 0x9e3779b97f4a7c15u + 1;
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  signal(SIGTERM, end);
  read_places(stage);
  puts("ready");
  fflush(stdout);
  uint64_t found_at = 0;
  while (!is_over) {
    if (spot_count == 0 || (has_globs && now_ns() - found_at > GLOB_INTERVAL_MS * 1000000ull)) {
      find_spots();
      found_at = now_ns();
      if (spot_count == 0) usleep(1000);
    }
    if (spot_count > 0) {
      const double chance = random_below(1u << 24) / (double)(1u << 24);
      burst(stage, &spots[(size_t)(chance * chance * chance * (double)spot_count)]);
    }
    if (rest_us_max > 0) usleep(random_below(rest_us_max));
  }
  return_stranded();
  printf("%lu\n", swaps);
  return 0;
}
