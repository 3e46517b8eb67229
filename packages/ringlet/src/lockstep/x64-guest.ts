/**
 * An x86-64 guest in a lockstep run: a turn of a processor is a number of instructions drawn from the seed, and time goes
 * on by what they would have taken. Nothing of the host comes in: neither its clock nor its randomness.
 */
import { Platform, VIRTUAL_EPOCH } from '@ringlet/root-partition';
import { inspectVp, registerWords } from '@ringlet/x64';
import type { MachineParts, X64GuestParts } from '../machine/parts.ts';
import type { KernelCallbacks, System } from '../machine/system.ts';
import { Ending, panicOf, X64Vp } from '../machine/x64-vp.ts';
import { X64Guest } from '../threads/x64-guest.ts';
import { type LockstepGuest, type LockstepWorld, type Participant, TICKS_PER_TURN } from './participant.ts';
import { SeededRandom } from './random.ts';

/** Instructions of a turn: at least, and how many more there can be. Processors meet in the middle of what they do. */
const LEAST_INSTRUCTIONS = 100;
const MOST_MORE = 20_000;
/** One that is alone meets nobody. */
const INSTRUCTIONS_ALONE = 50_000;
/** Instructions that take 100 ns. */
const INSTRUCTIONS_PER_TICK = 10;
const TICKS_PER_MILLISECOND = 10_000;
const SEED_BYTES = 32;

/** A turn under way: instructions when it began, and when it ends. */
interface Turn {
  readonly before: bigint;
  readonly until: bigint;
}

/** What the microkernel tells an x86-64 guest's harness; given to the system before the guest is there. */
export class X64Callbacks implements KernelCallbacks {
  readonly ending = new Ending();
  platform: Platform | undefined;

  readonly crashed: NonNullable<KernelCallbacks['crashed']> = (_, report) => this.ending.now(panicOf(report));
  readonly apicEoi: NonNullable<KernelCallbacks['apicEoi']> = (_, vector) =>
    this.platform?.ioApic.endOfInterrupt(vector);
}

/** Creates the guest's partition, loads its kernel, and makes its processors. */
export async function prepareX64Guest(
  system: System,
  parts: MachineParts,
  guest: X64GuestParts,
  seed: number,
  callbacks: X64Callbacks,
  world: LockstepWorld,
  exact: boolean,
): Promise<LockstepGuest> {
  const random = new SeededRandom(~seed);
  const randomSeed = (): Uint8Array => Uint8Array.from({ length: SEED_BYTES }, () => random.below(256));
  const prepared = await new X64Guest(parts, guest, { randomSeed, fed: 'by hand', exact }).prepare(system);
  const { node, partition } = prepared;
  const { kernel } = system;
  const { ending } = callbacks;
  const { cpus } = parts;
  const platform = new Platform({
    state: prepared.start(0).platform,
    clock: world.clock,
    wallClock: () => VIRTUAL_EPOCH + world.clock.now() / TICKS_PER_MILLISECOND,
    output: (byte) => world.print(byte),
    debugOutput: (byte) => void world.print(byte),
    interrupt: (message, destination) => kernel.requestInterrupt(partition, message, destination),
    powerOff: () => ending.now({ reason: 'power-off', code: 0 }),
    reset: () => ending.now({ reason: 'reset' }),
    exit: (code) => ending.now({ reason: 'power-off', code }),
    heldByRts: true,
  });
  callbacks.platform = platform;
  const vps = Array.from({ length: cpus }, (_, index) => kernel.vp(partition, index));
  let reported = false;
  const makeProcessors = (): X64Vp[] =>
    vps.map((vp, index) => {
      const { module, area, entry } = prepared.start(index);
      return new X64Vp({ vp, cpus, module, memory: node.memory, area, entry, platform, ending });
    });
  let processors = makeProcessors();
  /** Of each processor, in the lives before this one. */
  let lived = vps.map(() => 0);
  const instructionsOf = (index: number): number => lived[index]! + Number(processors[index]!.instructions);
  const areas = vps.map((_, index) => prepared.start(index).area);
  const begin = (instructions: bigint): Turn => {
    const budget = cpus === 1 ? INSTRUCTIONS_ALONE : LEAST_INSTRUCTIONS + random.below(MOST_MORE);
    return { before: instructions, until: instructions + BigInt(budget) };
  };
  // What a debugger interrupts is the same turn when it goes on.
  let turns: (Turn | undefined)[] = [];
  const participants = areas.map((area, index): Participant => {
    return {
      registers: registerWords(node.memory.buffer, area),
      where: () => `processor ${index} at ${inspectVp(node.memory.buffer, area).rip}`,
      get interrupted() {
        return turns[index] !== undefined;
      },
      run() {
        if (reported) return 0;
        // Processor by processor: whoever comes first takes what was typed.
        const processor = processors[index]!;
        if (turns[index] === undefined) prepared.feed();
        const turn = (turns[index] ??= begin(processor.instructions));
        processor.run(turn.until - processor.instructions);
        if (ending.exit) {
          reported = true;
          world.ended(ending.exit);
        }
        if (processor.held) return 0;
        const instructions = Number(processor.instructions - turn.before);
        turns[index] = undefined;
        return instructions === 0 ? 0 : Math.max(TICKS_PER_TURN, Math.ceil(instructions / INSTRUCTIONS_PER_TICK));
      },
    };
  });
  const { vram, memory } = prepared;
  return {
    node,
    partition,
    ...(vram && { vram }),
    ...(memory && { memory }),
    participants,
    vps,
    state: [prepared.start(0).platform],
    processors: areas.map((area, index) => ({
      area,
      instructions: () => instructionsOf(index),
      runFor: (instructions) => void processors[index]!.run(BigInt(instructions)),
    })),
    suspend: () => {
      for (const processor of processors) processor.settle();
      return { random: random.state, typed: [...prepared.input.waiting], lived };
    },
    resume: (suspended) => {
      random.state = suspended.random;
      prepared.input.waiting = Uint8Array.from(suspended.typed);
      lived = [...suspended.lived];
    },
    restart: async () => {
      lived = vps.map((_, index) => instructionsOf(index));
      prepared.restart();
      processors = makeProcessors();
      turns = [];
      ending.undo();
      reported = false;
    },
    settled: () => platform.serial.resume(),
    get held() {
      return processors.every((processor) => processor.standsStill());
    },
    debug: () => prepared.debug(() => world.wake()),
    write: (bytes) => prepared.write(bytes),
    get typedAhead() {
      return prepared.typedAhead ?? 0;
    },
    inspect: () => prepared.inspect?.() ?? {},
    dispose: () => prepared.dispose(),
  };
}
