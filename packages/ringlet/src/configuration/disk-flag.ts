/**
 * `--disk FILE[,keep][,ro][,format=F][,controller=N][,target=N][,lun=N][,iops=N][,bandwidth=SIZE]`. A comma in a file
 * name is written twice.
 */
import { UserError } from '@ringlet/wire';
import { nearMiss } from './near-miss.ts';
import { DISK_FORMATS, type DiskFormat, type DiskOption, HIGHEST_ADDRESS, MOST_A_SECOND } from './options.ts';
import { sizeInBytes } from './size.ts';

const WORDS = ['keep', 'ro', 'format', 'controller', 'target', 'lun', 'iops', 'bandwidth'];
const HINT =
  'write --disk FILE, then any of ,keep ,ro ,format=raw|vhd|vhdx|iso ,controller=N ,target=N ,lun=N ,iops=N ,bandwidth=SIZE';

/** Reads one `--disk` value. @throws UserError `disk-option-invalid`. */
export function parseDiskFlag(text: string): DiskOption {
  // Two commas are one that belongs to the file name: park them where no split can see them.
  const [path = '', ...words] = text.replaceAll(',,', '\0').split(',');
  if (path === '') refuse(text, 'names no file');
  const disk: { -readonly [K in keyof DiskOption]: DiskOption[K] } = { path: path.replaceAll('\0', ',') };
  for (const word of words) {
    const [key = '', value] = word.split('=', 2);
    if (key === 'keep' && value === undefined) disk.keep = true;
    else if (key === 'ro' && value === undefined) disk.readOnly = true;
    else if (key === 'format' && isFormat(value)) disk.format = value;
    else if (key === 'controller' || key === 'target' || key === 'lun') disk[key] = address(text, key, value);
    else if (key === 'iops') disk.iops = rate(text, key, value, Number);
    else if (key === 'bandwidth') disk.bandwidth = rate(text, key, value, sizeInBytes);
    else if (key === 'format') refuse(text, `"${word}": the formats are ${DISK_FORMATS.join(', ')}`);
    else refuse(text, `"${word}" is not something a disk can have`, nearMiss(key, WORDS));
  }
  if (disk.keep === true && disk.readOnly === true) refuse(text, '"keep" and "ro" exclude each other');
  return disk;
}

function isFormat(value: string | undefined): value is DiskFormat {
  return DISK_FORMATS.some((format) => format === value);
}

function address(text: string, key: keyof typeof HIGHEST_ADDRESS, value: string | undefined): number {
  const number = value !== undefined && /^\d{1,3}$/.test(value) ? Number(value) : NaN;
  if (!(number <= HIGHEST_ADDRESS[key])) refuse(text, `"${key}" takes a number from 0 to ${HIGHEST_ADDRESS[key]}`);
  return number;
}

/** A number a second, above 0. */
function rate(
  text: string,
  key: string,
  value: string | undefined,
  read: (word: string) => number | undefined,
): number {
  const number = value === undefined || value === '' ? undefined : read(value);
  if (number === undefined || !Number.isSafeInteger(number) || number < 1 || number > MOST_A_SECOND) {
    refuse(text, `"${key}" takes how much a second, a whole number such as ${key === 'iops' ? '500' : '10M'}`);
  }
  return number;
}

function refuse(text: string, why: string, meant?: string): never {
  const hint = meant === undefined ? HINT : `did you mean "${meant}"? ${HINT}`;
  throw new UserError('disk-option-invalid', `--disk ${text}: ${why}`, { hint });
}
