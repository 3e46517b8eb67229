/* Random numbers from a seed, with a taste for the values that break things. */
#pragma once

static u64 random_state;

static void seed_random(u64 seed) { random_state = 88172645463325252ul ^ seed * 0x9e3779b97f4a7c15ul; }

static u64 random64(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state * 0x2545f4914f6cdd1dul;
}

/* 0 to n - 1. */
static u32 below(u32 n) { return (random64() >> 32) % n; }
static int one_in(u32 n) { return below(n) == 0; }

/* Small, a power of two or next to one, or anything. */
static u32 hostile(void) {
  static const u32 edges[] = { 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff8, 4095, 4096, 4097, 65535, 65536 };
  switch (below(6)) {
    case 0: case 1: case 2: return below(64);
    case 3: return (1u << below(32)) - below(3);
    case 4: return edges[below(sizeof edges / sizeof *edges)];
    default: return random64();
  }
}

static u64 hostile64(void) { return (u64)(one_in(4) ? hostile() : 0) << 32 | hostile(); }

static void fill(void *to, u32 bytes) {
  u8 *at = to;
  for (u32 i = 0; i < bytes; i += 4) {
    u32 word = hostile();
    for (u32 j = i; j < bytes && j < i + 4; j++, word >>= 8) at[j] = word;
  }
}

enum { PAGE = 4096, KERNEL_FIRST = 0x100, KERNEL_END = 0x200, RINGS = 0x400, BUFFERS = 0x800, BUFFERS_END = 0x2400, RAM_END = 0x4000 };

/* A page that exists and is no part of the kernel. */
static u64 good_page(void) { return one_in(8) ? RINGS + below(BUFFERS - RINGS) : BUFFERS + below(BUFFERS_END - BUFFERS); }

/* Any page but the kernel's: of RAM, of a device, behind the end, or nowhere. */
static u64 any_page(void) {
  u64 page;
  switch (below(8)) {
    case 0: page = RAM_END - 4 + below(64); break;
    case 1: page = one_in(2) ? 0xfee00 : 0xfec00; break;
    case 2: page = hostile64(); break;
    case 3: page = below(0x100); break;
    default: page = good_page();
  }
  return page >= KERNEL_FIRST && page < KERNEL_END ? page + KERNEL_END : page;
}

static u64 any_address(void) {
  u64 address = one_in(4) ? hostile64() : any_page() << 12 | (one_in(2) ? 0 : one_in(2) ? 8 * below(512) : below(PAGE));
  u64 page = address >> 12;
  return page >= KERNEL_FIRST && page < KERNEL_END ? address + ((u64)KERNEL_END << 12) : address;
}
