/* What the files that Node sees have in common. */
#ifndef SWEEPER_ADDON_H
#define SWEEPER_ADDON_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>

/* Throws an error. Returns NULL, as what throws does. */
napi_value fail(napi_env env, const char *text);
bool typed_array(napi_env env, napi_value value, napi_typedarray_type type, void **at, size_t *length);
bool define_calls(napi_env env, napi_value exports);

#endif
