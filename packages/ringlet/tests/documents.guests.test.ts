/** What the documents tell to type, typed; `document-blocks.test.ts` says how a block is marked for it. */
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { hasProgram } from '../../x64/tests/test-kernels.ts';
import { freePort } from '../../root-partition/tests/network/support/clean-up.ts';
import { DebianGuests } from './debian-guest.ts';
import { type Block, commandsOf, notSaid, typedIn } from './document-blocks.ts';
import { ROOT, temporaryFolder } from './machines.ts';
import { shellCommands } from './shell-words.ts';
import { type Desk, type, typeBlock } from './typed-blocks.ts';

const MINUTE = 60_000;
const PATIENTLY = { timeout: 5 * MINUTE, interval: 100 };
const guests = new DebianGuests();

/** A home for a reader, and what pages ask of them: a clone's examples, notes, the device that a page has written before. */
function desk(): Desk {
  const folder = temporaryFolder();
  symlinkSync(join(ROOT, 'examples'), join(folder, 'examples'));
  const { RINGLET_RUN_DIR: _, XDG_RUNTIME_DIR: __, XDG_CACHE_HOME: ___, ...environment } = process.env;
  return { folder, environment: { ...environment, HOME: folder } };
}

test('what is typed in a clone works', { timeout: 5 * MINUTE }, async () => {
  const blocks = typedIn('clone');
  expect(blocks.length).toBeGreaterThan(5);
  const here = desk();
  for (const block of blocks) await typeBlock(block, here);
});

test('what is typed at the top of the repository works', { timeout: 5 * MINUTE }, async () => {
  const there = { ...desk(), folder: ROOT };
  // What npm runs, without npm's own time.
  const read = (line: string): string => line.replace(/^npm run (\S+)(?: --)?/, 'npm run --silent $1 --');
  const blocks = typedIn('repository');
  expect(blocks.length).toBeGreaterThan(0);
  for (const block of blocks) await typeBlock(block, { ...there, read });
});

test(
  'what is typed while a Debian runs works, with that Debian under the names that pages give to theirs',
  { timeout: 15 * MINUTE },
  async (context) => {
    await guests.image(context, 'debian');
    const here = desk();
    const { folder } = here;
    const cache = join(folder, '.cache');
    mkdirSync(join(cache, 'ringlet'), { recursive: true });
    symlinkSync(join(guests.folder, 'cache/packages'), join(cache, 'ringlet/packages'));
    const say = (line: string): Promise<void> => typeBlock(sh(line), here);

    // Packages that another pull has fetched are said to be there already.
    const heard = (output: string): string => output.replaceAll(', in the cache', '');
    for (const block of typedIn('debian image')) await typeBlock(block, { ...here, heard });
    for (const name of ['multiplier.ts', 'multiplier.protocol.ts', 'multiplier.c', 'multiplier.h'])
      copyFileSync(join(ROOT, 'examples/multiplier', name), join(folder, name));
    for (const name of ['notes', 'notes.txt']) writeFileSync(join(folder, name), 'Buy milk\n');
    writeFileSync(join(folder, 'data.raw'), new Uint8Array(4 << 20));
    const like = '--name web --net nat --memory 512M,min=256M,max=1G --device multiplier.ts --disk data.raw';
    await say(`npx ringlet run debian ${like} --detach`);
    onTestFinished(() => say('npx ringlet kill web 2>/dev/null || true'));
    const run = join(folder, '.ringlet/run');
    for (const end of ['sock', 'guest']) symlinkSync(join(run, `web.${end}`), join(run, `debian.${end}`));
    // Its disk is busy, so that there is something to see.
    writeFileSync(
      join(folder, 'busy'),
      '(while :; do dd if=/dev/sda of=/dev/null count=64; echo 3 >/proc/sys/vm/drop_caches; sleep 0.1; done) >/dev/null 2>&1 </dev/null &\n',
    );
    await say('npx ringlet exec web -- sh < busy');

    const read = (line: string): string | undefined =>
      STARTS.test(line) ? undefined : line.replace(/\bNAME\b/, 'web');
    const blocks = typedIn('debian');
    expect(blocks.length).toBeGreaterThan(8);
    for (const block of blocks) {
      if (programsOf(block).every(hasProgram)) await typeBlock(block, { ...here, read });
    }
    for (const { text } of typedIn('in debian')) {
      writeFileSync(join(folder, 'script'), `set -e; modprobe uio_hv_generic\n${text}`);
      await say('npx ringlet exec web -- sh < script');
    }
    for (const block of typedIn('after debian')) await typeBlock(block, { ...here, read });
  },
);

test('the start of the debugging page, and its session', { timeout: 15 * MINUTE }, async (context) => {
  if (!hasProgram('gdb')) return context.skip('there is no gdb here');
  await guests.image(context, 'debian');
  const here = desk();
  symlinkSync(guests.folder, join(here.folder, '.cache'));
  symlinkSync(join(guests.folder, 'cache'), join(guests.folder, 'ringlet'));
  const [start, session] = typedIn('gdb');
  const port = `${await freePort()}`;
  const lines = commandsOf(start!).map(({ line }) => line.replace(/\b1234\b/, port));
  expect(lines).toHaveLength(3);
  await typeBlock(sh(lines[0]!), here);
  const machine = type({ where: 'docs/guide/debug.md', line: lines[1]!, shown: [] }, here);
  onTestFinished(() => machine.interrupt());
  await expect.poll(machine.output, PATIENTLY).toContain(port);
  const commands = commandsOf(session!);
  writeFileSync(join(here.folder, 'commands'), commands.map(({ line }) => `${line}\n`).join(''));
  const gdb = type(
    { where: 'docs/guide/debug.md', line: `${lines[2]!.replace(/ +#.*/, '')} < commands`, shown: [] },
    here,
  );
  await gdb.ended;
  const said = gdb.output().replaceAll('(gdb) ', '');
  const shown = commands.flatMap((command) => [...command.shown, '…']);
  const missing = notSaid(shown, said);
  expect(missing === undefined ? {} : { missing, said }).toEqual({});
  machine.interrupt();
  machine.interrupt();
  await machine.ended;
});

/** Lines that start the machine that runs already. */
const STARTS = /^npx ringlet (?:run|pull) debian\b/;

const sh = (text: string): Block => ({ document: 'documents.guests.test.ts', line: 0, language: 'sh', text });

/** The programs of the host that a block needs, but for those that every host has. */
function programsOf(block: Block): string[] {
  const words = commandsOf(block).flatMap(({ line }) => shellCommands(line));
  return words.map(([program = '']) => program).filter((program) => !['npx', 'echo', 'mkdir'].includes(program));
}
