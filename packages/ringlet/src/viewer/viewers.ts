/** Viewers: the servers through which people look at one machine, opened when they are wanted. */
import { UserError } from '@ringlet/wire';
import { type PageServer, servePage } from './page-server.ts';
import type { ViewedMachine } from './viewed-machine.ts';
import { listenForVnc, type VncAddress, type VncServer } from './vnc-server.ts';

/** How somebody would like to look. */
export interface ViewOptions {
  /** Port of the page in a browser; any when absent. */
  readonly port?: number;
  /** Where VNC viewers connect: a port, or the path of a socket. Not at all when absent. */
  readonly vnc?: string;
}

/** Where to look. */
export interface Views {
  /** The page's address; whoever has it sits in front of the machine. */
  readonly url: string;
  /** Where VNC viewers connect; absent when none may. */
  readonly vnc?: VncAddress;
}

/** The servers of one machine. */
export class Viewers {
  readonly #machine: ViewedMachine;
  readonly #hasScreen: boolean;
  #page: PageServer | undefined;
  #vnc: VncServer | undefined;
  /** What its address was given as. */
  #vncAsked: string | undefined;
  /** One change after another. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(machine: ViewedMachine, hasScreen: boolean) {
    this.#machine = machine;
    this.#hasScreen = hasScreen;
  }

  /**
   * Opens what is not open yet, and says where to look.
   *
   * @throws UserError `display-absent`; `view-address-refused` when it cannot listen there; `view-elsewhere` when it
   * listens somewhere else already
   */
  open(options: ViewOptions = {}): Promise<Views> {
    return this.#inTurn(() => this.#open(options));
  }

  /** Ends them, and who looks sees no more. */
  close(): Promise<void> {
    return this.#inTurn(async () => {
      await Promise.all([this.#page?.close(), this.#vnc?.close()]);
      this.#page = this.#vnc = undefined;
    });
  }

  async #open({ port, vnc }: ViewOptions): Promise<Views> {
    if (!this.#hasScreen) {
      throw new UserError('display-absent', 'the machine has no display', {
        hint: 'it was started with --display none',
      });
    }
    if (port !== undefined && this.#page !== undefined && Number(new URL(this.#page.url).port) !== port) {
      throw elsewhere(this.#page.url);
    }
    if (vnc !== undefined && this.#vnc !== undefined && this.#vncAsked !== vnc) {
      throw elsewhere(this.#vnc.address);
    }
    this.#page ??= await servePage(port ?? 0, this.#machine);
    if (vnc !== undefined) {
      this.#vnc ??= await listenForVnc(vnc, this.#machine);
      this.#vncAsked = vnc;
    }
    const { address, password } = this.#vnc ?? {};
    return {
      url: this.#page.url,
      ...(address !== undefined && { vnc: { address, ...(password !== undefined && { password }) } }),
    };
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const changed = this.#turn.then(change);
    this.#turn = changed.catch(() => {});
    return changed;
  }
}

const elsewhere = (where: string): UserError =>
  new UserError('view-elsewhere', `viewers connect at ${where} already`, {
    hint: 'look there, or close it first: ringlet view NAME --off',
  });
