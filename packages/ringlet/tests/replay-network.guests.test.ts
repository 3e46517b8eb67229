/** A Debian with a network, recorded, then replayed when the network is gone: the same bytes, and the same memory at the end. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { ReplaySession } from 'ringlet';
import { expect, onTestFinished, test } from 'vitest';
import { DebianGuests } from './debian-guest.ts';
import { run, start } from './machines.ts';

const debian = new DebianGuests();
const PROMPT = '~ # ';

test('what comes from a network comes again without it, also from a checkpoint on', async (context) => {
  const { kernel, initrd, commandLine } = await debian.image(context, 'debian');
  const record = join(debian.folder, 'network.rec');
  const page = randomBytes(500_000);
  const server = createServer((_, answer) => void answer.end(page)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const recorded = await start({
    kernel,
    initrd,
    commandLine,
    cpus: 2,
    memory: 512 * 1024 ** 2,
    networks: [{ kind: 'nat' }],
    harness: 'lockstep',
    seed: 4,
    record,
    checkpointEvery: 1,
  });
  const lines = [
    'ip link set eth0 up; udhcpc -i eth0 -q -n -f -t 40 && ip addr add 10.0.2.15/24 dev eth0',
    `ping -c 1 10.0.2.2; wget -q -O - http://10.0.2.2:${port}/ | md5sum`,
    'poweroff -f',
  ];
  for (const [i, line] of lines.entries()) {
    await expect
      .poll(() => recorded.console().split(PROMPT).length, { timeout: 300_000, interval: 200 })
      .toBeGreaterThan(i + 1);
    recorded.machine.write(`${line}\n`);
  }
  expect(await recorded.machine.finished).toMatchObject({ reason: 'power-off' });
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));

  expect(recorded.console()).toContain(`${createHash('md5').update(page).digest('hex')}  -`);
  const replayed = await run({ replay: record, memory: 512 * 1024 ** 2 });
  expect(replayed.result).toMatchObject({ reason: 'power-off' });
  expect(replayed.console()).toBe(recorded.console());
  expect(await replayed.seen('replayed')).toMatchObject({ state: expect.stringMatching(/^[0-9a-f]{64}$/) });

  const session = await ReplaySession.open(record);
  onTestFinished(() => session.dispose());
  await session.to({ step: Math.floor(session.end.step * 0.97) });
  const [{ step }, digest] = [session.position, session.digest()];
  await session.to({ step: step - 1 });
  expect(session.begunAt.step).toBeGreaterThan(0);
  await session.to({ step });
  expect(session.digest()).toBe(digest);
  await session.to('end');
  expect(session.console).toBe(recorded.console());
}, 900_000);
