// What stands at the bundle's place: a text that ends at a NUL byte, or an image that an engine's own tool made of one.

#ifndef UNDERSTUDY_BUNDLE_H
#define UNDERSTUDY_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** No text begins so. */
#define BUNDLE_MAGIC 0x534a5589u

/** An image begins with it; all of an image's numbers are little-endian. */
struct bundle_head {
  uint32_t magic;
  /** of all of it, this head included */
  uint32_t bytes;
  /** CRC-32 of what stands behind this head */
  uint32_t crc;
};

/** Its length, or 0: neither ends within so many bytes. */
size_t bundle_length(const char *bundle, size_t most);

bool bundle_is_image(const char *bundle, size_t bytes);

/** Is the image as it was made? */
bool bundle_whole(const char *image, size_t bytes);

#endif
