#include "arena.h"

#include <stdbool.h>
#include <string.h>

#define WORD sizeof(size_t)
/** What a free block keeps in itself: two links, and at its end where it begins. */
#define PAYLOAD_MIN (3 * WORD)

#define FREE ((size_t)1)
/** the block before this one is free, and its last word tells where it begins */
#define AFTER_FREE ((size_t)2)
#define FLAGS (FREE | AFTER_FREE)

struct arena_block {
  /** bytes behind this word, a multiple of WORD; and flags */
  size_t head;
  struct arena_block *next;
  struct arena_block *before;
};

static size_t size_of(const struct arena_block *block) {
  return block->head & ~FLAGS;
}

static struct arena_block *behind(struct arena_block *block) {
  return (struct arena_block *)((uint8_t *)block + WORD + size_of(block));
}

static struct arena_block **begin_word(struct arena_block *block) {
  return (struct arena_block **)((uint8_t *)block + size_of(block));
}

static struct arena_block *block_of(void *at) {
  return (struct arena_block *)((uint8_t *)at - WORD);
}

static unsigned log2_of(size_t value) {
  return (unsigned)(8 * sizeof(unsigned long) - 1) - (unsigned)__builtin_clzl((unsigned long)value);
}

/** The list in which a free block of so many bytes stands. */
static void place(size_t bytes, unsigned *class, unsigned *step) {
  size_t words = bytes / WORD;
  if (words < ARENA_STEPS) {
    *class = 0;
    *step = (unsigned)words;
    return;
  }
  unsigned top = log2_of(words);
  *class = top - ARENA_STEPS_LOG2 + 1;
  *step = (unsigned)(words >> (top - ARENA_STEPS_LOG2)) & (ARENA_STEPS - 1);
  if (*class < ARENA_CLASSES) return;
  *class = ARENA_CLASSES - 1;
  *step = ARENA_STEPS - 1;
}

static void take_out(struct arena *arena, struct arena_block *block) {
  unsigned class, step;
  place(size_of(block), &class, &step);
  if (block->next) block->next->before = block->before;
  if (block->before) {
    block->before->next = block->next;
  } else {
    arena->free[class][step] = block->next;
    if (!block->next) {
      arena->steps[class] &= ~(1u << step);
      if (arena->steps[class] == 0) arena->classes &= ~(1u << class);
    }
  }
  block->head &= ~FREE;
  behind(block)->head &= ~AFTER_FREE;
}

static void put_in(struct arena *arena, struct arena_block *block) {
  unsigned class, step;
  place(size_of(block), &class, &step);
  block->before = NULL;
  block->next = arena->free[class][step];
  if (block->next) block->next->before = block;
  arena->free[class][step] = block;
  arena->steps[class] |= 1u << step;
  arena->classes |= 1u << class;
  block->head |= FREE;
  *begin_word(block) = block;
  behind(block)->head |= AFTER_FREE;
}

void arena_open(struct arena *arena, uint8_t *at, size_t bytes) {
  memset(arena, 0, sizeof *arena);
  arena->size = bytes / WORD * WORD;
  struct arena_block *all = (struct arena_block *)at;
  // one word at the end stands for a block of no bytes that is never free
  all->head = arena->size - 2 * WORD;
  behind(all)->head = 0;
  arena->used = arena->peak = 2 * WORD;
  put_in(arena, all);
}

/** A free block of at least so many bytes; null: none. */
static struct arena_block *find(struct arena *arena, size_t bytes) {
  unsigned class, step;
  size_t words = bytes / WORD;
  // any block of the next list is large enough
  size_t more = words < ARENA_STEPS ? 0 : ((size_t)1 << (log2_of(words) - ARENA_STEPS_LOG2)) - 1;
  place(bytes + more * WORD, &class, &step);
  uint32_t steps = arena->steps[class] & (~0u << step);
  if (!steps) {
    uint32_t classes = class + 1 < ARENA_CLASSES ? arena->classes & (~0u << (class + 1)) : 0;
    if (classes) {
      class = (unsigned)__builtin_ctz(classes);
      steps = arena->steps[class];
    }
  }
  if (steps) {
    struct arena_block *found = arena->free[class][__builtin_ctz(steps)];
    if (size_of(found) >= bytes) return found;
  }
  // a nearly full heap: some of its own list may do
  place(bytes, &class, &step);
  for (struct arena_block *at = arena->free[class][step]; at; at = at->next) {
    if (size_of(at) >= bytes) return at;
  }
  return NULL;
}

static void count(struct arena *arena) {
  if (arena->used > arena->peak) arena->peak = arena->used;
}

/** Gives back what a block that is in use has beyond so many bytes. */
static void trim(struct arena *arena, struct arena_block *block, size_t bytes) {
  size_t rest = size_of(block) - bytes;
  struct arena_block *next = behind(block);
  if (next->head & FREE) {
    if (rest == 0) return;
    take_out(arena, next);
    rest += WORD + size_of(next);
  }
  if (rest < WORD + PAYLOAD_MIN) {
    // too little for a block: stays with this one, and the neighbour as it was
    return;
  }
  block->head = bytes | (block->head & FLAGS);
  struct arena_block *left = behind(block);
  left->head = rest - WORD;
  put_in(arena, left);
}

static size_t rounded(size_t bytes) {
  size_t whole = (bytes + WORD - 1) / WORD * WORD;
  return whole < PAYLOAD_MIN ? PAYLOAD_MIN : whole;
}

void *arena_allocate(struct arena *arena, size_t bytes) {
  if (bytes == 0) return NULL;
  size_t wanted = rounded(bytes);
  struct arena_block *block = bytes <= arena->size ? find(arena, wanted) : NULL;
  if (!block) {
    arena->refused++;
    return NULL;
  }
  take_out(arena, block);
  trim(arena, block, wanted);
  arena->used += WORD + size_of(block);
  count(arena);
  return (uint8_t *)block + WORD;
}

void arena_free(struct arena *arena, void *at) {
  if (!at) return;
  struct arena_block *block = block_of(at);
  arena->used -= WORD + size_of(block);
  struct arena_block *next = behind(block);
  if (next->head & FREE) {
    take_out(arena, next);
    block->head += WORD + size_of(next);
  }
  if (block->head & AFTER_FREE) {
    struct arena_block *before = ((struct arena_block **)block)[-1];
    take_out(arena, before);
    before->head += WORD + size_of(block);
    block = before;
  }
  put_in(arena, block);
}

void *arena_reallocate(struct arena *arena, void *at, size_t bytes) {
  if (!at) return arena_allocate(arena, bytes);
  if (bytes == 0) {
    arena_free(arena, at);
    return NULL;
  }
  struct arena_block *block = block_of(at);
  size_t had = size_of(block);
  size_t wanted = rounded(bytes);
  struct arena_block *next = behind(block);
  if (wanted > had && wanted <= arena->size && next->head & FREE && had + WORD + size_of(next) >= wanted) {
    take_out(arena, next);
    block->head += WORD + size_of(next);
  }
  if (wanted <= size_of(block)) {
    trim(arena, block, wanted);
    arena->used += size_of(block);
    arena->used -= had;
    count(arena);
    return at;
  }
  void *moved = arena_allocate(arena, bytes);
  if (!moved) return NULL;
  memcpy(moved, at, had);
  arena_free(arena, at);
  return moved;
}
