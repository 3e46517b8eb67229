/**
 * A judge of networks: the host's own Linux TCP/IP stack, in a network namespace of its own, whose only interface is
 * plugged into a port of ours. Whatever runs in it (curl, iperf3, a DHCP client) is an ordinary guest to that port.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HOST_CLOCK } from '../../../src/backends/network/network-clock.ts';
import type { NetworkPort } from '../../../src/backends/network/network-port.ts';
import { FrameStream } from '../../../src/backends/network/stream/frame-stream.ts';

const BRIDGE = join(import.meta.dirname, 'tap-stack.py');
const UNSHARE = process.getuid?.() === 0 ? ['unshare', '-n'] : ['unshare', '-Urn'];

/** Why there can be none here; undefined when there can. */
export const noLinuxStack: string | undefined = (() => {
  if (process.platform !== 'linux') return 'this host is not Linux';
  for (const tool of ['python3', 'ip', 'unshare', 'nsenter']) {
    if (spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0) return `${tool} is not installed`;
  }
  const [program, ...words] = [...UNSHARE, 'ip', 'tuntap', 'add', 'dev', 'tap0', 'mode', 'tap'];
  return spawnSync(program!, words).status === 0 ? undefined : 'this user may not make a TAP in a network namespace';
})();

/** Which of the programs are not installed, for a test that needs them. */
export function missing(...programs: string[]): string[] {
  return programs.filter((program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0);
}

/** How a program ended. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One such stack. */
export class LinuxStack {
  readonly #bridge: ChildProcess;
  readonly #children = new Set<ChildProcess>();
  readonly #close: () => void;

  private constructor(bridge: ChildProcess, close: () => void) {
    this.#bridge = bridge;
    this.#close = close;
  }

  /** Plugs a new stack into a port. */
  static async plug(port: NetworkPort, { mac = '52:54:00:12:34:56' } = {}): Promise<LinuxStack> {
    const directory = mkdtempSync(join(tmpdir(), 'ringlet-stack-'));
    const path = join(directory, 'socket');
    const streams: FrameStream[] = [];
    const server = createServer((socket) => {
      const stream = new FrameStream(socket, HOST_CLOCK, { frame: (frame) => port.send(frame), closed: () => {} });
      streams.push(stream);
      port.onReceive((frame) => stream.send(frame));
    });
    await new Promise<void>((listening) => server.listen(path, listening));
    const [program, ...words] = [...UNSHARE, 'python3', BRIDGE, path, mac, String(port.mtu)];
    const bridge = spawn(program!, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(bridge.stdout!, 'data');
    return new LinuxStack(bridge, () => {
      port.onReceive(undefined);
      for (const stream of streams) stream.close();
      server.close();
      rmSync(directory, { recursive: true, force: true });
    });
  }

  /** Starts a program in it. */
  start(...words: string[]): ChildProcess {
    const user = process.getuid?.() === 0 ? [] : ['-U', '--preserve-credentials'];
    const child = spawn('nsenter', [...user, '-n', '-t', String(this.#bridge.pid), ...words]);
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  /** Runs a program in it to its end. */
  async run(...words: string[]): Promise<Outcome> {
    return finished(this.start(...words));
  }

  /** {@link run}, for what must succeed. @returns what it printed */
  async must(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...words);
    if (code !== 0) throw new Error(`${words.join(' ')} ended with ${code}: ${stdout}${stderr}`);
    return stdout;
  }

  /** Waits until a program that was started in it listens on a TCP port. */
  async listens(port: number): Promise<void> {
    const hex = port.toString(16).toUpperCase().padStart(4, '0');
    const look = `cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -q ':${hex} [0-9A-F:]* 0A '`;
    await this.must('sh', '-c', `until ${look}; do sleep 0.1; done`);
  }

  /** Gives the interface an address, and a way out. */
  async configure(address: string, gateway?: string): Promise<void> {
    await this.must('ip', 'addr', 'add', address, 'dev', 'tap0');
    if (gateway !== undefined) await this.must('ip', 'route', 'add', 'default', 'via', gateway);
  }

  /** Ends it, and what runs in it. */
  async stop(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    this.#close();
    if (this.#bridge.exitCode === null) {
      const gone = once(this.#bridge, 'exit');
      this.#bridge.kill('SIGKILL');
      await gone;
    }
  }
}

/** A program's outcome. */
export async function finished(child: ChildProcess): Promise<Outcome> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}
