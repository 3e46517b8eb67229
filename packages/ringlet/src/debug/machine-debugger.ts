/** The debugger's side of one machine: waits for gdb where it is told to, for as long as it is told to. */
import type { PacketHeldEvent } from '@ringlet/root-partition';
import { UserError } from '@ringlet/wire';
import type { DebuggedPartition } from '@ringlet/x64';
import { type GdbAddress, type GdbEvent, GdbServer } from './gdb/server.ts';
import type { Harness } from '../machine/harness.ts';

/** What a debugger needs of its machine. */
export interface DebuggedMachine {
  readonly name: string;
  /** The guest's processors; `undefined` when they can have no debugger, or there are none yet. */
  partition(): DebuggedPartition | undefined;
  readonly request: Harness['request'];
  inspect(path: string): Promise<unknown>;
  powerOff(): Promise<void>;
  /** Settles when the machine has ended, with its exit code. */
  readonly ended: Promise<number>;
  report(event: GdbEvent): void;
}

/** What the outside asks of it. */
export interface Debugger {
  /** Where gdb is waited for, as its `target remote` wants it; `undefined` when it is not. */
  readonly address: string | undefined;
  /**
   * Waits for gdb at a port of this host (0: one that is free), or at a Unix socket.
   *
   * @returns {@link Debugger.address}
   * @throws UserError `gdb-address-taken`, `gdb-listening` when it is waited for already, `gdb-guest` for guest modules
   */
  listen(address: GdbAddress): Promise<string>;
  /** Waits no more; the machine runs on. */
  close(): Promise<void>;
}

/** One machine's. */
export class MachineDebugger implements Debugger {
  readonly #machine: DebuggedMachine;
  readonly #listeners = new Set<(event: PacketHeldEvent) => void>();
  #server: GdbServer | undefined;
  #listening = false;

  constructor(machine: DebuggedMachine) {
    this.#machine = machine;
  }

  get address(): string | undefined {
    return this.#server?.address;
  }

  async listen(address: GdbAddress): Promise<string> {
    const machine = this.#machine;
    if (this.#listening) {
      throw new UserError('gdb-listening', `${machine.name} waits for gdb already`, {
        hint: this.address === undefined ? 'try again in a moment' : `gdb -ex 'target remote ${this.address}'`,
      });
    }
    const partition = machine.partition();
    if (partition === undefined) {
      throw new UserError('gdb-guest', `${machine.name} has no processor that gdb knows`, {
        hint: 'gdb is for kernels; for guest modules there is the debugger of JavaScript',
      });
    }
    this.#listening = true;
    try {
      this.#server = await GdbServer.listen(
        {
          name: machine.name,
          partition,
          inspect: (path) => machine.inspect(path),
          holdPackets: (devices) => machine.request('holdPackets', { devices }),
          releasePackets: () => machine.request('releasePackets', {}),
          onPacketHeld: (listener) => {
            this.#listeners.add(listener);
            return () => this.#listeners.delete(listener);
          },
          powerOff: () => machine.powerOff(),
          ended: machine.ended,
        },
        { address, report: (event) => machine.report(event) },
      );
    } catch (error) {
      this.#listening = false;
      throw error;
    }
    return this.#server.address;
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await server?.close();
    this.#listening = false;
  }

  /** @returns whether the event was one for debuggers only */
  take(event: { readonly type: string }): boolean {
    if (event.type !== 'packet-held') return false;
    for (const listener of this.#listeners) listener(event as PacketHeldEvent);
    return true;
  }
}
