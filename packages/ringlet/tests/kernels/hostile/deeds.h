/* What is done to the hypervisor and the platform; and which of all deeds is next. */
#pragma once

static void any_hypercall(void) {
  static const u16 codes[] = { 2, 3, 8, 0xb, 0x13, 0x14, 0x15, 0x40, 0x41, 0x42, 0x43, 0x46, 0x48, 0x4b, 0x4d, 0x4e, 0x50, 0x51, 0x52, 0x57, 0x58, 0x59,
    0x5a, 0x5b, 0x5c, 0x5d, 0x5e, 0x68, 0x69, 0x6c, 0x71, 0x7a, 0x7b, 0x7c, 0x7d, 0x7e, 0x81, 0x82, 0x94, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa1, 0xae, 0xaf,
    0xb0, 0xdb, 0xdc, 0xe0 };
  u64 control = one_in(3) ? below(0x120) : one_in(24) ? hostile() & 0xffff : codes[below(sizeof codes / 2)];
  if (one_in(2)) control |= 1ul << 16;
  if (one_in(4)) control |= (u64)below(1024) << 17;
  if (one_in(2)) control |= (u64)(one_in(4) ? below(4096) : 1 + below(4)) << 32;
  if (one_in(6)) control |= (u64)below(4096) << 48;
  if (one_in(16)) control ^= hostile64();
  u64 input = any_address(), output = any_address();
  if (one_in(2)) fill((void *)(input = good_page() << 12), 256);
  if (one_in(2)) output = good_page() << 12;
  /* Calls about partitions name one first: this one. */
  if (one_in(2) && input >> 12 < BUFFERS_END) *(u64 *)(input & ~7ul) = one_in(2) ? ~0ul : below(8);
  hypercall(control, input, output);
}

static void any_register(void) {
  u32 index = 0x40000000 + (one_in(2) ? below(0x100) : one_in(2) ? 0x80 + below(0x40) : below(0x24));
  if (one_in(3)) {
    /* Reading this one is to wait. */
    if (index != IDLE) get(index);
    return;
  }
  u64 value = one_in(2) ? any_page() << 12 | below(2) : one_in(2) ? hostile64() : below(0x40000);
  /* The one that is meant to end the machine. */
  if (index == VP_RESET) value &= ~1ul;
  if (index == HYPERCALL) value &= ~2ul;
  set(index, value);
  if (!one_in(4)) set_up_synic();
}

/* INIT to the processor itself is its end and nobody's fault. */
static u32 harmless(u32 at, u32 value) { return at == 0x300 || (at >= 0x320 && at <= 0x370) ? value & ~0x700u : value; }

static void any_device(void) {
  static const u16 ports[] = { 0x20, 0x21, 0x40, 0x41, 0x42, 0x43, 0x60, 0x61, 0x70, 0x71, 0x80, 0xa0, 0xa1, 0xcf8, 0xcfc, 0x3f9, 0x3fe, 0x3ff, 0x4d0,
    0x600, 0x1f0, 0x3c0, 0x402, 0xcfe };
  u32 value = hostile(), at = 16 * below(64);
  switch (below(5)) {
    case 0: {
      /* Sleeping, and the divisor of the console, would end the talk. */
      u16 port = one_in(4) ? 0x1000 + below(0xe000) : ports[below(sizeof ports / 2)];
      if (port == 0x600) value &= ~0x20u;
      if (one_in(3)) asm volatile("inl %1, %0" : "=a"(value) : "d"(port));
      else if (port == 0x3f9 || one_in(2)) out8(port, port == 0x3f9 ? value & 0xf : value);
      else if (port < 0x3f0 || port > 0x3ff) out32(port, port >= 0x5fd && port < 0x603 ? 0 : value);
      break;
    }
    case 1:
      if (one_in(3)) value = LOCAL_APIC[at / 4];
      else LOCAL_APIC[at / 4] = harmless(at, value);
      break;
    case 2:
      IO_APIC[0] = one_in(8) ? hostile() : below(64);
      if (one_in(3)) value = IO_APIC[4];
      else IO_APIC[4] = value & ~0x700u;
      break;
    case 3:
      if (one_in(2)) get(0x800 + below(0x40));
      else set(0x800 + (at >> 4), harmless(at, value));
      break;
    default: breathe();
  }
}

static void any_deed(void) {
  listen_to_all();
  switch (below(32)) {
    case 0: case 1: any_message(); break;
    case 2: any_gpadl(); break;
    case 3: case 4: any_hypercall(); break;
    case 5: any_register(); break;
    case 6: any_device(); break;
    default: any_channel_deed();
  }
}
