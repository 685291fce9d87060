/*
 * Single calls of the system, relative to a held descriptor, for reading alone; and the process's end. Each returns what the system does, or the error's number
 * below 0, and never looks at more than one component of a path.
 */
#include <errno.h>
#include <fcntl.h>
#include <node_api.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "addon.h"
#include "system.h"

#define NAME_BYTES_MAX 255
/* What is told of a file, in a Float64Array of the caller's. */
enum {
  FACT_DEVICE,
  FACT_INODE,
  FACT_OWNER,
  FACT_GROUP,
  FACT_MODE,
  FACT_NAMES,
  FACT_SIZE,
  FACT_BLOCKS,
  FACT_MODIFIED_MS,
  FACT_CHANGED_MS,
  FACTS,
};

struct arguments {
  napi_env env;
  napi_value values[3];
  size_t count;
};

static bool read_arguments(napi_env env, napi_callback_info info, size_t count, struct arguments *arguments) {
  arguments->env = env;
  arguments->count = 3;
  return napi_get_cb_info(env, info, &arguments->count, arguments->values, NULL, NULL) == napi_ok &&
         arguments->count == count;
}

static bool descriptor_at(const struct arguments *arguments, int *descriptor) {
  int32_t number;
  if (napi_get_value_int32(arguments->env, arguments->values[0], &number) != napi_ok || number < 0) return false;
  *descriptor = number;
  return true;
}

/* A name has one character a byte, and is no path. */
static int name_at(const struct arguments *arguments, char name[NAME_BYTES_MAX + 2]) {
  size_t length;
  napi_value value = arguments->values[1];
  if (napi_get_value_string_latin1(arguments->env, value, name, NAME_BYTES_MAX + 2, &length) != napi_ok) return EINVAL;
  if (length > NAME_BYTES_MAX) return ENAMETOOLONG;
  return length == 0 || strlen(name) != length || strchr(name, '/') != NULL ? EINVAL : 0;
}

static bool bytes_at(const struct arguments *arguments, size_t index, void **at, size_t *length) {
  return typed_array(arguments->env, arguments->values[index], napi_uint8_array, at, length);
}

static bool facts_at(const struct arguments *arguments, size_t index, double **facts) {
  void *at;
  size_t length;
  if (!typed_array(arguments->env, arguments->values[index], napi_float64_array, &at, &length)) return false;
  *facts = at;
  return length == FACTS;
}

static napi_value number(napi_env env, int64_t value) {
  napi_value result;
  return napi_create_int64(env, value, &result) == napi_ok ? result : NULL;
}

static napi_value result_of(napi_env env, long result) { return number(env, result < 0 ? -errno : result); }

static napi_value refuse(napi_env env) { return fail(env, "no arguments for a call of the system"); }

static int tell_facts(int directory, const char *name, int flags, double *facts) {
  struct statx_answer answer;
  int error = ask_statx(directory, name, flags, &answer);
  if (error != 0) return error;
  facts[FACT_DEVICE] = (double)device_of(&answer);
  facts[FACT_INODE] = (double)answer.inode;
  facts[FACT_OWNER] = answer.owner;
  facts[FACT_GROUP] = answer.group;
  facts[FACT_MODE] = answer.mode;
  facts[FACT_NAMES] = answer.names;
  facts[FACT_SIZE] = (double)answer.size;
  facts[FACT_BLOCKS] = (double)answer.blocks;
  facts[FACT_MODIFIED_MS] = milliseconds(answer.modified.seconds, answer.modified.nanoseconds);
  facts[FACT_CHANGED_MS] = milliseconds(answer.changed.seconds, answer.changed.nanoseconds);
  return 0;
}

/* (directory, name, flags): a new descriptor. */
static napi_value open_at(napi_env env, napi_callback_info info) {
  struct arguments arguments;
  char name[NAME_BYTES_MAX + 2];
  int directory, flags;
  if (!read_arguments(env, info, 3, &arguments) || !descriptor_at(&arguments, &directory)) return refuse(env);
  if (napi_get_value_int32(env, arguments.values[2], &flags) != napi_ok) return refuse(env);
  /* Nothing is made here, and no link is followed, whatever is asked for. */
  if ((flags & (O_CREAT | O_TRUNC | O_ACCMODE)) != O_RDONLY) return refuse(env);
  int error = name_at(&arguments, name);
  if (error != 0) return number(env, -error);
  return result_of(env, openat(directory, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
}

/* (directory, name, facts) */
static napi_value look_at_name(napi_env env, napi_callback_info info) {
  struct arguments arguments;
  char name[NAME_BYTES_MAX + 2];
  int directory;
  double *facts;
  if (!read_arguments(env, info, 3, &arguments) || !descriptor_at(&arguments, &directory)) return refuse(env);
  if (!facts_at(&arguments, 2, &facts)) return refuse(env);
  int error = name_at(&arguments, name);
  return number(env, -(error != 0 ? error : tell_facts(directory, name, AT_SYMLINK_NOFOLLOW, facts)));
}

/* (file, facts) */
static napi_value look_at_file(napi_env env, napi_callback_info info) {
  struct arguments arguments;
  int file;
  double *facts;
  if (!read_arguments(env, info, 2, &arguments) || !descriptor_at(&arguments, &file)) return refuse(env);
  if (!facts_at(&arguments, 1, &facts)) return refuse(env);
  return number(env, -tell_facts(file, "", AT_EMPTY_PATH, facts));
}

/* (file, bytes): how many have come. */
static napi_value read_file(napi_env env, napi_callback_info info) {
  struct arguments arguments;
  int file;
  void *at;
  size_t length;
  if (!read_arguments(env, info, 2, &arguments) || !descriptor_at(&arguments, &file)) return refuse(env);
  if (!bytes_at(&arguments, 1, &at, &length)) return refuse(env);
  return result_of(env, read(file, at, length));
}

/* (directory, bytes): how many bytes of entries have come. */
static napi_value read_directory(napi_env env, napi_callback_info info) {
  struct arguments arguments;
  int directory;
  void *at;
  size_t length;
  if (!read_arguments(env, info, 2, &arguments) || !descriptor_at(&arguments, &directory)) return refuse(env);
  if (!bytes_at(&arguments, 1, &at, &length)) return refuse(env);
  return number(env, read_entries(directory, at, length));
}

/* (directory) */
static napi_value rewind_directory(napi_env env, napi_callback_info info) {
  struct arguments arguments;
  int directory;
  if (!read_arguments(env, info, 1, &arguments) || !descriptor_at(&arguments, &directory)) return refuse(env);
  return result_of(env, lseek(directory, 0, SEEK_SET));
}

/* (file) */
static napi_value close_file(napi_env env, napi_callback_info info) {
  struct arguments arguments;
  int file;
  if (!read_arguments(env, info, 1, &arguments) || !descriptor_at(&arguments, &file)) return refuse(env);
  return result_of(env, close(file));
}

/* (code): asks no library, and waits for no thread. */
static napi_value exit_now(napi_env env, napi_callback_info info) {
  struct arguments arguments;
  int code;
  if (!read_arguments(env, info, 1, &arguments) || !descriptor_at(&arguments, &code)) return refuse(env);
  _exit(code);
}

bool define_calls(napi_env env, napi_value exports) {
  napi_property_descriptor calls[] = {
      {"openAt", NULL, open_at, NULL, NULL, NULL, napi_enumerable, NULL},
      {"lookAt", NULL, look_at_name, NULL, NULL, NULL, napi_enumerable, NULL},
      {"lookAtOpen", NULL, look_at_file, NULL, NULL, NULL, napi_enumerable, NULL},
      {"read", NULL, read_file, NULL, NULL, NULL, napi_enumerable, NULL},
      {"readEntries", NULL, read_directory, NULL, NULL, NULL, napi_enumerable, NULL},
      {"rewind", NULL, rewind_directory, NULL, NULL, NULL, napi_enumerable, NULL},
      {"exit", NULL, exit_now, NULL, NULL, NULL, napi_enumerable, NULL},
      {"close", NULL, close_file, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  return napi_define_properties(env, exports, sizeof calls / sizeof *calls, calls) == napi_ok;
}
