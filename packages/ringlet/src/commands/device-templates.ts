/** The four files of a new device: its VSP, its VSC, a guest that uses it, and its tests. Each at most 30 lines. */

/** What a new device is called, and its identifiers. */
export interface DeviceIdentity {
  /** File name stem, kebab-case. */
  readonly name: string;
  /** GUID of the device class, by which the guest finds it. */
  readonly interfaceId: string;
  /** GUID of this one device. */
  readonly instanceId: string;
}

/** File names and contents of a new device. */
export function deviceFiles(device: DeviceIdentity): ReadonlyMap<string, string> {
  const { name } = device;
  return new Map([
    [`${name}.ts`, vsp(device)],
    [`${name}.vsc.ts`, vsc(device)],
    [`${name}.guest.ts`, guest(device)],
    [`${name}.test.ts`, rules(device)],
  ]);
}

const className = (name: string): string =>
  name
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');

const vsp = ({ name, interfaceId, instanceId }: DeviceIdentity): string => `\
/** ${className(name)}: what the root partition offers. Answers every packet with its own bytes, and counts. */
import type { Channel, Packet, Vsp } from 'ringlet';

export default class ${className(name)} implements Vsp<{ answered: number }> {
  readonly offer = {
    name: '${name}',
    interfaceId: '${interfaceId}',
    instanceId: '${instanceId}',
  };

  #answered = 0;

  packet(request: Packet, channel: Channel): boolean {
    // No room for the answer: leave the request in the ring, it comes again.
    if (!channel.complete(request, request.payload())) return false;
    this.#answered++;
    return true;
  }

  save = () => ({ answered: this.#answered });
  restore = (state: { answered: number }) => void (this.#answered = state.answered);
  inspect = () => ({ answered: this.#answered });
}
`;

const vsc = ({ name, interfaceId }: DeviceIdentity): string => `\
/** The guest's driver of ${name}: a promise for each packet sent. */
import type { Channel, Packet } from 'ringlet';

export default class ${className(name)}Client {
  static readonly interfaceId = '${interfaceId}';
  readonly #channel: Channel;
  readonly #waiting = new Map<number, (answer: Uint8Array) => void>();
  #lastId = 0;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  ask(bytes: Uint8Array): Promise<Uint8Array> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      if (!this.#channel.request(bytes, id, 0)) return reject(new Error('the ring is full'));
      this.#waiting.set(id, resolve);
      this.#channel.flush();
    });
  }

  packet(answer: Packet): void {
    this.#waiting.get(answer.transactionLow)?.(answer.payload());
    this.#waiting.delete(answer.transactionLow);
  }
}
`;

const guest = ({ name }: DeviceIdentity): string => `\
/** A guest that uses ${name}: ringlet run ${name}.guest.ts --device ${name}.ts */
import type { Guest } from 'ringlet';
import ${className(name)}Client from './${name}.vsc.ts';

export default async function main(guest: Guest): Promise<number> {
  const device = await guest.open(${className(name)}Client);
  const sent = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  const answer = await device.ask(sent);
  await guest.print(\`${name} answered \${answer.join(' ')}\\n\`);
  return answer.join() === sent.join() ? 0 : 1;
}
`;

const rules = ({ name }: DeviceIdentity): string => `\
/** The rules that every device keeps: node --conditions=@ringlet/source --import tsx --test ${name}.test.ts */
import test from 'node:test';
import { vspRules } from '@ringlet/root-partition/testing';
import ${className(name)} from './${name}.ts';

vspRules(test, ${className(name)});
`;
