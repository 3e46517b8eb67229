/**
 * The commands in a busybox, read from the program itself: it cannot be run on every host.
 *
 * busybox holds their names in one table, sorted, each ended by NUL. It starts with `[` and `[[`, then comes the alphabet.
 */
import { damagedPackage } from './deb.ts';

const START = Buffer.from('[\0[[\0', 'latin1');
const MOST_APPLETS = 1000;
const FORM = /^[A-Za-z0-9._[+-]{1,40}$/;
/** Commands that the image cannot do without. */
const NEEDED = ['sh', 'mount', 'modprobe'];

/** Names of the commands. @throws UserError `package-damaged` */
export function appletsOf(busybox: Uint8Array): string[] {
  const data = Buffer.from(busybox.buffer, busybox.byteOffset, busybox.byteLength);
  for (let start = data.indexOf(START); start >= 0; start = data.indexOf(START, start + 1)) {
    const names = namesAt(data, start);
    if (NEEDED.every((name) => names.includes(name))) return names;
  }
  throw damagedPackage('busybox-static', 'its table of commands is not where it should be');
}

/** Whatever follows the table is not of its form, or not in its order. */
function namesAt(data: Buffer, start: number): string[] {
  const names: string[] = [];
  for (let at = start; names.length < MOST_APPLETS;) {
    const end = data.indexOf(0, at);
    const name = data.toString('latin1', at, end < 0 ? at : end);
    if (!FORM.test(name) || (names.length > 0 && name <= names.at(-1)!)) break;
    names.push(name);
    at = end + 1;
  }
  return names;
}
