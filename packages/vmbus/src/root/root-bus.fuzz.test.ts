import fc from 'fast-check';
import { expect, test } from 'vitest';
import { contact, device, Harness } from '../../tests/bus-harness.ts';
import { MAX_MESSAGE_BYTES, messages } from '../messages/catalogue.ts';
import { encodeMessage } from '../messages/codec.ts';
import { gpadlMessages } from '../messages/gpadl-ranges.ts';
import { versions } from '../messages/version.ts';

/** Small, so that bounds are met within a short run. */
const LIMITS = { gpadls: 12, gpadlsPerChannel: 5, gpadlPages: 300, pendingMessages: 4, socketConnects: 2, offers: 16 };
const TYPES = Object.values(messages).map((row) => row.type);

const small = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 6 }) },
  fc.constantFrom(2047, 2048, 0xffff_ffff),
);
const uuid = fc.constantFrom('00000050-facb-11e6-bd58-64006a7986d3', '00000051-facb-11e6-bd58-64006a7986d3');
const vp = fc.constantFrom(0, 1, 0xffff_ffff);
const tail = fc.uint8Array({ maxLength: 27 }).map((data) => new Uint8Array(data.length * 8).fill(data[0] ?? 0));

/** Messages that could mean something. */
const valid = fc.oneof(
  fc
    .record({ relid: small, openId: small, ringGpadl: small, targetVp: vp, downstreamPageOffset: small })
    .map((body) => [encodeMessage('OpenChannel', { ...body, userData: new Uint8Array(120) })]),
  fc
    .tuple(small, small, fc.integer({ min: 1, max: 90 }))
    .map(([relid, gpadl, count]) =>
      gpadlMessages(relid, gpadl, { byteCount: count * 4096, byteOffset: 0, pages: new Float64Array(count) }),
    ),
  fc
    .record({ relid: small, gpadl: small, rangeBufferLength: fc.nat(0xffff), rangeCount: fc.nat(3), tail })
    .map((body) => [encodeMessage('GpadlHeader', body)]),
  fc.record({ messageNumber: small, gpadl: small, tail }).map((body) => [encodeMessage('GpadlBody', body)]),
  fc.record({ relid: small, gpadl: small }).map((body) => [encodeMessage('GpadlTeardown', body)]),
  small.map((relid) => [encodeMessage('CloseChannel', { relid })]),
  small.map((relid) => [encodeMessage('RelidReleased', { relid })]),
  fc.record({ relid: small, targetVp: vp }).map((body) => [encodeMessage('ModifyChannel', body)]),
  fc.record({ endpointId: uuid, serviceId: uuid }).map((body) => [encodeMessage('TlConnectRequest', body)]),
  fc
    .record({ relid: small, targetVp: vp, targetSint: fc.nat(20), ringGpadl: small, downstreamPageOffset: small })
    .map((body) => [encodeMessage('OpenReservedChannel', body)]),
  fc
    .record({ relid: small, targetVp: vp, targetSint: fc.nat(20) })
    .map((body) => [encodeMessage('CloseReservedChannel', body)]),
  fc.constant([encodeMessage('RequestOffers', {})]),
);
/** Messages that begin or end a connection: rarer, or nothing else would happen. */
const connecting = fc.oneof(
  fc.constantFrom(...versions).map((version) => [encodeMessage('InitiateContact', contact(version.value))]),
  fc
    .bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn })
    .map((page) => [
      encodeMessage('InitiateContact', contact(0x0005_0003, { monitorPageToChild: page, monitorPageToRoot: page })),
    ]),
  fc.constant([encodeMessage('Unload', {})]),
);
const garbage = fc
  .tuple(fc.constantFrom(...TYPES, 0, 30, 0xff), fc.uint8Array({ minLength: 1, maxLength: MAX_MESSAGE_BYTES + 8 }))
  .map(([type, data]) => {
    data[0] = type;
    for (let i = 1; i < Math.min(4, data.length); i++) data[i] = 0;
    return [data];
  });

/** What happens on the root's side meanwhile. */
const host = fc.record({
  act: fc.constantFrom(
    'listen',
    'deaf',
    'open',
    'refuse',
    'close',
    'hold',
    'letGo',
    'revoke',
    'offer',
    'subchannels',
    'socket',
    'move',
  ),
  channel: fc.integer({ min: 1, max: 12 }),
});

const step = fc.oneof(
  { weight: 12, arbitrary: valid.map((post) => ({ post })) },
  { weight: 1, arbitrary: connecting.map((post) => ({ post })) },
  { weight: 3, arbitrary: garbage.map((post) => ({ post })) },
  { weight: 6, arbitrary: host },
);

type Step = { readonly post: readonly Uint8Array[] } | { readonly act: string; readonly channel: number };

const isWithoutId = (state: string): boolean =>
  state === 'unaware' || state === 'released' || state.endsWith('-release');

interface View {
  release(): void;
}

/** The root's side of one run. */
class Run {
  child = Run.create();
  held: View[] = [];

  static create(): Harness {
    const child = new Harness({ limits: LIMITS });
    for (const n of [1, 2, 3]) child.bus.offer(device(n, { maxSubchannels: 2, monitorLatency: 1000 }));
    child.connect();
    return child;
  }

  host(act: string, channel: number): void {
    const { child } = this;
    const { bus } = child;
    if (act === 'listen') child.listening = true;
    if (act === 'deaf') child.listening = false;
    if (act === 'open') child.finishOpen(channel, true);
    if (act === 'refuse') child.finishOpen(channel, false);
    if (act === 'close') child.finishClose(channel);
    if (act === 'hold') this.held.push(...[bus.acquireGpadl(channel, 1)].filter((view) => view !== undefined));
    if (act === 'letGo') this.held.pop()?.release();
    if (act === 'revoke') bus.revoke(channel);
    if (act === 'subchannels') bus.offerSubchannels(channel, 3);
    if (act === 'offer' && this.channels().length < LIMITS.offers && !this.isOffered(1)) bus.offer(device(1));
    if (act === 'socket') for (const each of child.sockets) bus.socketAnswered(each.endpointId, each.serviceId, false);
    if (act === 'move') child.opens = child.opens === true ? undefined : true;
    bus.pump();
  }

  channels(): { instanceId: string; relid: number; state: string }[] {
    return this.child.bus.inspect()['channels'] as { instanceId: string; relid: number; state: string }[];
  }

  isOffered(n: number): boolean {
    return this.channels().some(
      ({ instanceId, state }) => instanceId === device(n).instanceId && !/revoke/.test(state),
    );
  }

  /** Which of the bus's promises are broken. */
  broken(): string[] {
    const { gpadls, messages, socketConnects } = this.child.bus.inspect() as {
      gpadls: { count: number; pages: number };
      messages: { waiting: number };
      socketConnects: number;
    };
    const channels = this.channels();
    const relids = channels.flatMap(({ relid }) => (relid === 0 ? [] : relid));
    // An id is held exactly while the child, or a reserved channel, can use it.
    const misheld = channels.filter(({ relid, state }) => (relid === 0) !== isWithoutId(state));
    const promises: [string, boolean][] = [
      ['GPADLs are bounded', gpadls.count <= LIMITS.gpadls],
      ['GPADL pages are bounded', gpadls.pages <= LIMITS.gpadlPages],
      ['messages are bounded', messages.waiting <= LIMITS.pendingMessages + LIMITS.gpadls + 2 * LIMITS.offers],
      ['socket requests are bounded', socketConnects <= LIMITS.socketConnects],
      ['channels are bounded', channels.length <= LIMITS.offers],
      ['ids are unique', new Set(relids).size === relids.length],
      [`ids are held by those who use them: ${JSON.stringify(misheld)}`, misheld.length === 0],
    ];
    return promises.flatMap(([promise, kept]) => (kept ? [] : promise));
  }

  /** Answers everything, lets everything go, and unloads. */
  finish(): void {
    const { child } = this;
    child.listening = true;
    child.opens = true;
    child.closes = true;
    for (const view of this.held) view.release();
    this.held = [];
    for (let channel = 1; channel < 200; channel++) {
      child.finishOpen(channel);
      child.finishClose(channel);
    }
    child.bus.pump();
    for (const { relid, state } of this.channels()) {
      if (state.endsWith('-reserved')) child.post('CloseReservedChannel', { relid, targetVp: 0, targetSint: 2 });
    }
    child.take();
    child.post('Unload', {});
    child.bus.pump();
  }
}

const steps = fc.array(step, { minLength: 1, maxLength: 80 });
/** Long runs by choice: `FUZZ_RUNS=100000`. */
const RUNS = Number(
  (globalThis as { process?: { env: Record<string, string | undefined> } }).process?.env['FUZZ_RUNS'] ?? 300,
);

/** Plays a sequence. @returns the first promises that were broken on the way. */
function play(run: Run, sequence: readonly Step[]): string[] {
  run.child.opens = undefined;
  run.child.closes = false;
  for (const each of sequence) {
    if ('post' in each) for (const data of each.post) run.child.bus.receive(data);
    else run.host(each.act, each.channel);
    const broken = run.broken();
    if (broken.length > 0) return broken;
  }
  return [];
}

test(
  'no sequence of messages makes the bus throw, exceed a bound, or leave anything behind after an unload',
  { timeout: RUNS * 100 },
  () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        const run = new Run();
        expect(play(run, sequence)).toEqual([]);
        run.finish();
        expect(run.child.takeNames().at(-1)).toBe('UnloadResponse');
        expect(run.child.bus.inspect()).toMatchObject({
          state: 'disconnected',
          gpadls: { count: 0, pages: 0, orphans: 0 },
          messages: { waiting: 0 },
        });
        expect(
          run
            .channels()
            .map(({ relid }) => relid)
            .filter((relid) => relid !== 0),
        ).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  },
);

test('a bus saved at any moment can be restored, and unloads as cleanly', { timeout: RUNS * 100 }, () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      const run = new Run();
      expect(play(run, sequence)).toEqual([]);
      const saved = run.child.bus.save();
      const devices = [1, 2, 3].map((n) => device(n, { maxSubchannels: 2, monitorLatency: 1000 }));
      // A device that was attached anew by a step is offered as plainly as it was then.
      const kept = devices.slice(1).filter((_, i) => run.isOffered(i + 2));
      const next = run.child.moved(kept);
      expect(JSON.parse(JSON.stringify(saved))).toEqual(saved);
      run.child = next;
      run.held = [];
      expect(run.broken()).toEqual([]);
      run.finish();
      expect(next.bus.inspect()).toMatchObject({ state: 'disconnected', gpadls: { count: 0, orphans: 0 } });
      expect(next.takeNames().at(-1)).toBe('UnloadResponse');
    }),
    { numRuns: RUNS },
  );
});
