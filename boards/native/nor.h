// The rules of NOR flash on a board's range of cells, as host/testbed/cells.ts has them: bits go from 1 to 0 only, in
// whole program units, each once between two erases where the part wants it so; erases are of whole sectors. All is
// checked before the first cell changes.

#ifndef UNDERSTUDY_NOR_H
#define UNDERSTUDY_NOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nor {
  /** of all cells: where those of this flash begin */
  uint32_t begin;
  uint32_t sector_bytes;
  uint32_t sectors;
  uint32_t program_bytes;
  bool program_once;
  /** one bit a unit: programmed since its erase; null: that a unit is blank tells it */
  uint8_t *marks;
  /** why a call was refused */
  char why[120];
};

/** After the geometry was set: what is not blank was programmed. */
void nor_open(struct nor *nor);

/** Null, or why it cannot be. */
const char *nor_readable(struct nor *nor, double at, double length);
void nor_read(const struct nor *nor, uint32_t at, uint8_t *into, size_t length);
const char *nor_program(struct nor *nor, double at, const uint8_t *bytes, size_t length);
const char *nor_erase(struct nor *nor, double sector);

#endif
