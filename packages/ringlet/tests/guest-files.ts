/** Files for a guest's initial root file system, beside those of its image: programs of this host, and text. */
import { spawnSync } from 'node:child_process';
import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { FileKind, writeCpio } from '@ringlet/root-partition';

/** Paths in the guest, and what lies there. */
export type GuestFiles = Record<string, { readonly data: Uint8Array; readonly mode: number }>;

/** A program of this host with the libraries it is linked with; `undefined` when it is not installed. */
export function hostProgram(name: string): GuestFiles | undefined {
  const which = spawnSync('sh', ['-c', `command -v ${name}`]);
  if (which.status !== 0) return undefined;
  const path = which.stdout.toString().trim();
  const libraries = spawnSync('ldd', [path])
    .stdout.toString()
    .matchAll(/(\/\S+) \(0x/g);
  const files: GuestFiles = { [`bin/${name}`]: { data: readFileSync(path), mode: 0o755 } };
  for (const [, library] of libraries) {
    files[library!.slice(1)] = { data: readFileSync(realpathSync(library!)), mode: 0o755 };
  }
  return files;
}

/** A text file. */
export const textFile = (path: string, text: string): GuestFiles => ({
  [path]: { data: new TextEncoder().encode(text), mode: 0o644 },
});

/** Writes an initial RAM disk that has `files` beside what `initrd` has. */
export function withFiles(initrd: string, files: GuestFiles, target: string): void {
  const directories = new Set<string>();
  for (const path of Object.keys(files)) {
    for (let at = dirname(path); at !== '.'; at = dirname(at)) directories.add(at);
  }
  // Where the image has a link to a directory, such as /sbin, it must stay one.
  const missing = [...directories].filter((path) => path !== 'bin' && path !== 'lib' && path !== 'etc').toSorted();
  const archive = writeCpio([
    ...missing.map((name) => ({ name, mode: FileKind.Directory | 0o755, links: 2 })),
    ...Object.entries(files).map(([name, { data, mode }]) => ({ name, mode: FileKind.Regular | mode, data })),
  ]);
  const image = readFileSync(initrd);
  // Archives behind one another begin at multiples of four.
  const padding = new Uint8Array((4 - (image.length % 4)) % 4);
  writeFileSync(target, Buffer.concat([image, padding, archive]));
}
