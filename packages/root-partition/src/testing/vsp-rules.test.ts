import { expect, test } from 'vitest';
import type { Channel, Packet, Vsp, VspClass } from '@ringlet/vmbus';
import Heartbeat from '../vsps/integration/heartbeat.ts';
import KeyValueExchange from '../vsps/integration/key-value-exchange.ts';
import Shutdown from '../vsps/integration/shutdown.ts';
import TimeSync from '../vsps/integration/time-sync.ts';
import { NetworkVsp } from '../vsps/network/network-vsp.ts';
import { HvSocket } from '../vsps/socket/hv-socket.ts';
import { StorageVsp } from '../vsps/storage/storage-vsp.ts';
import { vspRules } from './vsp-rules.ts';

vspRules(test, StorageVsp);
vspRules(test, NetworkVsp);
vspRules(test, Heartbeat);
vspRules(test, Shutdown);
vspRules(test, KeyValueExchange);
vspRules(
  test,
  class extends TimeSync {
    constructor(world: ConstructorParameters<VspClass>[0]) {
      super(world, { wallClock: () => 0 });
    }
  },
);
vspRules(
  test,
  class extends HvSocket {
    constructor(world: ConstructorParameters<VspClass>[0]) {
      const nothing = (): void => {};
      const stream = {
        start: nothing,
        write: () => true,
        end: nothing,
        pause: nothing,
        resume: nothing,
        release: nothing,
      };
      super(world, {
        endpointId: '5a0b7c44-9a0e-4d5e-8a52-6c1f0e9d2b01',
        serviceId: '000003e8-facb-11e6-bd58-64006a7986d3',
        fromHost: false,
        stream,
        over: nothing,
      });
    }
  },
);

/** A device that counts, for the mistakes below. */
class Counter implements Vsp<{ count: number }> {
  readonly offer = {
    name: 'counter',
    interfaceId: '6f0b6c2e-52a1-4c0b-9d37-6f1f5a1c0001',
    instanceId: '6f0b6c2e-52a1-4c0b-9d37-6f1f5a1c0002',
  };
  count = 0;

  packet(packet: Packet, channel: Channel): void {
    channel.complete(packet, Uint8Array.of(this.count++ & 0xff));
  }

  save = () => ({ count: this.count });
  restore(state: { count: number }): void {
    this.count = state.count;
  }
}

/** The rules that a device breaks, by the last words of their names. */
function broken(Device: VspClass): string[] {
  const failed: string[] = [];
  vspRules((name, run) => {
    try {
      run();
    } catch {
      failed.push(name.replace(/^counter: /, ''));
    }
  }, Device);
  return failed;
}

test('a device without mistakes breaks no rule', () => {
  expect(broken(Counter)).toEqual([]);
});

test('a device that throws on some packet breaks the first rule', () => {
  class Fragile extends Counter {
    override packet(packet: Packet, channel: Channel): void {
      if (packet.length > 200) throw new Error('too long for me');
      super.packet(packet, channel);
    }
  }
  expect(broken(Fragile)).toContain('no packet a guest can send makes it throw');
});

test('a device that forgets something when it is saved breaks the second', () => {
  class Forgetful extends Counter {
    override restore(): void {}
  }
  expect(broken(Forgetful)).toEqual(['restored from plain data, it answers as if never saved']);
});

test('a device whose identifiers are no GUIDs breaks the third', () => {
  class Nameless extends Counter {
    override readonly offer = { name: 'counter', interfaceId: 'counter', instanceId: '1' } as Counter['offer'];
  }
  expect(broken(Nameless)).toEqual(['its identifiers are GUIDs']);
});
