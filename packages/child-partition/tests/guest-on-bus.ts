/** A guest with a root partition that serves its bus: the real microkernel, ports, rings and bus host, in lockstep. */
import { ROOT_PARTITION } from '@ringlet/microkernel';
import { BusHost, SynicEndpoint, type Vsp } from '@ringlet/vmbus';
import { LoneGuest } from './lone-guest.ts';

const MESSAGE_PAGE_GPA = 0x1000;
const EVENT_PAGE_GPA = 0x2000;

/** A lone guest, and a bus with the devices that a test attaches. */
export class GuestOnBus extends LoneGuest {
  readonly host: BusHost;
  readonly guestErrors: string[] = [];
  readonly deviceFailures: unknown[] = [];
  #timers: { due: number; run: () => void }[] = [];
  #woken = false;

  constructor(devices: readonly Vsp[], options: { vpCount?: number; maxVersion?: number } = {}) {
    super(options.vpCount ?? 1);
    const synic = new SynicEndpoint(this.microkernel.vp(ROOT_PARTITION, 0), {
      messagePageGpa: MESSAGE_PAGE_GPA,
      eventPageGpa: EVENT_PAGE_GPA,
    });
    synic.enable();
    this.host = new BusHost({
      kernel: this.microkernel,
      place: { rootPartition: ROOT_PARTITION, rootVp: 0, child: this.partition },
      memory: this.microkernel.memory(this.partition),
      synic,
      after: (ticks, run) => this.after(ticks, run),
      wake: () => (this.#woken = true),
      log: { guestError: (what) => void this.guestErrors.push(what), info: () => {} },
      deviceFailed: (_name, thrown) => void this.deviceFailures.push(thrown),
      ...(options.maxVersion !== undefined && { bus: { maxVersion: options.maxVersion } }),
    });
    for (const device of devices) this.host.attach(device);
  }

  /** The root's turn. @returns whether it has more to do at once */
  readonly root = (): boolean => {
    const due = this.#timers.filter((timer) => timer.due <= this.now);
    this.#timers = this.#timers.filter((timer) => timer.due > this.now);
    for (const timer of due) timer.run();
    const again = this.#woken;
    this.#woken = false;
    const busy = this.microkernel.vp(ROOT_PARTITION, 0).interruptPending;
    return this.host.poll() || busy || again || due.length > 0;
  };

  /** The root's timers. */
  after(ticks: number, run: () => void): () => void {
    const timer = { due: this.now + ticks, run };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((each) => each !== timer));
  }

  protected override nextDue(): number {
    return Math.min(...this.#timers.map((timer) => timer.due));
  }
}
