/** The serial port under Linux's own driver: driven by its interrupt, it loses nothing in either direction. */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { DebianGuests } from './debian-guest.ts';

const debian = new DebianGuests();
const KIB = 1024;

/** Lines of 80 characters, none like another. */
function pasted(bytes: number): string {
  let text = '';
  for (let n = 0; text.length < bytes; n++)
    text += `${n} the quick brown fox jumps over the lazy dog `.padEnd(79, '.') + '\n';
  return text;
}

test('Linux finds a 16550A with an interrupt at the I/O APIC, and output of 256 KiB arrives whole', async (context) => {
  const image = await debian.image(context, 'debian');
  const { answers, status } = await debian.session(
    image,
    [],
    [
      'cat /sys/class/tty/ttyS0/type /sys/class/tty/ttyS0/irq; grep ttyS0 /proc/interrupts',
      // In one burst, with nothing that the terminal would change.
      'head -c 262144 /dev/zero | tr "\\0" a; echo',
      'head -c 262144 /dev/zero | tr "\\0" a | sha256sum',
      'poweroff -f',
    ],
  );

  // 4: PORT_16550A.
  expect(answers[0]).toMatch(/^4\n[1-9]\d*\n *\d+: +[1-9]\d* +IR-IO-APIC +4-edge +ttyS0\n$/);
  const all = 'a'.repeat(256 * KIB);
  expect(answers[1]!.length).toBe(all.length + 1);
  expect(answers[1]).toBe(`${all}\n`);
  expect(answers[2]).toContain(createHash('sha256').update(all).digest('hex'));
  expect(status).toBe(0);
});

/** What is piped in: more than 1 MiB, or as many as `RINGLET_PIPED_KIB` says. */
const PIPED_KIB = Number(process.env['RINGLET_PIPED_KIB'] ?? 1280);

test('what is piped in arrives whole through a raw terminal with hardware flow control, however long', async (context) => {
  const image = await debian.image(context, 'debian');
  const piped = pasted(PIPED_KIB * KIB);
  const { answers, status } = await debian.session(
    image,
    ['--cpus', '2'],
    [
      // Flow control both ways: nobody reads for a while, then everything is there; output goes on with it set. What comes
      // before it is set may be lost, as on any line.
      [
        `stty raw -echo crtscts; printf "\\3"; { sleep 3; head -c ${piped.length}; } > /dev/shm/x; stty sane crtscts`,
        piped,
        'when-ready',
      ],
      'stty -a | grep -o " crtscts"; sha256sum < /dev/shm/x',
      'dmesg | grep -c overrun',
      'poweroff -f',
    ],
  );

  expect(answers[1]).toContain(' crtscts\n');
  expect(answers[1]).toContain(createHash('sha256').update(piped).digest('hex'));
  expect(answers[2]).toBe('0\n');
  expect(status).toBe(0);
});

test('100 KiB that are pasted arrive whole, though who reads them takes his time', async (context) => {
  const image = await debian.image(context, 'debian');
  const text = pasted(100 * KIB);
  const { answers, status } = await debian.session(
    image,
    ['--cpus', '2'],
    [
      [`stty -echo; { sleep 3; head -c ${text.length}; } > /tmp/pasted; stty echo`, text],
      'sha256sum < /tmp/pasted',
      'dmesg | grep -c overrun',
      'poweroff -f',
    ],
  );

  expect(answers[1]).toContain(createHash('sha256').update(text).digest('hex'));
  expect(answers[2]).toBe('0\n');
  expect(status).toBe(0);
});
