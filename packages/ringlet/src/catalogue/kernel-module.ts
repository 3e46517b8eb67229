/**
 * What a Linux kernel module says of itself: section `.modinfo` of its ELF file, strings `key=value` that end with NUL.
 *
 *     ELF header     shoff u64 @0x28, shentsize u16 @0x3a, shnum u16 @0x3c, shstrndx u16 @0x3e
 *     section header name u32 @0, offset u64 @0x18, size u64 @0x20
 */
import { damagedPackage } from './deb.ts';

/** A module and what it needs. */
export interface KernelModule {
  /** As the kernel knows it: underscores, no hyphens. */
  readonly name: string;
  /** Path from the directory of the kernel's modules, such as `kernel/drivers/hv/hv_vmbus.ko`. */
  readonly path: string;
  readonly data: Uint8Array;
  /** Names of modules that must be there first. */
  readonly depends: readonly string[];
  /** Names and patterns that it is also found by. */
  readonly aliases: readonly string[];
  /** Values of `softdep`: modules that it works better, or only, with. */
  readonly softDependencies: readonly string[];
}

const MOST_SECTIONS = 65_536;

/** Reads a module. @throws UserError `package-damaged` */
export function readKernelModule(path: string, data: Uint8Array): KernelModule {
  const info = [...strings(modinfo(path, data))];
  const values = (key: string): string[] =>
    info.filter((line) => line.startsWith(`${key}=`)).map((line) => line.slice(key.length + 1));
  return {
    name: moduleName(path),
    path,
    data,
    depends: (values('depends')[0] ?? '').split(',').filter(Boolean).map(plainName),
    aliases: values('alias'),
    softDependencies: values('softdep'),
  };
}

/** The name of the module in a file. */
function moduleName(path: string): string {
  const file = path.slice(path.lastIndexOf('/') + 1);
  return plainName(file.replace(/\.ko(\.\w+)?$/, ''));
}

/** A name as the kernel compares it. */
export function plainName(name: string): string {
  return name.replaceAll('-', '_');
}

function modinfo(path: string, data: Uint8Array): Uint8Array {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const isElf64 = data.length >= 64 && view.getUint32(0) === 0x7f45_4c46 && data[4] === 2 && data[5] === 1;
  if (!isElf64) throw damagedPackage(path, 'it is no 64-bit ELF file');
  const [table, entrySize] = [Number(view.getBigUint64(0x28, true)), view.getUint16(0x3a, true)];
  const [count, names] = [view.getUint16(0x3c, true), view.getUint16(0x3e, true)];
  if (entrySize < 64 || count > MOST_SECTIONS || names >= count || table + count * entrySize > data.length) {
    throw damagedPackage(path, 'its section headers lie outside of it');
  }
  const section = (index: number): Uint8Array => {
    const at = table + index * entrySize;
    const [offset, size] = [Number(view.getBigUint64(at + 0x18, true)), Number(view.getBigUint64(at + 0x20, true))];
    return data.subarray(offset, Math.min(offset + size, data.length));
  };
  const nameTable = section(names);
  for (let index = 0; index < count; index++) {
    const at = view.getUint32(table + index * entrySize, true);
    if (text(nameTable, at) === '.modinfo') return section(index);
  }
  throw damagedPackage(path, 'it does not say what it is');
}

function* strings(data: Uint8Array): Generator<string, void> {
  for (let at = 0; at < data.length;) {
    const end = endOfText(data, at);
    if (end > at) yield text(data, at);
    at = end + 1;
  }
}

function text(data: Uint8Array, at: number): string {
  return new TextDecoder().decode(data.subarray(at, endOfText(data, at)));
}

function endOfText(data: Uint8Array, at: number): number {
  const end = data.indexOf(0, at);
  return end < 0 ? data.length : end;
}
