/** A machine without a guest: what a guest would do, a test does by calling its methods. */
import { createTraceRing } from '@ringlet/microkernel';
import { BehaviorSubject, Subject } from 'rxjs';
import type { Runnable } from '../src/commands/host.ts';
import type {
  RebootOptions,
  Controllable,
  MachineResult,
  MachineState,
  MouseAction,
  ShutdownOptions,
} from '../src/control/controllable.ts';
import type { Debugger } from '../src/debug/machine-debugger.ts';
import { MachineTrace } from '../src/machine/machine-trace.ts';
import { UserError } from '@ringlet/wire';

/** Answers what the tests of commands and control sockets ask of a machine, and records what it was asked. */
export class FakeMachine implements Runnable {
  readonly name: string;
  readonly state$ = new BehaviorSubject<MachineState>('created');
  readonly console$ = new Subject<string>();
  readonly events$ = new Subject<{ readonly type: string; readonly [field: string]: unknown }>();
  readonly finished: Promise<MachineResult>;
  readonly asked: string[] = [];
  /** What was typed at the console. */
  typed = '';
  /** What the guest does as soon as it starts. */
  onStart: (machine: FakeMachine) => void = () => undefined;
  /** What the guest does when it is asked to shut down; it goes when absent. */
  onReboot: (() => Promise<void>) | undefined;
  onShutdown: ((options: ShutdownOptions) => void) | undefined;
  readonly devices: Runnable['devices'] = {
    files: [],
    reload: async (file) => void this.asked.push(`reload ${file}`),
    sources: async (file) => [file],
  };
  readonly disks: Controllable['disks'] = {
    attach: async (disk) => {
      this.asked.push(`attach ${JSON.stringify(disk)}`);
      return { controller: 0, target: 0, lun: disk.lun ?? 1 };
    },
    detach: async (place) => void this.asked.push(`detach ${JSON.stringify(place)}`),
    resize: async (place, bytes) => void this.asked.push(`resize ${JSON.stringify(place)} to ${bytes}`),
  };
  /** A picture of two pixels, red and blue. */
  readonly display: Controllable['display'] = {
    screenshot: async () => ({ width: 2, height: 1, pixels: Uint8Array.of(255, 0, 0, 255, 0, 0, 255, 255) }),
    prefer: async (width, height) => void this.asked.push(`prefer ${width}x${height}`),
  };
  readonly keyboard: Controllable['keyboard'] = {
    type: async (text, options) => void this.asked.push(`type ${text}${options?.unicode ? ' as characters' : ''}`),
    press: async (...chords) => void this.asked.push(`press ${chords.join(' ')}`),
  };
  readonly mouse: Controllable['mouse'] = {
    act: async (...actions) => void this.mouseActions.push(...actions),
  };
  readonly viewers: Controllable['viewers'] = {
    open: async ({ port, vnc } = {}) => {
      this.asked.push(`view ${port} ${vnc}`);
      return { url: 'http://127.0.0.1:1/?token=t', ...(vnc !== undefined && { vnc: { address: vnc, password: 'p' } }) };
    },
    close: async () => void this.asked.push('close views'),
  };
  readonly memory: Controllable['memory'] = {
    report: async () => MEMORY_REPORT,
    set: async (bytes) => {
      this.asked.push(`memory ${bytes}`);
      return { ...MEMORY_REPORT, ...(bytes === 'pressure' ? { policy: bytes } : { target: bytes }) };
    },
  };
  readonly guest: Controllable['guest'] = {
    syncTime: async () => void this.asked.push('syncTime'),
    keyValues: async (pool) => ({ pool, ...Object.fromEntries(this.keys) }),
    copyFile: async (file, { directory, name, overwrite }) => {
      this.asked.push(`copy ${file} to ${directory}/${name}${overwrite === true ? ' over what is there' : ''}`);
      return { bytes: 5 };
    },
    backup: async (path, { live = false, controller, target, lun } = {}) => {
      this.asked.push(`backup ${controller}:${target}:${lun} to ${path}${live ? ' live' : ''}`);
      return { bytes: 1 << 20 };
    },
    setKeyValue: async (key, value) => void (value === undefined ? this.keys.delete(key) : this.keys.set(key, value)),
  };
  /** The ring that a test may write records to. */
  readonly traceRing = createTraceRing(65_536);
  readonly tracing = new MachineTrace({
    epochMs: Date.UTC(2020, 0, 1),
    now: () => 0,
    switch: async () => [this.traceRing],
  });
  readonly keys = new Map<string, string>();
  readonly debugger = new FakeDebugger();
  readonly mouseActions: MouseAction[] = [];
  tree: unknown = { vmbus: { version: '5.3' } };
  #end!: (result: MachineResult) => void;

  constructor(name = 'fake') {
    this.name = name;
    this.finished = new Promise((resolve) => (this.#end = resolve));
  }

  print(text: string): void {
    this.console$.next(text);
  }

  async inputTaken(): Promise<void> {}

  write(data: string | Uint8Array): void {
    this.typed += typeof data === 'string' ? data : Buffer.from(data).toString();
  }

  end(result: MachineResult): void {
    this.state$.next('stopped');
    this.events$.next({ type: 'result', result });
    this.#end(result);
  }

  async start(): Promise<void> {
    this.state$.next('running');
    this.onStart(this);
  }

  async shutdown(options: ShutdownOptions = {}): Promise<void> {
    this.asked.push('shutdown');
    if (this.onShutdown === undefined) this.end({ reason: 'power-off', code: 0 });
    else this.onShutdown(options);
    await this.finished;
  }

  async reboot({ force = false }: RebootOptions = {}): Promise<void> {
    this.asked.push(force ? 'reset' : 'reboot');
    await this.onReboot?.();
    this.events$.next({ type: 'restarting', by: 'host', count: 1 });
  }

  async powerOff(): Promise<void> {
    this.asked.push('powerOff');
    this.end({ reason: 'killed' });
  }

  async inspect(path?: string): Promise<unknown> {
    if (path === 'nowhere')
      throw new UserError('no-such-path', 'there is nothing at nowhere', { hint: 'look at vmbus' });
    return this.tree;
  }

  async dispose(): Promise<void> {
    this.asked.push('dispose');
    this.end({ reason: 'killed' });
  }
}

const MIB = 1024 * 1024;
/** The memory of a {@link FakeMachine}. */
export const MEMORY_REPORT = {
  state: 'ready',
  policy: 'by-hand' as const,
  startup: 512 * MIB,
  minimum: 256 * MIB,
  maximum: 1024 * MIB,
  assigned: 512 * MIB,
  target: 512 * MIB,
  demand: 200 * MIB,
  ballooned: 0,
  added: 0,
  free: 600 * MIB,
};

/** What a control server is told of a {@link FakeMachine}. */
export const FAKE_FACTS = {
  guest: '/guests/fake.ts',
  kind: 'typescript' as const,
  cpus: 1,
  memory: 64 * 1024 * 1024,
  disks: [],
  devices: [],
  harness: 'threads',
  version: '0.0.0',
};

/** Notes where gdb is to be waited for. */
class FakeDebugger implements Debugger {
  address: string | undefined;

  async listen(address: { readonly port: number } | { readonly path: string }): Promise<string> {
    return (this.address = 'path' in address ? address.path : `127.0.0.1:${address.port || 40_000}`);
  }

  async close(): Promise<void> {
    this.address = undefined;
  }
}
