#include "settings.h"

#include <string.h>

static char why[160];

static const char *refuse(const char *what, const char *key) {
  size_t length = 0;
  for (const char *at = key; *at && length < 60; at++) why[length++] = *at;
  for (const char *at = what; *at && length < sizeof why - 1; at++) why[length++] = *at;
  why[length] = 0;
  return why;
}

static bool number(const char *text, uint32_t *into) {
  uint64_t value = 0;
  if (!*text) return false;
  for (; *text; text++) {
    if (*text < '0' || *text > '9') return false;
    value = value * 10 + (uint64_t)(*text - '0');
    if (value > UINT32_MAX) return false;
  }
  *into = (uint32_t)value;
  return true;
}

void settings_default(struct settings *settings) {
  memset(settings, 0, sizeof *settings);
  settings->sector_bytes = 4096;
  settings->sectors = 256;
  settings->program_bytes = 4;
  settings->program_once = true;
  settings->heap = 1024 * 1024;
  settings->hang_ms = 1000;
  settings->watchdog_ms = 8000;
  settings->seed = 1;
  settings->traces = true;
  settings->bus_slot_us = 8000;
  settings->bus_byte_ns = 86806;
}

/** `a` or `a,b`: the boards that this chip is. */
static const char *names(struct settings *settings, const char *text) {
  settings->boards = 0;
  for (const char *at = text;; at++) {
    size_t length = strcspn(at, ",");
    if (length == 0 || length > NAME_MAX_BYTES) return refuse(": a name has 1 to 63 bytes", "name");
    if (settings->boards == BOARDS_MAX) return refuse(": a chip has a console for 3 boards", "name");
    memcpy(settings->name[settings->boards], at, length);
    settings->name[settings->boards++][length] = 0;
    at += length;
    if (!*at) return NULL;
  }
}

const char *settings_take(struct settings *settings, const char *key, const char *value) {
  if (strcmp(key, "name") == 0) return names(settings, value);
  uint32_t taken = 0;
  if (!number(value, &taken)) return refuse(": not a number below 2^32", key);
  if (strcmp(key, "sector-bytes") == 0) settings->sector_bytes = taken;
  else if (strcmp(key, "sectors") == 0) settings->sectors = taken;
  else if (strcmp(key, "program-bytes") == 0) settings->program_bytes = taken;
  else if (strcmp(key, "program-once") == 0) settings->program_once = taken != 0;
  else if (strcmp(key, "heap") == 0) settings->heap = taken;
  else if (strcmp(key, "memory-bytes") == 0) settings->memory_bytes = taken;
  else if (strcmp(key, "hang-ms") == 0) settings->hang_ms = taken;
  else if (strcmp(key, "watchdog-ms") == 0) settings->watchdog_ms = taken;
  else if (strcmp(key, "report-ms") == 0) settings->report_ms = taken;
  else if (strcmp(key, "seed") == 0) settings->seed = taken;
  else if (strcmp(key, "traces") == 0) settings->traces = taken != 0;
  else if (strcmp(key, "bus-boards") == 0) settings->bus_boards = taken;
  else if (strcmp(key, "bus-address") == 0) settings->bus_address = taken;
  else if (strcmp(key, "bus-slot-us") == 0) settings->bus_slot_us = taken;
  else if (strcmp(key, "bus-byte-ns") == 0) settings->bus_byte_ns = taken;
  else if (strcmp(key, "bundle-bytes") == 0) settings->bundle_bytes = taken;
  else return refuse(": no such setting", key);
  return NULL;
}

const char *settings_check(const struct settings *settings) {
  if (settings->boards == 0) return "name: which board is this?";
  if (settings->program_bytes == 0 || settings->sector_bytes == 0 || settings->sectors == 0 ||
      settings->sector_bytes % settings->program_bytes != 0) {
    return "program-bytes, sector-bytes, sectors: whole program units make a sector, and sectors the flash";
  }
  if ((uint64_t)settings->sector_bytes * settings->sectors * settings->boards > UINT32_MAX) {
    return "sectors: more flash than can be";
  }
  if (settings->bus_boards && (settings->bus_boards < 2 || settings->bus_boards > 8 ||
                               settings->bus_address >= settings->bus_boards || settings->bus_slot_us % 4 != 0)) {
    return "bus-boards, bus-address, bus-slot-us: 2 to 8 boards, an address below that, a multiple of 4";
  }
  if (settings->hang_ms == 0) return "hang-ms: a call needs some time";
  return NULL;
}
