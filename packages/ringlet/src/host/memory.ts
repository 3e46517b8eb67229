/**
 * System memory on this host: shared WebAssembly memories, page-aligned and readable by every thread and by translated
 * guest code, with a copy routine that runs at `memory.copy` speed.
 *
 * `TypedArray.set` on shared memory copies word by word; a `memory.copy` inside the same memory is two to three times
 * faster from 64 bytes on. So each thread instantiates a 60-byte module per node whose only function is that copy.
 */
import type { CopyWithinNode } from '@ringlet/microkernel';
import { UserError } from '@ringlet/wire';

/** The parts of the WebAssembly API used here; Node's own type package does not declare them. */
declare const WebAssembly: {
  readonly Memory: new (descriptor: { initial: number; maximum: number; shared: true }) => SharedMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: { m: { m: SharedMemory } }) => { exports: { copy: CopyWithinNode } };
};

/** A shared `WebAssembly.Memory`: can be posted to other threads. */
export interface SharedMemory {
  readonly buffer: SharedArrayBuffer;
}

const WASM_PAGE = 65536;
/** What a 32-bit memory can hold. */
const MOST_BYTES = 4 * 1024 ** 3;

/** Creates a node's memory of at least `bytes` bytes. Pages are committed by the host when first touched. */
export function createMemory(bytes: number): SharedMemory {
  const pages = Math.ceil(bytes / WASM_PAGE);
  if (pages * WASM_PAGE > MOST_BYTES) {
    throw new UserError('memory-too-large', `a partition cannot have ${Math.round(bytes / 1024 ** 2)} MiB of memory`, {
      hint: 'at most about 4 GiB fits; try --memory 3G',
    });
  }
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  } catch (cause) {
    throw new UserError('memory-unavailable', `the host gave no ${Math.round(bytes / 1024 ** 2)} MiB of memory`, {
      hint: 'stop other machines, or try a smaller --memory',
      cause,
    });
  }
}

// (module (import "m" "m" (memory 0 65536 shared)) (func (export "copy") (param i32 i32 i32) (memory.copy …)))
// prettier-ignore
const COPY_MODULE = Uint8Array.of(
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00,                               // magic, version
  0x01, 0x07, 0x01, 0x60, 0x03, 0x7f, 0x7f, 0x7f, 0x00,                         // type: (i32 i32 i32) → ()
  0x02, 0x0b, 0x01, 0x01, 0x6d, 0x01, 0x6d, 0x02, 0x03, 0x00, 0x80, 0x80, 0x04, // import: shared memory, ≤ 65536 pages
  0x03, 0x02, 0x01, 0x00,                                                       // function 0 of type 0
  0x07, 0x08, 0x01, 0x04, 0x63, 0x6f, 0x70, 0x79, 0x00, 0x00,                   // export "copy"
  0x0a, 0x0e, 0x01, 0x0c, 0x00, 0x20, 0x00, 0x20, 0x01, 0x20, 0x02, 0xfc, 0x0a, 0x00, 0x00, 0x0b,
);

let copyModule: object | undefined;

/** This thread's fast copy inside `memory`. */
export function copyWithin(memory: SharedMemory): CopyWithinNode {
  copyModule ??= new WebAssembly.Module(COPY_MODULE);
  return new WebAssembly.Instance(copyModule, { m: { m: memory } }).exports.copy;
}
