/** Frames through netvsc and netvsp to a loop and back, beside UDP over the host's loopback from Node and back. */
import { createSocket } from 'node:dgram';
import { fileURLToPath } from 'node:url';
import { Machine } from 'ringlet';
import { type Bench, type BenchOptions, type BenchResult, compare, type Contender, type Row } from './bench.ts';

/** So that rounds alternate evenly, though threads and the engine take their time to warm up. */
const LEAST_MILLISECONDS = 1000;
const MEGABYTE = 1e6;
const guest = fileURLToPath(new URL('./network.guest.ts', import.meta.url));
const device = fileURLToPath(new URL('./network.device.ts', import.meta.url));

interface Job {
  readonly bytes: number;
  readonly depth: number;
}

/** `npm run bench -- network`. */
export const network: Bench = {
  name: 'network',
  async run(options: BenchOptions): Promise<BenchResult[]> {
    const baseline = 'UDP, loopback';
    const timing = { ...options, milliseconds: Math.max(options.milliseconds, LEAST_MILLISECONDS) };
    const rows: Row[] = [];
    for (const bytes of [60, 1514, 9014]) {
      const contenders = [
        udpContender({ bytes, depth: 32 }),
        netvscContender({ bytes, depth: 1 }),
        netvscContender({ bytes, depth: 32 }),
        netvscContender({ bytes, depth: 128 }),
      ];
      const row = await compare(`${bytes} bytes`, contenders, baseline, timing);
      rows.push(row, {
        ...row,
        workload: `${bytes} bytes`,
        unit: 'MB/s',
        figures: row.figures.map((figure) => ({
          ...figure,
          median: (figure.median * bytes) / MEGABYTE,
          best: (figure.best * bytes) / MEGABYTE,
        })),
      });
    }
    const notes = [
      'a frame counts once, and goes four ways: out of the guest, through the loop, into the guest, and its two answers',
    ];
    return [{ title: 'network, frames a second there and back', baseline, rows, notes }];
  },
};

const netvscContender = ({ bytes, depth }: Job): Contender => ({
  name: `netvsc, ${depth} in flight`,
  async measure(milliseconds) {
    const machine = new Machine({ guest, args: [bytes, depth, milliseconds].map(String), devices: [device] });
    let printed = '';
    machine.console$.subscribe((text) => (printed += text));
    await machine.start();
    const result = await machine.finished;
    await machine.dispose();
    if (result.reason !== 'power-off') throw new Error(`the guest did not finish: ${JSON.stringify(result)}`);
    const { frames, elapsed } = JSON.parse(printed) as { frames: number; elapsed: number };
    return (frames * 1000) / elapsed;
  },
});

const udpContender = ({ bytes, depth }: Job): Contender => ({
  name: 'UDP, loopback',
  async measure(milliseconds) {
    const [here, there] = [createSocket('udp4'), createSocket('udp4')];
    const bound = [here, there].map((socket) => new Promise<void>((done) => socket.bind(0, '127.0.0.1', done)));
    await Promise.all(bound);
    const payload = new Uint8Array(bytes);
    let frames = 0;
    let running = true;
    there.on('message', (message, { port }) => there.send(message, port, '127.0.0.1'));
    here.on('message', () => {
      frames++;
      if (running) here.send(payload, there.address().port, '127.0.0.1');
    });
    const began = performance.now();
    for (let i = 0; i < depth; i++) here.send(payload, there.address().port, '127.0.0.1');
    await new Promise((done) => setTimeout(done, milliseconds));
    running = false;
    const figure = (frames * 1000) / (performance.now() - began);
    await new Promise((done) => setTimeout(done, 20));
    here.close();
    there.close();
    return figure;
  },
});
