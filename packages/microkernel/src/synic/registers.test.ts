import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SYNIC_REGISTERS } from './index.ts';
import { Guest, Msr, Rig } from './synic-fixture.ts';

const guestOf = (): Guest => new Guest(new Rig(), 1, 0);
const u64 = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });
const msrs = [...SYNIC_REGISTERS.keys()];

test('after reset all SINTs are masked with vector 0 and all other registers are 0', () => {
  const guest = guestOf();
  const values = msrs.filter((msr) => msr !== Msr.Sversion).map((msr) => guest.synic.read(msr));
  expect(values).toEqual([...Array(4).fill(0n), ...Array(16).fill(0x10000n), ...Array(8).fill(0n)]);
});

test('Y20: SVERSION is 1 and read-only, EOM reads 0', () => {
  const guest = guestOf();
  expect(guest.synic.read(Msr.Sversion)).toBe(1n);
  expect(guest.synic.write(Msr.Sversion, 1n)).toBe(false);
  guest.set(Msr.Eom, 0x55);
  expect(guest.synic.read(Msr.Eom)).toBe(0n);
});

test('a register that is not the SynIC’s is a fault', () => {
  const guest = guestOf();
  for (const msr of [0x4000_007f, 0x4000_0085, 0x4000_00a0, 0x4000_00b8]) {
    expect(guest.synic.read(msr)).toBeUndefined();
    expect(guest.synic.write(msr, 0n)).toBe(false);
  }
});

test('a SINT keeps vector, mask, auto-EOI and polling; reserved bits read as zero', () => {
  const guest = guestOf();
  expect(guest.synic.write(Msr.Sint0, 0xffff_ffff_ffff_ffffn)).toBe(true);
  expect(guest.synic.read(Msr.Sint0)).toBe(0x700ffn);
});

test('an unmasked SINT with a vector below 16 is a fault; masked it is not', () => {
  const guest = guestOf();
  expect(guest.synic.write(Msr.Sint0, 15n)).toBe(false);
  expect(guest.synic.read(Msr.Sint0)).toBe(0x10000n);
  expect(guest.synic.write(Msr.Sint0, 0x1000fn)).toBe(true);
  expect(guest.synic.write(Msr.Sint0, 16n)).toBe(true);
});

test('no value written to any register throws or raises an invalid vector, and what is read back can be written', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...msrs), u64), { maxLength: 40 }), (writes) => {
      const rig = new Rig();
      rig.time = 1000;
      const guest = new Guest(rig, 1, 0);
      guest.listen();
      for (const [msr, value] of writes) {
        guest.synic.write(msr, value);
        rig.time += 7;
        guest.synic.settle();
      }
      const vectors = rig.raised.map((entry) => parseInt(entry.split(':')[1]!, 16));
      expect(vectors.every((vector) => vector >= 16 && vector <= 255)).toBe(true);
      expect(msrs.every((msr) => msr === Msr.Sversion || guest.synic.write(msr, guest.synic.read(msr)!))).toBe(true);
    }),
    { numRuns: 100 },
  );
});

test('each register has the specification’s name, once', () => {
  const names = [...SYNIC_REGISTERS.values()].map(({ name }) => name);
  expect(new Set(names).size).toBe(29);
  expect(names.every((name) => /^HV_X64_MSR_[A-Z]+\d*(_CONFIG|_COUNT)?$/.test(name))).toBe(true);
});
