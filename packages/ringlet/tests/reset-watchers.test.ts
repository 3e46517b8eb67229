/** Those who look at a machine, and change it, while it is reset. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { example, fixture, PATIENTLY, ROOT, start, temporaryFolder, watch } from './machines.ts';
import { painting } from './painting-machine.ts';
import { RfbClient } from './rfb-client.ts';

const MIB = 1024 * 1024;
const PAPER = 'f8f4e8';

test('a viewer stays, sees the new picture, and its hands reach the new guest', async () => {
  const { machine, console, seen } = await painting({ width: 320, height: 200 });
  const path = join(temporaryFolder(), 'vnc');
  await machine.viewers.open({ vnc: path });
  const client = new RfbClient(path);
  await client.enter();
  client.encodings(0);
  const colour = async (x: number, y: number): Promise<string> => {
    const [part] = await client.update(false, x, y, 1, 1);
    return part!.data.readUInt32LE(0).toString(16);
  };
  const pointer = (buttons: number, x: number, y: number): void => client.send([5, buttons, 0, x, 0, y]);
  const drawn = async (): Promise<string> => {
    for (const [buttons, x] of [[0, 100], [1, 100], [1, 200], [0, 200]] as const) pointer(buttons, x, 100); // prettier-ignore
    return colour(150, 100);
  };
  await expect.poll(drawn, PATIENTLY).not.toBe(PAPER);

  await machine.reboot({ force: true });
  await seen('restarted');
  await expect.poll(() => console().match(/painting on/g), PATIENTLY).toHaveLength(2);
  expect(await colour(150, 100)).toBe(PAPER);
  await expect.poll(drawn, PATIENTLY).not.toBe(PAPER);
  expect(client.ended).toBe(false);
  client.close();
});

test.each(['threads', 'lockstep'] as const)('a trace goes on, with the bus of each life (%s)', async (harness) => {
  const disk = join(temporaryFolder(), 'disk.raw');
  writeFileSync(disk, new Uint8Array(MIB));
  const { machine } = watch({ guest: fixture('life-counter.ts'), disks: [{ path: disk }], harness, cpus: 2 });
  const contacts: number[] = [];
  let offered = 0;
  machine.trace().subscribe(({ time, kind, layouts }) => {
    if (kind !== 'message') return;
    const [message] = layouts.flatMap(({ layout, fields }) => (layout === 'vmbus' ? fields : []));
    if (message?.text === 'INITIATE_CONTACT') contacts.push(time);
    if (message?.text === 'ALL_OFFERS_DELIVERED') offered++;
  });
  await machine.start();
  expect(await machine.finished).toEqual({ reason: 'power-off', code: 0 });
  expect(contacts).toHaveLength(3);
  expect(contacts).toEqual(contacts.toSorted((a, b) => a - b));
  expect(offered).toBe(3);
});

test('a device is changed before a reset, during one, and after it', async () => {
  // In the repository, so that its imports lead where a user's would.
  const folder = mkdtempSync(join(ROOT, 'examples/.ringlet-device-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  cpSync(example('multiplier'), folder, { recursive: true });
  const [guest, file] = [join(folder, 'multiplier.guest.ts'), join(folder, 'multiplier.ts')];
  const { machine, printed } = await start({ guest, args: ['--follow'], devices: [file] });
  const change = (from: string, to: string): void => {
    const text = readFileSync(file, 'utf8');
    expect(text).toContain(from);
    writeFileSync(file, text.replace(from, to));
  };
  await printed('21 -> 42');
  change('question.value * this.#factor', 'question.value + 1000');
  await machine.devices.reload(file);
  await printed('21 -> 1021');
  change('question.value + 1000', 'question.value + 2000');
  await Promise.all([machine.devices.reload(file), machine.reboot({ force: true })]);
  await printed('21 -> 2021');
  change('question.value + 2000', 'question.value + 3000');
  await machine.devices.reload(file);
  await printed('21 -> 3021');
  expect(await machine.inspect('devices')).toMatchObject([{ replacements: 3 }]);
});
