// Options of Duktape 2.7, laid over its own defaults for compiler and chip (duk_config_base.h is Duktape's
// duk_config.h, copied by the build). Small before fast; no built-ins that the board language does not have.

#ifndef UNDERSTUDY_DUK_CONFIG_H
#define UNDERSTUDY_DUK_CONFIG_H

#include "duk_config_base.h"

#include <stdbool.h>

// memory
#define DUK_USE_PREFER_SIZE
#define DUK_USE_EXEC_PREFER_SIZE
#define DUK_USE_LIGHTFUNC_BUILTINS
#undef DUK_USE_HOBJECT_HASH_PROP_LIMIT
// the bundle's own names are one object of hundreds; all others are small
#define DUK_USE_HOBJECT_HASH_PROP_LIMIT 64
#undef DUK_USE_HSTRING_ARRIDX
// objects of up to 65535 properties
#define DUK_USE_OBJSIZES16
#define DUK_USE_STRHASH16
#undef DUK_USE_FUNC_FILENAME_PROPERTY
// DUK_USE_FUNC_NAME_PROPERTY stays: without it, a function expression does not find itself by its name
#undef DUK_USE_PC2LINE
#undef DUK_USE_TRACEBACKS
#undef DUK_USE_CACHE_ACTIVATION
#undef DUK_USE_CACHE_CATCHER
#undef DUK_USE_STRTAB_MINSIZE
#define DUK_USE_STRTAB_MINSIZE 128
#undef DUK_USE_LITCACHE_SIZE
// an object grows by (size + this) / 8 properties: less than 8 would be none
#undef DUK_USE_HOBJECT_ENTRY_MINGROW_ADD
#define DUK_USE_HOBJECT_ENTRY_MINGROW_ADD 8
#undef DUK_USE_HOBJECT_ARRAY_MINGROW_ADD
#define DUK_USE_HOBJECT_ARRAY_MINGROW_ADD 8
#undef DUK_USE_VALSTACK_GROW_SHIFT
#define DUK_USE_VALSTACK_GROW_SHIFT 3
#undef DUK_USE_VALSTACK_SHRINK_SLACK_SHIFT
#define DUK_USE_VALSTACK_SHRINK_SLACK_SHIFT 5
// no FPU: what fits is calculated with integers
#define DUK_USE_FASTINT
#undef DUK_USE_PROVIDE_DEFAULT_ALLOC_FUNCTIONS

// what no component may use
#define UNDERSTUDY_DUK_FUNCTION_PROPERTIES 0
#undef DUK_USE_REGEXP_SUPPORT
#undef DUK_USE_JSON_SUPPORT
#undef DUK_USE_JSON_BUILTIN
#undef DUK_USE_JX
#undef DUK_USE_JC
#undef DUK_USE_JSON_STRINGIFY_FASTPATH
#undef DUK_USE_CBOR_SUPPORT
#undef DUK_USE_CBOR_BUILTIN
#undef DUK_USE_BASE64_SUPPORT
#undef DUK_USE_BASE64_FASTPATH
#undef DUK_USE_HEX_SUPPORT
#undef DUK_USE_HEX_FASTPATH
#undef DUK_USE_DATE_BUILTIN
#undef DUK_USE_ENCODING_BUILTINS
#undef DUK_USE_PERFORMANCE_BUILTIN
#undef DUK_USE_DUKTAPE_BUILTIN
#undef DUK_USE_ES6_PROXY
#undef DUK_USE_REFLECT_BUILTIN
#undef DUK_USE_SYMBOL_BUILTIN
#undef DUK_USE_COROUTINE_SUPPORT
#undef DUK_USE_BYTECODE_DUMP_SUPPORT
#undef DUK_USE_HTML_COMMENTS
#undef DUK_USE_SHEBANG_COMMENTS
#undef DUK_USE_SOURCE_NONBMP
#undef DUK_USE_ERRTHROW
#undef DUK_USE_ERRCREATE
#undef DUK_USE_AUGMENT_ERROR_THROW
#undef DUK_USE_AUGMENT_ERROR_CREATE
#undef DUK_USE_VERBOSE_EXECUTOR_ERRORS

// no clock, no random numbers but those that hal gives, no C library that allocates
#undef DUK_USE_DATE_NOW_TIME
#undef DUK_USE_DATE_NOW_GETTIMEOFDAY
#undef DUK_USE_DATE_TZO_GMTIME
#undef DUK_USE_DATE_TZO_GMTIME_R
#undef DUK_USE_DATE_PRS_STRPTIME
#undef DUK_USE_DATE_FMT_STRFTIME
#undef DUK_USE_GET_MONOTONIC_TIME_CLOCK_GETTIME
#undef DUK_USE_GET_MONOTONIC_TIME
#undef DUK_USE_DATE_PARSE_STRING
#undef DUK_USE_DATE_FORMAT_STRING
#undef DUK_USE_DATE_GET_NOW
#define DUK_USE_DATE_GET_NOW(ctx) 0.0
#undef DUK_USE_DATE_GET_LOCAL_TZOFFSET
#define DUK_USE_DATE_GET_LOCAL_TZOFFSET(d) 0

#include "print.h"
#undef DUK_SPRINTF
#undef DUK_SNPRINTF
#define DUK_SNPRINTF print_text
#undef DUK_VSNPRINTF
#define DUK_VSNPRINTF print_arguments
// the C library's abort would bring its signals, and with them malloc
extern _Noreturn void duktape_abort(void);
#undef DUK_ABORT
#define DUK_ABORT duktape_abort

// calls that never end, stacks that would run over
#define DUK_USE_INTERRUPT_COUNTER
#define DUK_USE_EXEC_TIMEOUT_CHECK(udata) duktape_expired(udata)
extern bool duktape_expired(void *engine);
/** bytecode instructions between two checks; the build puts it into its copy of duktape.c */
#define UNDERSTUDY_DUK_CHECK_EVERY (16L * 1024L)
#define DUK_USE_NATIVE_STACK_CHECK() (port_stack_short() ? 1 : 0)
extern bool port_stack_short(void);
#undef DUK_USE_NATIVE_CALL_RECLIMIT
#define DUK_USE_NATIVE_CALL_RECLIMIT 200
#undef DUK_USE_COMPILER_RECLIMIT
#define DUK_USE_COMPILER_RECLIMIT 300
#undef DUK_USE_MARK_AND_SWEEP_RECLIMIT
#define DUK_USE_MARK_AND_SWEEP_RECLIMIT 32

#endif
