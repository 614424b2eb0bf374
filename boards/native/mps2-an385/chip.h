// Registers of Arm's mps2-an385 (Cortex-M3 with CMSDK peripherals), as its application note and QEMU have them.

#ifndef UNDERSTUDY_CHIP_H
#define UNDERSTUDY_CHIP_H

#include <stdint.h>

#define CLOCK_MHZ 25u

struct uart {
  volatile uint32_t data;
  volatile uint32_t state;
  volatile uint32_t ctrl;
  volatile uint32_t interrupt;
  volatile uint32_t bauddiv;
};

#define UART_TX_FULL 1u
#define UART_RX_FULL 2u
/** transmitter, receiver, and the interrupts of both */
#define UART_ON 15u
#define UART_BOTH 3u
#define UARTS 5

#define UART_AT(n) ((struct uart *)((n) == 4 ? 0x40009000u : 0x40004000u + (n) * 0x1000u))
/** number of its receive interrupt; that of the transmitter follows */
#define UART_IRQ(n) ((n) < 3 ? (n) * 2u : 12u + (n) * 2u)

struct timer {
  volatile uint32_t ctrl;
  volatile uint32_t value;
  volatile uint32_t reload;
  volatile uint32_t interrupt;
};

#define TIMER_AT(n) ((struct timer *)(0x40000000u + (n) * 0x1000u))
#define TIMER_ON 9u
#define TIMER_IRQ(n) (8u + (n))

struct watchdog {
  volatile uint32_t load;
  volatile uint32_t value;
  volatile uint32_t ctrl;
  volatile uint32_t interrupt;
  uint32_t unused[764];
  volatile uint32_t lock;
};

#define WATCHDOG ((struct watchdog *)0x40008000u)
#define WATCHDOG_UNLOCK 0x1acce551u
/** first the NMI, then the reset */
#define WATCHDOG_ON 3u

#define NVIC_ENABLE (*(volatile uint32_t *)0xe000e100u)
#define SCB_AIRCR (*(volatile uint32_t *)0xe000ed0cu)
#define AIRCR_RESET 0x05fa0004u

/** Text `key=value` lines, ended by a NUL byte, and behind it the bundle (bundle.h); loaded, not built in. */
#define SETTINGS_AT ((const char *)0x002ff000u)
#define SETTINGS_BYTES 4096u
#define BUNDLE_AT ((const char *)0x00300000u)
#define BUNDLE_BYTES 0x00100000u

/** RAM in the place of a flash chip; QEMU keeps it in a file. */
#define NOR_AT ((uint8_t *)0x21000000u)
#define NOR_BYTES 0x01000000u

#define STACK_PAINT 0xa5a5a5a5u

void on_watchdog(void);
void on_fault(void);
void on_interrupt(void);

#endif
