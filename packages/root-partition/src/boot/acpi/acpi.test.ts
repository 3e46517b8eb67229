import { expect, test } from 'vitest';
import { layOutMemory } from '../memory-map.ts';
import { makeAcpiTables } from './acpi.ts';
import { device, eisaId, integer, interrupt, list, name, scope, string } from './aml.ts';
import { FADT_AT } from './fadt.ts';
import { DEFAULT_PLATFORM } from './platform-description.ts';

const START = 0x80000;

interface Found {
  readonly at: number;
  readonly data: Uint8Array;
  readonly view: DataView;
}

/** Follows the pointers as a guest does, from the RSDP on. */
function tables(apicIds: readonly number[] = [0], platform = DEFAULT_PLATFORM): Record<string, Found> {
  const { rsdp, data } = makeAcpiTables(START, layOutMemory(512 * 2 ** 20), apicIds, platform);
  const view = new DataView(data.buffer);
  const at = (address: number): Found => {
    const offset = address - START;
    const length = view.getUint32(offset + 4, true);
    const one = data.subarray(offset, offset + length);
    return { at: address, data: one, view: new DataView(data.buffer, offset, length) };
  };
  const root = { at: rsdp, data: data.subarray(0, 36), view: new DataView(data.buffer, 0, 36) };
  const found: Record<string, Found> = { RSDP: root };
  const xsdt = at(Number(root.view.getBigUint64(24, true)));
  found['XSDT'] = xsdt;
  for (let i = 36; i < xsdt.data.length; i += 8) {
    const table = at(Number(xsdt.view.getBigUint64(i, true)));
    found[String.fromCharCode(...table.data.subarray(0, 4))] = table;
  }
  found['DSDT'] = at(Number(found['FACP']!.view.getBigUint64(140, true)));
  return found;
}

const sum = (data: Uint8Array): number => data.reduce((total, byte) => total + byte, 0) & 0xff;

test('every table is reached from the RSDP, and its bytes sum up to 0', () => {
  const found = tables();
  expect(Object.keys(found)).toEqual(['RSDP', 'XSDT', 'FACP', 'APIC', 'DSDT']);
  expect(Object.values(found).map(({ data }) => sum(data))).toEqual([0, 0, 0, 0, 0]);
  expect(sum(found['RSDP']!.data.subarray(0, 20))).toBe(0);
  expect(new TextDecoder().decode(found['RSDP']!.data.subarray(0, 8))).toBe('RSD PTR ');
});

test('the FADT says hardware-reduced, and where reset and sleep registers are', () => {
  const { view } = tables()['FACP']!;
  expect(view.byteLength).toBe(276);
  expect(view.getUint32(112, true) & (1 << 20)).not.toBe(0);
  expect(view.getUint8(108)).toBe(0x32);
  expect([view.getUint8(116), view.getBigUint64(120, true), view.getUint8(128)]).toEqual([1, 0x602n, 0x42]);
  expect([view.getUint8(244), view.getBigUint64(248, true)]).toEqual([1, 0x600n]);
  expect([view.getUint8(256), view.getBigUint64(260, true)]).toEqual([1, 0x601n]);
});

test('the fields of the FADT lie where the specification has them', () => {
  expect(FADT_AT).toMatchObject({
    dsdt: 40,
    profile: 45,
    century: 108,
    bootFlags: 109,
    flags: 112,
    resetRegister: 116,
    minorVersion: 131,
    extendedFirmwareControl: 132,
    extendedDsdt: 140,
    sleepControl: 244,
    sleepStatus: 256,
    hypervisor: 268,
  });
});

test('processors stand in the order given, those above 254 as x2APICs', () => {
  const { data, view } = tables([0, 254, 255])['APIC']!;
  expect(Array.from(data.subarray(44, 60))).toEqual([0, 8, 0, 0, 1, 0, 0, 0, 0, 8, 254, 254, 1, 0, 0, 0]);
  expect([data[60], data[61], view.getUint32(64, true)]).toEqual([9, 16, 255]);
  expect(data.length).toBe(76 + 12);
});

test('the I/O APIC follows the processors, and the serial port names its interrupt; without one, neither', () => {
  const { data } = tables([0, 1])['APIC']!;
  expect(Array.from(data.subarray(60))).toEqual([1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0]);
  const irq4 = '\x22\x10\x00\x79';
  const text = (found: Found): string => Buffer.from(found.data).toString('latin1');
  expect(text(tables()['DSDT']!)).toContain(irq4);

  const none = tables([0, 1], { ...DEFAULT_PLATFORM, ioApic: undefined, serialInterrupt: undefined });
  expect(none['APIC']!.data.length).toBe(60);
  expect(text(none['DSDT']!)).not.toContain(irq4);
});

test('a machine without serial port and clock says so', () => {
  const found = tables([0], { ...DEFAULT_PLATFORM, serialPort: undefined, realTimeClock: false });
  const text = Buffer.from(found['DSDT']!.data).toString('latin1');
  expect(text).toContain('VMBS');
  expect(text).not.toContain('COM1');
  expect(text).not.toContain('RTC0');
  expect(found['FACP']!.view.getUint16(109, true) & (1 << 5)).not.toBe(0);
});

test('hibernation is not offered: with it, Linux turns ballooning off', () => {
  const text = Buffer.from(tables()['DSDT']!.data).toString('latin1');
  expect(text).toContain('_S5_');
  expect(text).not.toContain('_S4_');
});

test.each([
  ['nothing', integer(0), [0x00]],
  ['one', integer(1), [0x01]],
  ['a byte', integer(0xff), [0x0a, 0xff]],
  ['a word', integer(0x1234), [0x0b, 0x34, 0x12]],
  ['a double word', integer(0x1234_5678), [0x0c, 0x78, 0x56, 0x34, 0x12]],
  ['a quad word', integer(2 ** 40 + 1), [0x0e, 1, 0, 0, 0, 0, 1, 0, 0]],
  ['a string', string('AB'), [0x0d, 0x41, 0x42, 0]],
  ['an interrupt', interrupt(4), [0x22, 0x10, 0x00]],
  ['an EISA id', eisaId('PNP0501'), [0x0c, 0x41, 0xd0, 0x05, 0x01]],
  ['a package', list(integer(5), integer(0)), [0x12, 5, 2, 0x0a, 5, 0]],
  ['a name', name('X', integer(0)), [0x08, 0x58, 0x5f, 0x5f, 0x5f, 0]],
  ['a scope', scope('_SB'), [0x10, 5, 0x5f, 0x53, 0x42, 0x5f]],
  ['a device', device('COM1'), [0x5b, 0x82, 5, 0x43, 0x4f, 0x4d, 0x31]],
])('AML of %s', (_, aml, expected) => {
  expect(aml).toEqual(expected);
});

test('a length that does not fit six bits takes two bytes, and counts them', () => {
  const long = list(string('x'.repeat(60)));
  expect(long.slice(0, 3)).toEqual([0x12, 0x41, 0x04]);
  expect(long.length).toBe(1 + 65);
});
