/** Error codes of debugging. */
import { type ErrorPage, page } from './error-page.ts';

/** Pages by code, in alphabetical order. */
export const DEBUG_ERROR_PAGES: Readonly<Record<string, ErrorPage>> = {
  'gdb-address-taken': page(
    'gdb cannot be waited for there',
    'Another program listens at that port or socket, another machine perhaps, or the directory is not yours.',
    'Choose another: --gdb 1235, or --gdb 0 for a port that is free.',
  ),
  'gdb-guest': page(
    'that machine has nothing for gdb to look at',
    'gdb knows x86-64 processors; a guest module runs on the JavaScript engine instead.',
    'Run a kernel. For a guest module use the debugger of your editor on ringlet itself.',
  ),
  'gdb-listening': page(
    'the machine waits for gdb already',
    'It does so at one place at a time.',
    'Use that place, or end it first: ringlet gdb NAME --off',
  ),
  'symbols-none': page(
    'the kernel has no symbols in itself',
    'Linux kernels carry theirs when they are built with CONFIG_KALLSYMS, as those of distributions are.',
    'Give gdb the vmlinux that the kernel was made from.',
  ),
  'symbols-to-terminal': page(
    'an ELF file would go to the terminal',
    'ringlet symbols writes to standard output, for a file or a pipe.',
    'ringlet symbols debian > vmlinux.sym, or --map to read them.',
  ),
};
