/* The bulk work as Node has it: in this thread, or in one of libuv's with a promise. Through Node-API, so that one binary serves every Node. */
#include <errno.h>
#include <node_api.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "addon.h"
#include "look.h"
#include "move.h"
#include "scan.h"

/* One kind of bulk work. It returns 0, or EINVAL for a request that is none, or ENOMEM; the answer is to be freed either way. */
typedef int work(const struct request *request, struct answer *answer);

static work *const SCAN[] = {scan_run};
static work *const LOOK[] = {look_run};

struct job {
  work *run;
  struct request request;
  struct answer answer;
  int error;
  /* What keeps the word alive by which it is stopped. */
  napi_ref stop;
  napi_deferred deferred;
  napi_async_work work;
};

napi_value fail(napi_env env, const char *text) {
  napi_throw_error(env, NULL, text);
  return NULL;
}

bool typed_array(napi_env env, napi_value value, napi_typedarray_type type, void **at, size_t *length) {
  bool is_one = false;
  napi_typedarray_type found;
  if (napi_is_typedarray(env, value, &is_one) != napi_ok || !is_one) return false;
  return napi_get_typedarray_info(env, value, &found, length, at, NULL, NULL) == napi_ok && found == type;
}

/* Three typed arrays: the words, the names, and one word that stops the work. */
static bool read_request(napi_env env, napi_callback_info info, struct request *request, work **run, napi_value *stop) {
  napi_value arguments[3];
  size_t count = 3, stop_words = 0;
  void *words, *names, *stopped, *kind;
  if (napi_get_cb_info(env, info, &count, arguments, NULL, &kind) != napi_ok || count != 3) return false;
  if (!typed_array(env, arguments[0], napi_uint32_array, &words, &request->word_count)) return false;
  if (!typed_array(env, arguments[1], napi_uint8_array, &names, &request->name_bytes)) return false;
  if (!typed_array(env, arguments[2], napi_int32_array, &stopped, &stop_words) || stop_words != 1) return false;
  request->words = words;
  request->names = names;
  request->stop = stopped;
  *run = *(work *const *)kind;
  *stop = arguments[2];
  return true;
}

static bool set_bytes(napi_env env, napi_value array, uint32_t index, const struct bytes *bytes) {
  napi_value buffer;
  void *at;
  if (napi_create_arraybuffer(env, bytes->length, &at, &buffer) != napi_ok) return false;
  if (bytes->length > 0) memcpy(at, bytes->at, bytes->length);
  return napi_set_element(env, array, index, buffer) == napi_ok;
}

/* NULL where there is no memory for it. */
static napi_value to_value(napi_env env, const struct answer *answer) {
  napi_value array;
  if (napi_create_array_with_length(env, 4, &array) != napi_ok) return NULL;
  if (!set_bytes(env, array, 0, &answer->told) || !set_bytes(env, array, 1, &answer->rows)) return NULL;
  if (!set_bytes(env, array, 2, &answer->links) || !set_bytes(env, array, 3, &answer->others)) return NULL;
  return array;
}

static const char *text_of(int error) { return error == EINVAL ? "no request for the native part" : "no memory for the native part"; }

static napi_value here(napi_env env, napi_callback_info info) {
  struct request request;
  struct answer answer;
  work *run;
  napi_value stop;
  if (!read_request(env, info, &request, &run, &stop)) return fail(env, text_of(EINVAL));
  int error = run(&request, &answer);
  napi_value value = error == 0 ? to_value(env, &answer) : NULL;
  free_answer(&answer);
  return value == NULL ? fail(env, text_of(error)) : value;
}

static void free_job(napi_env env, struct job *job) {
  if (job->work != NULL) napi_delete_async_work(env, job->work);
  if (job->stop != NULL) napi_delete_reference(env, job->stop);
  free_answer(&job->answer);
  free((void *)job->request.words);
  free((void *)job->request.names);
  free(job);
}

static void execute(napi_env env, void *data) {
  (void)env;
  struct job *job = data;
  job->error = job->run(&job->request, &job->answer);
}

static void complete(napi_env env, napi_status status, void *data) {
  struct job *job = data;
  napi_value value = status == napi_ok && job->error == 0 ? to_value(env, &job->answer) : NULL;
  if (value != NULL) {
    napi_resolve_deferred(env, job->deferred, value);
  } else {
    napi_value text, error;
    const char *why = status == napi_cancelled ? "the native part was not begun with it" : text_of(job->error);
    napi_create_string_utf8(env, why, NAPI_AUTO_LENGTH, &text);
    napi_create_error(env, NULL, text, &error);
    napi_reject_deferred(env, job->deferred, error);
  }
  free_job(env, job);
}

static void *copy_of(const void *from, size_t length) {
  void *copy = malloc(length == 0 ? 1 : length);
  if (copy != NULL && length > 0) memcpy(copy, from, length);
  return copy;
}

static napi_value apart(napi_env env, napi_callback_info info) {
  struct request request;
  work *run;
  napi_value stop, promise, name;
  if (!read_request(env, info, &request, &run, &stop)) return fail(env, text_of(EINVAL));
  struct job *job = calloc(1, sizeof *job);
  if (job == NULL) return fail(env, text_of(ENOMEM));
  job->run = run;
  job->request = request;
  job->request.words = copy_of(request.words, request.word_count * sizeof *request.words);
  job->request.names = copy_of(request.names, request.name_bytes);
  bool is_queued =
      job->request.words != NULL && job->request.names != NULL &&
      napi_create_reference(env, stop, 1, &job->stop) == napi_ok &&
      napi_create_string_utf8(env, "claude-session-sweeper", NAPI_AUTO_LENGTH, &name) == napi_ok &&
      napi_create_async_work(env, NULL, name, execute, complete, job, &job->work) == napi_ok &&
      napi_create_promise(env, &job->deferred, &promise) == napi_ok && napi_queue_async_work(env, job->work) == napi_ok;
  if (is_queued) return promise;
  free_job(env, job);
  return fail(env, text_of(ENOMEM));
}

/* (words, names, told): nothing stops it, as it is asked for few units at a time. */
static napi_value move(napi_env env, napi_callback_info info) {
  static const int32_t never = 0;
  napi_value arguments[3];
  size_t count = 3, told_words;
  void *words, *names, *told;
  struct request request = {.stop = &never};
  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok || count != 3) return fail(env, text_of(EINVAL));
  if (!typed_array(env, arguments[0], napi_uint32_array, &words, &request.word_count) ||
      !typed_array(env, arguments[1], napi_uint8_array, &names, &request.name_bytes) ||
      !typed_array(env, arguments[2], napi_uint32_array, &told, &told_words)) {
    return fail(env, text_of(EINVAL));
  }
  request.words = words;
  request.names = names;
  int error = move_run(&request, told, told_words);
  return error == 0 ? NULL : fail(env, text_of(error));
}

NAPI_MODULE_INIT() {
  napi_property_descriptor calls[] = {
      {"scan", NULL, apart, NULL, NULL, NULL, napi_enumerable, (void *)SCAN},
      {"scanHere", NULL, here, NULL, NULL, NULL, napi_enumerable, (void *)SCAN},
      {"look", NULL, apart, NULL, NULL, NULL, napi_enumerable, (void *)LOOK},
      {"move", NULL, move, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  bool is_whole = napi_define_properties(env, exports, sizeof calls / sizeof *calls, calls) == napi_ok;
  return is_whole && define_calls(env, exports) ? exports : NULL;
}
