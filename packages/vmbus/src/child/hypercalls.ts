/**
 * The two hypercalls that carry the bus: HvCallPostMessage and HvCallSignalEvent (TLFS, "Inter-Partition Communication").
 *
 *     input page of HvCallPostMessage
 *     +0 u32 connection id   +4 u32 reserved   +8 u32 message type   +12 u32 payload bytes   +16 payload, at most 240
 */
import { Access, type GuestMemory, PAGE_SIZE } from '@ringlet/microkernel';
import { invariant } from '@ringlet/wire';
import { MAX_MESSAGE_BYTES, SYNIC_MESSAGE_TYPE } from '../messages/catalogue.ts';

const POST_MESSAGE = 0x005c;
const SIGNAL_EVENT = 0x005d;
const FAST = 0x1_0000;

const INPUT_HEADER = 16;

// Words of a VP's register file.
const RCX = 0;
const RDX = 2;
const R8 = 4;
const RAX = 6;

/** What hypercalls need of a virtual processor. A microkernel `Vp` is one. */
export interface HypercallVp {
  /** The guest's memory, for input pages. */
  readonly memory: GuestMemory;
  /** RCX, RDX, R8 and RAX as low and high words. */
  readonly registers: Uint32Array;
  /** Runs the hypercall that the registers describe. */
  hypercall(): void;
}

/** Hypercalls of one VP, with its input page. */
export class Hypercalls {
  readonly #vp: HypercallVp;
  readonly #inputGpa: number;

  /** @param inputGpa - a page-aligned guest physical address that nothing else uses */
  constructor(vp: HypercallVp, inputGpa: number) {
    invariant(inputGpa % PAGE_SIZE === 0, 'the hypercall input page is page-aligned');
    this.#vp = vp;
    this.#inputGpa = inputGpa;
  }

  /** Posts one bus message. @returns the status: 0, or an `HvStatus`. */
  postMessage(connectionId: number, payload: Uint8Array): number {
    invariant(payload.length <= MAX_MESSAGE_BYTES, 'a message fits its hypercall');
    const { memory, registers } = this.#vp;
    const at = memory.locate(this.#inputGpa, INPUT_HEADER + MAX_MESSAGE_BYTES, Access.Write);
    invariant(at >= 0, 'the hypercall input page is mapped');
    memory.view.setUint32(at, connectionId, true);
    memory.view.setUint32(at + 4, 0, true);
    memory.view.setUint32(at + 8, SYNIC_MESSAGE_TYPE, true);
    memory.view.setUint32(at + 12, payload.length, true);
    memory.bytes.set(payload, at + INPUT_HEADER);
    registers[RCX] = POST_MESSAGE;
    registers[RCX + 1] = 0;
    registers[RDX] = this.#inputGpa;
    registers[RDX + 1] = Math.floor(this.#inputGpa / 2 ** 32);
    registers[R8] = 0;
    registers[R8 + 1] = 0;
    this.#vp.hypercall();
    return registers[RAX]! & 0xffff;
  }

  /** Signals a connection's event port: a doorbell. Allocates nothing. @returns the status. */
  signalEvent(connectionId: number): number {
    const { registers } = this.#vp;
    registers[RCX] = FAST | SIGNAL_EVENT;
    registers[RCX + 1] = 0;
    registers[RDX] = connectionId;
    registers[RDX + 1] = 0; // flag number 0, relative to the port's first
    this.#vp.hypercall();
    return registers[RAX]! & 0xffff;
  }
}
