// An allocator within a range of memory, for engines that bring none: good fit by two levels of sizes, in constant time,
// with one word for each block (M. Masmano et al., "TLSF", 2004).

#ifndef UNDERSTUDY_ARENA_H
#define UNDERSTUDY_ARENA_H

#include <stddef.h>
#include <stdint.h>

#define ARENA_MIN_BYTES 4096

/** Sizes below 2^(ARENA_SHIFT) have lists of their own; above, each power of two has 2^ARENA_STEPS_LOG2. */
#define ARENA_STEPS_LOG2 3
#define ARENA_STEPS (1 << ARENA_STEPS_LOG2)
#define ARENA_CLASSES 24

struct arena_block;

struct arena {
  /** bytes in use, with the words that they cost; at most so far */
  size_t used;
  size_t peak;
  size_t size;
  /** calls that found no room */
  uint32_t refused;
  uint32_t classes;
  uint32_t steps[ARENA_CLASSES];
  struct arena_block *free[ARENA_CLASSES][ARENA_STEPS];
};

/** `at` is aligned to 8 bytes. */
void arena_open(struct arena *arena, uint8_t *at, size_t bytes);
/** Null where there is no room, or of 0 bytes. */
void *arena_allocate(struct arena *arena, size_t bytes);
void *arena_reallocate(struct arena *arena, void *at, size_t bytes);
void arena_free(struct arena *arena, void *at);

#endif
