/** Tells of every disk that comes, changes its size or goes, and reads the first sector of each one that comes. */
import { StorageController } from '@ringlet/child-partition';
import type { Guest } from 'ringlet';

export default async function main(guest: Guest): Promise<void> {
  const storage = await guest.open(StorageController);
  const buffer = guest.pages.allocate(1) * 4096;
  const tell = (what: string) => void guest.print(`${what}\n`);
  storage.changes$.subscribe(({ kind, device }) => {
    tell(`${kind} ${device.address.lun}: ${device.sectorCount} sectors`);
    if (kind !== 'added') return;
    void device.read(0, 1, buffer).then(
      () => tell(`read ${device.address.lun}`),
      (error: Error) => tell(error.message),
    );
  });
  tell(`found ${(await storage.ready).length}`);
  await new Promise<void>((asked) => guest.onShutdown(() => asked()));
}
