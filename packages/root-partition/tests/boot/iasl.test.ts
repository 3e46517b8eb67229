/**
 * The ACPI tables, as the reference compiler reads them: they disassemble, and what comes out compiles to the same
 * bytes. Skips when iasl (package acpica-tools) is not installed.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { makeDsdt } from '../../src/boot/acpi/dsdt.ts';
import { makeFadt } from '../../src/boot/acpi/fadt.ts';
import { makeMadt } from '../../src/boot/acpi/madt.ts';
import { DEFAULT_PLATFORM } from '../../src/boot/acpi/platform-description.ts';
import { layOutMemory } from '../../src/boot/memory-map.ts';
import { lacking } from './support/tools.ts';

const IASL = 'iasl';
const missing = lacking(IASL);
const folder = mkdtempSync(join(tmpdir(), 'ringlet-iasl-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** iasl takes ids of seven or eight characters only; Linux and Hyper-V call the bus by one of five. */
const KNOWN_ERROR = '_HID string must be exactly 7 or 8 characters';

const SMALL = layOutMemory(256 * 2 ** 20);
const LARGE = layOutMemory(8 * 2 ** 30);

/** Whoever compiles signs the table, and so changes its checksum: those bytes are not compared. */
const compared = (table: Uint8Array): Uint8Array =>
  Uint8Array.from(table, (byte, at) => (at === 9 || (at >= 28 && at < 36) ? 0 : byte));

test.skipIf(missing !== '').each([
  ['DSDT', makeDsdt(SMALL, DEFAULT_PLATFORM)],
  ['DSDT of a large machine', makeDsdt(LARGE, DEFAULT_PLATFORM)],
  ['DSDT without devices', makeDsdt(SMALL, { ...DEFAULT_PLATFORM, serialPort: undefined, realTimeClock: false })],
  ['DSDT without interrupts', makeDsdt(SMALL, { ...DEFAULT_PLATFORM, serialInterrupt: undefined })],
  ['FADT', makeFadt(0x80040, DEFAULT_PLATFORM)],
  ['MADT', makeMadt([0, 1, 254, 255, 1000], DEFAULT_PLATFORM.ioApic)],
  ['MADT of processors alone', makeMadt([0, 1], undefined)],
])(`%s disassembles, and compiles to the same bytes${missing}`, (name, table) => {
  const file = join(folder, name.replaceAll(' ', '-'));
  writeFileSync(`${file}.aml`, table);
  const taken = spawnSync(IASL, ['-d', `${file}.aml`], { encoding: 'utf8' });
  const words = taken.stdout + taken.stderr;
  expect(words).not.toMatch(/error|warning|invalid/i);

  // Forced to write in spite of the known error; any other one shows below.
  const made = spawnSync(IASL, ['-f', '-p', `${file}-new`, `${file}.dsl`], { encoding: 'utf8' });
  const complaints = (made.stdout + made.stderr)
    .split('\n')
    .filter((line) => /^(Error|Warning|Remark)/.test(line) && !line.includes(KNOWN_ERROR));
  expect(complaints).toEqual([]);
  expect(compared(readFileSync(`${file}-new.aml`))).toEqual(compared(table));
});
