/** TypeScript guests: a module, bundled with the start-up of the thread that runs it. */
import { PAGE_SIZE } from '@ringlet/microkernel';
import { bundle, siblingModule } from '../host/bundle.ts';
import type { MachineParts, TypeScriptGuestParts } from '../machine/parts.ts';
import type { System } from '../machine/system.ts';
import type { GuestThreads, PreparedGuest } from './guest-threads.ts';
import type { ParavirtualStart } from './messages.ts';

/** A TypeScript guest. */
export class TypeScriptGuest implements GuestThreads {
  readonly #parts: MachineParts;
  readonly #guest: TypeScriptGuestParts;

  constructor(parts: MachineParts, guest: TypeScriptGuestParts) {
    this.#parts = parts;
    this.#guest = guest;
  }

  code(): Promise<URL> {
    return bundle(
      'guest',
      `import * as guest from ${JSON.stringify(this.#guest.module)};
       import { startVirtualProcessor } from ${JSON.stringify(siblingModule('./virtual-processor', import.meta.url))};
       startVirtualProcessor(guest);`,
    );
  }

  async prepare(system: System): Promise<PreparedGuest> {
    const { memoryBytes } = this.#parts;
    const gpaPages = Math.ceil(memoryBytes / PAGE_SIZE);
    const node = system.createNode(gpaPages);
    const layout = { gpaPages, ram: [{ start: 0, bytes: gpaPages * PAGE_SIZE }] };
    const partition = system.createPartition(node, layout, this.#parts);
    const start: ParavirtualStart = { memoryBytes, args: this.#guest.args };
    // A TypeScript guest has no console input: what is typed goes nowhere.
    const dispose = (): void => {
      system.deletePartition(partition);
      system.releaseNode(node);
    };
    const restart = (): void => system.resetPartition(partition, node, layout, this.#parts);
    return { node, partition, start: () => start, restart, write: () => {}, dispose };
  }
}
