#include "crc32.h"

#define POLYNOMIAL 0xedb88320u

/** Made at the first use: 1 KB of memory for 1 KB less of flash, and no numbers to get wrong. */
static uint32_t table[256];

uint32_t crc32(uint32_t crc, const uint8_t *bytes, size_t length) {
  if (table[1] == 0) {
    for (uint32_t i = 0; i < 256; i++) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; bit++) value = value & 1 ? value >> 1 ^ POLYNOMIAL : value >> 1;
      table[i] = value;
    }
  }
  crc = ~crc;
  for (size_t i = 0; i < length; i++) crc = crc >> 8 ^ table[(crc ^ bytes[i]) & 0xff];
  return ~crc;
}
