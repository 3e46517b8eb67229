/** `--gdb [PORT|PATH][,wait]`: where gdb is waited for, and whether the guest waits for it, too. */
import { resolve } from 'node:path';
import { UserError } from '@ringlet/wire';
import type { GdbOption } from './options.ts';

/** The port that stubs of other machines have, and gdb's examples. */
const USUAL_GDB_PORT = 1234;
const HIGHEST_PORT = 65_535;

/** What is accepted, for error texts. */
export const GDB_FORM = 'a port, or the path of a Unix socket with a slash in it, with ",wait" behind it or not';

/** @returns `undefined` when the text is neither */
export function readGdb(text: string): GdbOption | undefined {
  const [where = '', ...more] = text.split(',');
  const wait = more.at(-1) === 'wait' || where === 'wait';
  if (more.length > (wait && where !== 'wait' ? 1 : 0)) return undefined;
  if (where === '' || where === 'wait') return { port: USUAL_GDB_PORT, wait };
  if (/^\d{1,5}$/.test(where)) return Number(where) <= HIGHEST_PORT ? { port: Number(where), wait } : undefined;
  return where.includes('/') ? { path: where, wait } : undefined;
}

/** @throws UserError */
export function parseGdb(text: string | true): GdbOption {
  const read = readGdb(text === true ? '' : text);
  if (read === undefined) {
    throw new UserError('flag-invalid', `--gdb: "${String(text)}" is no place to wait for gdb`, { hint: GDB_FORM });
  }
  return withGdbPath(read, '.');
}

/** Makes the path of a socket absolute. */
export function withGdbPath(gdb: GdbOption, directory: string): GdbOption {
  return gdb.path === undefined ? gdb : { ...gdb, path: resolve(directory, gdb.path) };
}
