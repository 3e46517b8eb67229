/** A name server for tests: answers every question for an address with the same one, over UDP and TCP. */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

/** The address that every name has. */
export const EVERY_NAME = '192.0.2.77';

/** Starts one on loopback. */
export async function startNameServer(): Promise<{
  address: string;
  asked: { udp: number; tcp: number };
  stop(): void;
}> {
  const asked = { udp: 0, tcp: 0 };
  const tcp = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      asked.tcp++;
      const reply = answer(bytes.subarray(2));
      socket.end(Buffer.concat([Buffer.from([reply.length >> 8, reply.length & 0xff]), reply]));
    });
  });
  await new Promise<void>((listening) => tcp.listen(0, '127.0.0.1', listening));
  const { port } = tcp.address() as { port: number };
  const udp = createSocket('udp4', (question, { port: from, address }) => {
    asked.udp++;
    udp.send(answer(question), from, address);
  });
  await new Promise<void>((bound) => udp.bind(port, '127.0.0.1', bound));
  const stop = () => {
    tcp.close();
    udp.close();
  };
  return { address: `127.0.0.1:${port}`, asked, stop };
}

function answer(question: Buffer): Buffer {
  let end = 12;
  while (question[end] !== 0) end += question[end]! + 1;
  end += 5;
  const head = Buffer.from(question.subarray(0, end));
  head.writeUInt16BE(0x8180, 2);
  head.writeUInt16BE(1, 6);
  head.writeUInt32BE(0, 8);
  // The name again, as a pointer; an address; a minute; four bytes.
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...EVERY_NAME.split('.').map(Number)]);
  return Buffer.concat([head, record]);
}
