/** `--disk FILE[,keep][,ro][,format=F][,controller=N][,target=N][,lun=N]`. A comma in a file name is written twice. */
import { UserError } from '@ringlet/wire';
import { nearMiss } from './near-miss.ts';
import { DISK_FORMATS, type DiskFormat, type DiskOption, HIGHEST_ADDRESS } from './options.ts';

const WORDS = ['keep', 'ro', 'format', 'controller', 'target', 'lun'];
const HINT = 'write --disk FILE, then any of ,keep ,ro ,format=raw|vhd|vhdx|iso ,controller=N ,target=N ,lun=N';

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

function refuse(text: string, why: string, meant?: string): never {
  const hint = meant === undefined ? HINT : `did you mean "${meant}"? ${HINT}`;
  throw new UserError('disk-option-invalid', `--disk ${text}: ${why}`, { hint });
}
