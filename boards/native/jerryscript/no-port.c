// What JerryScript wants of a port and has no use for here: what runs on boards has no console, no files and no date.

#include <stddef.h>

#include "jerryscript-port.h"

void jerry_port_init(void) {
}

void jerry_port_sleep(uint32_t ms) {
  (void)ms;
}

void jerry_port_log(const char *text) {
  (void)text;
}

void jerry_port_print_buffer(const jerry_char_t *bytes, jerry_size_t length) {
  (void)bytes;
  (void)length;
}

jerry_char_t *jerry_port_line_read(jerry_size_t *length) {
  *length = 0;
  return NULL;
}

void jerry_port_line_free(jerry_char_t *line) {
  (void)line;
}

jerry_char_t *jerry_port_path_normalize(const jerry_char_t *path, jerry_size_t length) {
  (void)path;
  (void)length;
  return NULL;
}

void jerry_port_path_free(jerry_char_t *path) {
  (void)path;
}

jerry_size_t jerry_port_path_base(const jerry_char_t *path) {
  (void)path;
  return 0;
}

jerry_char_t *jerry_port_source_read(const char *file, jerry_size_t *length) {
  (void)file;
  *length = 0;
  return NULL;
}

void jerry_port_source_free(jerry_char_t *source) {
  (void)source;
}

int32_t jerry_port_local_tza(double unix_ms) {
  (void)unix_ms;
  return 0;
}

double jerry_port_current_time(void) {
  return 0;
}
