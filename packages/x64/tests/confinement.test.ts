/** No instruction, with any address, changes memory that the partition does not own. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { makeCase, CASE_SIZE, OFFSET } from '../fuzz/cases.ts';
import { fuzzRows } from '../fuzz/generate.ts';
import { enterPlace } from '../fuzz/enter-place.ts';
import { CODE, DATA, PLACES } from '../fuzz/place.ts';
import { Random } from '../fuzz/random.ts';
import { compileCore, createMemory } from '../src/core-loader.ts';
import { FlatMachine } from '../src/flat-machine.ts';
import { SINGLE } from '../src/state.ts';
import { vpAreaBytes } from '../src/vp-area.ts';

const AREA = 0x10_0000;
const CANARY = 0xa5;

test('stores with random addresses in every form stay inside guest RAM', async () => {
  const { buildCore } = (await import('../scripts/build.mjs' as string)) as { buildCore: () => Promise<string> };
  const memory = createMemory(512);
  const ram = [
    { address: CODE, bytes: 0x1000 },
    { address: DATA, bytes: 0x2000 },
  ];
  const module = compileCore(readFileSync(await buildCore()));
  const machine = new FlatMachine({ memory, module, ram, space: 0x3000_0000 });
  const end = machine.host(0x3000_2000) + 0x1000;
  const areaEnd = AREA + vpAreaBytes(8 << 20);
  machine.bytes.fill(CANARY, 0x2_0000, AREA);
  machine.bytes.fill(CANARY, end);
  const between = machine.bytes.slice(areaEnd, areaEnd + 0x1000);
  const programs = ([64, 32, 16] as const).map((bits) => ({ place: PLACES[bits], rows: fuzzRows([], [], bits) }));
  const random = new Random(4711);
  const view = new DataView(new ArrayBuffer(CASE_SIZE));

  for (let seed = 1; seed <= 30_000; seed++) {
    const { rows, place } = programs[seed % programs.length]!;
    makeCase(seed, rows, view, 5, place);
    enterPlace(machine, place);
    machine.bytes.set(new Uint8Array(view.buffer, OFFSET.code, 64), machine.host(CODE));
    machine.bytes.fill(0xf4, machine.host(CODE) + 64, machine.host(CODE) + 128);
    machine.core.dropPage(machine.state, machine.host(CODE));
    for (let register = 0; register < 16; register++) {
      const shift = BigInt(random.below(40));
      machine.registers[register] = (BigInt(random.next()) << shift) ^ BigInt(random.next());
      if (random.chance(30)) machine.registers[register] = BigInt(DATA + random.below(0x2100) - 0x80);
    }
    machine.rip = BigInt(place.code);
    machine.setWord(SINGLE, 0);
    for (let slice = 0, exit = 0; exit === 0 && slice < 20; slice++) exit = machine.run(200);
  }

  expect(machine.bytes.subarray(0x2_0000, AREA).every((value) => value === CANARY)).toBe(true);
  expect(machine.bytes.subarray(end).every((value) => value === CANARY)).toBe(true);
  expect(machine.bytes.slice(areaEnd, areaEnd + 0x1000)).toEqual(between);
}, 120_000);
