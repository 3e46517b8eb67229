/** DebugOutput: port 0xE9, where every byte written goes to the host. It reads as its own number, so that a guest finds it. */
import type { PortDevice } from './port-bus.ts';
import { Port } from './ports.ts';

/** The debug port. It has no state. */
export class DebugOutput implements PortDevice {
  readonly name = 'debug-output';
  readonly ports = [[Port.DebugOutput, 1]] as const;
  readonly #output: (byte: number) => void;

  constructor(world: { readonly output: (byte: number) => void }) {
    this.#output = world.output;
  }

  read(): number {
    return Port.DebugOutput;
  }

  write(_port: number, value: number): void {
    this.#output(value);
  }
}
