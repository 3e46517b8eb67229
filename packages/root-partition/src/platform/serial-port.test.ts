import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { testPlatform, type TestPlatform } from './platform-fixture.ts';
import { LINE_BYTES } from './serial-port.ts';

const [DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR] = [0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3fd, 0x3fe, 0x3ff] as const;
const LOOP = 0x10;

const { out, inp } = {
  out: ({ platform }: TestPlatform, port: number, value: number) => platform.ports.write(port, value, 1),
  inp: ({ platform }: TestPlatform, port: number) => platform.ports.read(port, 1),
};
const type = (it: TestPlatform, text: string): number =>
  it.platform.serial.receive(Uint8Array.from(text, (character) => character.charCodeAt(0)));
/** Reads as a driver does: while there is data. */
function drain(it: TestPlatform): string {
  let text = '';
  while ((inp(it, LSR) & 1) !== 0) text += String.fromCharCode(inp(it, DATA));
  return text;
}

describe('sending', () => {
  test('bytes go out in order, and the transmitter is always empty', () => {
    const it = testPlatform();
    for (const byte of [0x48, 0x69, 0x0a, 0xff]) {
      expect(inp(it, LSR) & 0x60).toBe(0x60);
      out(it, DATA, byte);
    }

    expect(it.sent).toEqual([0x48, 0x69, 0x0a, 0xff]);
  });

  test('a string written to the port sends its bytes one by one', () => {
    const it = testPlatform();

    for (let n = 0; n < 1000; n++) out(it, DATA, n & 0xff);

    expect(it.sent).toHaveLength(1000);
  });

  test('while the divisor shows, the first two registers are the divisor', () => {
    const it = testPlatform();
    out(it, IER, 0x05);
    out(it, LCR, 0x83);
    out(it, DATA, 0x34);
    out(it, IER, 0x12);

    expect([inp(it, DATA), inp(it, IER)]).toEqual([0x34, 0x12]);
    out(it, LCR, 0x03);
    expect([inp(it, IER), it.sent]).toEqual([0x05, []]);
    expect(it.platform.serial.save().divisor).toBe(0x1234);
  });
});

describe('receiving', () => {
  test('what is typed arrives in order, beyond the size of the FIFO', () => {
    const it = testPlatform();
    out(it, IIR, 0x01);
    const text = 'x'.repeat(7) + 'abcdefghijklmnopqrstuvwxyz'.repeat(40);

    expect(type(it, text)).toBe(text.length);

    expect(drain(it)).toBe(text);
    expect([inp(it, LSR) & 1, inp(it, DATA)]).toEqual([0, 0]);
  });

  test('without the FIFO too', () => {
    const it = testPlatform();
    type(it, 'hello');

    expect(drain(it)).toBe('hello');
  });

  test('the line takes what it has room for, and more as the guest reads', () => {
    const it = testPlatform();
    const bytes = new Uint8Array(LINE_BYTES + 100).fill(65);

    expect(it.platform.serial.receive(bytes)).toBe(LINE_BYTES);
    expect(it.platform.serial.receive(bytes)).toBe(0);
    inp(it, DATA);
    expect(it.platform.serial.receive(bytes)).toBe(2);
  });

  test('clearing the FIFO drops what is in it, not what waits on the line', () => {
    const it = testPlatform();
    out(it, IIR, 0x01);
    type(it, '0123456789abcdefTHE REST');
    inp(it, LSR);

    out(it, IIR, 0x03);

    expect(drain(it)).toBe('THE REST');
  });

  test('held by RTS, input outlasts a driver that clears the FIFO and reads all registers as it opens the port', () => {
    const it = testPlatform({ heldByRts: true });
    type(it, 'ls\n');
    for (const value of [0x01, 0x07, 0x00]) out(it, IIR, value);
    for (const port of [LSR, DATA, IIR, MSR]) inp(it, port);
    expect(inp(it, LSR) & 1).toBe(0);

    out(it, MCR, 0x0b);

    expect(drain(it)).toBe('ls\n');
  });

  test('input and reading in any order lose nothing and change nothing', () => {
    const step = fc.oneof(fc.string({ unit: 'binary-ascii', maxLength: 40 }), fc.integer({ min: 1, max: 50 }));
    fc.assert(
      fc.property(fc.boolean(), fc.array(step, { maxLength: 40 }), (fifo, steps) => {
        const it = testPlatform();
        out(it, IIR, fifo ? 0x81 : 0);
        let [typed, got] = ['', ''];
        for (const now of steps) {
          if (typeof now === 'string') typed += now.slice(0, type(it, now));
          else for (let n = 0; n < now && (inp(it, LSR) & 1) !== 0; n++) got += String.fromCharCode(inp(it, DATA));
        }
        expect(got + drain(it)).toBe(typed);
      }),
    );
  });
});

describe('why it would interrupt', () => {
  test('nothing is enabled at first', () => {
    const it = testPlatform();
    type(it, 'x');

    expect(inp(it, IIR)).toBe(0x01);
  });

  test('received data: a timeout below the trigger level, data at it', () => {
    const it = testPlatform();
    out(it, IIR, 0x81);
    out(it, IER, 0x01);

    type(it, '1234567');
    expect(inp(it, IIR)).toBe(0xcc);
    type(it, '8');
    expect(inp(it, IIR)).toBe(0xc4);
    drain(it);
    expect(inp(it, IIR)).toBe(0xc1);
  });

  test('an empty transmitter is told once for each time it was asked for or written to', () => {
    const it = testPlatform();
    out(it, IER, 0x02);
    expect([inp(it, IIR), inp(it, IIR)]).toEqual([0x02, 0x01]);

    out(it, DATA, 65);
    expect([inp(it, IIR), inp(it, IIR)]).toEqual([0x02, 0x01]);

    out(it, IER, 0x00);
    out(it, IER, 0x02);
    expect(inp(it, IIR)).toBe(0x02);
  });

  test('line errors come first, then data, then the transmitter, then the modem lines', () => {
    const it = testPlatform();
    out(it, MCR, LOOP);
    inp(it, MSR);
    out(it, MCR, LOOP | 0x02);
    out(it, IER, 0x0f);
    out(it, DATA, 1);
    out(it, DATA, 2);

    expect(inp(it, IIR)).toBe(0x06);
    expect(inp(it, LSR) & 0x02).toBe(0x02);
    expect(inp(it, IIR)).toBe(0x04);
    expect(inp(it, DATA)).toBe(1);
    expect(inp(it, IIR)).toBe(0x02);
    expect(inp(it, IIR)).toBe(0x00);
    expect(inp(it, MSR) & 0x0f).toBe(0x01);
    expect(inp(it, IIR)).toBe(0x01);
  });
});

describe('probing', () => {
  test('it is a 16550A: FIFO bits, scratch register, four bits of interrupt enable', () => {
    const it = testPlatform();
    out(it, SCR, 0xa5);
    out(it, IER, 0xff);
    out(it, IIR, 0x01);

    expect([inp(it, SCR), inp(it, IER), inp(it, IIR) & 0xf0]).toEqual([0xa5, 0x0f, 0xc0]);
    out(it, IIR, 0x00);
    expect(inp(it, IIR) & 0xf0).toBe(0);
  });

  test('in a loop the outputs come back as inputs, and bytes come back as received', () => {
    const it = testPlatform();
    type(it, 'outside');
    out(it, MCR, LOOP | 0x0a);
    expect(inp(it, MSR) & 0xf0).toBe(0x90);

    out(it, DATA, 0x5a);

    expect([inp(it, LSR) & 1, inp(it, DATA), it.sent]).toEqual([1, 0x5a, []]);
    out(it, MCR, 0);
    expect(drain(it)).toBe('outside');
  });

  test('each output has its input, and a change shows once; the ring shows only its end', () => {
    const it = testPlatform();
    out(it, MCR, LOOP);
    inp(it, MSR);
    const seen = [0x01, 0x02, 0x04, 0x08, 0x00].map((lines) => {
      out(it, MCR, LOOP | lines);
      return inp(it, MSR);
    });

    expect(seen).toEqual([0x22, 0x13, 0x41, 0x8c, 0x08]);
    expect(inp(it, MSR)).toBe(0);
  });

  test('someone is always at the other end', () => {
    expect(inp(testPlatform(), MSR)).toBe(0xb0);
  });
});

test('a reset sets the registers back and keeps what waits on the line', () => {
  const it = testPlatform();
  out(it, LCR, 0x1b);
  out(it, IER, 0x0f);
  type(it, 'boot');

  it.platform.reset();

  expect([inp(it, LCR), inp(it, IER), drain(it)]).toEqual([0, 0, 'boot']);
});

test('no access in any order throws or reads more than a byte', () => {
  const access = fc.tuple(fc.boolean(), fc.integer({ min: DATA, max: SCR }), fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(fc.array(access, { maxLength: 80 }), (accesses) => {
      const it = testPlatform();
      type(it, 'some input that is longer than the FIFO');
      for (const [write, port, value] of accesses) {
        if (write) out(it, port, value);
        expect(inp(it, port)).toBeLessThan(256);
      }
      const { received, line } = it.platform.serial.save();
      expect(received.length).toBeLessThanOrEqual(16);
      expect(line.length).toBeLessThanOrEqual(LINE_BYTES);
    }),
  );
});
