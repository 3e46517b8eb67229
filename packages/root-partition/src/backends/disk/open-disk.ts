/**
 * Opens disk images: finds out what they are by their contents, checks all of their structures, and only then,
 * for a disk that is to be kept, opens them for writing.
 *
 *   default     base, read only ◀── overlay, thrown away at the end
 *   keep        the image itself, locked against other machines
 *   readOnly    the image itself
 */
import { createHash, randomUUID } from 'node:crypto';
import { closeSync, fstatSync, openSync, realpathSync, statSync } from 'node:fs';
import { UserError } from '@ringlet/wire';
import type { Disk } from './disk.ts';
import { HostFile } from './executor/host-file.ts';
import { type ExecutorMode, ExecutorPolicy } from './executor/policy.ts';
import { hostRefused, unsupported } from './failures.ts';
import { lockImage, refuseLocked } from './image-lock.ts';
import { ImageSource } from './image-source.ts';
import { ISO_SECTOR, looksLikeIso, openIso } from './iso.ts';
import { makeOverlay } from './overlay/make-overlay.ts';
import { RawDisk } from './raw-disk.ts';
import { DynamicVhdDisk } from './vhd/dynamic-vhd-disk.ts';
import { looksLikeVhd, openVhd } from './vhd/open-vhd.ts';
import { openParent } from './vhdx/open-parent.ts';
import { looksLikeVhdx, openVhdx } from './vhdx/open-vhdx.ts';
import { VhdxDisk } from './vhdx/vhdx-disk.ts';

/** Formats of images. */
export type DiskFormat = 'raw' | 'vhd' | 'vhdx' | 'iso';

/** How {@link openDisk} opens an image. */
export interface OpenDiskOptions {
  /** Writes go to the image. Without this, they go to an overlay that is thrown away when the disk is closed. */
  keep?: boolean;
  /** The disk refuses writes. */
  readOnly?: boolean;
  /** Takes the image for this format instead of looking at its contents. A guest can write a header into a raw disk. */
  format?: DiskFormat;
  /** Bytes in a sector of a raw image: 512, the default, or 4096. */
  sectorSize?: number;
  /** How file I/O is run; `inline` makes a machine deterministic. */
  io?: ExecutorMode;
  /** Where the overlay is: an unlinked temporary file, the default, or memory. */
  overlay?: 'file' | 'memory';
  /** Directory for the overlay's file. */
  scratch?: string;
  /** Makes the random GUIDs that a VHDX takes when it is written to. */
  newId?: () => string;
  /** Told of each image that is opened, by its real path: the one that was asked for, then those below it. */
  opened?: (path: string) => void;
}

/** How one image of a chain is opened. */
interface ImageOptions extends OpenDiskOptions {
  writable: boolean;
}

/** Differencing disks that may build on each other. */
const LONGEST_CHAIN = 32;

/** Images of other programs, which must not be taken for raw ones. */
const FOREIGN: readonly { at: number; magic: string; name: string }[] = [
  { at: 0, magic: 'QFI\xfb', name: 'QCOW2' },
  { at: 0, magic: 'KDMV', name: 'VMDK' },
  { at: 0, magic: 'COWD', name: 'VMDK' },
  { at: 0x40, magic: '\x7f\x10\xda\xbe', name: 'VDI' },
  { at: 0, magic: 'QED\0', name: 'QED' },
];

/**
 * Opens the disk image at `path`.
 *
 * The image is not changed here, whatever is wrong with it, and with `keep` only once the guest writes.
 *
 * @throws UserError disk-not-found, disk-unreadable, disk-damaged, disk-unsupported, disk-locked, disk-parent,
 * disk-invalid
 */
export function openDisk(path: string, options: OpenDiskOptions = {}): Disk {
  const { keep = false, readOnly = false } = options;
  if (keep && readOnly) {
    throw new UserError('disk-invalid', `${path} cannot be both kept and read-only`, { hint: 'leave one of them out' });
  }
  const disk = openImage(path, { ...options, writable: keep }, []);
  return keep || readOnly || disk.optical ? disk : makeOverlay(disk, options);
}

/** Opens one image, and those below it; `chain` holds the images above. */
function openImage(path: string, options: ImageOptions, chain: readonly string[]): Disk {
  let real: string;
  try {
    real = realpathSync(path);
    // Asked before it is opened: opening a pipe would wait for its writer.
    if (!statSync(real).isFile()) throw unsupported(path, 'it is not a regular file');
  } catch (error) {
    throw error instanceof UserError ? error : hostRefused(path, error);
  }
  if (chain.includes(real) || chain.length >= LONGEST_CHAIN) {
    throw new UserError('disk-parent', `${chain[0] ?? path} builds on itself, or on too many disks`, {
      hint: 'the chain of parents must end',
    });
  }
  const unlock = options.writable ? lockImage(real) : undefined;
  let fd = -1;
  try {
    if (!options.writable) refuseLocked(real);
    fd = openSync(real, options.writable ? 'r+' : 'r');
    options.opened?.(real);
    return readImage(path, real, fd, options, [...chain, real], unlock);
  } catch (error) {
    if (fd >= 0) closeSync(fd);
    unlock?.();
    throw error instanceof UserError ? error : hostRefused(path, error);
  }
}

/** Reads and checks an open image; nothing that can fail comes after it has become a disk. */
function readImage(
  path: string,
  real: string,
  fd: number,
  options: ImageOptions,
  chain: readonly string[],
  released?: () => void,
): Disk {
  const { size } = fstatSync(fd);
  const source = ImageSource.ofFile(path, fd, size);
  const format = options.format ?? formatOf(source, path);
  const readOnly = !options.writable;
  const file = (): HostFile => new HostFile(fd, { policy: new ExecutorPolicy(options.io) });
  const shape = { readOnly, id: idOfPath(real) };
  const callback = released && { released };
  switch (format) {
    case 'vhdx': {
      if (!looksLikeVhdx(source)) throw source.damaged('it does not begin as a VHDX does');
      const image = openVhdx(source);
      const parent =
        image.metadata.parent &&
        openParent(real, image.metadata, (at) => openImage(at, { ...options, format: 'vhdx', writable: false }, chain));
      return new VhdxDisk(image, file(), { readOnly, newId: options.newId ?? randomUUID, parent, released });
    }
    case 'vhd': {
      const vhd = openVhd(source);
      if (vhd.type === 'dynamic') return new DynamicVhdDisk(vhd, file(), { readOnly, ...callback });
      const { sectorCount, footer } = vhd;
      const sectors = { sectorSize: 512, physicalSectorSize: 512, sectorCount };
      return new RawDisk({ kind: 'vhd fixed', ...sectors, readOnly, id: footer.id }, file(), callback);
    }
    case 'iso': {
      const sectors = { sectorSize: ISO_SECTOR, physicalSectorSize: ISO_SECTOR, sectorCount: openIso(source) };
      return new RawDisk({ ...shape, kind: 'iso', ...sectors, readOnly: true, optical: true }, file(), callback);
    }
    case 'raw': {
      const { sectorSize = 512 } = options;
      if (sectorSize !== 512 && sectorSize !== 4096) {
        throw new UserError('disk-invalid', `sectors cannot have ${sectorSize} bytes`, { hint: 'use 512 or 4096' });
      }
      if (size === 0) throw source.unsupported('it is empty');
      const sectors = { sectorSize, physicalSectorSize: 4096, sectorCount: Math.ceil(size / sectorSize) };
      return new RawDisk({ ...shape, kind: 'raw', ...sectors }, file(), { resizable: true, ...callback });
    }
    default:
      throw new UserError('disk-invalid', `there is no disk format ${String(format)}`, {
        hint: 'use raw, vhd, vhdx or iso',
      });
  }
}

/** What an image is, by its contents; what nothing else claims is raw. @throws UserError for others' formats. */
function formatOf(source: ImageSource, path: string): DiskFormat {
  if (looksLikeVhdx(source)) return 'vhdx';
  if (looksLikeVhd(source)) return 'vhd';
  if (looksLikeIso(source)) return 'iso';
  for (const { at, magic, name } of FOREIGN) {
    if (!source.holds(at, magic.length)) continue;
    if (String.fromCharCode(...source.read(at, magic.length)) === magic) {
      throw source.unsupported(`it is a ${name} image`, 'convert it first: qemu-img convert -O vhdx IMAGE disk.vhdx');
    }
  }
  const claimed = /\.(vhdx?|iso)$/i.exec(path)?.[1];
  // A damaged header must not turn an image into a raw disk whose first write destroys it.
  if (claimed !== undefined) throw source.damaged(`its name says ${claimed.toLowerCase()}, its contents do not`);
  return 'raw';
}

/** The identity of an image that holds none: it stays while the file stays where it is. */
function idOfPath(real: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(`disk ${real}`).digest().subarray(0, 16));
}
