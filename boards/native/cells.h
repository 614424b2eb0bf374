// Flash cells that are memory: what emulated ports put in the place of a flash controller. Power can be made to go at an
// exact cell: whoever shares the memory writes how many cell writes are still to come about, then arms it.

#ifndef UNDERSTUDY_CELLS_H
#define UNDERSTUDY_CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CUT_ARMED 0x54554331u
#define CUT_FIRED 0x46464f50u

/** Little-endian, in memory that host and board share. */
struct cut {
  /** CUT_ARMED: power goes when `left` cell writes have come about; the board sets CUT_FIRED as it goes */
  uint32_t armed;
  /** cell writes still to come about: a byte that is programmed is one, and so is a byte that is erased */
  uint32_t left;
};

/** `off` does not return. */
void cells_open(uint8_t *cells, size_t bytes, volatile struct cut *cut, void (*off)(void));

#endif
