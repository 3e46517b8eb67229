/** `ringlet trace`: what goes on between a running machine's guest and its hypervisor, decoded field by field. */
import { UserError } from '@ringlet/wire';
import { z } from 'zod';
import type { ControlClient } from '../control/client.ts';
import { controlDirectory } from '../control/directory.ts';
import { plain } from '../control/json-rpc.ts';
import { onlyMachine, openMachine } from '../control/running.ts';
import { parseFilter, type TraceFilter } from '../trace/filter.ts';
import { cutRecords } from '../trace/raw-records.ts';
import { allFields, oneLine, recordAsJson } from '../trace/show-record.ts';
import { TraceCapture } from '../trace/trace-capture.ts';
import { traceTable } from '../trace/trace-layouts.ts';
import { RecordReader, type TraceRecord } from '../trace/trace-record.ts';
import { parseSnapLength } from './snap-length.ts';
import { ExitCode } from './exit-code.ts';
import type { CommandHost } from './host.ts';

/** How long a machine may take to answer, beyond what it was asked to wait. */
const ANSWER_MS = 20_000;
/** How long it waits for records before it answers that there are none. */
const WAIT_MS = 1_000;

/** The flags of `ringlet trace`. */
export interface TraceFlags {
  readonly filter?: string;
  readonly follow?: boolean;
  readonly write?: string;
  readonly snaplen?: string;
  readonly fields?: boolean;
  readonly json?: boolean;
  readonly stop?: boolean;
}

const Page = z.object({
  wasOn: z.boolean(),
  channels: z.string(),
  records: z.string(),
  next: z.number(),
  lost: z.number(),
  more: z.boolean(),
  dropped: z.number(),
  epochMs: z.number(),
  protocols: z.array(z.object({ interfaceId: z.string(), root: z.string(), table: z.record(z.string(), z.any()) })),
});

/** Runs the command. Without a name: the only machine that runs. */
export async function trace(name: string | undefined, flags: TraceFlags, host: CommandHost): Promise<ExitCode> {
  const filter = flags.filter === undefined ? undefined : parseFilter(flags.filter);
  const snapBytes = parseSnapLength(flags.snaplen);
  const directory = controlDirectory(host.environment);
  const chosen = name ?? (await onlyMachine(directory));
  const client = await openMachine(directory, chosen);
  let leaving = false;
  let wake = (): void => undefined;
  const left = new Promise<void>((resolve) => (wake = resolve));
  const stopListening = host.onSignal(() => {
    leaving = true;
    wake();
  });
  const output = new TraceOutput(filter, snapBytes, flags, host);
  try {
    let from: number | undefined;
    for (let first = true; !leaving; first = false) {
      const asked = ask(client, from, flags, first);
      const page = await Promise.race([asked, left]);
      asked.catch(() => undefined);
      if (page === undefined) break;
      if (first) await begin(page, output, chosen, flags, host);
      await output.page(page);
      from = page.next;
      if (!page.more && flags.follow !== true) break;
    }
  } catch (error) {
    // Its end is the end of what there is to follow.
    if (!(flags.follow === true && error instanceof UserError && error.code === 'machine-gone')) throw error;
  } finally {
    stopListening();
    client.close();
    await output.close();
  }
  return ExitCode.Success;
}

async function ask(
  client: ControlClient,
  from: number | undefined,
  flags: TraceFlags,
  first: boolean,
): Promise<z.output<typeof Page>> {
  const waitMs = flags.follow === true && !first ? WAIT_MS : 0;
  const stop = flags.stop === true && first;
  const parameters = { ...(from !== undefined && { from }), waitMs, ...(stop && { stop }) };
  return Page.parse(await client.call('trace', parameters, ANSWER_MS + waitMs));
}

async function begin(
  page: z.output<typeof Page>,
  output: TraceOutput,
  name: string,
  flags: TraceFlags,
  host: CommandHost,
): Promise<void> {
  await output.begin(page);
  if (flags.stop === true)
    return host.err(page.wasOn ? `${name} is not traced any more\n` : `${name} was not traced\n`);
  if (flags.follow === true) host.err(`${name} · Ctrl-C leaves, the machine runs on\n`);
  if (page.wasOn || flags.follow === true) return;
  host.err(`${name} was not traced until now; from now on it is. The same command again shows what has happened,\n`);
  host.err('--follow what happens; ringlet run --trace begins with the first instruction.\n');
}

/** Shows records, and writes them to a file. */
class TraceOutput {
  readonly #filter: TraceFilter | undefined;
  readonly #snapBytes: number | undefined;
  readonly #flags: TraceFlags;
  readonly #host: CommandHost;
  #reader = new RecordReader(() => ({}));
  #capture: TraceCapture | undefined;
  #shown = 0;
  #lost = 0;

  constructor(filter: TraceFilter | undefined, snapBytes: number | undefined, flags: TraceFlags, host: CommandHost) {
    this.#filter = filter;
    this.#snapBytes = snapBytes;
    this.#flags = flags;
    this.#host = host;
  }

  async begin({ epochMs, protocols }: z.output<typeof Page>): Promise<void> {
    const table = traceTable(protocols as never);
    this.#reader = new RecordReader(() => table);
    if (this.#flags.write === undefined) return;
    this.#capture = new TraceCapture(this.#flags.write, epochMs, this.#snapBytes);
    await this.#capture.ready;
  }

  async page({ channels, records, lost }: z.output<typeof Page>): Promise<void> {
    for (const channel of cutRecords(Buffer.from(channels, 'base64'))) this.#reader.learn(channel);
    this.#lost += lost;
    if (lost > 0) this.#host.err(`ringlet: ${lost} records are gone: they were not read in time\n`);
    let text = '';
    for (const raw of cutRecords(Buffer.from(records, 'base64'))) {
      const record = this.#reader.read(raw);
      if (this.#filter !== undefined && !this.#filter(record)) continue;
      this.#shown++;
      this.#lost += record.lost ?? 0;
      if (this.#capture === undefined) text += `${this.#show(record)}\n`;
      else this.#capture.write(record);
    }
    if (text !== '') this.#host.out(text);
    await this.#capture?.drained();
  }

  async close(): Promise<void> {
    const lost = this.#lost + (this.#capture?.dropped ?? 0);
    const gone = lost === 0 ? '' : `; ${lost} are lost`;
    if (this.#capture !== undefined) {
      await this.#capture.close();
      this.#host.err(`${this.#capture.packets} packets in ${this.#flags.write}${gone}\n`);
    } else if (this.#flags.follow === true) this.#host.err(`${this.#shown} records${gone}\n`);
  }

  #show(record: TraceRecord): string {
    if (this.#flags.json === true) return JSON.stringify(recordAsJson(record), plain);
    return this.#flags.fields === true ? allFields(record) : oneLine(record);
  }
}
