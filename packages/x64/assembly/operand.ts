/** Operands of any size for handlers of the function table: `log` is log2 of the size in bytes. */
import { enterLocked, leaveLocked, releaseBus, takeBus } from './bus';
import { bounceInMemory, flushBounce, readableBytes, refreshBounce, writableBytes, write, written } from './memory';
import { effective, OP_FLAGS, OP_LOCK, OP_LOG, OP_SOURCE, OP_TARGET } from './op';
import { BOUNCE, VP_COUNT } from '../src/state';

// @ts-ignore: decorator
@inline
export function logOf(p: usize): u32 {
  return load<u8>(p, OP_LOG);
}

// @ts-ignore: decorator
@inline
export function locked(p: usize): bool {
  return (load<u8>(p, OP_FLAGS) & OP_LOCK) != 0;
}

/** Zero-extended value of 1 << log bytes. */
export function loadSized(host: usize, log: u32): u64 {
  if (log == 2) return load<u32>(host);
  if (log == 3) return load<u64>(host);
  return log == 0 ? <u64>load<u8>(host) : <u64>load<u16>(host);
}

/** Stores into memory. */
export function storeSized(host: usize, log: u32, value: u64): void {
  if (log == 2) store<u32>(host, <u32>value);
  else if (log == 3) store<u64>(host, value);
  else if (log == 0) store<u8>(host, <u8>value);
  else store<u16>(host, <u16>value);
}

/** Stores into a general register's slot: 32 bits clear the upper half. */
export function putSized(slot: usize, log: u32, value: u64): void {
  if (log == 2) store<u64>(slot, value & 0xffffffff);
  else storeSized(slot, log, value);
}

/** Sign-extends a value of 1 << log bytes. */
export function extendSized(value: u64, log: u32): i64 {
  const shift: i64 = 64 - (8 << <i64>log);
  return (<i64>value << shift) >> shift;
}

/** The bits of a value of 1 << log bytes. */
export function maskOf(log: u32): u64 {
  return <u64>-1 >> (64 - (8 << <u64>log));
}

/** Where the second operand can be read: its slot, or memory; 0 on a fault. */
export function sourceHost(s: usize, p: usize): usize {
  const slot: usize = load<u32>(p, OP_SOURCE);
  return slot != 0 ? slot : readableBytes(s, effective(p), 1 << logOf(p));
}

/** Where the first operand can be read. */
export function firstHost(s: usize, p: usize): usize {
  const slot: usize = load<u32>(p, OP_TARGET);
  return slot != 0 ? slot : readableBytes(s, effective(p), 1 << logOf(p));
}

/** Where the first operand can be changed; then {@link storeFirst}. */
export function changeHost(s: usize, p: usize): usize {
  const slot: usize = load<u32>(p, OP_TARGET);
  return slot != 0 ? slot : writableBytes(s, effective(p), 1 << logOf(p), true);
}

/** Stores the first operand, which `host` from {@link changeHost} holds. @returns false on a fault */
export function storeFirst(s: usize, p: usize, host: usize, value: u64): bool {
  if (load<u32>(p, OP_TARGET) != 0) {
    putSized(host, logOf(p), value);
    return true;
  }
  storeSized(host, logOf(p), value);
  return written(s, host);
}

/** Stores a first operand that was not read before. @returns false on a fault */
export function putFirst(s: usize, p: usize, value: u64): bool {
  const slot: usize = load<u32>(p, OP_TARGET);
  const log = logOf(p);
  if (slot != 0) {
    putSized(slot, log, value);
    return true;
  }
  return writeSized(s, effective(p), log, value);
}

/** Writes to linear memory. @returns false on a fault */
export function writeSized(s: usize, a: u64, log: u32, value: u64): bool {
  if (log == 3) return write<u64>(s, a, value);
  if (log == 2) return write<u32>(s, a, <u32>value);
  return log == 1 ? write<u16>(s, a, <u16>value) : write<u8>(s, a, <u8>value);
}

/**
 * Replaces `old` by `value` at `host`, which {@link changeHost} or `writableBytes` gave, if it still is there, as one step
 * for all VPs. After it the operand is written, or read anew: {@link lockedWritten} ends the access.
 */
export function exchangeIf(s: usize, host: usize, log: u32, old: u64, value: u64): bool {
  if (isSplit(s, host, log)) return exchangeSplit(s, host, log, old, value);
  const offset = <u32>host & 7;
  if (load<u32>(s, VP_COUNT) < 2) return exchangeWithin(host, log, offset, old, value);
  enterLocked(s);
  const same = exchangeWithin(host, log, offset, old, value);
  leaveLocked(s);
  return same;
}

/** An operand lies in two qwords, or not in memory as one piece. */
export function isSplit(s: usize, host: usize, log: u32): bool {
  return host == s + BOUNCE || (<u32>host & 7) + (1 << log) > 8;
}

/** Of an operand within a qword. */
function exchangeWithin(host: usize, log: u32, offset: u32, old: u64, value: u64): bool {
  if ((offset & ((1 << log) - 1)) == 0) {
    if (log == 2) return atomic.cmpxchg<u32>(host, <u32>old, <u32>value) == <u32>old;
    if (log == 3) return atomic.cmpxchg<u64>(host, old, value) == old;
    if (log == 0) return atomic.cmpxchg<u8>(host, <u8>old, <u8>value) == <u8>old;
    return atomic.cmpxchg<u16>(host, <u16>old, <u16>value) == <u16>old;
  }
  const whole = host & ~7;
  const shift = <u64>(offset << 3);
  const mask = maskOf(log) << shift;
  const before = atomic.load<u64>(whole);
  if ((before & mask) != (old << shift)) return false;
  return atomic.cmpxchg<u64>(whole, before, (before & ~mask) | ((value << shift) & mask)) == before;
}

/** Of an operand in two qwords or two pages: with the bus to itself. */
function exchangeSplit(s: usize, host: usize, log: u32, old: u64, value: u64): bool {
  takeBus(s);
  if (host == s + BOUNCE) refreshBounce(s);
  const same = loadSized(host, log) == old;
  if (same) {
    storeSized(host, log, value);
    if (host == s + BOUNCE) flushBounce(s);
  }
  releaseBus(s);
  return same;
}

/** Ends a locked access: as `written`, for what {@link exchangeIf} has not written already. */
export function lockedWritten(s: usize, host: usize): bool {
  return host != s + BOUNCE || bounceInMemory(s) || written(s, host);
}
