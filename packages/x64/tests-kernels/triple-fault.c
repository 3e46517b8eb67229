/* A fault whose double fault cannot be delivered: the processor shuts down. */
#include "kernel.h"

void test(void) {
  check("so far", 1, 1);
  idt[UD].type = 0x0e;
  idt[NP].type = 0x0e;
  idt[DF].type = 0x0e;
  asm volatile("ud2");
  check("not reached", 0, 1);
}
