// snapshot TEXT IMAGE ADDRESS: makes an image (image.h) of a bundle's text, which is to stand at that address; 0: it is
// not known. For a machine that builds boards, not for boards; linked with a JerryScript that can save snapshots.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crc32.h"
#include "image.h"
#include "jerryscript-config.h"
#include "jerryscript-port.h"
#include "jerryscript.h"

#if !JERRY_SNAPSHOT_SAVE
#error "JerryScript was built without JERRY_SNAPSHOT_SAVE"
#elif !JERRY_EXTERNAL_CONTEXT
#error "JerryScript was built without JERRY_EXTERNAL_CONTEXT"
#endif

#define TEXT_MAX_BYTES (1u << 20)
#define IMAGE_MAX_BYTES (1u << 20)
#define NAMES_MAX 0x10000u
#define HEAP_BYTES (512u * 1024u)
/** JerryScript counts its stack from where jerry_init stood: what calls it afterwards has to stand below. */
#define STACK_BELOW_BYTES 4096

static char text[TEXT_MAX_BYTES + 1];
static size_t text_bytes;
static uint32_t image[IMAGE_MAX_BYTES / sizeof(uint32_t)];
static size_t used;
static uint32_t snapshot[IMAGE_MAX_BYTES / sizeof(uint32_t)];
static jerry_char_t listed[TEXT_MAX_BYTES * 2];
static const jerry_char_t *names[NAMES_MAX];
static jerry_length_t lengths[NAMES_MAX];
static uint32_t count;
static void *context;

static _Noreturn void fail(const char *what, const char *why) {
  fprintf(stderr, "%s: %s\n", what, why);
  exit(1);
}

// What JerryScript wants of a port.

size_t jerry_port_context_alloc(size_t context_size) {
  context = calloc(1, context_size + HEAP_BYTES);
  if (!context) fail("snapshot", "no memory");
  return context_size + HEAP_BYTES;
}

struct jerry_context_t *jerry_port_context_get(void) {
  return context;
}

void jerry_port_context_free(void) {
  free(context);
  context = NULL;
}

void jerry_port_fatal(jerry_fatal_code_t code) {
  fail("jerryscript", code == JERRY_FATAL_OUT_OF_MEMORY ? "the bundle does not fit into its heap" : "a fatal error");
}

// The image.

static jerry_value_t checked(jerry_value_t value, const char *what) {
  if (!jerry_value_is_exception(value)) return value;
  jerry_value_t error = jerry_value_to_string(jerry_exception_value(value, false));
  char why[400] = "";
  size_t length = jerry_string_to_buffer(error, JERRY_ENCODING_UTF8, (jerry_char_t *)why, sizeof why - 1);
  why[length] = 0;
  fail(what, why);
}

static size_t save(uint32_t options) {
  jerry_value_t script = checked(jerry_parse((const jerry_char_t *)text, text_bytes, NULL), "parse");
  jerry_value_t size = checked(jerry_generate_snapshot(script, options, snapshot, sizeof snapshot), "snapshot");
  size_t bytes = (size_t)jerry_value_as_number(size);
  jerry_value_free(size);
  jerry_value_free(script);
  return bytes;
}

/** Lines `length text`, in the order that JerryScript wants them in. */
static void read_names(size_t bytes) {
  for (size_t at = 0; at < bytes;) {
    char *end = NULL;
    unsigned long length = strtoul((const char *)listed + at, &end, 10);
    size_t begin = (size_t)(end - (char *)listed) + 1;
    if (*end != ' ' || begin + length >= bytes || listed[begin + length] != '\n') fail("names", "cannot be read");
    if (count == NAMES_MAX) fail("names", "there are too many");
    lengths[count] = (jerry_length_t)length;
    names[count++] = listed + begin;
    at = begin + length + 1;
  }
}

/** How many strings the code has is known only when it was compiled once. */
static __attribute__((noinline)) void collect(void) {
  volatile char below[STACK_BELOW_BYTES];
  (void)below;
  size_t bytes = save(0);
  read_names(jerry_get_literals_from_snapshot(snapshot, bytes, listed, sizeof listed, false));
}

static uint32_t append(const void *bytes, size_t length) {
  size_t at = used;
  if (length > sizeof image - used) fail("image", "too long");
  memcpy((char *)image + at, bytes, length);
  used += length;
  return (uint32_t)at;
}

static void align(void) {
  while (used % 8) (void)append("", 1);
}

static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}

static bool known(const char *list, const char *word) {
  for (; *list; list += strlen(list) + 1) {
    if (strcmp(list, word) == 0) return true;
  }
  return false;
}

/** Words of the text that JerryScript knows by itself; returns the CRC-32 of their values. */
static uint32_t own_words(void) {
  static char list[0x10000];
  size_t length = 0;
  uint32_t crc = 0;
  for (size_t at = 0; at < text_bytes;) {
    char word[64];
    size_t letters = 0;
    while (at + letters < text_bytes && (is_letter(text[at + letters]) ||
                                         (letters > 0 && text[at + letters] >= '0' && text[at + letters] <= '9'))) {
      letters++;
    }
    const char *begin = text + at;
    at += letters ? letters : 1;
    if (letters == 0 || letters >= sizeof word) continue;
    memcpy(word, begin, letters);
    word[letters] = 0;
    if (known(list, word)) continue;
    bool ours = false;
    for (uint32_t i = 0; i < count && !ours; i++) {
      ours = lengths[i] == letters && memcmp(names[i], word, letters) == 0;
    }
    if (ours) continue;
    // what has a number and no place in the heap is the same value each time
    jerry_value_t once = jerry_string_sz(word);
    jerry_value_t again = jerry_string_sz(word);
    if (once == again) {
      uint32_t value = once;
      crc = crc32(crc, (const uint8_t *)&value, sizeof value);
      if (length + letters + 2 > sizeof list) fail("names", "too many of JerryScript's own");
      memcpy(list + length, word, letters + 1);
      length += letters + 1;
    }
    jerry_value_free(once);
    jerry_value_free(again);
  }
  (void)append(list, length + 1);
  return crc;
}

static __attribute__((noinline)) void fill(uint32_t address) {
  volatile char below[STACK_BELOW_BYTES];
  (void)below;
  jerry_register_magic_strings(names, count, lengths);
  struct image head = {.head = {.magic = BUNDLE_MAGIC}, .address = address, .names = count};
  (void)append(&head, sizeof head);
  align();
  head.code_bytes = (uint32_t)save(JERRY_SNAPSHOT_SAVE_STATIC);
  head.code_at = append(snapshot, head.code_bytes);
  align();
  head.lengths_at = append(lengths, count * sizeof lengths[0]);
  head.texts_at = append(lengths, count * sizeof lengths[0]);
  for (uint32_t i = 0; i < count; i++) {
    uint32_t at = append(names[i], lengths[i]);
    (void)append("", 1);
    image[head.texts_at / sizeof(uint32_t) + i] = address + at;
  }
  head.own_at = (uint32_t)used;
  head.own_crc = own_words();
  align();
  head.head.bytes = (uint32_t)used;
  memcpy(image, &head, sizeof head);
  head.head.crc = crc32(0, (const uint8_t *)image + sizeof head.head, used - sizeof head.head);
  memcpy(image, &head, sizeof head);
}

int main(int argc, char **argv) {
  if (argc != 4) fail("usage", "snapshot TEXT IMAGE ADDRESS");
  FILE *file = fopen(argv[1], "rb");
  if (!file) fail(argv[1], "cannot be read");
  text_bytes = fread(text, 1, sizeof text, file);
  if (text_bytes > TEXT_MAX_BYTES) fail(argv[1], "too long");
  (void)fclose(file);
  jerry_init(JERRY_INIT_EMPTY);
  collect();
  jerry_cleanup();
  jerry_init(JERRY_INIT_EMPTY);
  fill((uint32_t)strtoul(argv[3], NULL, 0));
  jerry_cleanup();
  file = fopen(argv[2], "wb");
  if (!file || fwrite(image, 1, used, file) != used || fclose(file) != 0) fail(argv[2], "cannot be written");
  return 0;
}
