/** A new device in TypeScript: its protocol, its VSP, its VSC, a guest that uses it, and its tests. */
import { className, type DeviceIdentity } from './device-identity.ts';

/** File names and contents. */
export function typeScriptFiles(device: DeviceIdentity): ReadonlyMap<string, string> {
  const { name } = device;
  return new Map([
    [`${name}.protocol.ts`, protocol(device)],
    [`${name}.ts`, vsp(device)],
    [`${name}.vsc.ts`, vsc(device)],
    [`${name}.guest.ts`, guest(device)],
    [`${name}.test.ts`, tests(device)],
  ]);
}

const protocol = ({ name, interfaceId, instanceId }: DeviceIdentity): string => `\
/** What crosses the channel of ${name}: the codecs, the C header, traces and the page are made of this. */
import { protocol, u32 } from 'ringlet/device';

export const Protocol = protocol({
  name: '${name}',
  interfaceId: '${interfaceId}', // what kind of device this is: drivers look for it
  instanceId: '${instanceId}', // which one
  messages: {
    Ask: { tag: 1, from: 'guest', about: 'asks for an answer', fields: { value: u32 } },
    Answer: { tag: 2, from: 'host', about: 'the answer, and how many there were', fields: { value: u32, count: u32 } },
    Refusal: { tag: 3, from: 'host', about: 'that was no question', fields: {} },
  },
});
`;

const vsp = ({ name }: DeviceIdentity): string => `\
/** ${name}: the device. Multiplies what it is asked, and counts. */
import { type Channel, type DeviceWorld, type Packet, type Vsp, z } from 'ringlet/device';
import { Protocol } from './${name}.protocol.ts';

const options = z.strictObject({
  factor: z.int().min(1).max(1000).default(2).describe('What each value is multiplied by'),
});

export default class ${className(name)} implements Vsp<{ count: number }> {
  static readonly options = options;
  readonly protocol = Protocol;
  // 100 µs: what programs of Linux, by uio_hv_generic, signal with.
  readonly offer = { ...Protocol.offer, monitorLatency: 1_000 };
  readonly #world: DeviceWorld;
  readonly #factor: number;
  #count = 0;

  constructor(world: DeviceWorld, { factor }: z.output<typeof options>) {
    this.#world = world;
    this.#factor = factor;
  }

  packet(packet: Packet, channel: Channel): boolean {
    const question = Protocol.decode(packet.payload());
    if (question?.message !== 'Ask') {
      this.#world.log.guestError('no question');
      return channel.complete(packet, Protocol.encode('Refusal', {}));
    }
    const value = (question.value * this.#factor) >>> 0;
    // No room for the answer: leave the question in the ring, it comes again.
    if (!channel.complete(packet, Protocol.encode('Answer', { value, count: this.#count + 1 }))) return false;
    this.#count++;
    return true;
  }

  save = () => ({ count: this.#count });
  restore = (state: { count: number }) => void (this.#count = state.count);
  inspect = () => ({ count: this.#count, factor: this.#factor });
}
`;

const vsc = ({ name }: DeviceIdentity): string => `\
/** The guest's driver of ${name}: a promise for each question. */
import type { Channel, Packet } from 'ringlet/device';
import { Protocol } from './${name}.protocol.ts';

type Answer = { readonly value: number; readonly count: number };

export default class ${className(name)}Client {
  static readonly interfaceId = Protocol.interfaceId;
  readonly #channel: Channel;
  readonly #waiting = new Map<number, (answer: Answer | undefined) => void>();
  #lastId = 0;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** The answer; \`undefined\` when there is none: the device was taken away. */
  ask(value: number): Promise<Answer | undefined> {
    const id = ++this.#lastId;
    return new Promise((answered) => {
      if (!this.#channel.request(Protocol.encode('Ask', { value }), id, 0)) return answered(undefined);
      this.#waiting.set(id, answered);
      this.#channel.flush();
    });
  }

  packet(packet: Packet): void {
    const answer = Protocol.decode(packet.payload());
    this.#waiting.get(packet.transactionLow)?.(answer?.message === 'Answer' ? answer : undefined);
    this.#waiting.delete(packet.transactionLow);
  }

  closed(): void {
    for (const answered of this.#waiting.values()) answered(undefined);
    this.#waiting.clear();
  }
}
`;

const guest = ({ name }: DeviceIdentity): string => `\
/** A guest that uses ${name}: ringlet run ${name}.guest.ts --device ${name}.ts; asks again and again with -- --follow */
import type { Guest } from 'ringlet';
import ${className(name)}Client from './${name}.vsc.ts';

export default async function main(guest: Guest): Promise<number> {
  const follow = guest.args.includes('--follow');
  do {
    // Waits for the device: also for its next version, after one was taken away.
    const device = await guest.open(${className(name)}Client);
    for (let value = 21; ; value++) {
      const answer = await device.ask(value);
      if (answer === undefined) break;
      await guest.print(\`\${value} -> \${answer.value}, answer \${answer.count}\\n\`);
      if (!follow) return 0;
      await guest.sleep(500);
    }
    await guest.print('${name} is gone\\n');
  } while (follow);
  return 1;
}
`;

const tests = ({ name }: DeviceIdentity): string => `\
/** Tests of ${name}: node --import tsx --test ${name}.test.ts */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { Machine } from 'ringlet';
import { cHeader, guestHands, recordedWorld, smallMemory, vspRules } from 'ringlet/testing';
import { Protocol } from './${name}.protocol.ts';
import ${className(name)} from './${name}.ts';

const beside = (file: string) => fileURLToPath(new URL(file, import.meta.url));

// The rules that every device keeps.
vspRules(test, ${className(name)});

test('a question is answered, and counted', () => {
  const memory = smallMemory();
  const guest = guestHands(new ${className(name)}(recordedWorld(memory), { factor: 3 }), memory);
  for (const count of [1, 2]) {
    const [answer] = guest.send(Protocol.encode('Ask', { value: 5 }));
    assert.deepEqual(Protocol.decode(answer!.payload), { message: 'Answer', value: 15, count });
  }
});

test('what is no question is refused, and reported', () => {
  const memory = smallMemory();
  const world = recordedWorld(memory);
  const guest = guestHands(new ${className(name)}(world, { factor: 3 }), memory);
  const [answer] = guest.send(Uint8Array.of(9, 9, 9, 9));
  assert.deepEqual(Protocol.decode(answer!.payload), { message: 'Refusal' });
  assert.deepEqual(world.guestErrors, ['no question']);
});

test('a guest is answered, in a machine', async () => {
  const devices = [{ path: beside('${name}.ts'), options: { factor: 2 } }];
  const machine = new Machine({ guest: beside('${name}.guest.ts'), devices, harness: 'lockstep' });
  let printed = '';
  machine.console$.subscribe((text) => (printed += text));
  await machine.start();
  const result = await machine.finished;
  await machine.dispose();
  assert.equal(printed, '21 -> 42, answer 1\\n');
  assert.deepEqual(result, { reason: 'power-off', code: 0 });
});

test('the C header says what the protocol says: ringlet device ${name}.ts --header > ${name}.h', () => {
  assert.equal(readFileSync(beside('${name}.h'), 'utf8'), cHeader(Protocol));
});
`;
