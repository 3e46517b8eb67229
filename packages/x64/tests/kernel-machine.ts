/**
 * A machine for test kernels: the core, one VP, RAM from address 0, a debug port that is read back, an exit port.
 *
 * Kernels start in the state that the Multiboot
 * specification gives: 32-bit protected mode, flat segments, paging off, EBX and EAX as its loaders set them.
 */
import { instantiateCore, type CoreExports } from '../src/core-loader.ts';
import * as Exit from '../src/exits.ts';
import * as S from '../src/state.ts';
import { prepareVpArea, vpAreaBytes } from '../src/vp-area.ts';

/** What is used of the WebAssembly API, which Node's types do not declare. */
declare const WebAssembly: {
  readonly Memory: new (limits: { initial: number; maximum: number; shared: boolean }) => {
    readonly buffer: ArrayBufferLike;
  };
};

const LOAD_ADDRESS = 0x100000;
const RAM_BYTES = 64 << 20;
const ARENA_BYTES = 8 << 20;

// ---- layout of the node ------------------------------------------------------------------------------------------------
const STATE = 0x100000;
const SLAT = STATE + vpAreaBytes(ARENA_BYTES);
const CODE_MASKS = SLAT + 0x20000;
const RAM = 0x1000000;
const NODE_BYTES = RAM + RAM_BYTES;

// Features that the kernels use: of CPUID leaf 7, EBX and ECX, and of leaf 1, ECX.
const FSGSBASE = 1 << 0;
const SMEP = 1 << 7;
const SMAP = 1 << 20;
const UMIP = 1 << 2;
const INVPCID = 1 << 10;
const PCID = 1 << 17;

/** How a kernel ended. */
export interface Outcome {
  /** What it wrote to port 0xE9. */
  readonly output: string;
  /** `exit`: it wrote to port 0xF4; otherwise what stopped it. */
  readonly reason: string;
  readonly code: number;
}

/** Where the device of the `devices` kernel is. */
const DEVICE = 0xd0000000n;

/** The device that `tests-kernels/devices.c` draws. */
class CountingDevice {
  readonly #registers = new DataView(new ArrayBuffer(0x800 + 8));
  #reads = 0;
  #sum = 0n;
  #writes = 0;

  read(offset: number, size: number): bigint {
    if (offset === 0x800) return BigInt(++this.#reads);
    if (offset === 0x810) return this.#sum;
    if (offset === 0x818) return BigInt(this.#writes);
    return offset < 0x800 ? BigInt.asUintN(size * 8, this.#registers.getBigUint64(offset, true)) : 0n;
  }

  write(offset: number, size: number, value: bigint): void {
    if (offset === 0x808) {
      this.#sum += BigInt.asUintN(size * 8, value);
      this.#writes++;
    }
    if (offset >= 0x800) return;
    for (let byte = 0; byte < size; byte++)
      this.#registers.setUint8(offset + byte, Number((value >> BigInt(byte * 8)) & 0xffn));
  }
}

/** One machine with a kernel loaded. */
export class KernelMachine {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Interrupts to inject when the window opens, in order. */
  readonly interrupts: number[] = [];
  readonly device = new CountingDevice();
  readonly #core: CoreExports;
  readonly #residentPages: number;
  #output = '';
  #mapped = 0;
  /** How often a page was mapped on demand. */
  demands = 0;

  /**
   * @param module - the compiled core
   * @param image - a flat kernel
   * @param residentPages - with a number, guest pages are mapped when they are touched, and all unmapped again when more
   * than so many are
   */
  constructor(module: object, image: Uint8Array, residentPages = Number.POSITIVE_INFINITY) {
    this.#residentPages = residentPages;
    const memory = new WebAssembly.Memory({ initial: NODE_BYTES >> 16, maximum: 65536, shared: true });
    this.bytes = new Uint8Array(memory.buffer);
    this.view = new DataView(memory.buffer);
    this.#core = instantiateCore(module, memory);
    this.#layOut(memory.buffer as SharedArrayBuffer);
    this.bytes.set(image, RAM + LOAD_ADDRESS);
    this.#startMultiboot();
  }

  /** A 64-bit field of the state block. */
  field(offset: number): bigint {
    return this.view.getBigUint64(STATE + offset, true);
  }

  /** Runs to the end, or for `slices` slices. */
  run(slices = 20_000): Outcome {
    const { view } = this;
    for (let slice = 0; slice < slices; slice++) {
      const reason = this.#core.run(STATE, 50_000);
      if (reason === Exit.EXIT_BUDGET || reason === Exit.EXIT_PAUSE || reason === Exit.EXIT_CR8) continue;
      if (reason === Exit.EXIT_IO) {
        const code = this.#port();
        if (code >= 0) return { output: this.#output, reason: 'exit', code };
      } else if (reason === Exit.EXIT_IO_STRING) this.#portString();
      else if (reason === Exit.EXIT_GPA_ACCESS) this.#answerAccess();
      else if (reason === Exit.EXIT_RDMSR || reason === Exit.EXIT_WRMSR)
        view.setInt32(STATE + S.INJECT_VECTOR, 0x30d, true);
      else if (reason === Exit.EXIT_CPUID) this.#answerCpuid();
      else if (reason === Exit.EXIT_HYPERCALL) view.setInt32(STATE + S.INJECT_VECTOR, 0x106, true);
      else if (reason === Exit.EXIT_INTERRUPT_WINDOW) this.#inject();
      else if (reason === Exit.EXIT_HALT) {
        if (this.interrupts.length === 0) return { output: this.#output, reason: 'halt', code: 0 };
        view.setInt32(STATE + S.HALTED, 0, true);
        this.#inject();
      } else return { output: this.#output, reason: nameOf(reason), code: 0 };
    }
    return { output: this.#output, reason: 'budget', code: 0 };
  }

  /** Asks for the delivery of an interrupt when the guest can take it. */
  interrupt(vector: number): void {
    this.interrupts.push(vector);
    this.view.setInt32(STATE + S.WANT_WINDOW, 1, true);
  }

  #inject(): void {
    const vector = this.interrupts.shift();
    if (vector !== undefined) this.view.setInt32(STATE + S.INJECT_VECTOR, vector, true);
    if (this.interrupts.length > 0) this.view.setInt32(STATE + S.WANT_WINDOW, 1, true);
  }

  /** IN reads as ones. @returns the exit code when the kernel ended, -1 otherwise */
  #port(): number {
    const { view } = this;
    const port = view.getUint32(STATE + S.EXIT_PORT, true);
    const value = view.getUint32(STATE + S.EXIT_VALUE, true);
    const size = view.getUint32(STATE + S.EXIT_SIZE, true);
    if (view.getUint32(STATE + S.EXIT_WRITE, true) === 0) {
      if (size === 4) view.setBigUint64(STATE + S.RAX, 0xffffffffn, true);
      else if (size === 2) view.setUint16(STATE + S.RAX, 0xffff, true);
      else view.setUint8(STATE + S.RAX, 0xff);
      return -1;
    }
    if (port === 0xe9) this.#output += String.fromCharCode(value & 0xff);
    if (port === 0xea) this.interrupt(value & 0xff);
    if (port === 0xeb) view.setUint32(STATE + S.NMI_STATE, view.getUint32(STATE + S.NMI_STATE, true) | 1, true);
    return port === 0xf4 ? value : -1;
  }

  /** INS reads as ones, OUTS writes nowhere. */
  #portString(): void {
    const { view } = this;
    if (view.getUint32(STATE + S.EXIT_WRITE, true) !== 0) return;
    view.setBigUint64(STATE + S.MMIO_READS + 8, 0xffffffffn, true);
    view.setUint32(STATE + S.MMIO_READ_COUNT, 1, true);
  }

  /** Answers an access outside RAM: the device of the `devices` kernel, else reads are ones and writes are dropped. */
  #answerAccess(): void {
    const { view } = this;
    const write = view.getUint32(STATE + S.EXIT_WRITE, true) !== 0;
    const gpa = this.field(S.EXIT_GPA);
    if (gpa < BigInt(RAM_BYTES)) return this.#mapOnDemand(Number(gpa) >>> 12);
    const size = view.getUint32(STATE + S.EXIT_SIZE, true);
    const inDevice = gpa >= DEVICE && gpa < DEVICE + 0x1000n;
    const offset = Number(gpa & 0xfffn);
    let value = 0xffffffffffffffffn;
    if (inDevice && write) this.device.write(offset, size, this.field(S.EXIT_VALUE));
    else if (inDevice) value = this.device.read(offset, size);
    const [records, counter] = write ? [S.MMIO_WRITES, S.MMIO_WRITE_COUNT] : [S.MMIO_READS, S.MMIO_READ_COUNT];
    const count = view.getUint32(STATE + counter, true);
    if (count >= (write ? 2 : 4)) throw new Error('the core asked for more answers than it has room for');
    view.setBigUint64(STATE + records + count * 16, gpa, true);
    view.setBigUint64(STATE + records + count * 16 + 8, value, true);
    view.setUint32(STATE + counter, count + 1, true);
  }

  #mapOnDemand(page: number): void {
    const { view } = this;
    this.demands++;
    if (this.#mapped++ >= this.#residentPages) {
      new Uint8Array(view.buffer, SLAT, (RAM_BYTES >> 12) * 4).fill(0);
      this.#core.flushTlb(STATE);
      this.#mapped = 1;
    }
    view.setUint32(SLAT + page * 4, (RAM + page * 4096) | 7, true);
  }

  #answerCpuid(): void {
    // One processor, which is all that the kernels ask for.
    const leaf = this.view.getUint32(STATE + S.EXIT_INDEX, true);
    for (const register of [S.RAX, S.RBX, S.RCX, S.RDX]) this.view.setBigUint64(STATE + register, 0n, true);
    if (leaf === 1) this.view.setBigUint64(STATE + S.RBX, 0x10000n, true);
    const length = BigInt(this.view.getUint32(STATE + S.EXIT_LENGTH, true));
    this.view.setBigUint64(STATE + S.RIP, this.field(S.RIP) + length, true);
  }

  #layOut(buffer: SharedArrayBuffer): void {
    const { view } = this;
    const slatPages = RAM_BYTES >> 12;
    prepareVpArea(buffer, STATE, ARENA_BYTES, {
      slat: SLAT,
      slatPages,
      codeMasks: CODE_MASKS,
      vpTable: 0,
      vpCount: 1,
      busLock: 0,
    });
    if (this.#residentPages > slatPages) {
      for (let page = 0; page < slatPages; page++) view.setUint32(SLAT + page * 4, (RAM + page * 4096) | 7, true);
    }
    view.setUint32(STATE + S.FEATURES_7B, FSGSBASE | SMEP | INVPCID | SMAP, true);
    view.setUint32(STATE + S.FEATURES_1C, PCID, true);
    view.setUint32(STATE + S.FEATURES_7C, UMIP, true);
    this.#core.resetArena(STATE);
  }

  #startMultiboot(): void {
    const { view } = this;
    const segments = [S.ES, S.CS, S.SS, S.DS, S.FS, S.GS];
    for (const segment of segments)
      this.#segment(segment, segment === S.CS ? 8 : 16, segment === S.CS ? 0xc09b : 0xc093, 0xffffffff);
    this.#segment(S.LDTR, 0, 0x82, 0xffff);
    this.#segment(S.TR, 0, 0x8b, 0xffff);
    view.setUint32(STATE + S.IDTR_LIMIT, 0xffff, true);
    view.setUint32(STATE + S.GDTR_LIMIT, 0xffff, true);
    view.setBigUint64(STATE + S.CR0, 0x11n, true);
    view.setBigUint64(STATE + S.DR + 48, 0xffff0ff0n, true);
    view.setBigUint64(STATE + S.DR + 56, 0x400n, true);
    view.setBigUint64(STATE + S.MSR_PAT, 0x0007040600070406n, true);
    view.setUint16(STATE + S.FPU_CONTROL, 0x37f, true);
    view.setBigUint64(STATE + S.RAX, 0x2badb002n, true);
    view.setBigUint64(STATE + S.RIP, BigInt(LOAD_ADDRESS), true);
    this.#core.updateMode(STATE);
  }

  #segment(at: number, selector: number, attributes: number, limit: number): void {
    this.view.setBigUint64(STATE + at + S.SEG_BASE, 0n, true);
    this.view.setUint32(STATE + at + S.SEG_LIMIT, limit, true);
    this.view.setUint16(STATE + at + S.SEG_SELECTOR, selector, true);
    this.view.setUint32(STATE + at + S.SEG_ATTRIBUTES, attributes, true);
  }
}

function nameOf(reason: number): string {
  if (reason === Exit.EXIT_TRIPLE_FAULT) return 'triple fault';
  const entry = Object.entries(Exit).find(([, value]) => value === reason);
  return entry?.[0] ?? `exit ${reason}`;
}
