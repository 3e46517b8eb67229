/** What the tests of loaders build on: a machine's RAM without a machine, and kernels made by hand. */
import { Access, GuestMemory, MemoryNode, PAGE_SIZE, Slat } from '@ringlet/microkernel';
import { UserError } from '@ringlet/wire';
import { layOutMemory } from './memory-map.ts';

/** RAM as a loader writes it and a test reads it. */
export interface TestRam {
  readonly memory: GuestMemory;
  readonly memoryBytes: number;
  bytes(address: number, length: number): Uint8Array;
  u16(address: number): number;
  u32(address: number): number;
  u64(address: number): bigint;
  /** The text at an address, up to its NUL. */
  text(address: number): string;
}

/** Makes RAM full of rubbish, so that a loader has to write its zeros. No page lies where its address says. */
export function testRam(memoryBytes = 8 * 2 ** 20): TestRam {
  const { ram } = layOutMemory(memoryBytes);
  const pages = Math.max(...ram.map(({ start, bytes }) => start + bytes)) / PAGE_SIZE;
  const tablePages = Slat.tableBytes(pages) / PAGE_SIZE;
  const node = new MemoryNode({
    id: 0,
    buffer: new SharedArrayBuffer((tablePages + memoryBytes / PAGE_SIZE) * PAGE_SIZE),
  });
  const slat = new Slat(node, 0, pages);
  let systemPage = tablePages;
  for (const { start, bytes } of ram) {
    slat.mapRun(start / PAGE_SIZE, systemPage, bytes / PAGE_SIZE, Access.All);
    systemPage += bytes / PAGE_SIZE;
  }
  node.bytes.fill(0xa5, tablePages * PAGE_SIZE);

  const memory = new GuestMemory(node, slat);
  const bytes = (address: number, length: number): Uint8Array => {
    const target = new Uint8Array(length);
    if (!memory.read(address, target)) throw new RangeError(`no memory at 0x${address.toString(16)}`);
    return target;
  };
  const view = (address: number, length: number): DataView => new DataView(bytes(address, length).buffer);
  return {
    memory,
    memoryBytes,
    bytes,
    u16: (address) => view(address, 2).getUint16(0, true),
    u32: (address) => view(address, 4).getUint32(0, true),
    u64: (address) => view(address, 8).getBigUint64(0, true),
    text: (address) => {
      const run = bytes(address, 2048);
      return new TextDecoder().decode(run.subarray(0, run.indexOf(0)));
    },
  };
}

/** A segment or note segment of {@link makeElf}. */
export interface MadeSegment {
  readonly address: number;
  readonly data: Uint8Array;
  /** Bytes in memory, as many as `data` has unless given. */
  readonly size?: number;
  readonly virtualAddress?: bigint;
  readonly kind?: 'load' | 'note';
}

/** Makes a 64-bit ELF executable for x86-64. */
export function makeElf(entry: number | bigint, segments: readonly MadeSegment[]): Uint8Array<ArrayBuffer> {
  const header = 64 + 56 * segments.length;
  const file = new Uint8Array(header + segments.reduce((sum, { data }) => sum + data.length, 0));
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 62, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, BigInt(entry), true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(52, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, segments.length, true);
  let offset = header;
  segments.forEach((segment, i) => {
    const at = 64 + 56 * i;
    view.setUint32(at, segment.kind === 'note' ? 4 : 1, true);
    view.setUint32(at + 4, 7, true);
    view.setBigUint64(at + 8, BigInt(offset), true);
    view.setBigUint64(at + 16, segment.virtualAddress ?? BigInt(segment.address), true);
    view.setBigUint64(at + 24, BigInt(segment.address), true);
    view.setBigUint64(at + 32, BigInt(segment.data.length), true);
    view.setBigUint64(at + 40, BigInt(segment.size ?? segment.data.length), true);
    file.set(segment.data, offset);
    offset += segment.data.length;
  });
  return file;
}

/** Makes the note that gives a PVH entry. */
export function makePvhNote(entry: number): Uint8Array {
  const note = new Uint8Array(20);
  const view = new DataView(note.buffer);
  view.setUint32(0, 4, true);
  view.setUint32(4, 4, true);
  view.setUint32(8, 18, true);
  note.set(new TextEncoder().encode('Xen\0'), 12);
  view.setUint32(16, entry, true);
  return note;
}

/** Header values of {@link makeBzImage} that tests change. */
export interface MadeHeader {
  readonly version?: number;
  readonly loadFlags?: number;
  readonly extendedLoadFlags?: number;
  readonly payloadOffset?: number;
  readonly payloadSize?: number;
  readonly initSize?: number;
  readonly ramdiskMaximum?: number;
  readonly jump?: number;
  readonly syssize?: number;
  readonly preferredAddress?: bigint;
}

/** Makes a bzImage around a payload: one setup sector, and 0x240 bytes of code before the payload. */
export function makeBzImage(payload: Uint8Array, header: MadeHeader = {}): Uint8Array<ArrayBuffer> {
  const code = 0x240;
  const start = 1024;
  const size = Math.ceil((code + payload.length) / 16) * 16;
  const file = new Uint8Array(start + size);
  const view = new DataView(file.buffer);
  view.setUint8(0x1f1, 1);
  view.setUint32(0x1f4, header.syssize ?? size / 16, true);
  view.setUint16(0x1fe, 0xaa55, true);
  view.setUint8(0x201, header.jump ?? 0x6a);
  view.setUint32(0x202, 0x53726448, true);
  view.setUint16(0x206, header.version ?? 0x020f, true);
  view.setUint8(0x211, header.loadFlags ?? 1);
  view.setUint32(0x22c, header.ramdiskMaximum ?? 0x7fff_ffff, true);
  view.setUint16(0x236, header.extendedLoadFlags ?? 0x7f, true);
  view.setUint32(0x238, 0x7ff, true);
  view.setUint32(0x248, header.payloadOffset ?? code, true);
  view.setUint32(0x24c, header.payloadSize ?? payload.length, true);
  view.setBigUint64(0x258, header.preferredAddress ?? 0x20_0000n, true);
  view.setUint32(0x260, header.initSize ?? 0x10_0000, true);
  file.fill(0x90, start, start + code);
  file.set(payload, start + code);
  return file;
}

/** Runs `action`. @returns the code of the UserError it ends in, `none` when it ends well; anything else it throws goes on */
export function refusal(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof UserError) return error.code;
    throw error;
  }
  return 'none';
}
