/** A ring of one page in memory of its own, for a channel whose real rings could not be mapped: nobody writes to it. */
import { Access, GuestMemory, MemoryNode, PAGE_SIZE, Slat } from '@ringlet/microkernel';
import { invariant } from '@ringlet/wire';
import { RingMemory } from '../ring/ring-memory.ts';

/** Makes an empty ring that no peer can reach. */
export function detachedRing(): RingMemory {
  const node = new MemoryNode({ id: 0, buffer: new SharedArrayBuffer(3 * PAGE_SIZE) });
  const slat = new Slat(node, 0, 2);
  slat.map(0, 1, Access.ReadWrite);
  slat.map(1, 2, Access.ReadWrite);
  const ring = RingMemory.map(new GuestMemory(node, slat), [0, 1]);
  invariant(ring, 'a detached ring is mapped');
  return ring;
}
