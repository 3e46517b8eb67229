/** `ringlet symbols`: a kernel's symbols, from the kernel itself, for gdb. */
import { readFileSync, writeFileSync } from 'node:fs';
import { kernelSymbols, writeSymbolFile } from '@ringlet/root-partition';
import { UserError } from '@ringlet/wire';
import { looksLikeImage } from '../catalogue/image-name.ts';
import { resolveCatalogue } from '../catalogue/resolve.ts';
import { ExitCode } from './exit-code.ts';
import type { CommandHost } from './host.ts';

/** The flags of `ringlet symbols`. */
export interface SymbolsFlags {
  readonly output?: string;
  readonly map?: boolean;
}

/** Runs the command. */
export function symbols(kernel: string, flags: SymbolsFlags, host: CommandHost): ExitCode {
  if (flags.output === undefined && flags.map !== true && host.terminal) {
    throw new UserError('symbols-to-terminal', 'an ELF file is nothing for a terminal', {
      hint: `ringlet symbols ${kernel} > vmlinux.sym, or --map for text`,
    });
  }
  const found = kernelSymbols(kernelFile(kernel, host));
  const bytes =
    flags.map === true
      ? found.map(({ address, type, name }) => `${address.toString(16).padStart(16, '0')} ${type} ${name}\n`).join('')
      : writeSymbolFile(found);
  if (flags.output === undefined) host.out(bytes);
  else writeFileSync(flags.output, bytes);
  return ExitCode.Success;
}

function kernelFile(kernel: string, { environment }: CommandHost): Uint8Array {
  const image = looksLikeImage(kernel) ? resolveCatalogue(kernel, { environment }) : undefined;
  if (image === undefined && looksLikeImage(kernel)) {
    throw new UserError('image-not-there', `${kernel} was not pulled yet`, {
      hint: `make it first: ringlet pull ${kernel}. A file of that name is ./${kernel}`,
    });
  }
  try {
    return readFileSync(image?.kernel ?? kernel);
  } catch (cause) {
    throw new UserError('kernel-unreadable', `${kernel} cannot be read`, {
      hint: 'check the path and its permissions',
      cause,
    });
  }
}
