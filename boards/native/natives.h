// What `hal` can do (hal/hal.ts), in plain C: a binding converts its arguments, calls these, and throws an Error of
// whatever text they return. Numbers come as JavaScript has them, and are checked here.

#ifndef UNDERSTUDY_NATIVES_H
#define UNDERSTUDY_NATIVES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nor.h"
#include "settings.h"

struct engine;

/** One board of the system description. */
struct board {
  const struct settings *settings;
  /** which of the chip's boards */
  unsigned index;
  const char *name;
  struct nor nor;
  struct engine *engine;
  /** hal.mark's, from before this start */
  int32_t marked;
  /** 'power', 'watchdog', 'fault', 'reset' */
  const char *cause;
  /** no call is to go on beyond this (port_micros); UINT64_MAX: none is limited */
  uint64_t deadline;
  /** a call went on beyond its deadline */
  bool expired;
  /** it has kicked since the chip's watchdog was kicked last */
  bool kicked;
  /** when poll wants to be called (port_micros) */
  uint64_t due;
  /** since the start: bytes of serial output that were lost, calls that hung, calls into the engine and their time, µs */
  uint32_t lost;
  uint32_t hangs;
  uint32_t calls;
  uint64_t spent;
  /** most memory of the heap that was told of */
  size_t told;
};

/** hal.now: ms with a fraction */
double native_now(struct board *board);
uint32_t native_random(struct board *board);
uint32_t native_crc32(uint32_t crc, const uint8_t *bytes, size_t length);

/** Null, or why it cannot be: to be asked before room is made for what is read. */
const char *native_flash_readable(struct board *board, double at, double length);
/** After native_flash_readable. */
void native_flash_read(struct board *board, double at, uint8_t *into, size_t length);
/** Null, or what it threw: which text is overwritten by the next call. */
const char *native_flash_program(struct board *board, double at, const uint8_t *bytes, size_t length);
const char *native_flash_erase(struct board *board, double sector);

void native_serial(struct board *board, const uint8_t *bytes, size_t length);
void native_bus(struct board *board, const uint8_t *bytes, size_t length);
const char *native_output(struct board *board, const char *device, size_t device_length, const uint8_t *bytes,
                          size_t length);

/**
 * Around hal.call and hal.load: no more than `budgets` times hang_ms until native_leave, which takes what native_enter
 * returned. Between them, native_expired says whether the call has to be interrupted. native_leave: true where it was.
 */
uint64_t native_enter(struct board *board, uint32_t budgets);
bool native_expired(struct board *board);
bool native_leave(struct board *board, uint64_t outer);

void native_mark(struct board *board, double pid);
void native_kick(struct board *board);
/** Does not return: leaves the engine where it stands, for good. */
_Noreturn void native_reset(struct board *board);

/** A line for people: %s %d %u %x %c %p, as printf has them. */
void native_log(struct board *board, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
