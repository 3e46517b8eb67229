/**
 * A small kernel that is started again and again: it prints a dot, leaves a mark in memory, and does as a byte typed at it
 * says: `r` resets by the reset register, `t` by a triple fault, anything else ends it with exit code 0. Where it finds its
 * own mark, memory was not cleared: exit code 1.
 *
 * Multiboot 1 with addresses in the header:
 *
 *     0x100000  header (32 bytes)
 *     0x100020  code
 *     0x200000  the word that is to be 0 at each start
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './machines.ts';
import { multibootFile } from './multiboot-file.ts';

// prettier-ignore
const CODE = Uint8Array.of(
  0xa1, 0x00, 0x00, 0x20, 0x00,       //  mov eax, [200000h]
  0x85, 0xc0,                         //  test eax, eax
  0x75, 0x3e,                         //  jnz dirty
  0xff, 0x05, 0x00, 0x00, 0x20, 0x00, //  inc dword [200000h]
  0x66, 0xba, 0xfc, 0x03,             //  mov dx, 3fch      modem control
  0xb0, 0x03,                         //  mov al, 3         DTR and RTS: from now on it listens
  0xee,                               //  out dx, al
  0x66, 0xba, 0xf8, 0x03,             //  mov dx, 3f8h      data
  0xb0, 0x2e,                         //  mov al, '.'
  0xee,                               //  out dx, al
  0x66, 0xba, 0xfd, 0x03,             //  mov dx, 3fdh      line status
  // wait:
  0xf3, 0x90,                         //  pause
  0xec,                               //  in al, dx
  0xa8, 0x01,                         //  test al, 1        is a byte there?
  0x74, 0xf9,                         //  jz wait
  0x66, 0xba, 0xf8, 0x03,             //  mov dx, 3f8h
  0xec,                               //  in al, dx
  0x3c, 0x72,                         //  cmp al, 'r'
  0x74, 0x0a,                         //  je reset
  0x3c, 0x74,                         //  cmp al, 't'
  0x74, 0x10,                         //  je triple
  0xb0, 0x00,                         //  mov al, 0
  0xe6, 0xf4,                         //  out 0f4h, al      exit code
  0xf4,                               //  hlt
  0xf4,                               //  hlt
  // reset:
  0x66, 0xba, 0x02, 0x06,             //  mov dx, 602h      reset register
  0xb0, 0x42,                         //  mov al, 42h
  0xee,                               //  out dx, al
  0xf4,                               //  hlt
  0x0f, 0x0b,                         //  ud2
  // triple:
  0x0f, 0x0b,                         //  ud2               without an interrupt table
  // dirty:
  0xb0, 0x01,                         //  mov al, 1
  0xe6, 0xf4,                         //  out 0f4h, al
  0xf4,                               //  hlt
);

/** Writes the kernel's file, for one test. @returns its path */
export function resetKernel(): string {
  const path = join(temporaryFolder(), 'kernel');
  writeFileSync(path, multibootFile(CODE));
  return path;
}
