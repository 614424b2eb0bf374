#include "natives.h"

#include <string.h>

#include "board.h"
#include "crc32.h"
#include "port.h"
#include "print.h"

#define LOG_MAX_BYTES 240

double native_now(struct board *board) {
  (void)board;
  return (double)port_micros() / 1000.0;
}

uint32_t native_random(struct board *board) {
  (void)board;
  return port_random();
}

uint32_t native_crc32(uint32_t crc, const uint8_t *bytes, size_t length) {
  return crc32(crc, bytes, length);
}

const char *native_flash_readable(struct board *board, double at, double length) {
  return nor_readable(&board->nor, at, length);
}

void native_flash_read(struct board *board, double at, uint8_t *into, size_t length) {
  nor_read(&board->nor, (uint32_t)at, into, length);
}

const char *native_flash_program(struct board *board, double at, const uint8_t *bytes, size_t length) {
  return nor_program(&board->nor, at, bytes, length);
}

const char *native_flash_erase(struct board *board, double sector) {
  return nor_erase(&board->nor, sector);
}

void native_serial(struct board *board, const uint8_t *bytes, size_t length) {
  size_t taken = port_write(board->index, bytes, length);
  if (taken == length) return;
  if (board->lost == 0) native_log(board, "the serial line is full: nobody reads it; bytes are lost");
  board->lost += (uint32_t)(length - taken);
}

void native_bus(struct board *board, const uint8_t *bytes, size_t length) {
  bus_packet(board, bytes, length);
}

const char *native_output(struct board *board, const char *device, size_t device_length, const uint8_t *bytes,
                          size_t length) {
  if (device_length > 255) return "the name of a device has 255 bytes at most";
  bus_output(board, device, device_length, bytes, length);
  return NULL;
}

uint64_t native_enter(struct board *board, uint32_t budgets) {
  uint64_t outer = board->deadline;
  uint64_t own = port_micros() + (uint64_t)budgets * board->settings->hang_ms * 1000;
  // one within another ends with that one at the latest
  board->deadline = own < outer ? own : outer;
  return outer;
}

bool native_expired(struct board *board) {
  if (board->deadline == UINT64_MAX) return false;
  if (!board->expired && port_micros() < board->deadline) return false;
  board->expired = true;
  return true;
}

bool native_leave(struct board *board, uint64_t outer) {
  bool expired = board->expired;
  board->deadline = outer;
  board->expired = false;
  if (expired) {
    board->hangs++;
    native_log(board, "a call did not return and was interrupted");
  }
  return expired;
}

void native_mark(struct board *board, double pid) {
  port_mark(board->index, (int32_t)pid);
}

void native_kick(struct board *board) {
  board->kicked = true;
}

void native_reset(struct board *board) {
  board_restart(board, CAUSE_RESET);
}

void native_log(struct board *board, const char *format, ...) {
  char text[LOG_MAX_BYTES];
  int length = print_text(text, sizeof text, "%s: ", board->name);
  va_list arguments;
  va_start(arguments, format);
  print_arguments(text + length, sizeof text - (size_t)length, format, arguments);
  va_end(arguments);
  port_log(text);
}
