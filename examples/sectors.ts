/** The smallest guest with a disk: says how large it is. */
// #region sectors
import { StorageController } from '@ringlet/child-partition';
import type { Guest } from 'ringlet';

export default async function main(guest: Guest): Promise<number> {
  const storage = await guest.open(StorageController);
  const [disk] = await storage.ready;
  await guest.print(`${disk?.sectorCount ?? 0} sectors\n`);
  return disk === undefined ? 1 : 0; // the exit code
}
// #endregion
