// What runs first on a Cortex-M3: the vectors, memory as C wants it, a painted stack.

#include "chip.h"

extern uint32_t stack_begin[], stack_end[], data_begin[], data_end[], data_image[], bss_begin[], bss_end[];

int main(int argc, char **argv);

_Noreturn void start(void);

__attribute__((section(".vectors"), used)) static void (*const vectors[])(void) = {
    (void (*)(void))stack_end,
    start,
    on_watchdog,
    on_fault,
    on_fault,
    on_fault,
    on_fault,
    0,
    0,
    0,
    0,
    on_fault,
    on_fault,
    0,
    on_fault,
    on_fault,
    // UART 0 to 2, receive and transmit
    on_interrupt,
    on_interrupt,
    on_interrupt,
    on_interrupt,
    on_interrupt,
    on_interrupt,
    on_fault,
    on_fault,
    // timers 0 and 1
    on_interrupt,
    on_interrupt,
    on_fault,
    on_fault,
    on_fault,
    on_fault,
    on_fault,
    on_fault,
    on_fault,
    on_fault,
    // UART 3 and 4
    on_interrupt,
    on_interrupt,
    on_interrupt,
    on_interrupt,
};

_Noreturn void start(void) {
  uint32_t *top;
  __asm volatile("mov %0, sp" : "=r"(top));
  // volatile, or the compiler calls memset, which would paint over its own way back
  for (volatile uint32_t *at = stack_begin; at < top; at++) *at = STACK_PAINT;
  uint32_t *from = data_image;
  for (uint32_t *at = data_begin; at < data_end;) *at++ = *from++;
  for (uint32_t *at = bss_begin; at < bss_end;) *at++ = 0;
  main(0, 0);
  for (;;) {
  }
}
