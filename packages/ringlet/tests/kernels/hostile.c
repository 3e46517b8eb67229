/*
 * A kernel that does everything wrong that a kernel can do to a hypervisor, its bus and its devices.
 *
 * Words of the command line, each with a number: `seed`, `seconds` it goes on and `rounds` it does at least.
 * A round sets up the SynIC, connects to the bus and hears the offers, as any driver does; then come a thousand deeds of
 * a kind that no driver has. A dot for each round; a line of figures now and then and at the
 * end, and exit code 0.
 *
 * Devices write where they are told, so the kernel keeps the addresses that it makes up away from its own megabyte:
 *
 *     1 MiB    this kernel
 *     4 MiB    rings
 *     8 MiB    buffers, overlay pages, parameters of hypercalls
 *     36 MiB   nothing
 */
#include "../../../x64/tests-kernels/kernel.h"
#include "hostile/random.h"
#include "hostile/processor.h"
#include "hostile/bus.h"
#include "hostile/rings.h"
#include "hostile/templates.h"
#include "hostile/channels.h"
#include "hostile/deeds.h"

enum { DEEDS_OF_ROUND = 1000, REPORTED = 64 };

static u64 number_of(const char *words, const char *name, u64 otherwise) {
  for (; *words; words++) {
    const char *at = words, *letter = name;
    while (*letter && *at == *letter) at++, letter++;
    if (*letter || *at != '=') continue;
    u64 value = 0;
    for (at++; *at >= '0' && *at <= '9'; at++) value = 10 * value + (*at - '0');
    return value;
  }
  return otherwise;
}

static void say(const char *name, u64 value) {
  char digits[24], *at = digits + sizeof digits;
  *--at = 0;
  do *--at = '0' + value % 10;
  while (value /= 10);
  tell(name);
  tell(" ");
  tell(at);
}

static void report(u64 rounds, u64 deeds, u64 connected) {
  say("\nrounds", rounds);
  say(", deeds", deeds);
  say(", connections", connected);
  say(", messages", messages_posted);
  say(" answered", messages_received);
  say(", hypercalls", hypercalls);
  say(", faults", faults);
  for (u32 i = 0; i < KINDS; i++) {
    tell(", ");
    say(kind_names[i], packets_sent[i]);
    say(" answered", packets_received[i]);
  }
  tell("\n");
}

/* start.S leaves the Multiboot information in RBX. */
asm(".globl test\ntest: mov %rbx, %rdi; jmp be_hostile");

__attribute__((used)) static void be_hostile(const u32 *information) {
  const char *words = (const char *)(u64)information[4];
  u64 seed = number_of(words, "seed", 1), seconds = number_of(words, "seconds", 5), least = number_of(words, "rounds", 0);
  prepare_processor();
  say("seed", seed);
  tell("\n");
  seed_random(seed);
  u64 rounds = 0, deeds = 0, connected = 0, until = now() + seconds * 10000000;
  for (; now() < until || rounds < least; rounds++) {
    connected += connect_anew();
    for (u32 i = 0; i < DEEDS_OF_ROUND; i++, deeds++) any_deed();
    tell(".");
    if (rounds % REPORTED == 3) report(rounds + 1, deeds, connected);
  }
  report(rounds, deeds, connected);
  leave(0);
}
