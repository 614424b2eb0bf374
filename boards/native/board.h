// What main.c and bus.c offer to the natives.

#ifndef UNDERSTUDY_BOARD_H
#define UNDERSTUDY_BOARD_H

#include <stddef.h>
#include <stdint.h>

#include "natives.h"
#include "port.h"

/** Restarts this board; the chip with it where the chip is one board only. */
_Noreturn void board_restart(struct board *board, enum cause why);

/** To all other boards, on this chip or elsewhere. */
void bus_packet(struct board *from, const uint8_t *bytes, size_t length);
void bus_output(struct board *from, const char *device, size_t device_length, const uint8_t *bytes, size_t length);

#endif
