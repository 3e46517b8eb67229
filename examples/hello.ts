/** The smallest guest: says where it runs, and turns itself off. */
import { findInterface } from '@ringlet/vmbus';
import type { Guest } from 'ringlet';

export default async function main(guest: Guest): Promise<void> {
  const [, b, c, d] = guest.cpuid(0x40000000);
  const vendor = [b, c, d].map((word) =>
    String.fromCharCode(word & 255, (word >> 8) & 255, (word >> 16) & 255, word >>> 24),
  );
  const { version } = await guest.bus.connect();
  await guest.print(`hello from a child partition of ${vendor.join('')}\n`);
  await guest.print(`VMBus ${version.name}, ${guest.bus.offers.length} devices on offer:\n`);
  for (const { relid, interfaceId } of guest.bus.offers) {
    await guest.print(`  channel ${relid}  ${interfaceId}  ${findInterface(interfaceId)?.name ?? 'unknown'}\n`);
  }
}
