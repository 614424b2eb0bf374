// The binding of JerryScript 3.0 (engine.h), and what there is to its port (the rest: no-port.c).

#include <setjmp.h>
#include <string.h>

#include "board.h"
#include "crc32.h"
#include "engine.h"
#include "image.h"
#include "jerryscript-config.h"
#include "jerryscript-port.h"
#include "jerryscript.h"
#include "port.h"
#include "print.h"

// what it was built with (PORTING.md)
#if !JERRY_EXTERNAL_CONTEXT
#error "JerryScript was built without JERRY_EXTERNAL_CONTEXT: its heap cannot be given to it"
#elif !JERRY_VM_HALT
#error "JerryScript was built without JERRY_VM_HALT: what does not return cannot be interrupted"
#elif !JERRY_MEM_STATS
#error "JerryScript was built without JERRY_MEM_STATS: nobody knows what its heap holds"
#endif
_Static_assert(JERRY_STACK_LIMIT != 0, "JerryScript was built without JERRY_STACK_LIMIT: recursion would run over");

#define ERROR_MAX_BYTES 200
/** Backward jumps between two looks at the time: a loop without end has them; recursion without end ends at the stack. */
#define CHECK_EVERY 1024
/** Its pointers have 16 bits and count units of 8 bytes. */
#define HEAP_MAX_BYTES (512u * 1024u)

const char *const engine_name = "jerryscript";
const bool engine_interrupts = true;

/** Methods of the `Board` that boot returned. */
enum method { SERIAL, BUS, INPUT, POLL, METHODS };

static const char *const METHOD_NAMES[METHODS] = {"serial", "bus", "input", "poll"};

struct engine {
  struct board *board;
  uint8_t *context;
  size_t context_bytes;
  /** that part of it which is no heap */
  size_t fixed_bytes;
  /** not below where jerry_init took the stack to begin */
  uintptr_t stack_base;
  jerry_value_t methods[METHODS];
  char error[ERROR_MAX_BYTES];
};

/** Whose context JerryScript works in. */
static struct engine *current;
/**
 * JerryScript counts its stack from where jerry_init stood, without a sign: a call from further up would seem to have
 * used up all of it. So each of ours begins below that.
 */
#define STACK_BELOW_BYTES (128 * sizeof(void *))
#define BELOW_STACK_BASE(engine) \
  uintptr_t here = (uintptr_t)__builtin_frame_address(0); \
  uintptr_t above = here > (engine)->stack_base ? here - (engine)->stack_base : 0; \
  volatile uint8_t *below = __builtin_alloca(above + STACK_BELOW_BYTES); \
  below[0] = 0; \
  current = (engine)

/** Where engine_open goes on when its heap is too small; null: none is being opened. */
static jmp_buf *opening;

// What JerryScript wants of a port.

size_t jerry_port_context_alloc(size_t context_size) {
  // less would run over before anything could say so
  if (current->context_bytes < context_size + 1024) longjmp(*opening, 1);
  current->fixed_bytes = context_size;
  return current->context_bytes;
}

struct jerry_context_t *jerry_port_context_get(void) {
  return (struct jerry_context_t *)current->context;
}

void jerry_port_context_free(void) {
}

/** Memory that is all in use cannot be thrown: the engine is not in a state to go on. */
void jerry_port_fatal(jerry_fatal_code_t code) {
  if (opening) longjmp(*opening, 1);
  struct board *board = current->board;
  if (code == JERRY_FATAL_OUT_OF_MEMORY) native_log(board, "jerryscript: the heap is full");
  else native_log(board, "jerryscript: fatal error %d", (int)code);
  board_restart(board, CAUSE_FAULT);
}

int rand(void);

/** Math.random asks for it; newlib's own would bring malloc. */
int rand(void) {
  return (int)(port_random() >> 1);
}

// Conversions.

static jerry_value_t refuse(const char *why) {
  return jerry_throw_sz(JERRY_ERROR_COMMON, why);
}

/** Frees the result of what cannot be refused but for want of memory, which is fatal anyway. */
static void drop(jerry_value_t value) {
  jerry_value_free(value);
}

static double number_of(const jerry_value_t args[], jerry_length_t count, jerry_length_t index) {
  if (index >= count) return 0;
  jerry_value_t number = jerry_value_to_number(args[index]);
  double value = jerry_value_is_exception(number) ? 0 : jerry_value_as_number(number);
  drop(number);
  return value;
}

/** False: no bytes. They stay where they are for as long as their array lives. */
static bool bytes_of(const jerry_value_t args[], jerry_length_t count, jerry_length_t index, uint8_t **bytes,
                     size_t *length) {
  if (index >= count || !jerry_value_is_typedarray(args[index])) return false;
  jerry_size_t offset = 0;
  jerry_size_t size = 0;
  jerry_value_t buffer = jerry_typedarray_buffer(args[index], &offset, &size);
  uint8_t *data = jerry_arraybuffer_data(buffer);
  drop(buffer);
  if (!data && size > 0) return false;
  *bytes = data ? data + offset : NULL;
  *length = size;
  return true;
}

static jerry_value_t no_bytes(void) {
  return jerry_throw_sz(JERRY_ERROR_TYPE, "bytes are wanted");
}

/** A Uint8Array of so many bytes, or an exception. */
static jerry_value_t make_bytes(size_t length, uint8_t **bytes) {
  jerry_value_t array = jerry_typedarray(JERRY_TYPEDARRAY_UINT8, (jerry_length_t)length);
  if (jerry_value_is_exception(array)) return array;
  size_t size = 0;
  if (bytes_of(&array, 1, 0, bytes, &size)) return array;
  drop(array);
  return jerry_throw_sz(JERRY_ERROR_RANGE, "there is no memory for so many bytes");
}

// hal.

#define HANDLER(name) \
  static jerry_value_t name(const jerry_call_info_t *call, const jerry_value_t args[], const jerry_length_t count)
#define UNUSED ((void)call, (void)args, (void)count)

HANDLER(hal_now) {
  UNUSED;
  return jerry_number(native_now(current->board));
}

HANDLER(hal_random) {
  UNUSED;
  return jerry_number(native_random(current->board));
}

HANDLER(hal_crc32) {
  UNUSED;
  uint8_t *bytes = NULL;
  size_t length = 0;
  if (!bytes_of(args, count, 0, &bytes, &length)) return no_bytes();
  double from = number_of(args, count, 1);
  double to = number_of(args, count, 2);
  if (!(from >= 0 && from <= to && to <= (double)length)) {
    return jerry_throw_sz(JERRY_ERROR_RANGE, "crc32: outside the bytes");
  }
  uint32_t crc = count > 3 ? jerry_value_as_uint32(args[3]) : 0;
  return jerry_number(native_crc32(crc, bytes + (size_t)from, (size_t)to - (size_t)from));
}

HANDLER(flash_read) {
  UNUSED;
  struct board *board = current->board;
  double at = number_of(args, count, 0);
  double length = number_of(args, count, 1);
  const char *why = native_flash_readable(board, at, length);
  if (why) return refuse(why);
  uint8_t *into = NULL;
  jerry_value_t array = make_bytes((size_t)length, &into);
  if (!jerry_value_is_exception(array)) native_flash_read(board, at, into, (size_t)length);
  return array;
}

HANDLER(flash_program) {
  UNUSED;
  double at = number_of(args, count, 0);
  uint8_t *bytes = NULL;
  size_t length = 0;
  if (!bytes_of(args, count, 1, &bytes, &length)) return no_bytes();
  const char *why = native_flash_program(current->board, at, bytes, length);
  return why ? refuse(why) : jerry_undefined();
}

HANDLER(flash_erase) {
  UNUSED;
  const char *why = native_flash_erase(current->board, number_of(args, count, 0));
  return why ? refuse(why) : jerry_undefined();
}

HANDLER(hal_serial) {
  UNUSED;
  uint8_t *bytes = NULL;
  size_t length = 0;
  if (!bytes_of(args, count, 0, &bytes, &length)) return no_bytes();
  native_serial(current->board, bytes, length);
  return jerry_undefined();
}

HANDLER(hal_bus) {
  UNUSED;
  uint8_t *bytes = NULL;
  size_t length = 0;
  if (!bytes_of(args, count, 0, &bytes, &length)) return no_bytes();
  native_bus(current->board, bytes, length);
  return jerry_undefined();
}

HANDLER(hal_output) {
  UNUSED;
  if (count < 1 || !jerry_value_is_string(args[0])) return jerry_throw_sz(JERRY_ERROR_TYPE, "a device is wanted");
  uint8_t *bytes = NULL;
  size_t length = 0;
  if (!bytes_of(args, count, 1, &bytes, &length)) return no_bytes();
  // one byte more than may be: native_output refuses it then
  jerry_char_t device[256];
  jerry_size_t size = jerry_string_size(args[0], JERRY_ENCODING_UTF8);
  if (size <= sizeof device) (void)jerry_string_to_buffer(args[0], JERRY_ENCODING_UTF8, device, sizeof device);
  const char *why = native_output(current->board, (const char *)device, size, bytes, length);
  return why ? refuse(why) : jerry_undefined();
}

static jerry_value_t expired(void *engine) {
  return native_expired(((struct engine *)engine)->board) ? jerry_string_sz("hang") : jerry_undefined();
}

HANDLER(hal_load) {
  UNUSED;
  if (count < 1 || !jerry_value_is_string(args[0])) return jerry_throw_sz(JERRY_ERROR_TYPE, "a text is wanted");
  struct board *board = current->board;
  uint64_t outer = native_enter(board, LOAD_BUDGETS);
  jerry_value_t result = jerry_parse_value(args[0], NULL);
  if (!jerry_value_is_exception(result)) {
    jerry_value_t script = result;
    result = jerry_run(script);
    drop(script);
  }
  if (!native_leave(board, outer)) return result;
  drop(result);
  return refuse("hang: the module did not return and was interrupted");
}

HANDLER(hal_call) {
  UNUSED;
  if (count < 1 || !jerry_value_is_function(args[0])) return jerry_throw_sz(JERRY_ERROR_TYPE, "a function is wanted");
  struct board *board = current->board;
  uint64_t outer = native_enter(board, 1);
  jerry_value_t result = jerry_call(args[0], jerry_undefined(), NULL, 0);
  bool hung = native_leave(board, outer);
  if (!hung && jerry_value_is_exception(result)) return result;
  drop(result);
  return hung ? refuse("hang: a call did not return and was interrupted") : jerry_undefined();
}

HANDLER(hal_mark) {
  UNUSED;
  native_mark(current->board, number_of(args, count, 0));
  return jerry_undefined();
}

HANDLER(hal_kick) {
  UNUSED;
  native_kick(current->board);
  return jerry_undefined();
}

HANDLER(hal_reset) {
  UNUSED;
  native_reset(current->board);
}

struct function {
  const char *name;
  jerry_external_handler_t handler;
};

static const struct function HAL_FUNCTIONS[] = {
    {"now", hal_now},   {"random", hal_random}, {"crc32", hal_crc32}, {"serial", hal_serial},
    {"bus", hal_bus},   {"output", hal_output}, {"load", hal_load},   {"call", hal_call},
    {"mark", hal_mark}, {"kick", hal_kick},     {"reset", hal_reset}, {NULL, NULL},
};

static const struct function FLASH_FUNCTIONS[] = {
    {"read", flash_read}, {"program", flash_program}, {"erase", flash_erase}, {NULL, NULL},
};

/** Takes the value over. */
static void put(jerry_value_t object, const char *key, jerry_value_t value) {
  drop(jerry_object_set_sz(object, key, value));
  drop(value);
}

static void put_functions(jerry_value_t object, const struct function *functions) {
  for (; functions->name; functions++) {
    put(object, functions->name, jerry_function_external(functions->handler));
  }
}

static jerry_value_t make_hal(struct engine *engine) {
  struct board *board = engine->board;
  const struct settings *settings = board->settings;
  jerry_value_t hal = jerry_object();
  put(hal, "board", jerry_string_sz(board->name));
  put(hal, "engine", jerry_string_sz(engine_name));
  put(hal, "interrupts", jerry_boolean(engine_interrupts));
  put(hal, "traces", jerry_boolean(settings->traces));
  put(hal, "cause", jerry_string_sz(board->cause));
  put(hal, "marked", jerry_number(board->marked));
  put_functions(hal, HAL_FUNCTIONS);
  jerry_value_t flash = jerry_object();
  put(flash, "sectorBytes", jerry_number(settings->sector_bytes));
  put(flash, "sectors", jerry_number(settings->sectors));
  put(flash, "programBytes", jerry_number(settings->program_bytes));
  put_functions(flash, FLASH_FUNCTIONS);
  put(hal, "flash", flash);
  jerry_heap_gc(JERRY_GC_PRESSURE_HIGH);
  struct engine_memory memory;
  engine_memory(engine, &memory);
  double room = (double)(memory.size - memory.used);
  put(hal, "memoryBytes", jerry_number(settings->memory_bytes ? settings->memory_bytes : room));
  return hal;
}

// engine.h.

/** Takes the exception over; false. */
static bool keep_error(struct engine *engine, jerry_value_t exception) {
  jerry_value_t value = jerry_exception_value(exception, true);
  jerry_value_t text = jerry_value_to_string(value);
  drop(value);
  size_t length = 0;
  if (!jerry_value_is_exception(text)) {
    length = jerry_string_to_buffer(text, JERRY_ENCODING_UTF8, (jerry_char_t *)engine->error, ERROR_MAX_BYTES - 1);
  }
  engine->error[length] = 0;
  if (length == 0) print_text(engine->error, sizeof engine->error, "it cannot be told what");
  drop(text);
  return false;
}

static bool fail(struct engine *engine, const char *format, const char *name) {
  print_text(engine->error, sizeof engine->error, format, name);
  return false;
}

/** Null where there is not even memory for what JerryScript begins with. */
static __attribute__((noinline)) bool create(void) {
  jmp_buf too_small;
  opening = &too_small;
  volatile bool done = false;
  if (setjmp(too_small) == 0) {
    jerry_init(JERRY_INIT_EMPTY);
    // built-in objects are made where they are first asked for: the bundle needs far more than these
    jerry_value_t global = jerry_current_realm();
    drop(jerry_object_get_sz(global, "Uint8Array"));
    drop(global);
    done = true;
  }
  opening = NULL;
  return done;
}

struct engine *engine_open(struct board *board, uint8_t *heap, size_t bytes) {
  if (bytes < sizeof(struct engine)) return NULL;
  struct engine *engine = (struct engine *)heap;
  memset(engine, 0, sizeof *engine);
  engine->board = board;
  size_t own = (sizeof *engine + 7) / 8 * 8;
  engine->context = heap + own;
  engine->context_bytes = bytes - own;
  if (engine->context_bytes > HEAP_MAX_BYTES) engine->context_bytes = HEAP_MAX_BYTES;
  engine->stack_base = (uintptr_t)__builtin_frame_address(0);
  current = engine;
  if (!create()) return NULL;
  jerry_halt_handler(CHECK_EVERY, expired, engine);
  return engine;
}

/** Has JerryScript take the image's names for its own; false where its heap has no room for where they stand. */
static bool take_names(const struct image *image) {
  const uint8_t *begin = (const uint8_t *)image;
  const uint32_t *texts = (const uint32_t *)(const void *)(begin + image->texts_at);
  const jerry_length_t *lengths = (const jerry_length_t *)(const void *)(begin + image->lengths_at);
  const jerry_char_t *const *names = (const jerry_char_t *const *)(const void *)texts;
  // where pointers are longer, or the image stands elsewhere, they are made anew, for as long as the board runs
  if (sizeof(void *) != sizeof(uint32_t) || image->address != (uint32_t)(uintptr_t)begin) {
    const jerry_char_t **made = jerry_heap_alloc(image->names * (jerry_size_t)sizeof(void *));
    if (!made) return false;
    for (uint32_t i = 0; i < image->names; i++) made[i] = begin + (texts[i] - image->address);
    names = made;
  }
  jerry_register_magic_strings(names, image->names, lengths);
  return true;
}

/** Does this JerryScript number its own names as the one did that made the image? */
static bool same_names(const struct image *image) {
  uint32_t crc = 0;
  for (const char *name = (const char *)image + image->own_at; *name; name += strlen(name) + 1) {
    jerry_value_t value = jerry_string_sz(name);
    crc = crc32(crc, (const uint8_t *)&value, sizeof value);
    drop(value);
  }
  return crc == image->own_crc;
}

static jerry_value_t run_image(const char *bundle, size_t bytes) {
#if JERRY_SNAPSHOT_EXEC
  const struct image *image = (const struct image *)(const void *)bundle;
  if (!bundle_whole(bundle, bytes)) return refuse("the bundle's image is damaged: write it anew");
  if (!take_names(image)) return refuse("the heap has no room for the names of the bundle's image");
  if (!same_names(image)) return refuse("the bundle's image was made with a JerryScript that was built otherwise");
  const uint32_t *code = (const uint32_t *)(const void *)(bundle + image->code_at);
  return jerry_exec_snapshot(code, image->code_bytes, 0, JERRY_SNAPSHOT_EXEC_ALLOW_STATIC, NULL);
#else
  (void)bundle;
  (void)bytes;
  return refuse("the bundle is an image, and JerryScript was built without JERRY_SNAPSHOT_EXEC");
#endif
}

static jerry_value_t evaluate(const char *bundle, size_t bytes) {
  if (bundle_is_image(bundle, bytes)) return run_image(bundle, bytes);
  jerry_value_t script = jerry_parse((const jerry_char_t *)bundle, bytes, NULL);
  if (jerry_value_is_exception(script)) return script;
  jerry_value_t result = jerry_run(script);
  drop(script);
  return result;
}

bool engine_boot(struct engine *engine, const char *text, size_t bytes) {
  BELOW_STACK_BASE(engine);
  jerry_value_t result = evaluate(text, bytes);
  if (jerry_value_is_exception(result)) return keep_error(engine, result);
  drop(result);
  jerry_value_t global = jerry_current_realm();
  jerry_value_t understudy = jerry_object_get_sz(global, "understudy");
  // as on every board, what runs on it finds no such name
  put(global, "understudy", jerry_undefined());
  drop(global);
  if (!jerry_value_is_object(understudy)) return fail(engine, "the bundle exports no %s function", "boot");
  jerry_value_t boot = jerry_object_get_sz(understudy, "boot");
  drop(understudy);
  if (!jerry_value_is_function(boot)) return fail(engine, "the bundle exports no %s function", "boot");
  jerry_value_t hal = make_hal(engine);
  jerry_value_t board = jerry_call(boot, jerry_undefined(), &hal, 1);
  drop(hal);
  drop(boot);
  if (jerry_value_is_exception(board)) return keep_error(engine, board);
  for (int i = 0; i < METHODS; i++) {
    engine->methods[i] =
        jerry_value_is_object(board) ? jerry_object_get_sz(board, METHOD_NAMES[i]) : jerry_undefined();
    if (!jerry_value_is_function(engine->methods[i])) {
      return fail(engine, "boot returned no %s function", METHOD_NAMES[i]);
    }
  }
  drop(board);
  return true;
}

/** `arguments` are taken over. */
static bool enter(struct engine *engine, enum method method, jerry_value_t *arguments, size_t count, double *next) {
  jerry_value_t result = jerry_undefined();
  for (size_t i = 0; i < count && !jerry_value_is_exception(result); i++) {
    if (jerry_value_is_exception(arguments[i])) result = jerry_value_copy(arguments[i]);
  }
  if (!jerry_value_is_exception(result)) {
    result = jerry_call(engine->methods[method], jerry_undefined(), arguments, (jerry_size_t)count);
  }
  for (size_t i = 0; i < count; i++) drop(arguments[i]);
  if (jerry_value_is_exception(result)) return keep_error(engine, result);
  if (next) *next = number_of(&result, 1, 0);
  drop(result);
  return true;
}

static jerry_value_t copy_bytes(const uint8_t *bytes, size_t length) {
  uint8_t *into = NULL;
  jerry_value_t array = make_bytes(length, &into);
  if (!jerry_value_is_exception(array) && length > 0) memcpy(into, bytes, length);
  return array;
}

bool engine_serial(struct engine *engine, const uint8_t *bytes, size_t length) {
  BELOW_STACK_BASE(engine);
  jerry_value_t arguments[] = {copy_bytes(bytes, length)};
  return enter(engine, SERIAL, arguments, 1, NULL);
}

bool engine_bus(struct engine *engine, const uint8_t *bytes, size_t length) {
  BELOW_STACK_BASE(engine);
  jerry_value_t arguments[] = {copy_bytes(bytes, length)};
  return enter(engine, BUS, arguments, 1, NULL);
}

bool engine_input(struct engine *engine, const char *device, size_t device_length, const uint8_t *bytes,
                  size_t length) {
  BELOW_STACK_BASE(engine);
  // a name that is no text would harm the engine
  const jerry_char_t *name = (const jerry_char_t *)device;
  if (!jerry_validate_string(name, (jerry_size_t)device_length, JERRY_ENCODING_UTF8)) return true;
  jerry_value_t arguments[] = {jerry_string(name, (jerry_size_t)device_length, JERRY_ENCODING_UTF8),
                               copy_bytes(bytes, length)};
  return enter(engine, INPUT, arguments, 2, NULL);
}

bool engine_poll(struct engine *engine, double *next) {
  BELOW_STACK_BASE(engine);
  return enter(engine, POLL, NULL, 0, next);
}

const char *engine_error(struct engine *engine) {
  return engine->error;
}

void engine_memory(struct engine *engine, struct engine_memory *memory) {
  struct engine *before = current;
  current = engine;
  jerry_heap_stats_t stats = {0};
  (void)jerry_heap_stats(&stats);
  current = before;
  memory->used = engine->fixed_bytes + stats.allocated_bytes;
  memory->peak = engine->fixed_bytes + stats.peak_allocated_bytes;
  memory->size = engine->context_bytes;
}
