/**
 * The ROM that a PC has below 1 MiB and below 4 GiB: one page, at whose end the processor starts after power-up. Linux
 * jumps there, to F000:FFF0 in real mode, to restart a machine by its BIOS (`reboot=bios`), and when nothing else has
 * helped. There is no BIOS to be started: the code there resets the machine by its reset register.
 */
import { Port, RESET_VALUE } from '../platform/ports.ts';
import { PAGE } from './memory-map.ts';

/** Guest-physical addresses of the page, read-only and executable; outside of what a guest is told is RAM. */
export const RESET_VECTOR_PAGES: readonly number[] = [0xf_f000, 0xffff_f000];

const VECTOR = 0xff0;
/** Writes RESET_VALUE to the reset register, and waits for the end. Real mode. */
const CODE = [0xba, Port.Reset & 0xff, Port.Reset >> 8, 0xb0, RESET_VALUE, 0xee, 0xf4, 0xeb, 0xfd];

/** Makes the page. What is not code reads as an empty bus does. */
export function makeResetVector(): Uint8Array {
  const page = new Uint8Array(PAGE).fill(0xff);
  page.set(CODE, VECTOR);
  return page;
}
