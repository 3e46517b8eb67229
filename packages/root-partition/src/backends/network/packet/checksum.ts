/** The Internet checksum (RFC 1071): the ones' complement of the ones' complement sum of 16-bit words. */
import { BROADCAST_IP } from './address.ts';

/**
 * Adds the 16-bit words of `bytes[start, end)` to a running sum; an odd last byte counts as if a zero followed.
 *
 * @returns a sum below 2^32 as long as all that is added together is at most 64 KiB
 */
export function addToSum(sum: number, bytes: Uint8Array, start: number, end: number): number {
  const even = end - ((end - start) & 1);
  let total = sum;
  for (let at = start; at < even; at += 2) total += (bytes[at]! << 8) | bytes[at + 1]!;
  if (even < end) total += bytes[even]! << 8;
  return total;
}

/** Folds a running sum into its 16 bits. */
export function foldSum(sum: number): number {
  let folded = sum >>> 0;
  while (folded > 0xffff) folded = (folded >>> 16) + (folded & 0xffff);
  return folded;
}

/** The checksum of `bytes[start, end)`: 0 when they already contain theirs and are whole. */
export function checksum(bytes: Uint8Array, start: number, end: number): number {
  return ~foldSum(addToSum(0, bytes, start, end)) & 0xffff;
}

/** The sum of a pseudo-header (RFC 793, section 3.1; RFC 8200, section 8.1), to which the segment is added. */
export function pseudoHeaderSum(source: number, destination: number, protocol: number, length: number): number {
  return addressSum(source) + addressSum(destination) + protocol + length;
}

/** Of an IPv6 address the number's low half is the sum already. */
function addressSum(ip: number): number {
  return ip > BROADCAST_IP ? ip & 0xffff : (ip >>> 16) + (ip & 0xffff);
}
