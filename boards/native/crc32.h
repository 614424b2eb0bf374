// CRC-32 (IEEE 802.3), continuing from `crc` (0 to begin).

#ifndef UNDERSTUDY_CRC32_H
#define UNDERSTUDY_CRC32_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32(uint32_t crc, const uint8_t *bytes, size_t length);

#endif
