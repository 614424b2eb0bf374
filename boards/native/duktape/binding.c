// The binding of Duktape 2.7 (engine.h).

#include <setjmp.h>
#include <string.h>

#include "arena.h"
#include "duktape.h"
#include "engine.h"
#include "port.h"
#include "print.h"

#define ERROR_MAX_BYTES 200

const char *const engine_name = "duktape";
const bool engine_interrupts = true;

/** Methods of the `Board` that boot returned. */
enum method { SERIAL, BUS, INPUT, POLL, METHODS };

static const char *const METHOD_NAMES[METHODS] = {"serial", "bus", "input", "poll"};

struct engine {
  struct board *board;
  duk_context *duk;
  /** functions of METHOD_NAMES, kept alive by the stash */
  void *methods[METHODS];
  char error[ERROR_MAX_BYTES];
  struct arena arena;
};

/** What one call of the engine is to do: Duktape passes one pointer to what it protects. */
struct call {
  struct engine *engine;
  enum method method;
  const char *device;
  size_t device_length;
  const uint8_t *bytes;
  size_t length;
  double next;
  const char *text;
  size_t text_length;
};

_Noreturn void duktape_abort(void);
bool duktape_expired(void *engine);

bool duktape_expired(void *engine) {
  return native_expired(((struct engine *)engine)->board);
}

static void *allocate(void *engine, duk_size_t bytes) {
  return arena_allocate(&((struct engine *)engine)->arena, bytes);
}

static void *reallocate(void *engine, void *at, duk_size_t bytes) {
  return arena_reallocate(&((struct engine *)engine)->arena, at, bytes);
}

static void release(void *engine, void *at) {
  arena_free(&((struct engine *)engine)->arena, at);
}

/** Where engine_open goes on when its heap is too small; null: none is being opened. */
static jmp_buf *opening;

/** Thrown where nothing is left to catch it: the engine is not in a state to go on. */
static void fatal(void *engine, const char *why) {
  if (opening) longjmp(*opening, 1);
  native_log(((struct engine *)engine)->board, "duktape: %s", why ? why : "fatal error");
  port_reset(CAUSE_FAULT);
}

/** After `fatal`, which does not return. */
_Noreturn void duktape_abort(void) {
  port_reset(CAUSE_FAULT);
}

static struct board *board_of(duk_context *duk) {
  duk_memory_functions functions;
  duk_get_memory_functions(duk, &functions);
  return ((struct engine *)functions.udata)->board;
}

static duk_ret_t refuse(duk_context *duk, const char *why) {
  return duk_error(duk, DUK_ERR_ERROR, "%s", why);
}

static const uint8_t *bytes_of(duk_context *duk, duk_idx_t index, size_t *length) {
  const uint8_t *bytes = duk_get_buffer_data(duk, index, length);
  if (!bytes && !duk_is_buffer_data(duk, index)) (void)duk_error(duk, DUK_ERR_TYPE_ERROR, "bytes are wanted");
  return bytes;
}

/** A Uint8Array of so many bytes on the stack; what it is of. */
static uint8_t *push_bytes(duk_context *duk, size_t length) {
  uint8_t *bytes = duk_push_fixed_buffer(duk, length);
  duk_push_buffer_object(duk, -1, 0, length, DUK_BUFOBJ_UINT8ARRAY);
  duk_remove(duk, -2);
  return bytes;
}

static duk_ret_t hal_now(duk_context *duk) {
  duk_push_number(duk, native_now(board_of(duk)));
  return 1;
}

static duk_ret_t hal_random(duk_context *duk) {
  duk_push_uint(duk, native_random(board_of(duk)));
  return 1;
}

static duk_ret_t hal_crc32(duk_context *duk) {
  size_t length = 0;
  const uint8_t *bytes = bytes_of(duk, 0, &length);
  duk_uint_t from = duk_to_uint(duk, 1);
  duk_uint_t to = duk_to_uint(duk, 2);
  if (from > to || to > length) return duk_error(duk, DUK_ERR_RANGE_ERROR, "crc32: outside the bytes");
  duk_push_uint(duk, native_crc32(duk_to_uint32(duk, 3), bytes + from, to - from));
  return 1;
}

static duk_ret_t flash_read(duk_context *duk) {
  struct board *board = board_of(duk);
  double at = duk_to_number(duk, 0);
  double length = duk_to_number(duk, 1);
  const char *why = native_flash_readable(board, at, length);
  if (why) return refuse(duk, why);
  uint8_t *into = push_bytes(duk, (size_t)length);
  native_flash_read(board, at, into, (size_t)length);
  return 1;
}

static duk_ret_t flash_program(duk_context *duk) {
  size_t length = 0;
  double at = duk_to_number(duk, 0);
  const uint8_t *bytes = bytes_of(duk, 1, &length);
  const char *why = native_flash_program(board_of(duk), at, bytes, length);
  return why ? refuse(duk, why) : 0;
}

static duk_ret_t flash_erase(duk_context *duk) {
  const char *why = native_flash_erase(board_of(duk), duk_to_number(duk, 0));
  return why ? refuse(duk, why) : 0;
}

static duk_ret_t hal_serial(duk_context *duk) {
  size_t length = 0;
  const uint8_t *bytes = bytes_of(duk, 0, &length);
  native_serial(board_of(duk), bytes, length);
  return 0;
}

static duk_ret_t hal_bus(duk_context *duk) {
  size_t length = 0;
  const uint8_t *bytes = bytes_of(duk, 0, &length);
  native_bus(board_of(duk), bytes, length);
  return 0;
}

static duk_ret_t hal_output(duk_context *duk) {
  size_t device_length = 0;
  const char *device = duk_require_lstring(duk, 0, &device_length);
  size_t length = 0;
  const uint8_t *bytes = bytes_of(duk, 1, &length);
  const char *why = native_output(board_of(duk), device, device_length, bytes, length);
  return why ? refuse(duk, why) : 0;
}

/** Runs the function on the stack, or throws; `what` did not return where it took too long. */
static void run(duk_context *duk, duk_int_t ready, uint32_t budgets, const char *what) {
  struct board *board = board_of(duk);
  uint64_t outer = native_enter(board, budgets);
  duk_int_t result = ready == DUK_EXEC_SUCCESS ? duk_pcall(duk, 0) : ready;
  if (native_leave(board, outer)) {
    (void)duk_error(duk, DUK_ERR_ERROR, "hang: %s did not return and was interrupted", what);
  }
  if (result != DUK_EXEC_SUCCESS) (void)duk_throw(duk);
}

static duk_ret_t hal_load(duk_context *duk) {
  size_t length = 0;
  const char *text = duk_require_lstring(duk, 0, &length);
  duk_int_t ready = duk_pcompile_lstring(duk, DUK_COMPILE_EVAL, text, length);
  run(duk, ready, LOAD_BUDGETS, "the module");
  return 1;
}

static duk_ret_t hal_call(duk_context *duk) {
  duk_require_function(duk, 0);
  duk_dup(duk, 0);
  run(duk, DUK_EXEC_SUCCESS, 1, "a call");
  return 0;
}

static duk_ret_t hal_mark(duk_context *duk) {
  native_mark(board_of(duk), duk_to_number(duk, 0));
  return 0;
}

static duk_ret_t hal_kick(duk_context *duk) {
  native_kick(board_of(duk));
  return 0;
}

static duk_ret_t hal_reset(duk_context *duk) {
  native_reset(board_of(duk));
}

static const duk_function_list_entry HAL_FUNCTIONS[] = {
    {"now", hal_now, 0},     {"random", hal_random, 0}, {"crc32", hal_crc32, 4}, {"serial", hal_serial, 1},
    {"bus", hal_bus, 1},     {"output", hal_output, 2}, {"load", hal_load, 1},   {"call", hal_call, 1},
    {"mark", hal_mark, 1},   {"kick", hal_kick, 0},     {"reset", hal_reset, 0}, {NULL, NULL, 0},
};

static const duk_function_list_entry FLASH_FUNCTIONS[] = {
    {"read", flash_read, 2}, {"program", flash_program, 2}, {"erase", flash_erase, 1}, {NULL, NULL, 0},
};

static void put_number(duk_context *duk, const char *key, double value) {
  duk_push_number(duk, value);
  duk_put_prop_string(duk, -2, key);
}

static void put_text(duk_context *duk, const char *key, const char *value) {
  duk_push_string(duk, value);
  duk_put_prop_string(duk, -2, key);
}

static void put_flag(duk_context *duk, const char *key, bool value) {
  duk_push_boolean(duk, value);
  duk_put_prop_string(duk, -2, key);
}

static void push_hal(duk_context *duk, struct engine *engine) {
  struct board *board = engine->board;
  const struct settings *settings = board->settings;
  duk_push_object(duk);
  put_text(duk, "board", board->name);
  put_text(duk, "engine", engine_name);
  put_flag(duk, "interrupts", engine_interrupts);
  put_flag(duk, "traces", settings->traces);
  put_text(duk, "cause", board->cause);
  put_number(duk, "marked", board->marked);
  duk_gc(duk, 0);
  size_t room = engine->arena.size - engine->arena.used;
  put_number(duk, "memoryBytes", settings->memory_bytes ? settings->memory_bytes : (double)room);
  duk_put_function_list(duk, -1, HAL_FUNCTIONS);
  duk_push_object(duk);
  put_number(duk, "sectorBytes", settings->sector_bytes);
  put_number(duk, "sectors", settings->sectors);
  put_number(duk, "programBytes", settings->program_bytes);
  duk_put_function_list(duk, -1, FLASH_FUNCTIONS);
  duk_put_prop_string(duk, -2, "flash");
}

static duk_ret_t boot(duk_context *duk, void *data) {
  struct call *call = data;
  struct engine *engine = call->engine;
  duk_compile_lstring(duk, 0, call->text, call->text_length);
  duk_call(duk, 0);
  duk_pop(duk);
  if (!duk_get_global_string(duk, "understudy") || !duk_get_prop_string(duk, -1, "boot")) {
    return duk_error(duk, DUK_ERR_ERROR, "the bundle exports no boot function");
  }
  // as on every board, what runs on it finds no such name
  duk_push_global_object(duk);
  duk_push_undefined(duk);
  duk_put_prop_string(duk, -2, "understudy");
  duk_pop(duk);
  push_hal(duk, engine);
  duk_call(duk, 1);
  duk_push_global_stash(duk);
  for (int i = 0; i < METHODS; i++) {
    if (!duk_get_prop_string(duk, -2, METHOD_NAMES[i])) {
      return duk_error(duk, DUK_ERR_ERROR, "boot returned no %s function", METHOD_NAMES[i]);
    }
    engine->methods[i] = duk_require_heapptr(duk, -1);
    duk_put_prop_string(duk, -2, METHOD_NAMES[i]);
  }
  return 0;
}

static duk_ret_t enter(duk_context *duk, void *data) {
  struct call *call = data;
  duk_push_heapptr(duk, call->engine->methods[call->method]);
  duk_idx_t arguments = 0;
  if (call->method == INPUT) {
    duk_push_lstring(duk, call->device, call->device_length);
    arguments++;
  }
  if (call->method != POLL) {
    uint8_t *into = push_bytes(duk, call->length);
    if (call->length > 0) memcpy(into, call->bytes, call->length);
    arguments++;
  }
  duk_call(duk, arguments);
  if (call->method == POLL) call->next = duk_to_number(duk, -1);
  return 0;
}

/** Protected: false, and the error kept, where it threw. */
static bool protect(struct engine *engine, duk_safe_call_function work, struct call *call) {
  duk_context *duk = engine->duk;
  call->engine = engine;
  duk_int_t result = duk_safe_call(duk, work, call, 0, 1);
  if (result != DUK_EXEC_SUCCESS) {
    print_text(engine->error, sizeof engine->error, "%s", duk_safe_to_stacktrace(duk, -1));
  }
  duk_pop(duk);
  return result == DUK_EXEC_SUCCESS;
}

/** Null where there is not even memory for what Duktape begins with. */
static __attribute__((noinline)) duk_context *create(struct engine *engine) {
  jmp_buf too_small;
  opening = &too_small;
  duk_context *duk = NULL;
  if (setjmp(too_small) == 0) duk = duk_create_heap(allocate, reallocate, release, engine, fatal);
  opening = NULL;
  return duk;
}

struct engine *engine_open(struct board *board, uint8_t *heap, size_t bytes) {
  if (bytes < sizeof(struct engine) + ARENA_MIN_BYTES) return NULL;
  struct engine *engine = (struct engine *)heap;
  memset(engine, 0, sizeof *engine);
  engine->board = board;
  size_t own = (sizeof *engine + 7) / 8 * 8;
  arena_open(&engine->arena, heap + own, bytes - own);
  engine->duk = create(engine);
  return engine->duk ? engine : NULL;
}

bool engine_boot(struct engine *engine, const char *text, size_t bytes) {
  struct call call = {.text = text, .text_length = bytes};
  return protect(engine, boot, &call);
}

bool engine_serial(struct engine *engine, const uint8_t *bytes, size_t length) {
  struct call call = {.method = SERIAL, .bytes = bytes, .length = length};
  return protect(engine, enter, &call);
}

bool engine_bus(struct engine *engine, const uint8_t *bytes, size_t length) {
  struct call call = {.method = BUS, .bytes = bytes, .length = length};
  return protect(engine, enter, &call);
}

bool engine_input(struct engine *engine, const char *device, size_t device_length, const uint8_t *bytes,
                  size_t length) {
  struct call call = {.method = INPUT, .device = device, .device_length = device_length, .bytes = bytes,
                      .length = length};
  return protect(engine, enter, &call);
}

bool engine_poll(struct engine *engine, double *next) {
  struct call call = {.method = POLL};
  bool done = protect(engine, enter, &call);
  *next = call.next;
  return done;
}

const char *engine_error(struct engine *engine) {
  return engine->error;
}

void engine_memory(struct engine *engine, struct engine_memory *memory) {
  memory->used = engine->arena.used;
  memory->peak = engine->arena.peak;
  memory->size = engine->arena.size;
}
