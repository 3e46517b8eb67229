/** The host's ends of the connections that guests make: iperf3's server and ours for latency. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { type AddressInfo, createServer } from 'node:net';

/** Whether this host has a program. */
export const installed = (program: string): boolean =>
  spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;

/** A server process. */
export interface Peer {
  readonly port: number;
  stop(): void;
}

/** iperf3's server, on 127.0.0.1. */
export async function startIperf(): Promise<Peer> {
  const port = await freePort();
  const child = spawn('iperf3', ['--server', '--bind', '127.0.0.1', '--port', String(port), '--forceflush']);
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve());
    child.once('exit', (code) => reject(new Error(`iperf3 --server ended with ${code}`)));
    child.once('error', reject);
  });
  child.stderr.resume();
  child.stdout.resume();
  return { port, stop: () => void child.kill('SIGKILL') };
}

/** The server for latency. */
export interface PingpongPeer extends Peer {
  /** Seconds a round took on average, over the last connection. */
  last(): number;
}

/** `guest/pingpong.c` as a server. */
export async function startPingpong(program: string): Promise<PingpongPeer> {
  const child: ChildProcess = spawn(program, ['serve'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  const port = await new Promise<number>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`pingpong serve ended with ${code}`)));
    child.once('error', reject);
    child.stdout!.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
      const said = /^port ([0-9]+)\n/.exec(printed);
      if (said) resolve(Number(said[1]));
    });
  });
  return {
    port,
    last() {
      const [rounds, seconds] = printed.trimEnd().split('\n').at(-1)!.split(' ').map(Number);
      return seconds! / rounds!;
    },
    stop: () => void child.kill('SIGKILL'),
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
