/**
 * A session: machines from start to end, with somebody watching.
 *
 * It ends when every machine has ended. What can end them early: the text of `--expect`, `--timeout`, a signal. An early
 * end first asks the guest, then, if it does not go, pulls the plug.
 */
import { first } from 'rxjs';
import type { MachineOptions } from '../configuration/options.ts';
import { askToShutDown } from '../control/ask-to-shut-down.ts';
import type { MachineFacts } from '../control/facts.ts';
import { type ControlServer, serveControl } from '../control/server.ts';
import { ExitCode, exitCodeOf } from './exit-code.ts';
import { ConsoleKeys, consoleHelp, LEAVE_KEYS } from './console-keys.ts';
import type { Expectation } from './expectation.ts';
import type { CommandHost, EndSignal, Runnable } from './host.ts';
import { HeldInput } from './held-input.ts';
import type { Reporter } from './reporter.ts';
import { watchDevices } from './watch-devices.ts';

/** How long a guest that is asked to shut down may take. */
const GRACE_MS = 10_000;

/** One machine of a session. */
export interface Member {
  readonly machine: Runnable;
  readonly facts: MachineFacts;
  readonly options: MachineOptions;
  /** What is typed at its console: the keys of a terminal, whatever comes through a pipe, or nothing. */
  readonly input: 'keys' | 'pipe' | 'none';
}

/** What is watched for. */
export interface Watch {
  readonly expectation?: Expectation;
  readonly timeoutMs?: number;
  /** Device files that are saved are loaded anew. */
  readonly devices?: boolean;
}

/** Runs `members` to their end. @returns the exit code. Rejects when one cannot start; by then all are disposed. */
export async function runSession(
  members: readonly Member[],
  watch: Watch,
  directory: string,
  reporter: Reporter,
  host: CommandHost,
): Promise<ExitCode> {
  const servers: ControlServer[] = [];
  const leave = members.some(({ input }) => input === 'keys') ? LEAVE_KEYS : 'Ctrl-C';
  const session = new Session(members, watch, reporter, leave);
  const stopListening = host.onSignal((signal) => session.signal(signal));
  let detachConsole = (): void => undefined;
  const stopWatching: (() => void)[] = [];
  try {
    for (const { machine, facts } of members) servers.push(await serveControl(machine, facts, directory));
    for (const { machine, facts, options } of members)
      reporter.starting(
        machine.name,
        facts,
        options,
        leave === LEAVE_KEYS ? `${leave} leaves` : `${leave} shuts it down`,
      );
    detachConsole = attachConsoles(members, reporter, host);
    if (watch.devices === true) {
      for (const { machine } of members) stopWatching.push(await watchDevices(machine, reporter));
    }
    if (!(await session.start())) return session.verdict;
    host.announce?.({ type: 'started', names: members.map(({ machine }) => machine.name) });
    return await session.finish();
  } finally {
    session.end();
    detachConsole();
    for (const stop of stopWatching) stop();
    stopListening();
    await Promise.all(members.map(({ machine }) => machine.dispose()));
    await Promise.all(servers.map((server) => server.close()));
  }
}

/** Passes on what is typed. Keys wait until their machine runs: before that nothing can take them. */
function attachConsoles(members: readonly Member[], reporter: Reporter, host: CommandHost): () => void {
  const attached = members
    .filter(({ input }) => input !== 'none')
    .map(({ machine, input }) => {
      const typed = new HeldInput(
        (bytes) => machine.write(bytes),
        () => machine.inputTaken(),
      );
      const running = machine.state$.pipe(first((state) => state === 'running', undefined));
      const waiting = running.subscribe((state) => state === 'running' && typed.release());
      const keys = new ConsoleKeys({
        // Keys are few, and Ctrl-] is heard even by a guest that takes none.
        type: (bytes) => void typed.write(bytes),
        leave: () => host.interrupt(),
        help: () => reporter.notice(consoleHelp('shuts the machine down; a second time turns it off')),
      });
      const handler =
        input === 'keys' ? (bytes: Uint8Array) => keys.feed(bytes) : (bytes: Uint8Array) => typed.write(bytes);
      const stop = host.keyboard.listen(handler, input === 'keys');
      return () => {
        waiting.unsubscribe();
        stop();
      };
    });
  return () => attached.forEach((stop) => stop());
}

class Session {
  readonly #members: readonly Member[];
  readonly #watch: Watch;
  readonly #reporter: Reporter;
  /** What is pressed to end it. */
  readonly #leave: string;
  readonly #subscriptions: { unsubscribe(): void }[] = [];
  /** Why the session is being ended early, as an exit code; the first reason stays. */
  #verdict: ExitCode | undefined;
  #signals = 0;
  #timer: NodeJS.Timeout | undefined;
  #grace: NodeJS.Timeout | undefined;

  constructor(members: readonly Member[], watch: Watch, reporter: Reporter, leave: string) {
    this.#members = members;
    this.#watch = watch;
    this.#reporter = reporter;
    this.#leave = leave;
  }

  /** Why the session was ended early; 0 while there is no reason. */
  get verdict(): ExitCode {
    return this.#verdict ?? ExitCode.Success;
  }

  /** @returns false when it was ended before every machine ran. Rejects when a machine cannot start. */
  async start(): Promise<boolean> {
    const { timeoutMs } = this.#watch;
    if (timeoutMs !== undefined) this.#timer = setTimeout(() => this.#timedOut(timeoutMs), timeoutMs);
    try {
      await Promise.all(this.#members.map((member) => this.#startOne(member)));
      return true;
    } catch (error) {
      // A start that fails because it was interrupted is not a failure to start.
      if (this.#verdict === undefined) throw error;
      return false;
    }
  }

  /** Waits for every machine to end. */
  async finish(): Promise<ExitCode> {
    const results = await Promise.all(this.#members.map(({ machine }) => machine.finished));
    const { expectation } = this.#watch;
    const failed = results.map(exitCodeOf).find((code) => code !== ExitCode.Success);
    let code = this.#verdict ?? failed ?? ExitCode.Success;
    if (code === ExitCode.Success && expectation !== undefined && !expectation.seen) {
      this.#reporter.notice('the expected text did not appear');
      code = ExitCode.ExpectNotSeen;
    }
    return code;
  }

  end(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#grace);
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
  }

  signal(signal: EndSignal): void {
    this.#signals++;
    this.#verdict ??= signal === 'SIGINT' ? ExitCode.Interrupted : ExitCode.Terminated;
    if (this.#signals === 1) {
      this.#reporter.notice(`shutting down; ${this.#leave} again turns it off at once`);
      this.#shutDown();
    } else {
      this.#turnOff();
    }
  }

  async #startOne({ machine }: Member): Promise<void> {
    const startedAt = performance.now();
    const reporter = this.#reporter;
    this.#subscriptions.push(
      machine.console$.subscribe((text) => this.#printed(machine.name, text)),
      machine.events$.subscribe((event) => reporter.event(machine.name, event)),
    );
    await machine.start();
    void machine.finished.then((result) => {
      reporter.finished(machine.name, result, Math.round(performance.now() - startedAt));
    });
  }

  #printed(name: string, text: string): void {
    this.#reporter.console(name, text);
    if (this.#watch.expectation?.add(text) !== true) return;
    if (this.#verdict === undefined) {
      this.#verdict = ExitCode.Success;
      this.#reporter.notice('the expected text appeared; shutting down');
      this.#shutDown();
    }
  }

  #timedOut(ms: number): void {
    if (this.#verdict !== undefined) return;
    this.#verdict = ExitCode.TimedOut;
    this.#reporter.notice(`${ms / 1000} s have passed; turning off`);
    this.#turnOff();
  }

  #shutDown(): void {
    // A guest that cannot be asked, or refuses, is turned off at once, one that does not go when its time is up.
    this.#grace ??= setTimeout(() => this.#turnOff(), GRACE_MS);
    for (const { machine } of this.#members) askToShutDown(machine).catch(() => this.#turnOffOne(machine));
  }

  #turnOff(): void {
    for (const { machine } of this.#members) this.#turnOffOne(machine);
  }

  #turnOffOne(machine: Runnable): void {
    machine.powerOff().catch((error: unknown) => this.#reporter.notice(`${machine.name}: ${String(error)}`));
  }
}
