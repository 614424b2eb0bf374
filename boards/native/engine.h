// What the binding of a JavaScript engine gives. It makes `hal` (hal/hal.ts) of what natives.h offers, evaluates the
// bundle, and passes calls on; one struct engine for each board of the chip, of which the engine may be in any number.
// All of its memory comes from the heap that it is given.

#ifndef UNDERSTUDY_ENGINE_H
#define UNDERSTUDY_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "natives.h"

/** Defined by the binding, and put at the beginning of the heap. */
struct engine;

/** As `hal.engine` has it. */
extern const char *const engine_name;
/** As `hal.interrupts` has it: native_expired is asked while JavaScript runs. */
extern const bool engine_interrupts;

struct engine_memory {
  /** bytes in use now, and at most so far, with what the allocator needs for itself */
  size_t used;
  size_t peak;
  size_t size;
};

/** Makes an engine within heap[0..bytes), aligned to 8 bytes; null: that is too small. What was there is forgotten. */
struct engine *engine_open(struct board *board, uint8_t *heap, size_t bytes);

/**
 * Evaluates the bundle, in place (it stays where it is for as long as the board runs), and calls
 * understudy.boot(hal). Like all that follows: false where something was thrown that nobody caught, engine_error says
 * what, and the engine is not to be used any more.
 */
bool engine_boot(struct engine *engine, const char *text, size_t bytes);

/** `Board` of hal.ts; whole pieces, for each call costs. */
bool engine_serial(struct engine *engine, const uint8_t *bytes, size_t length);
bool engine_bus(struct engine *engine, const uint8_t *bytes, size_t length);
bool engine_input(struct engine *engine, const char *device, size_t device_length, const uint8_t *bytes, size_t length);
/** `next`: what poll returned, ms */
bool engine_poll(struct engine *engine, double *next);

/** Of the call that returned false; ends with NUL. */
const char *engine_error(struct engine *engine);

void engine_memory(struct engine *engine, struct engine_memory *memory);

#endif
