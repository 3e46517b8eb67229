/** Error codes of disks and their images. */
import { type ErrorPage, page } from './error-page.ts';

/** Pages by code, in alphabetical order. */
export const DISK_ERROR_PAGES: Readonly<Record<string, ErrorPage>> = {
  'bad-ide-place': page(
    'no IDE disk can be there',
    'An IDE controller has channels 0 and 1, each with devices 0 and 1.',
    'Give channel and device as 0 or 1.',
  ),
  'bad-lun': page(
    'that is no place for a disk',
    'Path, target and LUN of a SCSI address are 0 to 255 each.',
    'Give each part as a number from 0 to 255.',
  ),
  'bad-max-transfer': page(
    'requests of that size are not possible',
    "The largest transfer is a multiple of 4096 bytes within the protocol's limits.",
    'Give a multiple of 4096.',
  ),
  'disk-damaged': page(
    'the disk image contradicts itself',
    'A checksum, a table or a size in the image is wrong. The image was not changed.',
    'Restore the image from a copy, or let the tool that made it check it (qemu-img check).',
  ),
  'disk-exists': page(
    'a file with that name exists already',
    'A new image never replaces a file.',
    'Choose another name, or remove the file first.',
  ),
  'disk-failed': page(
    'the host could not finish something that it did to a disk',
    "Closing or resizing the image failed in the host's file system.",
    'Look for a full or failing file system on the host.',
  ),
  'disk-invalid': page(
    'a disk cannot be made, or used, like that',
    'A size, a block size or a format does not fit what the image format allows.',
    'The message says what the limits are.',
  ),
  'disk-locked': page(
    'another machine is using the image',
    'An image that is kept belongs to one machine at a time, and nobody reads it meanwhile.',
    'End the other machine, or run both without keep.',
  ),
  'disk-not-found': page(
    'there is no disk image at that path',
    'Paths on the command line start from the directory you are in, those in a machine file from the file.',
    'Check the path. ringlet disk create NAME.vhdx --size 1G makes an image.',
  ),
  'disk-not-resizable': page(
    'a disk of that format cannot change its size',
    'Only raw images that are kept can grow or shrink while a machine runs.',
    'Convert the image to raw, or make a larger one and copy.',
  ),
  'disk-parent': page(
    'the parent of a differencing disk is wrong',
    'It is not there, it is not the disk that the image was made from, or the chain does not end.',
    'Put the parent where the image says it is; the message names it.',
  ),
  'disk-place-invalid': page(
    'a disk cannot hang there',
    'A machine has storage controllers 0 to 3, each with targets 0 and 1.',
    'Give a controller and a target that exist, or none.',
  ),
  'disk-place-taken': page(
    'that unit is taken, or out of range',
    'Each target has units 0 to 63, and each disk one of its own.',
    'Give each disk a LUN of its own, or none: then the next free one is used.',
  ),
  'disk-size-missing': page(
    'a new disk needs a size',
    'Only a differencing disk can take its size from its parent.',
    'Add --size, such as --size 1G.',
  ),
  'disk-unreadable': page(
    'the disk image could not be read, or not be written',
    "The host's file system refused: permissions, a directory, a device that failed.",
    'Check with ls -l that you may read the file, and write it when "keep" is given.',
  ),
  'disk-unsupported': page(
    'the image uses something of its format that is not supported',
    'Image formats have optional features; an image with an unknown one cannot be used safely.',
    'Convert it: qemu-img convert -O vhdx IMAGE new.vhdx',
  ),
  'lun-taken': page(
    'two disks have the same address',
    'A controller finds a disk by its path, target and LUN.',
    'Give each disk a LUN of its own, or none: then the next free one is used.',
  ),
  'no-such-controller': page(
    'the machine has no such storage controller',
    'A running machine keeps the controllers that it started with.',
    'Use controller 0, which every machine has.',
  ),
  'no-such-disk': page(
    'the machine has no disk there',
    'It was never there, or it was removed.',
    'ringlet disk ls NAME shows its disks.',
  ),
  'no-such-lun': page(
    'there is no disk at that address',
    'It was never there, or it was removed.',
    'ringlet inspect NAME shows the disks of each controller.',
  ),
  'not-a-drive': page(
    'the disk there cannot be changed',
    'Only a DVD drive takes another disc while the machine runs.',
    'Remove the disk and add another in its place.',
  ),
  'too-many-luns': page(
    'a storage controller has more disks than it can serve',
    'The number of disks of one controller is bounded.',
    'Put some of them on another controller: --disk FILE,controller=1',
  ),
};
