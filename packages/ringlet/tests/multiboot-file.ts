/** Multiboot 1 with addresses in the header, so that a kernel of a few instructions needs no ELF around it. */
const LOAD_ADDRESS = 0x10_0000;
const HEADER_MAGIC = 0x1bad_b002;
const HAS_ADDRESSES = 1 << 16;
const HEADER_BYTES = 32;

/** A kernel's file: the header is loaded at 0x100000, the code behind it, where it is entered. */
export function multibootFile(code: Uint8Array): Uint8Array {
  const file = new Uint8Array(HEADER_BYTES + code.length);
  const end = LOAD_ADDRESS + file.length;
  // Magic, flags, checksum; then where the header is, where loading begins and ends, where zeroes end, and the entry.
  const header = [HEADER_MAGIC, HAS_ADDRESSES, -(HEADER_MAGIC + HAS_ADDRESSES), LOAD_ADDRESS, LOAD_ADDRESS, end, end];
  const view = new DataView(file.buffer);
  for (const [index, field] of [...header, LOAD_ADDRESS + HEADER_BYTES].entries()) {
    view.setUint32(4 * index, field, true);
  }
  file.set(code, HEADER_BYTES);
  return file;
}
