/**
 * The commands in a busybox, read from the program itself: it cannot be run on every host.
 *
 * busybox holds their names in one table, sorted, each ended by NUL, and the table by an empty name. It starts with `[`
 * and `[[`, which nothing else does.
 */
import { damagedPackage } from './deb.ts';

const START = Buffer.from('\0[\0[[\0', 'latin1');
const MOST_APPLETS = 1000;
const FORM = /^[A-Za-z0-9._[+-]{1,40}$/;

/** Names of the commands. @throws UserError `package-damaged` */
export function appletsOf(busybox: Uint8Array): string[] {
  const data = Buffer.from(busybox.buffer, busybox.byteOffset, busybox.byteLength);
  const start = data.indexOf(START);
  const names: string[] = [];
  for (let at = start + 1; start >= 0 && names.length < MOST_APPLETS;) {
    const end = data.indexOf(0, at);
    const name = data.toString('latin1', at, end < 0 ? at : end);
    // Whatever follows the table is not of its form, or not in its order.
    if (!FORM.test(name) || (names.length > 0 && name <= names.at(-1)!)) break;
    names.push(name);
    at = end + 1;
  }
  if (!names.includes('sh') || !names.includes('modprobe')) {
    throw damagedPackage('busybox-static', 'its table of commands is not where it should be');
  }
  return names;
}
