/** Tests of multiplier: node --import tsx --test multiplier.test.ts */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { Machine } from 'ringlet';
import { cHeader, guestHands, recordedWorld, smallMemory, vspRules } from 'ringlet/testing';
import { Protocol } from './multiplier.protocol.ts';
import Multiplier from './multiplier.ts';

const beside = (file: string) => fileURLToPath(new URL(file, import.meta.url));

// The rules that every device keeps.
vspRules(test, Multiplier);

test('a question is answered, and counted', () => {
  const memory = smallMemory();
  const guest = guestHands(new Multiplier(recordedWorld(memory), { factor: 3 }), memory);
  for (const count of [1, 2]) {
    const [answer] = guest.send(Protocol.encode('Ask', { value: 5 }));
    assert.deepEqual(Protocol.decode(answer!.payload), { message: 'Answer', value: 15, count });
  }
});

test('what is no question is refused, and reported', () => {
  const memory = smallMemory();
  const world = recordedWorld(memory);
  const guest = guestHands(new Multiplier(world, { factor: 3 }), memory);
  const [answer] = guest.send(Uint8Array.of(9, 9, 9, 9));
  assert.deepEqual(Protocol.decode(answer!.payload), { message: 'Refusal' });
  assert.deepEqual(world.guestErrors, ['no question']);
});

test('a guest is answered, in a machine', async () => {
  const devices = [{ path: beside('multiplier.ts'), options: { factor: 2 } }];
  const machine = new Machine({ guest: beside('multiplier.guest.ts'), devices, harness: 'lockstep' });
  let printed = '';
  machine.console$.subscribe((text) => (printed += text));
  await machine.start();
  const result = await machine.finished;
  await machine.dispose();
  assert.equal(printed, '21 -> 42, answer 1\n');
  assert.deepEqual(result, { reason: 'power-off', code: 0 });
});

test('the C header says what the protocol says: ringlet device multiplier.ts --header > multiplier.h', () => {
  assert.equal(readFileSync(beside('multiplier.h'), 'utf8'), cHeader(Protocol));
});
