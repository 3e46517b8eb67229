import { expect, test } from 'vitest';
import { FIRMWARE_TABLES, guestMemoryMap, layOutMemory, MemoryType } from './memory-map.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

test('a small machine has RAM below the hole at 640 KiB and above 1 MiB', () => {
  expect(layOutMemory(256 * MIB).ram).toEqual([
    { start: 0, bytes: 0xa0000 },
    { start: MIB, bytes: 255 * MIB },
  ]);
});

test('RAM that would reach the windows goes on at 4 GiB, and the high window above it', () => {
  const { ram, lowWindow, highWindow } = layOutMemory(6 * GIB);
  expect(ram[1]!.start + ram[1]!.bytes).toBe(lowWindow.start);
  expect(ram[2]).toEqual({ start: 4 * GIB, bytes: 6 * GIB - lowWindow.start });
  expect(highWindow.start).toBeGreaterThanOrEqual(ram[2]!.start + ram[2]!.bytes);
});

test('RAM below the windows and above 4 GiB adds up to what was asked for, but for the hole below 1 MiB', () => {
  const total = layOutMemory(6 * GIB).ram.reduce((sum, { bytes }) => sum + bytes, 0);
  expect(total).toBe(6 * GIB - 384 * 1024);
});

test('the low window ends where the I/O APIC of a PC lies', () => {
  const { lowWindow } = layOutMemory(4 * MIB);
  expect(lowWindow.start + lowWindow.bytes).toBe(0xfec0_0000);
});

test('a guest is told of RAM and tables, and not of the windows', () => {
  expect(guestMemoryMap(layOutMemory(256 * MIB))).toEqual([
    { start: 0, bytes: FIRMWARE_TABLES.start, type: MemoryType.Ram },
    { ...FIRMWARE_TABLES, type: MemoryType.AcpiTables },
    { start: MIB, bytes: 255 * MIB, type: MemoryType.Ram },
  ]);
});

test.each([0, 3 * MIB, 256 * MIB + 1, NaN, 2 ** 50])('%d bytes are no memory for a machine', (bytes) => {
  expect(() => layOutMemory(bytes)).toThrow('cannot have');
});
