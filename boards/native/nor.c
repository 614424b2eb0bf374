#include "nor.h"

#include <string.h>

#include "port.h"
#include "print.h"

#define ERASED 0xff

static const char *refuse(struct nor *nor, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  print_arguments(nor->why, sizeof nor->why, format, arguments);
  va_end(arguments);
  return nor->why;
}

static uint32_t total(const struct nor *nor) {
  return nor->sector_bytes * nor->sectors;
}

static const uint8_t *cells(const struct nor *nor) {
  return port_cells(NULL) + nor->begin;
}

static bool marked(const struct nor *nor, uint32_t unit) {
  if (nor->marks) return nor->marks[unit / 8] >> unit % 8 & 1;
  const uint8_t *at = cells(nor) + unit * nor->program_bytes;
  for (uint32_t i = 0; i < nor->program_bytes; i++) {
    if (at[i] != ERASED) return true;
  }
  return false;
}

void nor_open(struct nor *nor) {
  if (!nor->marks) return;
  const uint8_t *at = cells(nor);
  for (uint32_t i = 0; i < total(nor); i++) {
    uint32_t unit = i / nor->program_bytes;
    if (at[i] != ERASED) nor->marks[unit / 8] |= (uint8_t)(1 << unit % 8);
  }
}

/** A whole number within the flash, and so below 2^32. */
static bool whole(double value, double most) {
  return value >= 0 && value <= most && value == (double)(uint32_t)value;
}

static const char *within(struct nor *nor, double at, double length, const char *what) {
  double all = total(nor);
  if (whole(at, all) && whole(length, all) && at + length <= all) return NULL;
  return refuse(nor, "flash: %s is outside its %lu B, or not at a whole number", what, (unsigned long)all);
}

const char *nor_readable(struct nor *nor, double at, double length) {
  return within(nor, at, length, "what is read");
}

void nor_read(const struct nor *nor, uint32_t at, uint8_t *into, size_t length) {
  memcpy(into, cells(nor) + at, length);
}

static const char *check(struct nor *nor, uint32_t at, const uint8_t *bytes, uint32_t length) {
  uint32_t unit_bytes = nor->program_bytes;
  unsigned long place = at;
  unsigned long many = length;
  if (at % unit_bytes != 0 || length % unit_bytes != 0) {
    return refuse(nor, "flash: program of %lu B at 0x%02lx is not in whole units of %lu B", many, place,
                  (unsigned long)unit_bytes);
  }
  for (uint32_t unit = at / unit_bytes; nor->program_once && unit * unit_bytes < at + length; unit++) {
    if (marked(nor, unit)) {
      return refuse(nor, "flash: program of %lu B at 0x%02lx: the unit at 0x%02lx was programmed already since its erase",
                    many, place, (unsigned long)(unit * unit_bytes));
    }
  }
  const uint8_t *old = cells(nor) + at;
  for (uint32_t i = 0; i < length; i++) {
    if ((old[i] & bytes[i]) == bytes[i]) continue;
    // where nobody has programmed anything, it is the part's own doing
    const char *bad = marked(nor, (at + i) / unit_bytes) ? "" : ": the cell is bad";
    return refuse(nor, "flash: at 0x%02lx programming 0x%02x over 0x%02x would raise a bit%s", place + i, bytes[i],
                  old[i], bad);
  }
  return NULL;
}

const char *nor_program(struct nor *nor, double at, const uint8_t *bytes, size_t length) {
  const char *wrong = within(nor, at, (double)length, "what is programmed");
  if (wrong) return wrong;
  uint32_t from = (uint32_t)at;
  uint32_t many = (uint32_t)length;
  wrong = check(nor, from, bytes, many);
  if (wrong) return wrong;
  for (uint32_t unit = from / nor->program_bytes; nor->marks && unit * nor->program_bytes < from + many; unit++) {
    nor->marks[unit / 8] |= (uint8_t)(1 << unit % 8);
  }
  if (port_cells_program(nor->begin + from, bytes, many)) return NULL;
  return refuse(nor, "flash: program of %lu B at 0x%02lx failed", (unsigned long)many, (unsigned long)from);
}

const char *nor_erase(struct nor *nor, double sector) {
  if (!whole(sector, (double)nor->sectors - 1)) {
    return refuse(nor, "flash: erase: no such sector; there are %lu", (unsigned long)nor->sectors);
  }
  uint32_t from = (uint32_t)sector * nor->sector_bytes;
  if (!port_cells_erase(nor->begin + from, nor->sector_bytes)) {
    return refuse(nor, "flash: erase of sector %lu failed", (unsigned long)sector);
  }
  uint32_t end = (from + nor->sector_bytes) / nor->program_bytes;
  for (uint32_t unit = from / nor->program_bytes; nor->marks && unit < end; unit++) {
    nor->marks[unit / 8] &= (uint8_t)~(1 << unit % 8);
  }
  return NULL;
}
