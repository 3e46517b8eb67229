/** gdb's side of a connection, by hand: for what no gdb would send. */
import { connect } from 'node:net';

/** One connection. */
export class GdbLine {
  readonly #socket;
  #buffer = '';
  #waiting: (() => void) | undefined;
  readonly closed: Promise<void>;

  constructor(path: string) {
    this.#socket = connect(path);
    this.#socket.setEncoding('latin1');
    this.#socket.on('error', () => {});
    this.closed = new Promise((done) => this.#socket.once('close', () => done()));
    this.#socket.on('data', (text: string) => {
      this.#buffer += text;
      this.#waiting?.();
    });
  }

  write(text: string): void {
    this.#socket.write(text, 'latin1');
  }

  /** Sends a packet. @returns the answer's data; what gdb would print is left out */
  async ask(data: string): Promise<string> {
    let sum = 0;
    for (const character of data) sum = (sum + character.charCodeAt(0)) & 0xff;
    this.write(`$${data}#${sum.toString(16).padStart(2, '0')}`);
    for (;;) {
      const token = await this.next();
      if (token === '+') continue;
      this.write('+');
      if (!/^O[0-9a-f]/.test(token)) return token;
    }
  }

  /** The next acknowledgement, or packet. */
  async next(): Promise<string> {
    for (;;) {
      const [, sign, packet] = /^(?:([+-])|\$([^#]*)#..)/s.exec(this.#buffer) ?? [];
      if (sign !== undefined) {
        this.#buffer = this.#buffer.slice(1);
        return sign;
      }
      if (packet !== undefined) {
        this.#buffer = this.#buffer.slice(packet.length + 4);
        return packet;
      }
      await new Promise<void>((wake) => (this.#waiting = wake));
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}
