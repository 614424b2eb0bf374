#include "cells.h"

#include <string.h>

#include "port.h"

static uint8_t *cells;
static size_t cells_bytes;
static volatile struct cut *cut;
static void (*power_off)(void);

void cells_open(uint8_t *at, size_t bytes, volatile struct cut *shared, void (*off)(void)) {
  cells = at;
  cells_bytes = bytes;
  cut = shared;
  power_off = off;
}

const uint8_t *port_cells(size_t *bytes) {
  if (bytes) *bytes = cells_bytes;
  return cells;
}

/** Before each cell write. */
static void spend(void) {
  if (cut->left == 0) {
    cut->armed = CUT_FIRED;
    power_off();
  }
  cut->left--;
}

bool port_cells_program(uint32_t at, const uint8_t *bytes, uint32_t length) {
  bool armed = cut->armed == CUT_ARMED;
  for (uint32_t i = 0; i < length; i++) {
    if (armed) spend();
    cells[at + i] &= bytes[i];
  }
  return true;
}

bool port_cells_erase(uint32_t at, uint32_t length) {
  if (cut->armed != CUT_ARMED) {
    memset(cells + at, 0xff, length);
    return true;
  }
  for (uint32_t i = 0; i < length; i++) {
    spend();
    cells[at + i] = 0xff;
  }
  return true;
}
