/**
 * A crash trial: random work on a disk over a simulated file, then every state that a crash could have left is opened
 * and compared with what may be there.
 */
import { type Disk, DiskOperation, DiskStatus } from '../../../src/backends/disk/disk.ts';
import { DiskUser, submit } from './disk-user.ts';
import { SectorHistory, valueOf, valueSectors } from './sector-history.ts';
import { type Contents, type Random, SimulatedFile } from './simulated-file.ts';

/** What is tried. */
export interface Trial {
  contents: Contents;
  /** Opens the image in `file`, whose contents may be what a crash left. */
  open(file: SimulatedFile): Disk;
  /** Value of a sector that was never written. */
  initial(sector: number): number;
  /** Sectors that a block of the format has; the work keeps to the ends of the first few blocks. */
  sectorsPerBlock: number;
  blocks: number;
}

/** Values read after a crash that were neither flushed nor written since. Empty when all is well. */
export interface Verdict {
  crashes: number;
  wrong: string[];
}

/** Sectors that the work moves at a time. */
const SPAN = 8;

/** Runs `steps` random operations, crashes at each moment, checks what is left, works on it, and checks again. */
export async function crashTrial(trial: Trial, random: Random, steps: number): Promise<Verdict> {
  const file = new SimulatedFile(trial.contents.clone(), random);
  const history = new SectorHistory((sector) => trial.initial(sector));
  await work(trial, trial.open(file), file, history, random, steps, 1);
  const wrong: string[] = [];
  for (let moment = 0; moment <= file.events.length; moment++) {
    const left = file.crashedAfter(moment, random);
    wrong.push(...(await check(trial, left, (sector) => history.allowed(sector, moment), `at ${moment}`)));
    if (moment % 5 !== 0) continue;
    wrong.push(...(await again(trial, left, moment, random)));
  }
  return { crashes: file.events.length + 1, wrong };
}

/** A second machine takes over what a crash left, works, and crashes too: recovery itself may be cut short. */
async function again(trial: Trial, left: Contents, moment: number, random: Random): Promise<string[]> {
  const found = await valuesOf(trial, new DiskUser(trial.open(new SimulatedFile(left.clone()))));
  const file = new SimulatedFile(left.clone(), random);
  const history = new SectorHistory((sector) => found.get(sector) ?? trial.initial(sector));
  await work(trial, trial.open(file), file, history, random, 6, 1_000_000);
  const cut = Math.floor(random() * (file.events.length + 1));
  return check(
    trial,
    file.crashedAfter(cut, random),
    (sector) => history.allowed(sector, cut),
    `at ${moment}, then ${cut}`,
  );
}

async function check(
  trial: Trial,
  left: Contents,
  allowed: (sector: number) => number[],
  when: string,
): Promise<string[]> {
  const wrong: string[] = [];
  let user: DiskUser;
  try {
    user = new DiskUser(trial.open(new SimulatedFile(left)));
  } catch (error) {
    return [`${when}: ${String(error)}`];
  }
  for (const [sector, value] of await valuesOf(trial, user)) {
    if (value === undefined || !allowed(sector).includes(value)) {
      wrong.push(`${when}: sector ${sector} holds ${value}, not one of ${allowed(sector).join(', ')}`);
    }
  }
  return wrong;
}

/** What the sectors at both ends of every block hold: those that the work writes one by one. */
async function valuesOf(trial: Trial, user: DiskUser): Promise<Map<number, number | undefined>> {
  const values = new Map<number, number | undefined>();
  for (let block = 0; block < trial.blocks; block++) {
    for (const within of [0, trial.sectorsPerBlock - 3 * SPAN]) {
      const first = block * trial.sectorsPerBlock + within;
      const data = await user.read(first, 3 * SPAN);
      for (let i = 0; i < 3 * SPAN; i++) {
        const { sectorSize } = user.disk;
        values.set(first + i, valueOf(data.subarray(i * sectorSize, (i + 1) * sectorSize)));
      }
    }
  }
  return values;
}

async function work(
  trial: Trial,
  disk: Disk,
  file: SimulatedFile,
  history: SectorHistory,
  random: Random,
  steps: number,
  firstValue: number,
): Promise<void> {
  const now = (): number => file.events.length;
  const busy = new Set<number>();
  const running = new Set<Promise<unknown>>();
  const start = (status: Promise<number>, ended: () => void): void => {
    const answered = status.then((got) => {
      if (got !== DiskStatus.Ok) throw new Error(`the disk answered with status ${got}`);
      ended();
      running.delete(answered);
    });
    running.add(answered);
  };
  const change = (operation: number, sector: number, count: number, value: number, block: number): void => {
    const ended = history.write(sector, count, value, now);
    busy.add(block);
    const data = operation === DiskOperation.Write ? valueSectors(value, count, disk.sectorSize) : undefined;
    const forceUnitAccess = random() < 0.1;
    start(submit(disk, operation, sector, count, data, { forceUnitAccess }), () => {
      ended();
      busy.delete(block);
    });
  };
  for (let step = 0; step < steps; step++) {
    const block = Math.floor(random() * trial.blocks);
    const what = random();
    if (what < 0.15) start(submit(disk, DiskOperation.Flush, 0, 0), history.flush(now));
    else if (!busy.has(block) && what < 0.3 && disk.unmapGranularity > 0) {
      change(
        random() < 0.5 ? DiskOperation.Unmap : DiskOperation.WriteZeroes,
        block * trial.sectorsPerBlock,
        trial.sectorsPerBlock,
        0,
        block,
      );
    } else if (!busy.has(block)) {
      const slot = Math.floor(random() * 4);
      const within = slot < 2 ? slot * SPAN : trial.sectorsPerBlock - (slot - 1) * SPAN;
      change(DiskOperation.Write, block * trial.sectorsPerBlock + within, SPAN, firstValue + step, block);
    }
    while (random() < 0.6 && file.step()) await settle();
    await settle();
  }
  while (running.size > 0) {
    if (!file.step() && running.size > 0) await settle();
    await settle();
  }
}

/** Lets promises of what has ended run. */
const settle = (): Promise<void> => Promise.resolve().then(() => undefined);
