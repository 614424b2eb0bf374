// What a port gives: everything of a board that is neither JavaScript nor the same on every chip. To port the native
// board is to write these functions, a start and a linker script (PORTING.md). All are called from one thread; none
// calls back.

#ifndef UNDERSTUDY_PORT_H
#define UNDERSTUDY_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "settings.h"

/** As `hal.cause` has them, in this order. */
enum cause { CAUSE_POWER, CAUSE_WATCHDOG, CAUSE_FAULT, CAUSE_RESET };

/** Lines: the consoles of the boards of this chip, 0 to BOARDS_MAX - 1, and the device bus. */
#define PORT_BUS BOARDS_MAX
#define PORT_LINES (BOARDS_MAX + 1)

/** Reads the settings and makes everything ready. Does not return where the board cannot run with them. */
void port_start(int argc, char **argv, struct settings *settings);

/** The bundle (bundle.h), at a multiple of 8. */
const char *port_bundle(const struct settings *settings, size_t *bytes);

/** Memory for the engines, aligned to 8 bytes: all of them get theirs out of this. */
uint8_t *port_heap(size_t *bytes);

/** Since some moment not after the start; never goes back. */
uint64_t port_micros(void);

/** Takes what has come on the line, up to `max` bytes; 0: nothing. Input that a line cannot hold is lost. */
size_t port_read(unsigned line, uint8_t *into, size_t max);

/** Sends; waits for room no longer than a moment, and returns how many bytes were taken: the rest is lost. */
size_t port_write(unsigned line, const uint8_t *bytes, size_t length);

/** Returns when something has come on a line, or at the time (port_micros), or earlier. */
void port_sleep(uint64_t until);

/** The cells, as they read now. */
const uint8_t *port_cells(size_t *bytes);
/** Brings bits of the cells to 0, and only to 0. What is asked was checked (nor.c). False: the part reports a fault. */
bool port_cells_program(uint32_t at, const uint8_t *bytes, uint32_t length);
/** Brings all bits of the range, a sector, to 1. */
bool port_cells_erase(uint32_t at, uint32_t length);
/** Memory for one bit a program unit, all 0 at the start; null where the part itself refuses what is not blank. */
uint8_t *port_marks(size_t *bytes);

enum cause port_cause(void);
/** A number in memory that a reset leaves alone and a power cut does not. */
void port_mark(unsigned board, int32_t pid);
/** What `port_mark` kept last; -1: nothing. */
int32_t port_marked(unsigned board);

uint32_t port_random(void);

/** Begins to watch: port_kick has to come at least this often from now on. */
void port_watchdog(uint32_t ms);
void port_kick(void);

/** Restarts the chip; `why` is what port_cause tells then. What was written is sent first. */
_Noreturn void port_reset(enum cause why);
/** The board cannot run, and another start would change nothing. */
_Noreturn void port_halt(const char *why);

/** A line for people, without its end. */
void port_log(const char *text);

/** Stack that was painted at the start: its size, and how much of it was ever used. */
size_t port_stack_bytes(void);
size_t port_stack_peak(void);
/** There is so little left that a call must be refused. */
bool port_stack_short(void);

#endif
