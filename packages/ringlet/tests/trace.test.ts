/** Traces of whole machines: what is shown, what is written, and what Wireshark makes of it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { interfaces } from '@ringlet/vmbus';
import type { DecodedField } from '@ringlet/wire';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Machine } from '../src/index.ts';
import type { MachineOptions } from '../src/configuration/options.ts';
import { dissectorOf } from '../src/trace/dissector.ts';
import { allFields, oneLine } from '../src/trace/show-record.ts';
import { TraceCapture } from '../src/trace/trace-capture.ts';
import { traceTable } from '../src/trace/trace-layouts.ts';
import type { TraceRecord } from '../src/trace/trace-record.ts';

const tshark = spawnSync('tshark', ['-v']).status === 0;

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'ringlet-trace-'));
  writeFileSync(join(directory, 'disk.raw'), '');
  truncateSync(join(directory, 'disk.raw'), 1 << 20);
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Runs a machine to its end, traced from its first instruction on. */
async function traced(
  options: MachineOptions,
  file?: string,
  during: (machine: Machine, text: string) => void = () => undefined,
): Promise<TraceRecord[]> {
  const machine = new Machine({ name: 'traced', ...options });
  const capture = file === undefined ? undefined : new TraceCapture(file, machine.tracing.epochMs);
  const records: TraceRecord[] = [];
  machine.trace().subscribe((record) => {
    records.push(record);
    capture?.write(record);
  });
  machine.console$.subscribe((text) => during(machine, text));
  await machine.start();
  expect(await machine.finished).toEqual({ reason: 'power-off', code: 0 });
  await machine.dispose();
  await capture?.close();
  return records;
}

/** Fields of all records of a layout, by their names. */
const fieldsOf = (records: readonly TraceRecord[], layout: string): Record<string, unknown>[] =>
  records.flatMap((record) =>
    record.layouts
      .filter((each) => each.layout === layout)
      .map(({ fields }) => Object.fromEntries(fields.map((field) => [field.name, field.text ?? field.value]))),
  );

const disk = (): MachineOptions => ({
  guest: 'examples/disk-sha256.ts',
  disks: [{ path: join(directory, 'disk.raw') }],
  harness: 'lockstep',
});

test('a run in lockstep gives the same trace to the byte, in virtual time, for the same seed', async () => {
  const files = await Promise.all(
    [1, 1, 2].map(async (seed, i) => {
      const file = join(directory, `${i}.pcapng`);
      await traced({ ...disk(), seed }, file);
      return readFileSync(file);
    }),
  );
  expect(files[0]!.length).toBeGreaterThan(20_000);
  expect(files[1]!.equals(files[0]!)).toBe(true);
  expect(files[2]!.equals(files[0]!)).toBe(false);
});

test('a replay has the trace of what was recorded, to the byte', async () => {
  const record = join(directory, 'run.rec');
  const [first, second] = [join(directory, 'recorded.pcapng'), join(directory, 'replayed.pcapng')];
  const recorded = await traced({ ...disk(), record, seed: 7 }, first);
  const replayed = await traced({ replay: record }, second);
  expect(recorded.length).toBeGreaterThan(50);
  expect(replayed.map(allFields)).toEqual(recorded.map(allFields));
  expect(readFileSync(second).equals(readFileSync(first))).toBe(true);
});

test('a disk read is seen from the hypercall to the sectors, in threads, too', async () => {
  const records = await traced({ ...disk(), harness: 'threads' });
  expect(fieldsOf(records, 'vmbus')[0]).toEqual({ message: 'INITIATE_CONTACT' });
  expect(fieldsOf(records, 'vmbus.offer-channel').map((offer) => offer['interfaceId'])).toContain(
    interfaces.scsi.interfaceId,
  );
  const reads = fieldsOf(records, 'cdb.block10').map(({ lba, blocks }) => [lba, blocks]);
  expect(reads[0]![0]).toBe(0);
  expect(reads.filter(([, blocks]) => Number(blocks) > 0).reduce((sum, [, blocks]) => sum + Number(blocks), 0)).toBe(
    2048,
  );
  expect(fieldsOf(records, 'hypercall').map(({ code }) => code)).toContain('HvCallSignalEvent');
  expect(fieldsOf(records, 'msr').map(({ msr }) => msr)).toContain('HV_X64_MSR_SIMP');
  const times = records.map(({ time }) => time);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
});

test('a device that declares its protocol is decoded like all others', async () => {
  const file = join(directory, 'thermometer.ts');
  const ringlet = JSON.stringify(join(import.meta.dirname, '../src/device.ts'));
  writeFileSync(
    file,
    `import { protocol, u32 } from ${ringlet};
     export const Protocol = protocol({
       name: 'thermometer',
       interfaceId: '0d8c2a3e-54b1-4f0c-9a53-3b6b0f1f7a10', instanceId: '0d8c2a3e-54b1-4f0c-9a53-3b6b0f1f7a11',
       messages: {
         Read: { tag: 1, from: 'guest', about: 'asks', fields: { sensor: u32 } },
         Warmth: { tag: 2, from: 'host', about: 'answers', fields: { sensor: u32, millikelvin: u32 } },
       },
     });
     export default class Thermometer {
       protocol = Protocol;
       offer = Protocol.offer;
       packet(request, channel) {
         const { sensor } = Protocol.decode(request.payload());
         return channel.complete(request, Protocol.encode('Warmth', { sensor, millikelvin: 293150 }));
       }
     }`,
  );
  const guest = join(directory, 'reads.ts');
  writeFileSync(
    guest,
    `import { Protocol } from './thermometer.ts';
     class Client {
       static interfaceId = Protocol.interfaceId;
       constructor(channel) { this.channel = channel; this.answered = new Promise((done) => (this.done = done)); }
       packet() { this.done(); }
     }
     export default async function main(guest) {
       const client = await guest.open(Client);
       client.channel.request(Protocol.encode('Read', { sensor: 7 }), 1, 0);
       client.channel.flush();
       await client.answered;
       return 0;
     }`,
  );
  const records = await traced({ guest, devices: [file], harness: 'lockstep' });
  const lines = records.filter(({ kind, device }) => kind === 'packet' && device === 'thermometer').map(oneLine);
  expect(lines.map((line) => line.replace(/^.*thermometer \d+ +/, ''))).toEqual([
    '→ READ sensor=7',
    '← WARMTH sensor=7 millikelvin=293150',
  ]);
});

test('the echo of the examples declares its packets, which go both ways', async () => {
  const records = await traced({ guest: 'examples/echo.guest.ts', devices: ['examples/echo.ts'], harness: 'lockstep' });
  const packets = records.filter(({ kind, device }) => kind === 'packet' && device === 'echo');
  expect(fieldsOf(packets, 'echo.echo').map(({ length }) => length)).toEqual([8, 8, 64, 64, 512, 512, 4096, 4096]);
  expect(packets.map(({ sender }) => sender)).toEqual(packets.map((_, i) => (i % 2 === 0 ? 'guest' : 'root')));
});

/** A field as Wireshark prints it in JSON. */
function asWireshark({ value, name }: DecodedField): string {
  if (value instanceof Uint8Array) return Array.from(value, (byte) => byte.toString(16).padStart(2, '0')).join(':');
  return typeof value === 'bigint' || name === 'bits' ? `0x${value.toString(16).padStart(16, '0')}` : String(value);
}

interface Packet {
  readonly _source: { readonly layers: { readonly ringlet?: unknown; readonly frame: Record<string, string> } };
}

/** All fields of a packet: name and values, in order. */
function flat(tree: unknown, into = new Map<string, string[]>()): Map<string, string[]> {
  for (const [name, value] of Object.entries(tree as Record<string, unknown>)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (typeof each === 'object') flat(each, into);
      else into.set(name, [...(into.get(name) ?? []), String(each)]);
    }
  }
  return into;
}

const numeric = (text: string): string => (/^(0x[0-9a-f]+|-?\d+)$/.test(text) ? BigInt(text).toString() : text);

describe.skipIf(!tshark)('tshark with the generated dissector', () => {
  const dissect = (file: string, ...words: string[]): string => {
    const script = join(directory, 'ringlet.lua');
    writeFileSync(script, dissectorOf(traceTable(), '1.2.3'));
    const options = ['-X', `lua_script:${script}`, '-r', file, ...words];
    return execFileSync('tshark', options, {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  };

  /** Compares everything that tshark says of a file with what we say of it. */
  function compare(file: string, records: readonly TraceRecord[]): ReadonlySet<string> {
    const packets = JSON.parse(dissect(file, '-T', 'json', '--no-duplicate-keys', '-Y', 'ringlet')) as Packet[];
    expect(packets).toHaveLength(records.length);
    const seen = new Set<string>();
    for (const [i, record] of records.entries()) {
      const theirs = flat(packets[i]!._source.layers.ringlet);
      const ours = new Map<string, string[]>();
      for (const { layout, fields } of record.layouts) {
        seen.add(layout);
        for (const field of fields) {
          const key = `ringlet.${layout}.${field.name}`;
          const values = Array.isArray(field.value) ? field.value.map(String) : [asWireshark(field)];
          ours.set(key, [...(ours.get(key) ?? []), ...values]);
        }
      }
      for (const [key, values] of ours) {
        expect([key, theirs.get(key)?.map(numeric)]).toEqual([key, values.map(numeric)]);
      }
      const names = new Set([...theirs.keys()].filter((key) => !ours.has(key) && !/^ringlet\.[\w.-]+_tree$/.test(key)));
      expect([...names].filter((key) => ours.size > 0 && !titles.has(key))).toEqual([]);
    }
    return seen;
  }
  const titles = new Set(Object.keys(traceTable()).map((layout) => `ringlet.${layout}`));

  test('reads back what we decode: bus messages, storage, screen, keyboard, mouse, integration components', async () => {
    const file = join(directory, 'devices.pcapng');
    const records = await traced(
      { guest: join(import.meta.dirname, 'programs/traced-devices.ts'), disks: disk().disks!, harness: 'lockstep' },
      file,
      (machine, text) => {
        if (text.includes('ready'))
          void machine.mouse.act({ action: 'move', x: 9, y: 9 }).then(() => machine.keyboard.press('escape'));
      },
    );
    const seen = compare(file, records);
    const wanted =
      'hypercall msr message channel vmbus.offer-channel vmbus.gpadl-header vmpacket range vstor.version scsi cdb ' +
      'cdb.block10 sense ic.negotiate ic.version heartbeat time-sync kvp keyboard.version keyboard.event mouse.device ' +
      'mouse.report video.version-response video.situation';
    expect([...seen]).toEqual(expect.arrayContaining(wanted.split(' ')));
  });

  test('reads RNDIS messages, and frames as plain Ethernet on an interface of their own', async () => {
    const file = join(directory, 'network.pcapng');
    const records = await traced({ guest: 'examples/arp.ts', networks: [{ kind: 'nat' }] }, file);
    const seen = compare(file, records);
    for (const layout of ['nvsp.init', 'nvsp.receive-buffer', 'nvsp.rndis-packet', 'rndis.packet', 'ethernet']) {
      expect([...seen]).toContain(layout);
    }
    const arp = dissect(
      file,
      '-Y',
      'arp',
      '-T',
      'fields',
      '-e',
      'frame.interface_name',
      '-e',
      'arp.opcode',
      '-e',
      'arp.dst.proto_ipv4',
    );
    expect(arp.trim().split('\n')).toEqual(expect.arrayContaining(['network\t1\t10.0.2.2', 'network\t2\t10.0.2.15']));
  });

  test('filters by our names', async () => {
    const file = join(directory, 'filtered.pcapng');
    const records = await traced(disk(), file);
    const reads = records.filter(({ layouts }) =>
      layouts.some(({ fields }) => fields.some(({ text }) => text === 'READ_10')),
    );
    expect(reads.length).toBeGreaterThan(0);
    const lines = dissect(file, '-Y', 'ringlet.cdb.opcode == 0x28', '-T', 'fields', '-e', 'ringlet.cdb.block10.lba');
    expect(lines.trim().split('\n')).toHaveLength(reads.length);
  });
});
