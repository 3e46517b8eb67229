/** ExitPort: port 0xF4, by which a test kernel ends its machine with an exit code, 0 for success. */
import type { PortDevice, PortWidth } from './port-bus.ts';
import { Port } from './ports.ts';

/** The exit port. It has no state. A wide write counts as one; its low byte is the code. */
export class ExitPort implements PortDevice {
  readonly name = 'exit-port';
  readonly ports = [[Port.Exit, 4]] as const;
  readonly wide = true;
  readonly #exit: (code: number) => void;

  constructor(world: { readonly exit: (code: number) => void }) {
    this.#exit = world.exit;
  }

  read(): number {
    return 0;
  }

  write(port: number, value: number, width: PortWidth): void {
    void width;
    if (port === Port.Exit) this.#exit(value & 0xff);
  }
}
