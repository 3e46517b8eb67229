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

describe('the interrupt line', () => {
  /** Pin 4 of the I/O APIC: edge-triggered, vector 0x34; the port connected by OUT2. */
  const connected = (options: Parameters<typeof testPlatform>[0] = {}): TestPlatform => {
    const it = testPlatform(options);
    it.platform.memory.write(0xfec0_0000, 0x18n);
    it.platform.memory.write(0xfec0_0010, 0x34n);
    out(it, MCR, 0x0b);
    out(it, IIR, 0x81);
    return it;
  };
  const high = (it: TestPlatform): boolean => it.platform.serial.save().interruptLine;

  test('input raises it, and reading all of it lowers it', () => {
    const it = connected();
    out(it, IER, 0x01);
    expect(high(it)).toBe(false);

    type(it, 'abcdefghijklmnopqrstuvwxyz');
    expect([high(it), it.interrupts]).toEqual([true, [[0x34, 0]]]);

    expect(drain(it)).toBe('abcdefghijklmnopqrstuvwxyz');
    expect([high(it), it.interrupts.length]).toEqual([false, 1]);
    type(it, '!');
    expect(it.interrupts.length).toBe(2);
  });

  test('it is low where nothing is enabled, without OUT2, and in a loop', () => {
    const it = connected();
    type(it, 'x');
    expect(high(it)).toBe(false);
    out(it, IER, 0x01);
    expect(high(it)).toBe(true);
    out(it, MCR, 0x03);
    expect(high(it)).toBe(false);
    out(it, MCR, 0x1b);
    expect(high(it)).toBe(false);
    out(it, MCR, 0x0b);
    expect(high(it)).toBe(true);
    out(it, IER, 0x00);
    expect([high(it), it.interrupts.length]).toEqual([false, 2]);
  });

  test('the empty transmitter raises it when it is asked for, and IIR lowers it', () => {
    const it = connected();
    out(it, IER, 0x02);
    expect([high(it), inp(it, IIR), high(it)]).toEqual([true, 0xc2, false]);

    out(it, DATA, 65);
    expect([high(it), it.interrupts.length]).toEqual([true, 2]);
  });

  test('each byte gives a driver that never reads IIR its edge', () => {
    const it = connected();
    out(it, IER, 0x02);

    for (let n = 1; n <= 5; n++) {
      out(it, DATA, n);
      expect(it.interrupts.length).toBe(1 + n);
    }
    expect(it.sent).toEqual([1, 2, 3, 4, 5]);
  });

  test('a driver that leaves its handler after 512 bytes, though there are more, is called again', () => {
    const it = connected();
    out(it, IER, 0x01);
    const text = 'abcdefghijklmnop'.repeat(1024);
    let offered = type(it, text);
    let [read, served] = ['', 0];

    while (it.interrupts.length > served) {
      served = it.interrupts.length;
      for (let n = 0; n < 512 && (inp(it, LSR) & 1) !== 0; n++) read += String.fromCharCode(inp(it, DATA));
      offered += type(it, text.slice(offered));
    }

    expect(read).toBe(text);
  });

  test('nothing is sent into a full line: the transmitter is busy until it is told to resume', () => {
    let full = 3;
    const it = connected({ full: () => full });
    out(it, IER, 0x02);
    inp(it, IIR);
    for (let n = 1; n <= 3; n++) out(it, DATA, n);
    expect([inp(it, LSR) & 0x60, high(it), inp(it, IIR)]).toEqual([0, false, 0xc1]);
    // Asked for again it still is.
    out(it, IER, 0x00);
    out(it, IER, 0x02);
    expect(high(it)).toBe(false);
    // A driver that does not look loses nothing.
    out(it, DATA, 4);
    expect([it.sent, inp(it, LSR) & 0x60]).toEqual([[1, 2, 3, 4], 0]);

    full = Infinity;
    const before = it.interrupts.length;
    it.platform.serial.resume();

    expect([inp(it, LSR) & 0x60, high(it), inp(it, IIR)]).toEqual([0x60, true, 0xc2]);
    expect(it.interrupts.length).toBe(before + 1);
    it.platform.serial.resume();
    expect(it.interrupts.length).toBe(before + 1);
  });

  test('input that was held back by RTS raises it when RTS comes', () => {
    const it = connected({ heldByRts: true });
    out(it, MCR, 0x08);
    out(it, IER, 0x01);
    type(it, 'held');
    expect(high(it)).toBe(false);

    out(it, MCR, 0x0a);

    expect([high(it), drain(it), high(it)]).toEqual([true, 'held', false]);
  });

  test('a driver that serves each edge until there is no cause misses nothing, whatever comes in between', () => {
    const step = fc.oneof(
      fc.record({ type: fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 30 }) }),
      fc.record({ send: fc.integer({ min: 1, max: 40 }) }),
      fc.record({ trigger: fc.constantFrom(0x01, 0x41, 0x81, 0xc1) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const it = connected();
        let [typed, got, toSend, served] = ['', '', 0, 0];
        const serve = (): void => {
          while (it.interrupts.length > served) {
            served = it.interrupts.length;
            while ((inp(it, IIR) & 1) === 0) {
              got += drain(it);
              if ((inp(it, IER) & 2) === 0) continue;
              for (let n = 0; n < 16 && toSend > 0; n++, toSend--) out(it, DATA, toSend & 0xff);
              if (toSend === 0) out(it, IER, 0x01);
            }
          }
        };
        out(it, IER, 0x01);
        let sent = 0;
        for (const now of steps) {
          if ('type' in now) typed += now.type.slice(0, type(it, now.type));
          else if ('trigger' in now) out(it, IIR, now.trigger);
          else {
            sent += now.send;
            toSend += now.send;
            out(it, IER, 0x03);
          }
          serve();
          expect([got, it.sent.length]).toEqual([typed, sent]);
        }
      }),
    );
  });
});

test('a reset sets the registers back and keeps what waits on the line', () => {
  const it = testPlatform();
  out(it, LCR, 0x1b);
  out(it, IER, 0x0e);
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
      const { received, incoming } = it.platform.serial.save();
      expect(received.length).toBeLessThanOrEqual(16);
      expect(incoming.length).toBeLessThanOrEqual(LINE_BYTES);
    }),
  );
});
