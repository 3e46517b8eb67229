/**
 * Every interleaving of the two ends of a channel: the real code, stopped at each load and store of a shared word.
 *
 * Each rule of the protocol is then taken out of the source, one at a time: the explorer must find the lost wake-up that
 * the rule prevents. A rule whose removal nothing notices would be a rule that is not tested.
 */
import { expect, test, vi } from 'vitest';
import { compile, lateConsumer, producer, rules, scenarios, THIRD } from '../../tests/interleaving-rules.ts';
import { explore } from './interleaving-explorer.ts';

// Seconds on an idle machine; the limit is for busy ones.
vi.setConfig({ testTimeout: 60_000 });

for (const [name, programs] of Object.entries(scenarios)) {
  test(`S3 S7: no interleaving loses a wake-up with ${name}`, async () => {
    const { states, lost } = explore(await compile(), programs);
    expect(lost).toBeUndefined();
    expect(states).toBeGreaterThan(500);
  });
}

for (const { rule, without, in: scenario } of rules) {
  test(`${rule}: without this rule a wake-up is lost`, async () => {
    const { lost } = explore(await compile(without), scenarios[scenario]!);
    expect(lost).toBeDefined();
  });
}

test('T1: the doorbell is read before the ring is looked at: read after, a ring in between is lost', async () => {
  const { lost } = explore(await compile(), [lateConsumer(3), producer(3, THIRD, 'each-packet')]);

  expect(lost).toBeDefined();
});
