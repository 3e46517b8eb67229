/**
 * A small kernel that can be typed at: prints `>` and a newline, then whatever it reads from COM1; Ctrl-D ends it with
 * exit code 0.
 *
 * Multiboot 1 with addresses in the header, so that it needs no ELF around it:
 *
 *     0x100000  header (32 bytes)
 *     0x100020  code
 */
import { multibootFile } from './multiboot-file.ts';

// prettier-ignore
const CODE = Uint8Array.of(
  0x66, 0xba, 0xfc, 0x03, //  mov dx, 3fch      modem control
  0xb0, 0x03,             //  mov al, 3         DTR and RTS: from now on it listens
  0xee,                   //  out dx, al
  0x66, 0xba, 0xf8, 0x03, //  mov dx, 3f8h      data
  0xb0, 0x3e,             //  mov al, '>'
  0xee,                   //  out dx, al
  0xb0, 0x0a,             //  mov al, newline
  0xee,                   //  out dx, al
  // next:
  0x66, 0xba, 0xfd, 0x03, //  mov dx, 3fdh      line status
  // wait:
  0xf3, 0x90,             //  pause
  0xec,                   //  in al, dx
  0xa8, 0x01,             //  test al, 1        is a byte there?
  0x74, 0xf9,             //  jz wait
  0x66, 0xba, 0xf8, 0x03, //  mov dx, 3f8h
  0xec,                   //  in al, dx
  0x3c, 0x04,             //  cmp al, Ctrl-D
  0x74, 0x03,             //  je end
  0xee,                   //  out dx, al
  0xeb, 0xe9,             //  jmp next
  // end:
  0xb0, 0x00,             //  mov al, 0
  0xe6, 0xf4,             //  out 0f4h, al      exit code
  0xf4,                   //  hlt
);

/** The kernel's file. */
export function echoKernel(): Uint8Array {
  return multibootFile(CODE);
}
