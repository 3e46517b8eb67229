import { expect, test } from 'vitest';
import { LoneGuest } from '../../tests/lone-guest.ts';
import type { Guest, GuestModule } from './guest.ts';

const MILLISECOND = 10_000;

const guestOf = (main: GuestModule['default'], secondary?: GuestModule['secondary']): GuestModule =>
  secondary ? { default: main, secondary } : { default: main };

test('a guest prints UTF-8 and ends with the exit code it returns', async () => {
  const machine = new LoneGuest();
  machine.load(
    guestOf(async (guest) => {
      await guest.print('hällo ✓ 𝄞\n');
      return 7;
    }),
  );

  const exit = await machine.run();

  expect(exit).toEqual({ reason: 'power-off', code: 7 });
  expect(machine.output).toBe('hällo ✓ 𝄞\n');
});

test('what was printed without waiting is out before the machine is off', async () => {
  const machine = new LoneGuest();
  machine.sinkRoom = 3;
  machine.load(guestOf((guest) => void guest.print('abcdef')));

  await machine.run();
  expect(machine.output).toBe('abc');
  machine.sinkRoom = Infinity;
  const exit = await machine.runUntil(10 * MILLISECOND);

  expect(exit).toEqual({ reason: 'power-off', code: 0 });
  expect(machine.output).toBe('abcdef');
});

test('text printed while the sink is full keeps its order', async () => {
  const machine = new LoneGuest();
  machine.sinkRoom = 2;
  machine.load(
    guestOf(async (guest) => {
      void guest.print('one ');
      void guest.print('two ');
      await guest.print('three');
    }),
  );

  await machine.run();
  machine.sinkRoom = Infinity;
  await machine.runUntil(10 * MILLISECOND);

  expect(machine.output).toBe('one two three');
});

test('sleeping takes the time it should and no host timer', async () => {
  const machine = new LoneGuest();
  const times: number[] = [];
  machine.load(
    guestOf(async (guest) => {
      const sleeps = [30, 10, 20].map(async (milliseconds) => {
        await guest.sleep(milliseconds);
        times.push(guest.now());
      });
      await Promise.all(sleeps);
    }),
  );

  const exit = await machine.runUntil(1000 * MILLISECOND);

  expect(times).toEqual([10, 20, 30]);
  expect(exit.reason).toBe('power-off');
});

test('a cancelled timer does not run', async () => {
  const machine = new LoneGuest();
  const ran: string[] = [];
  machine.load(
    guestOf(async (guest) => {
      const cancel = guest.after(5 * MILLISECOND, () => ran.push('cancelled'));
      guest.after(6 * MILLISECOND, () => ran.push('kept'));
      cancel();
      await guest.sleep(10);
    }),
  );

  await machine.runUntil(100 * MILLISECOND);

  expect(ran).toEqual(['kept']);
});

test('an error that leaves the guest is a crash, reported through the crash registers', async () => {
  const machine = new LoneGuest();
  machine.load(
    guestOf(async (guest) => {
      await guest.sleep(1);
      throw new Error('ünlucky');
    }),
  );

  const exit = await machine.runUntil(10 * MILLISECOND);

  expect(exit).toMatchObject({ reason: 'crash', message: expect.stringContaining('ünlucky') });
  const [report] = machine.crashes;
  expect(new TextDecoder().decode(report!.message)).toContain('ünlucky');
  expect(report!.parameters[0]).toBe(1n);
});

test('an error in a timer’s handler is a crash too, and not one of whoever runs the processor', async () => {
  const machine = new LoneGuest();
  machine.load(
    guestOf((guest) => {
      guest.after(1, () => {
        throw new Error('in a handler');
      });
      return guest.sleep(1000);
    }),
  );

  const exit = await machine.runUntil(100 * MILLISECOND);

  expect(exit).toMatchObject({ reason: 'crash', message: expect.stringContaining('in a handler') });
});

test('powering off ends the guest although its main function goes on', async () => {
  const machine = new LoneGuest();
  machine.load(
    guestOf(async (guest) => {
      guest.powerOff(3);
      await guest.sleep(1e9);
    }),
  );

  expect(await machine.run()).toEqual({ reason: 'power-off', code: 3 });
});

test('the first end counts', async () => {
  const machine = new LoneGuest();
  machine.load(
    guestOf((guest) => {
      guest.reset();
      guest.powerOff(1);
      guest.crash(new Error('too late'));
    }),
  );

  expect(await machine.run()).toEqual({ reason: 'reset' });
  expect(machine.crashes).toEqual([]);
});

test('a guest sees its arguments, registers and CPUID, and its mistakes as values', async () => {
  const machine = new LoneGuest();
  const seen: unknown[] = [];
  const main = (guest: Guest): void => {
    const [, ebx, ecx, edx] = guest.cpuid(0x40000000);
    seen.push(guest.args, [ebx, ecx, edx]);
    seen.push(guest.readMsr(0x40000002), guest.readMsr(0x40009999), guest.writeMsr(0x40009999, 0n));
    seen.push(guest.hypercall(0xffffn, 0n, 0n) & 0xffffn);
  };
  machine.load(guestOf(main), { args: ['--fast', 'disk'] });

  await machine.run();

  expect(seen).toEqual([
    ['--fast', 'disk'],
    [0x7263694d, 0x666f736f, 0x76482074],
    0n, // VP index
    undefined, // no such register: a general protection fault
    false,
    2n, // no such call
  ]);
});

test('without a bus a guest runs all the same, and asking for a device fails', async () => {
  const machine = new LoneGuest();
  let failure: unknown;
  machine.load(
    guestOf(async (guest) => {
      await guest.open('ba6163d9-04a1-4d29-b605-72e2ffb1dc7f').catch((error: unknown) => (failure = error));
      await guest.print('on');
    }),
  );

  const exit = await machine.run();

  expect(exit).toEqual({ reason: 'power-off', code: 0 });
  expect(failure).toMatchObject({ code: 'no-bus' });
});

test('other processors run their own function, share the pages, and have no bus', async () => {
  const machine = new LoneGuest(2);
  const pages = new Set<number>();
  const take = (guest: Guest): void => {
    for (let i = 0; i < 10; i++) pages.add(guest.pages.allocate(1));
  };
  let refused = '';
  machine.load(
    guestOf(
      async (guest) => {
        take(guest);
        await guest.sleep(10);
      },
      async (guest) => {
        take(guest);
        await guest.sleep(1);
        await guest.print(`vp ${guest.vpIndex} of ${guest.vpCount}`);
        await guest.open('ba6163d9-04a1-4d29-b605-72e2ffb1dc7f').catch((error: Error) => (refused = error.message));
      },
    ),
  );

  const exit = await machine.runUntil(100 * MILLISECOND);

  expect(exit).toEqual({ reason: 'power-off', code: 0 });
  expect(machine.output).toBe('vp 1 of 2');
  expect(pages.size).toBe(20);
  expect(refused).toBe('only virtual processor 0 has a bus');
});

test('the same guest gives the same trace twice', async () => {
  const trace = async (): Promise<string> => {
    const machine = new LoneGuest();
    machine.load(
      guestOf(async (guest) => {
        for (let i = 0; i < 20; i++) {
          await guest.sleep(i % 3);
          await guest.log(`step ${i}`);
        }
      }),
    );
    await machine.runUntil(1000 * MILLISECOND);
    return machine.output;
  };

  const first = await trace();

  expect(first).toContain('step 19');
  expect(await trace()).toBe(first);
});

test('a guest that ends between two runs of its processor makes the processor look again', async () => {
  const machine = new LoneGuest();
  let end = (): void => {};
  machine.load(
    guestOf(async (guest) => {
      await new Promise<void>((resolve) => (end = resolve));
      guest.powerOff(4);
    }),
  );
  await machine.run();
  const { words, counter } = machine.vps[0]!.doorbell;
  const before = Atomics.load(words, counter);

  end();
  await new Promise((resolve) => void setImmediate(resolve));

  expect(Atomics.load(words, counter)).not.toBe(before);
  expect(machine.vps[0]!.interruptPending).toBe(true);
  expect(await machine.run()).toEqual({ reason: 'power-off', code: 4 });
});
