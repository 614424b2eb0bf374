// What a board is told before it starts: on Linux by its command line, on a chip by text that stands in its flash.

#ifndef UNDERSTUDY_SETTINGS_H
#define UNDERSTUDY_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

/** Boards of the system that one chip can be: each with a heap, a range of flash and a console of its own. */
#define BOARDS_MAX 3
#define NAME_MAX_BYTES 63

struct settings {
  char name[BOARDS_MAX][NAME_MAX_BYTES + 1];
  unsigned boards;
  /** of the flash of one board */
  uint32_t sector_bytes;
  uint32_t sectors;
  uint32_t program_bytes;
  /** a unit may be programmed once between two erases, as on parts with error correction */
  bool program_once;
  /** of the engine of one board, bytes */
  uint32_t heap;
  /** what `hal.memoryBytes` says; 0: what is free when the bundle stands */
  uint32_t memory_bytes;
  /** a call may take so long, ms; the evaluation of a module LOAD_BUDGETS times that */
  uint32_t hang_ms;
  /** 0: no watchdog */
  uint32_t watchdog_ms;
  uint32_t seed;
  /** how often the board logs what it used so far, ms; 0: only at its start and where its heap reached a new peak */
  uint32_t report_ms;
  bool traces;
  /** boards on one wire (hal/BUS.md), this one's address among them, slot and length of a byte; 0: a line of its own */
  uint32_t bus_boards;
  uint32_t bus_address;
  uint32_t bus_slot_us;
  uint32_t bus_byte_ns;
  /** 0: up to its first NUL byte */
  uint32_t bundle_bytes;
};

#define LOAD_BUDGETS 4

void settings_default(struct settings *settings);

/** Takes `key` = `value`, as in `sector-bytes` = `4096`; null, or why not. Keys that are not known are refused. */
const char *settings_take(struct settings *settings, const char *key, const char *value);

/** Null, or what cannot be. */
const char *settings_check(const struct settings *settings);

#endif
