/** The rules every VSP keeps, as tests nobody has to write: `vspRules(test, Echo)` declares them. */
import { isGuid } from '@ringlet/wire';
import type { VspClass } from '@ringlet/vmbus';
import { FREE_PAGE, guestHands, recordedWorld, smallMemory } from './guest-hands.ts';

/** The `test` function of vitest, `node:test`, or any runner with that shape. */
export type DeclareTest = (name: string, run: () => void) => unknown;

/** How long to try, and from which seed; a failure names the packet. */
export interface VspRulesOptions {
  /** Seed of the packets that are tried. */
  readonly seed?: number;
  /** Packets that are tried. */
  readonly packets?: number;
  /** What the device is told; its options' defaults otherwise. */
  readonly options?: Readonly<Record<string, unknown>>;
}

const PAGE = 4096;

/**
 * Declares the tests that every device must pass, whatever it does:
 *
 *  - no packet a guest can send makes it throw, and what `inspect` shows stays plain data
 *  - restored from JSON it answers as if never saved (for devices that `save`)
 *  - its identifiers are GUIDs
 */
export function vspRules(test: DeclareTest, Device: VspClass, options: VspRulesOptions = {}): void {
  const { seed = 1, packets = 500, options: given = {} } = options;
  const make = () => {
    const memory = smallMemory();
    const device = new Device(recordedWorld(memory), checked(Device, given) as never);
    return { device, memory };
  };
  const { offer } = make().device;

  test(`${offer.name}: no packet a guest can send makes it throw`, () => {
    const { device, memory } = make();
    const guest = guestHands(device, memory);
    const random = generator(seed);
    for (let i = 0; i < packets; i++) {
      const payload = noise(random);
      const at = `packet ${i} of seed ${seed}`;
      attempt(at, () => {
        if (random(4) > 0) guest.send(payload, BigInt(i));
        else guest.sendDirect(payload, FREE_PAGE * PAGE + random(PAGE), 1 + random(2 * PAGE), BigInt(i));
      });
    }
    // It goes to other threads and processes as JSON, which has no big integers.
    attempt('inspect', () => JSON.stringify(device.inspect?.()));
  });

  test(`${offer.name}: restored from plain data, it answers as if never saved`, () => {
    const kept = make();
    if (!kept.device.save) return;
    const first = guestHands(kept.device, kept.memory);
    const random = generator(seed);
    for (let i = 0; i < 20; i++) first.send(noise(random), BigInt(i));

    const resumed = make();
    resumed.device.restore?.(JSON.parse(JSON.stringify(kept.device.save())));
    const second = guestHands(resumed.device, resumed.memory);
    for (let i = 0; i < 20; i++) {
      const payload = noise(random);
      const [expected, actual] = [first.send(payload, BigInt(i)), second.send(payload, BigInt(i))].map(text);
      if (expected !== actual) throw new Error(`packet ${i} after the restore: ${actual} instead of ${expected}`);
    }
    const [expected, actual] = [kept.device.save(), resumed.device.save!()].map((state) => JSON.stringify(state));
    if (expected !== actual) throw new Error(`saved again it is ${actual} instead of ${expected}`);
  });

  test(`${offer.name}: its identifiers are GUIDs`, () => {
    for (const id of [offer.interfaceId, offer.instanceId]) if (!isGuid(id)) throw new Error(`not a GUID: ${id}`);
  });
}

/** The options as a machine would give them. */
function checked({ options }: VspClass, given: Readonly<Record<string, unknown>>): unknown {
  const result = options?.['~standard'].validate(given);
  if (result === undefined) return undefined;
  if (result instanceof Promise) throw new Error('the options are checked asynchronously: a device cannot wait');
  if (result.issues === undefined) return result.value;
  throw new Error(`the device refuses ${text(given)}: ${result.issues.map(({ message }) => message).join('; ')}`);
}

const text = (value: unknown): string =>
  JSON.stringify(value, (_, part) => {
    if (typeof part === 'bigint') return String(part);
    return part instanceof Uint8Array ? Array.from(part) : part;
  });

/** Random numbers below `n`, the same for the same seed (a linear congruential generator is noise enough here). */
function generator(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

const noise = (random: (n: number) => number): Uint8Array =>
  Uint8Array.from({ length: 8 * random(40) }, () => random(256));

function attempt(what: string, run: () => void): void {
  try {
    run();
  } catch (cause) {
    throw new Error(`${what} made the device throw`, { cause });
  }
}
