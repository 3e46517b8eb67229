/** A cable that ends nowhere: the link is down, frames are dropped. */
import type { NetworkPort } from './network-port.ts';

/** Nothing. */
export class NonePort implements NetworkPort {
  readonly link = { up: false, onChange: () => {} };
  readonly mtu = 1500;
  #dropped = 0;

  send(): boolean {
    this.#dropped++;
    return false;
  }

  onReceive(): void {}

  inspect(): Record<string, unknown> {
    return { kind: 'none', dropped: this.#dropped };
  }

  dispose(done: () => void): void {
    done();
  }
}
