/**
 * bzImage: how Linux for x86 is packed.
 *
 * Follows Documentation/arch/x86/boot.rst. The file starts with sectors of real-mode code that also hold the setup
 * header, at the offsets it has in `boot_params`; the protected-mode code after them is what gets loaded.
 *
 *     0           0x1f1            0x202 + jump     (setup_sects + 1) * 512
 *     | boot code | setup header   | setup code     | protected-mode code | ... |
 *                                                     0x200: 64-bit entry
 */
import { UserError } from '@ringlet/wire';
import { damaged } from '../damaged.ts';

/** Offsets of header fields, in the file as in `boot_params`. */
export const SetupHeader = {
  start: 0x1f1,
  setupSectors: 0x1f1,
  size: 0x1f4,
  videoMode: 0x1fa,
  bootFlag: 0x1fe,
  jump: 0x201,
  magic: 0x202,
  version: 0x206,
  loaderType: 0x210,
  loadFlags: 0x211,
  ramdiskImage: 0x218,
  ramdiskSize: 0x21c,
  commandLine: 0x228,
  ramdiskMaximum: 0x22c,
  alignment: 0x230,
  relocatable: 0x234,
  extendedLoadFlags: 0x236,
  commandLineSize: 0x238,
  payloadOffset: 0x248,
  payloadSize: 0x24c,
  setupData: 0x250,
  preferredAddress: 0x258,
  initSize: 0x260,
} as const;

/** Value of the field `bootFlag`. */
export const BOOT_FLAG = 0xaa55;
/** `HdrS`, value of the field `magic`. */
export const HEADER_MAGIC = 0x53726448;
/** Where in the protected-mode code the 64-bit entry lies. */
export const ENTRY_64 = 0x200;

const SECTOR = 512;
const DEFAULT_SETUP_SECTORS = 4;
/** First version with `xloadflags`, and so with a 64-bit entry one can know of. */
const OLDEST_VERSION = 0x020c;
const LOADED_HIGH = 0x01;
const KERNEL_64 = 0x01;
/** The header ends where `boot_params` goes on with something else. */
const HEADER_LIMIT = 0x290;
/** Bytes of the header up to the last field used here. */
const HEADER_NEEDED = SetupHeader.initSize + 4;

/** What a loader has to know of a bzImage. */
export interface BzImage {
  /** The setup header, to be copied to the same offset of `boot_params`. */
  readonly header: Uint8Array;
  /** Protocol version, such as 0x020f. */
  readonly version: number;
  /** What is loaded at the load address. */
  readonly protectedModeCode: Uint8Array;
  /** The compressed ELF image. */
  readonly payload: Uint8Array;
  /** Where the kernel wants to be loaded. */
  readonly preferredAddress: number;
  /** Bytes of RAM needed from there on, before the kernel looks at the memory map. */
  readonly initSize: number;
  /** Longest command line, without its NUL. */
  readonly commandLineSize: number;
  /** Highest address that an initial RAM disk may occupy. */
  readonly ramdiskMaximum: number;
}

/** Whether `data` has the marks of a bzImage, damaged or not. */
export function isBzImage(data: Uint8Array): boolean {
  if (data.length < HEADER_NEEDED) return false;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return (
    view.getUint16(SetupHeader.bootFlag, true) === BOOT_FLAG && view.getUint32(SetupHeader.magic, true) === HEADER_MAGIC
  );
}

/**
 * Reads a bzImage's header. The file may be longer than the header says (signatures stand at the end).
 *
 * @throws UserError `file-damaged` when parts lie outside the file, `kernel-unsupported` when it has no 64-bit entry
 */
export function parseBzImage(data: Uint8Array): BzImage {
  if (!isBzImage(data)) throw damaged('bzImage', 'it has no setup header');
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const version = view.getUint16(SetupHeader.version, true);
  if (version < OLDEST_VERSION) {
    throw unsupported(
      `it follows boot protocol ${version >> 8}.${version & 0xff}, and 2.12 is the oldest with a 64-bit entry`,
    );
  }
  if ((view.getUint8(SetupHeader.loadFlags) & LOADED_HIGH) === 0)
    throw unsupported('it wants to be loaded below 1 MiB');
  if ((view.getUint16(SetupHeader.extendedLoadFlags, true) & KERNEL_64) === 0)
    throw unsupported('it is a 32-bit kernel');

  const start = ((view.getUint8(SetupHeader.setupSectors) || DEFAULT_SETUP_SECTORS) + 1) * SECTOR;
  const size = view.getUint32(SetupHeader.size, true) * 16;
  if (size <= ENTRY_64) throw damaged('bzImage', 'it has no protected-mode code');
  // The size counts in sixteens, so the last of them may be incomplete.
  if (start + size - 15 > data.length) throw damaged('bzImage', 'it is cut short');
  const protectedModeCode = data.subarray(start, start + size);

  const offset = view.getUint32(SetupHeader.payloadOffset, true);
  const payloadSize = view.getUint32(SetupHeader.payloadSize, true);
  if (offset + payloadSize > protectedModeCode.length) throw damaged('bzImage', 'its payload lies outside the file');

  const preferred = view.getBigUint64(SetupHeader.preferredAddress, true);
  const initSize = view.getUint32(SetupHeader.initSize, true);
  if (preferred > 0xffff_ffffn || preferred < 0x10_0000n) throw damaged('bzImage', 'its load address is out of range');
  if (initSize < protectedModeCode.length) throw damaged('bzImage', 'it claims less memory than it fills');

  const end = SetupHeader.magic + view.getUint8(SetupHeader.jump);
  if (end < HEADER_NEEDED) throw damaged('bzImage', 'its header is too short for its version');
  return {
    header: data.subarray(SetupHeader.start, Math.min(end, HEADER_LIMIT)),
    version,
    protectedModeCode,
    payload: protectedModeCode.subarray(offset, offset + payloadSize),
    preferredAddress: Number(preferred),
    initSize,
    commandLineSize: view.getUint32(SetupHeader.commandLineSize, true),
    ramdiskMaximum: view.getUint32(SetupHeader.ramdiskMaximum, true),
  };
}

function unsupported(why: string): UserError {
  return new UserError('kernel-unsupported', `this kernel cannot be started: ${why}`, {
    hint: 'Use a 64-bit x86 kernel (bzImage or vmlinux).',
  });
}
