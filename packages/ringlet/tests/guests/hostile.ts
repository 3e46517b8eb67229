/**
 * A guest that does everything wrong that a guest can do: bus messages, buffers, rings, hypercalls and MSRs at random.
 *
 * Arguments: the seed, and for how many milliseconds. Then it says what it did, and goes on until it is turned off.
 */
import { SCSI_CONTROLLER_INTERFACE } from '@ringlet/protocols';
import type { Guest } from 'ringlet';
import { HostileBus } from './hostile-bus.ts';
import { HostileChannel } from './hostile-channel.ts';
import { SEAT } from './hostile-messages.ts';
import { Random } from './random.ts';

const ECHO = '3e3c9d1a-6c0f-4b57-9f0a-0f2f4d6a8b10';
const PAGE = 4096;
const GUEST_OS_ID = 0x4000_0000;
/** HvCallOutputDebugCharacter, fast. */
const OUTPUT = 0x1_0071n;
/** Operations between two breaths, in which interrupts are taken. */
const BURST = 32;
/** Call codes that exist, to be called wrongly. */
const CODES = [2, 3, 8, 0xb, 0x13, 0x14, 0x15, 0x40, 0x4e, 0x50, 0x51, 0x57, 0x58, 0x5a, 0x5b, 0x5c, 0x5d, 0x5e];
const MORE_CODES = [0x68, 0x69, 0x7a, 0x7d, 0x94, 0x96, 0x97, 0x99, 0x9a, 0xae, 0xaf, 0xb0];
/** First and number of the registers of each group: identity and time, SynIC, timers, crash, local APIC. */
const REGISTERS = [
  [0x4000_0000, 0x24],
  [0x4000_0070, 0x04],
  [0x4000_0080, 0x20],
  [0x4000_00b0, 0x08],
  [0x4000_0100, 0x06],
  [0x0000_0800, 0x40],
] as const;

/** A turn of the event loop: the runtime takes interrupts then. Timers are among what is broken here. */
const breath = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export default async function main(guest: Guest): Promise<void> {
  const [seed = '1', milliseconds = '1000'] = guest.args;
  const random = new Random(Number(seed));
  const memoryPages = 2048;
  const say = speaker(guest);
  await guest.bus.connect();
  const bus = new HostileBus(guest, random, memoryPages);
  const channels = [SCSI_CONTROLLER_INTERFACE, ECHO, ...SEAT].map((id) => {
    const offer = guest.bus.offers.find(({ interfaceId }) => interfaceId === id)!;
    return new HostileChannel(guest, bus, random, offer, memoryPages);
  });
  const scratch = guest.pages.allocate(4) * PAGE;
  await say(`seed ${seed}\n`);

  const deeds = [
    () => bus.anyMessage(),
    () => bus.anyGpadl(),
    () => channels[0]!.anything(),
    () => channels[0]!.anything(),
    () => channels[1]!.anything(),
    () => random.of(channels.slice(2)).anything(),
    () => anyHypercall(guest, random, scratch),
    () => anyRegister(guest, random),
  ];
  let count = 0;
  const go = async (until: number): Promise<void> => {
    while (performance.now() < until) {
      for (let i = 0; i < BURST; i++, count++) random.of(deeds)();
      await breath();
    }
  };
  const began = performance.now();
  for (const part of [1, 2, 3]) {
    await go(began + (Number(milliseconds) * part) / 3);
    const answers = channels.map((channel) => channel.answers).join(' and ');
    await say(`part ${part}: ${count} deeds, ${answers} answers\n`);
  }
  await go(Infinity);
}

function anyHypercall(guest: Guest, random: Random, scratch: number): void {
  const code = random.of([random.of(CODES), random.of(MORE_CODES), random.below(0x110), random.word()]);
  const fast = random.below(2) === 0 ? 0x1_0000n : 0n;
  const header = BigInt(random.of([0, 0, 1, random.below(1024)])) << 17n;
  const reps = BigInt(random.of([0, 0, 1, random.below(4096)])) << 32n;
  const start = BigInt(random.of([0, 0, 0, random.below(4096)])) << 48n;
  guest.memory.write(scratch, random.fill(new Uint8Array(random.below(2 * PAGE))));
  const address = (): bigint =>
    random.of([BigInt(scratch + 8 * random.below(1024)), BigInt(scratch + random.below(PAGE)), random.hostile64()]);
  const reserved = random.below(16) === 0 ? random.hostile64() : 0n;
  guest.hypercall((BigInt(code) | fast | header | reps | start) ^ reserved, address(), address());
}

function anyRegister(guest: Guest, random: Random): void {
  const [first, number] = random.of(REGISTERS);
  const index = first + random.below(number);
  if (random.below(3) === 0) return void guest.readMsr(index);
  const page = BigInt(random.below(4096)) << 12n;
  guest.writeMsr(index, random.of([random.hostile64(), page | 1n, page, BigInt(random.below(0x40000))]));
}

/** Speaks although everything may be broken: repairs what speaking needs, and waits without a timer. */
function speaker(guest: Guest): (text: string) => Promise<void> {
  return async (text) => {
    for (const byte of new TextEncoder().encode(text)) {
      guest.writeMsr(GUEST_OS_ID, 1n);
      while ((guest.hypercall(OUTPUT, BigInt(byte), 0n) & 0xffffn) !== 0n) await breath();
    }
  };
}
