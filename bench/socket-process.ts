/** One process of the Unix socket contender: end 0 counts or answers frames, end 1 sends or asks and keeps the time. */
import { connect, createServer, type Socket } from 'node:net';
import type { RingJob } from './ring-job.ts';

const [, , path, which] = process.argv as [string, string, string, string];
const WINDOW = 512;
let job: RingJob | undefined;
let frame = Buffer.alloc(0);
let pending = 0;

if (which === '0') serve();
else ask();

function serve(): void {
  const server = createServer((socket) => {
    socket.on('data', (data) => {
      pending += data.length;
      for (; pending >= job!.bytes; pending -= job!.bytes) {
        // A one-way frame is counted; every 64th is answered by one byte, so that its sender knows how far it is ahead.
        if (job!.kind === 'request') socket.write(frame);
        else if (++counted % 64 === 0) socket.write('a');
      }
    });
  });
  let counted = 0;
  server.listen(path, () => process.send!('listening'));
  process.on('message', (next: RingJob) => {
    job = next;
    frame = Buffer.alloc(next.bytes);
    pending = counted = 0;
    process.send!('ready');
  });
}

function ask(): void {
  const socket: Socket = connect(path, () => process.send!('connected'));
  let sent = 0;
  let answered = 0;
  let began = 0;
  let finishing = false;
  const done = (): void => {
    process.send!({ operations: answered, seconds: (performance.now() - began) / 1e3 });
    job = undefined;
  };
  const post = (): void => {
    socket.write(frame);
    sent++;
  };
  const pump = (): void => {
    if (job === undefined) return;
    finishing ||= performance.now() - began >= job.milliseconds;
    if (finishing) {
      // Frames still under way would be taken for the next round's. One-way ones are sent up to a whole group.
      while (job.kind === 'one-way' && sent % 64 !== 0) post();
      if (sent === answered) done();
      return;
    }
    const window = job.kind === 'one-way' ? WINDOW : job.depth;
    while (sent - answered < window) post();
  };
  socket.on('data', (data) => {
    if (job === undefined) return;
    if (job.kind === 'one-way') answered += 64 * data.length;
    else {
      pending += data.length;
      for (; pending >= job.bytes; pending -= job.bytes) answered++;
    }
    pump();
  });
  process.on('message', (next: RingJob) => {
    job = next;
    frame = Buffer.alloc(next.bytes);
    pending = sent = answered = 0;
    finishing = false;
    began = performance.now();
    pump();
  });
}
