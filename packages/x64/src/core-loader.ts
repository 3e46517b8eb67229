/** The core as a WebAssembly instance on one node's memory. */

/** What the core exports. `state` is the address of a VP's state block in the node. */
export interface CoreExports {
  /** Runs until something needs the caller, or about `budget` instructions are done. @returns an exit code */
  run(state: number, budget: number): number;
  /** To be called after CS, SS, CPL, CR0 or EFER were set from outside. */
  updateMode(state: number): void;
  /** To be called after any mapping of code was changed from outside. */
  flushJumpCache(state: number): void;
  /** Forgets all decoded code of a VP. */
  resetArena(state: number): void;
  /** Forgets the decoded code of a system page (its address): somebody else wrote to it. */
  dropPage(state: number, page: number): void;
  /** To be called after the second-level table lost a mapping or a right. By the VP's own thread. */
  flushTlb(state: number): void;
  /** RFLAGS, put together from the results that stand for its arithmetic flags. */
  readFlags(state: number): number;
  /** Sets RFLAGS as a whole. */
  writeFlags(state: number, flags: number): void;
}

/** The parts of the WebAssembly API that are used; the package compiles without a host's types. */
interface Engine {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Memory: new (size: { initial: number; maximum: number; shared: true }) => {
    readonly buffer: SharedArrayBuffer;
  };
  readonly Instance: new (module: object, imports: object) => { readonly exports: object };
}

declare const WebAssembly: Engine;

/** Compiles the core. A module can be posted to other threads. */
export function compileCore(bytes: Uint8Array): object {
  return new WebAssembly.Module(bytes);
}

/** A node's memory, of 64 KiB pages, that the core can be instantiated on. */
export function createMemory(pages: number): { readonly buffer: SharedArrayBuffer } {
  return new WebAssembly.Memory({ initial: pages, maximum: 65536, shared: true });
}

/** Instantiates the core on a node: a shared `WebAssembly.Memory`. One instance per thread. */
export function instantiateCore(module: object, memory: object): CoreExports {
  const { exports } = new WebAssembly.Instance(module, {
    env: {
      memory,
      abort: () => {
        throw new Error('the core failed');
      },
    },
  });
  return exports as CoreExports;
}
