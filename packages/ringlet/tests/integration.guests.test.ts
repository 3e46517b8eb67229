/** hv_utils and hyperv-daemons of Debian against our integration components. */
import { firstValueFrom, filter } from 'rxjs';
import { expect, test } from 'vitest';
import { ExecGuests } from './exec-guest.ts';
import { daemons } from './hyperv-daemons.ts';

const MINUTE = 60_000;
const PATIENTLY = { timeout: 3 * MINUTE, interval: 200 } as const;
const guests = new ExecGuests();

const inSeconds = (text: string): number => Number(text);

test(
  'a clock that was set wrong is right again, by itself and when the host says so; the heart beats; shutdown is orderly',
  async (context) => {
    const guest = await guests.boot(context);
    const { machine } = guest;
    const distance = async (): Promise<number> =>
      Math.abs(inSeconds(await guest.shell('date +%s')) - Date.now() / 1000);
    await expect.poll(distance, PATIENTLY).toBeLessThan(30);
    await expect.poll(() => guest.events, PATIENTLY).toContainEqual({ type: 'heartbeat', state: 'ok' });

    // With nobody in the guest who minds its clock: the host's word alone.
    await guest.shell('killall -STOP ringlet-agent; date -s 2001-02-03 >/dev/null; killall -CONT ringlet-agent');
    await machine.guest.syncTime();
    await expect.poll(distance, PATIENTLY).toBeLessThan(30);

    // The host's samples, and the agent that heeds them.
    await guest.shell('date -s 2001-02-03');
    await expect.poll(distance, PATIENTLY).toBeLessThan(30);

    expect(await guest.complaints()).toEqual([]);
    await machine.shutdown();
    expect(await machine.finished).toEqual({ reason: 'power-off', code: 0 });
  },
  10 * MINUTE,
);

test(
  'key-value exchange with hv_kvp_daemon: what the guest is, and keys both ways',
  async (context) => {
    const guest = await guests.boot(
      context,
      {},
      {
        ...daemons(context, guests.folder),
        'etc/os-release': 'NAME="Debian GNU/Linux"\nVERSION_ID="12"\n',
        'var/lib/placeholder': '',
      },
    );
    const { machine } = guest;
    await expect(machine.guest.keyValues('system')).rejects.toMatchObject({ code: 'key-value-not-ready' });

    const told = firstValueFrom(machine.events$.pipe(filter((event) => event.type === 'guest-facts')));
    await guest.shell('hv_kvp_daemon');
    const release = await guest.shell('uname -r');
    expect(await told).toMatchObject({ facts: { os: 'Debian GNU/Linux', kernel: release, architecture: 'x86_64' } });
    await expect.poll(() => machine.inspect('guest/kernel'), PATIENTLY).toBe(release);

    // From the host.
    await machine.guest.setKeyValue('role', 'web');
    await machine.guest.setKeyValue('note', 'zwölf');
    expect(await machine.guest.keyValues('host')).toEqual({ role: 'web', note: 'zwölf' });
    expect(await guest.shell("tr -d '\\0' < /var/lib/hyperv/.kvp_pool_0")).toBe('rolewebnotezwölf');
    await machine.guest.setKeyValue('role', undefined);
    expect(await machine.guest.keyValues('host')).toEqual({ note: 'zwölf' });

    // From the guest: a record is a key of 512 and a value of 2048 bytes.
    await guest.shell(`perl -e 'print pack("a512 a2048", "from", "the guest")' > /var/lib/hyperv/.kvp_pool_1`);
    await expect.poll(() => machine.guest.keyValues('guest'), PATIENTLY).toEqual({ from: 'the guest' });
    expect(await guest.complaints()).toEqual([]);
  },
  10 * MINUTE,
);
