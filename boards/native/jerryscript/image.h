// What snapshot.c makes of a bundle's text: code that JerryScript runs where it stands, and never writes to (a static
// snapshot). Such code names all of its strings by number: JerryScript's own by their place in its table, all others by
// their place in one that stands here. So neither takes anything of the heap.

#ifndef UNDERSTUDY_JERRYSCRIPT_IMAGE_H
#define UNDERSTUDY_JERRYSCRIPT_IMAGE_H

#include "bundle.h"

/** `…_at`: from the beginning of the image, in whole words. */
struct image {
  struct bundle_head head;
  /** where the image is meant to stand: what `texts_at` has are addresses there; 0: they count from the image */
  uint32_t address;
  uint32_t names;
  /** of each name its length */
  uint32_t lengths_at;
  /** and where its text stands */
  uint32_t texts_at;
  /** names that are JerryScript's own, each ended by NUL, the last of them empty: it may have been built otherwise here */
  uint32_t own_at;
  /** CRC-32 of their values, one behind the other, where the image was made */
  uint32_t own_crc;
  /** the snapshot, in whole units of 8 bytes */
  uint32_t code_at;
  uint32_t code_bytes;
};

#endif
