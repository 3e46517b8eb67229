/** Debian's kernel as a guest of tests, with files of theirs in its initial root file system. */
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FileKind, writeCpio } from '@ringlet/root-partition';
import { Machine, type MachineEvent, type MachineOptions } from 'ringlet';
import type { TestContext } from 'vitest';
import { DebianGuests } from './debian-guest.ts';

const BOOT_MS = 240_000;

/** Guests of the tests of one file. */
export class ExecGuests {
  readonly #images = new DebianGuests();

  /** Removed after the tests. */
  get folder(): string {
    return this.#images.folder;
  }

  /**
   * Starts a machine and waits until commands can be run in it.
   *
   * @param files - by path in the guest; each can be executed
   */
  async boot(
    context: TestContext,
    options: Partial<MachineOptions> = {},
    files: Readonly<Record<string, Uint8Array | string>> = {},
  ): Promise<ExecGuest> {
    const image = await this.#images.image(context, 'debian');
    const folder = mkdtempSync(join(this.#images.folder, 'g-'));
    const initrd = join(folder, 'initrd');
    writeFileSync(initrd, Buffer.concat([readFileSync(image.initrd), archive(files)]));
    const guest = new ExecGuest({
      kernel: image.kernel,
      initrd,
      commandLine: image.commandLine,
      sockets: join(folder, 's'),
      ...options,
    });
    context.onTestFinished(() => guest.machine.dispose());
    await guest.machine.start();
    await guest.shell('true', BOOT_MS);
    return guest;
  }
}

/** A machine in which commands can be run. */
export class ExecGuest {
  readonly machine: Machine;
  readonly sockets: string;
  readonly events: MachineEvent[] = [];
  console = '';

  constructor(options: MachineOptions & { readonly sockets: string }) {
    this.machine = new Machine(options);
    this.sockets = options.sockets;
    this.machine.console$.subscribe((text) => (this.console += text));
    this.machine.events$.subscribe((event) => this.events.push(event));
  }

  /** Runs a line of shell. @returns what it printed. Throws when it fails, with all that it said */
  async shell(line: string, patienceMs = 0): Promise<string> {
    try {
      const result = await this.machine.exec(['sh', '-c', line], { patienceMs });
      if ('code' in result && result.code === 0) return result.stdout.trimEnd();
      throw new Error(`${line}: ${JSON.stringify(result)}`);
    } catch (error) {
      throw new Error(`${String(error)}; the console said:\n${this.console.slice(-4000)}`, { cause: error });
    }
  }

  /** Waits until somebody in the guest listens on a port: who is started in the background needs a moment. */
  async listens(port: number): Promise<void> {
    const hex = port.toString(16).toUpperCase().padStart(4, '0');
    await this.shell(
      `until cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -q ":${hex} [0-9A-F:]* 0A "; do sleep 0.2; done`,
    );
  }

  /** Waits until the kernel sees that its network adapter's cable is plugged in, or is not. */
  async carrier(wanted: '0' | '1' = '1', adapter = 'eth0'): Promise<void> {
    await this.shell(`until [ "$(cat /sys/class/net/${adapter}/carrier)" = ${wanted} ]; do sleep 0.2; done`);
  }

  /** What the kernel complains of: lines of hv drivers at the levels of errors and warnings, and anything of a crash. */
  async complaints(): Promise<string[]> {
    const lines = (await this.shell('dmesg -r')).split('\n');
    return lines.filter((line) => {
      const level = Number(/^<(\d+)>/.exec(line)?.[1] ?? 6) & 7;
      if (/Call Trace|WARNING:|BUG:|traps:/.test(line)) return true;
      return level <= 4 && /hv_|hyperv|vmbus|vsock|balloon/i.test(line);
    });
  }
}

/** An archive that is unpacked over the first. */
function archive(files: Readonly<Record<string, Uint8Array | string>>): Uint8Array {
  const directories = new Set<string>();
  for (const path of Object.keys(files)) {
    const words = path.split('/');
    for (let depth = 1; depth < words.length; depth++) directories.add(words.slice(0, depth).join('/'));
  }
  const made = [...directories].toSorted().filter((name) => !['bin', 'etc', 'lib', 'usr', 'root'].includes(name));
  return writeCpio([
    ...made.map((name) => ({ name, mode: FileKind.Directory | 0o755, links: 2 })),
    ...Object.entries(files).map(([name, data]) => ({
      name,
      mode: FileKind.Regular | 0o755,
      data: typeof data === 'string' ? new TextEncoder().encode(data) : data,
    })),
  ]);
}

/** The program of that name on this host; skips the test when there is none. */
export function needTool(context: TestContext, name: string): string {
  const found = (process.env['PATH'] ?? '').split(':').find((folder) => existsSync(join(folder, name)));
  if (found === undefined) context.skip(`this host has no ${name}`);
  return join(found!, name);
}
