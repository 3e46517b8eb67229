/** `setup_data`: records that a loader leaves for Linux. Here one, with a seed for its random numbers. */
import { struct, u32, u64 } from '@ringlet/wire';

const SetupData = struct('setup_data', 16, { next: u64, type: u32, length: u32 });
const RANDOM_SEED = 9;

/** Makes the only record: a seed. Linux mixes it in early and then erases it. */
export function makeRandomSeed(seed: Uint8Array): Uint8Array {
  const record = new Uint8Array(SetupData.size + seed.length);
  record.set(SetupData.encode({ next: 0n, type: RANDOM_SEED, length: seed.length }));
  record.set(seed, SetupData.size);
  return record;
}
