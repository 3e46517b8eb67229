/** `inspect` of a Debian machine: what the tree says is what the guest itself says of the same things. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ExecGuests } from './exec-guest.ts';

const MINUTE = 60_000;
const PATIENTLY = { timeout: 3 * MINUTE, interval: 200 } as const;
const guests = new ExecGuests();

interface Rings {
  readonly outgoing: { readonly writeIndex: number; readonly readIndex: number; readonly packetsPerSignal: number };
  readonly statistics: { readonly packetsSent: number };
}

test(
  'processors, interrupts, channels, rings, disks and adapters are those that Debian sees',
  async (context) => {
    const disk = join(guests.folder, 'data.img');
    writeFileSync(disk, new Uint8Array(1024 * 1024));
    const guest = await guests.boot(context, { cpus: 2, disks: [{ path: disk }], networks: [{ kind: 'nat' }] });
    const { machine } = guest;
    // #region exec
    const uname = await machine.exec(['uname', '-r'], { patienceMs: 60_000 }); // waits for a guest that boots
    // #endregion
    expect(uname).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+/), stderr: '' });

    // Both processors idle somewhere in the kernel, at an instruction that is there.
    interface Processor {
      readonly rip: string;
      readonly instruction?: string;
      readonly bits: number;
      readonly registers: Readonly<Record<string, string>>;
      readonly exceptionCounts: Readonly<Record<string, number>>;
      readonly exits: Readonly<Record<string, number>>;
    }
    await expect
      .poll(async () => {
        const processors = (await machine.inspect('processors')) as Processor[];
        return processors.every(({ rip, bits, instruction = '(bad)', registers }) => {
          const [cr0, cr4] = [BigInt(registers['cr0']!), BigInt(registers['cr4']!)];
          const paging = (cr0 & 0x8000_0001n) === 0x8000_0001n && (cr4 & 0x20n) !== 0n;
          return bits === 64 && rip.startsWith('0xffffffff') && paging && !instruction.includes('(bad)');
        });
      }, PATIENTLY)
      .toBe(true);
    const processors = (await machine.inspect('processors')) as Processor[];
    for (const { exceptionCounts, exits } of processors) {
      expect(exceptionCounts['#PF']).toBeGreaterThan(100);
      expect(exits['halt']).toBeGreaterThan(0);
      for (const times of Object.values(exits)) expect(times).toBeLessThan(100_000_000);
    }

    // Hypercalls and MSRs by name, as the driver makes them.
    const before = (await machine.inspect('partition/vps/*/intercepts/hypercalls')) as Record<string, object>;
    const posted = Object.values(before).reduce(
      (sum, calls) => sum + ((calls as Record<string, number>)['HvCallPostMessage'] ?? 0),
      0,
    );
    expect(posted).toBeGreaterThan(20);
    expect(await machine.inspect('partition/vps/0/intercepts/msrs')).toMatchObject({
      HV_X64_MSR_GUEST_OS_ID: { writes: expect.any(Number) },
      HV_X64_MSR_SIMP: { writes: expect.any(Number) },
    });
    expect(await machine.inspect('partition/vps/*/synic/sints/2/masked')).toEqual({
      'partition/vps/0/synic/sints/2/masked': false,
      'partition/vps/1/synic/sints/2/masked': false,
    });

    // Channels: the same relids and classes as sysfs has.
    const listed = await guest.shell(
      'for d in /sys/bus/vmbus/devices/*; do echo "$(cat $d/id) $(cat $d/class_id)"; done',
    );
    const channels = (await machine.inspect('vmbus/channels')) as Record<
      string,
      { readonly interfaceId: string; readonly subchannel: number; readonly state: string }
    >;
    const ours = Object.entries(channels)
      .filter(([, { subchannel }]) => subchannel === 0)
      .map(([relid, { interfaceId }]) => `${relid} {${interfaceId}}`);
    expect(listed.trim().split('\n').toSorted()).toEqual(ours.toSorted());

    // Rings: reading the disk moves the indices of the controller's.
    const [scsi] = Object.entries(channels)
      .filter(([, { interfaceId, state }]) => interfaceId.startsWith('ba6163d9') && state === 'open')
      .map(([relid]) => relid);
    const total = async (): Promise<number> => {
      const rings = (await machine.inspect('vmbus/channels/*/rings')) as Record<string, Rings>;
      return Object.values(rings).reduce((sum, { statistics }) => sum + statistics.packetsSent, 0);
    };
    const sent = await total();
    await guest.shell('until [ -e /dev/sda ]; do sleep 0.1; done; dd if=/dev/sda of=/dev/null bs=64k 2>/dev/null');
    expect(await total()).toBeGreaterThan(sent);
    const { outgoing } = (await machine.inspect(`vmbus/channels/${scsi}/rings`)) as Rings;
    expect(outgoing.writeIndex % 8).toBe(0);
    expect(outgoing.packetsPerSignal).toBeGreaterThan(0);

    // Disks and adapters.
    expect(JSON.stringify(await machine.inspect('disks'))).toContain('data.img');
    const mac = (await guest.shell('until cat /sys/class/net/eth0/address 2>/dev/null; do sleep 0.1; done')).trim();
    expect(await machine.inspect('network/*/address')).toEqual({ 'network/0/address': mac });

    // Memory: what is mapped is at least what Linux has.
    const kilobytes = Number((await guest.shell('grep MemTotal /proc/meminfo')).match(/\d+/)![0]);
    const { mappedPages } = (await machine.inspect('partition/memory')) as { mappedPages: number };
    expect(mappedPages * 4).toBeGreaterThan(kilobytes);

    await expect(machine.inspect('chanels')).rejects.toMatchObject({ code: 'no-such-path' });
    expect(await guest.complaints()).toEqual([]);
    await machine.shutdown();
  },
  10 * MINUTE,
);
