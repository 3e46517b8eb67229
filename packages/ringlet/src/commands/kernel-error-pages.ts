/** Error codes of machines that boot a kernel. */
import { type ErrorPage, page } from './error-page.ts';

/** Pages by code, in alphabetical order. */
export const KERNEL_ERROR_PAGES: Readonly<Record<string, ErrorPage>> = {
  'boot-overlap': page(
    'two things that the kernel needs would lie on each other in memory',
    'The message names both: a kernel is linked to fixed addresses, or memory is too small to keep its parts apart.',
    'Give the machine more memory, or link the kernel to addresses from 1 MiB up.',
  ),
  'command-line': page(
    'the kernel cannot be told that',
    'Its command line is longer than this kernel takes, or has a NUL in it. Some of it is what ringlet itself adds.',
    'Shorten what --append, or "append:" in the machine file, says.',
  ),
  'console-output-only': page(
    'nobody can type at the console of that machine',
    'Guest modules only print; a kernel has a serial port that also takes input.',
    'Hand a guest module its words when it starts: ringlet run guest.ts -- WORDS',
  ),
  'file-damaged': page(
    'a kernel, an archive or a compressed file contradicts its own format',
    'It was cut off on its way, or changed. The message names the format and what is wrong in it.',
    'Fetch it again, and compare its checksum with the one its publisher gives.',
  ),
  'guest-unclear': page(
    'a machine was given a guest module and a kernel, or neither',
    'Its processors run one of them.',
    'Give new Machine either guest or kernel.',
  ),
  'initrd-not-found': page(
    'there is no initial RAM disk at that path',
    'The path of --initrd starts from the directory you are in, that of "initrd:" from the machine file.',
    'Check the path.',
  ),
  'kernel-address': page(
    'a kernel cannot be loaded or started at that address',
    'Flat binaries are placed where they are told: real mode needs an address below 64 KiB.',
    'Use 0x7c00 for real mode, and 0x100000 for the others.',
  ),
  'kernel-not-found': page(
    'there is no kernel at that path',
    'The path of --kernel starts from the directory you are in, that of "kernel:" from the machine file.',
    "Check the path, or let ringlet fetch Debian's: ringlet pull debian, then ringlet run debian",
  ),
  'kernel-unknown': page(
    'the file is no kernel that can be started',
    'It is neither a bzImage nor an ELF file, and has no Multiboot header in its first 8 KiB.',
    'Check that it is the kernel, not an archive or package around it. file FILE says what it is.',
  ),
  'kernel-unreadable': page(
    'the kernel or its initial RAM disk cannot be read',
    "The host's file system refused, most often for want of permission: distributions keep /boot/vmlinuz to root.",
    'Copy the file to where you may read it, or change its permissions.',
  ),
  'kernel-unsupported': page(
    'the kernel is of a kind that cannot be started',
    'It is for another processor, too old for a 64-bit entry, has no entry for virtual machines, or wants a display.',
    'Use a 64-bit x86 kernel (bzImage or vmlinux), or one with a Multiboot 1 header or a PVH note.',
  ),
  'memory-size': page(
    'a machine that boots a kernel cannot have that much memory',
    'Its memory is a multiple of 4 KiB, and at least 4 MiB.',
    'Write a size such as --memory 512M.',
  ),
  'memory-too-small': page(
    'the kernel, or its initial RAM disk, does not fit into memory',
    'Both are unpacked in memory; the message says what needs which part of it.',
    'Give the machine more: --memory 1G',
  ),
  'payload-unsupported': page(
    'the kernel inside the bzImage is compressed in a way that is not known here',
    'LZ4, XZ, gzip and Zstandard are unpacked; bzip2, LZMA and LZO are not.',
    'Give the vmlinux that the bzImage was made from, or build the kernel with another compression.',
  ),
  'processor-not-built': page(
    'the x86-64 processor was not built',
    'It is a WebAssembly module that is compiled from its sources, and the file is missing.',
    'In a clone of the repository: npm run build. Otherwise install ringlet again.',
  ),
  processors: page(
    'a machine that boots a kernel cannot have that many processors',
    'The tables that tell the kernel of its processors are bounded.',
    'Give fewer: --cpus 4',
  ),
  'random-seed': page(
    'the random seed for the kernel is empty or too long',
    'Linux takes a seed for its random numbers when it starts; 32 bytes are all that it needs.',
    'Give 32 bytes.',
  ),
  'xz-unsupported': page(
    'an XZ file uses a filter or a check that is not supported',
    'Kernels and packages use LZMA2, the filter for x86 code, and CRCs or SHA-256; the message names what this one uses.',
    'Decompress the file first: xz -d FILE.xz',
  ),
};
