/**
 * Reads the first MiB of its disk, writes a pattern of its own over it, flushes, reads it back, and waits until it is
 * asked to shut down; then it reads once more, to see that nobody else has written there meanwhile.
 *
 * Arguments: the SHA-256 that the first MiB must have, and the seed of the pattern.
 */
import { createHash } from 'node:crypto';
import { StorageController } from '@ringlet/child-partition';
import type { Guest } from 'ringlet';

const BYTES = 1024 * 1024;
const ANY = 1;

export default async function main(guest: Guest): Promise<number> {
  const [expected, seed = '1'] = guest.args;
  const storage = await guest.open(StorageController);
  const [disk] = await storage.ready;
  if (!disk) return 2;
  const sectors = BYTES / disk.sectorSize;
  const buffer = guest.pages.allocate(BYTES / 4096) * 4096;
  const at = guest.memory.find(buffer, BYTES, ANY);
  const bytes = guest.memory.bytes.subarray(at, at + BYTES);
  const sha256 = () => createHash('sha256').update(bytes).digest('hex');

  await disk.read(0, sectors, buffer);
  if (sha256() !== expected) return 3;

  bytes.forEach((_, i) => (bytes[i] = (i * Number(seed)) ^ (i >> 8)));
  const pattern = sha256();
  await disk.write(0, sectors, buffer);
  await disk.flush();
  const readBack = async () => {
    bytes.fill(0);
    await disk.read(0, sectors, buffer);
    return sha256() === pattern;
  };
  if (!(await readBack())) return 4;
  const asked = new Promise<void>((resolve) => guest.onShutdown(() => resolve()));
  await guest.print(`done ${pattern}\n`);
  await asked;
  return (await readBack()) ? 0 : 5;
}
