/**
 * Echo requests to outside hosts. Node has no ICMP sockets, so each is one run of the host's own `ping`, which may send
 * them; the answer that the guest sees carries its own data, and comes when that ping had one.
 */
import { spawn } from 'node:child_process';
import { isIPv6 } from 'node:net';

const MOST_AT_ONCE = 16;
/** Seconds that a ping waits. */
const WAIT_SECONDS = 5;
const WINDOWS = process.platform === 'win32';
const MAC = process.platform === 'darwin';

/** Runs pings of the host. */
export class HostPing {
  readonly #children = new Set<() => void>();
  #absent = false;

  /** The host has no `ping`, or it may not be run: found out at the first try. */
  get absent(): boolean {
    return this.#absent;
  }

  /**
   * Asks `address` once, with `size` bytes of data.
   *
   * @param answered - called when it answered; never, when it did not
   * @returns false when too many are under way, or the host cannot
   */
  ping(address: string, size: number, answered: () => void): boolean {
    if (this.#absent || this.#children.size >= MOST_AT_ONCE) return false;
    const program = MAC && isIPv6(address) ? 'ping6' : 'ping';
    const child = spawn(program, argumentsFor(address, size), { stdio: 'ignore', windowsHide: true });
    const kill = () => void child.kill('SIGKILL');
    const timer = setTimeout(kill, (WAIT_SECONDS + 1) * 1000);
    timer.unref();
    this.#children.add(kill);
    const over = () => {
      clearTimeout(timer);
      return this.#children.delete(kill);
    };
    child.on('error', () => {
      this.#absent = true;
      over();
    });
    child.on('exit', (code) => {
      if (over() && code === 0) answered();
    });
    child.unref();
    return true;
  }

  /** Ends those that wait. */
  stop(): void {
    for (const kill of this.#children) kill();
    this.#children.clear();
  }
}

/** One echo request, in the words of the host's ping. */
function argumentsFor(address: string, size: number): string[] {
  if (WINDOWS) return ['-n', '1', '-w', String(WAIT_SECONDS * 1000), '-l', String(size), address];
  const wait = MAC ? (isIPv6(address) ? [] : ['-t', String(WAIT_SECONDS)]) : ['-W', String(WAIT_SECONDS)];
  return ['-n', '-q', '-c', '1', ...wait, '-s', String(size), address];
}
