/** Asks the network who has an address (ARP, RFC 826), and prints who answers: `ringlet run examples/arp.ts --net nat`. */
import { NetworkAdapter } from '@ringlet/child-partition';
import type { Guest } from 'ringlet';

const MINE = [10, 0, 2, 15];
const GATEWAY = '10.0.2.2';
const ARP = [0x08, 0x06];
const ETHERNET_IPV4 = [0, 1, 0x08, 0x00, 6, 4];
const REQUEST = [0, 1];
const TIMEOUT_MS = 5000;

export default async function main(guest: Guest): Promise<number> {
  const address = guest.args[0] ?? GATEWAY;
  const wanted = address.split('.').map(Number);
  // #region adapter
  const nic = await guest.open(NetworkAdapter);
  await nic.ready;
  await guest.print(`${hex(nic.mac)}, MTU ${nic.mtu}, link ${nic.link ? 'up' : 'down'}\n`);

  const answered = new Promise<string>((resolve) => {
    // The bytes are valid during the call.
    nic.onFrame((frame) => {
      // The sender's two addresses stand at 22 and 28.
      const isReply = frame[12] === ARP[0] && frame[13] === ARP[1] && frame[21] === 2;
      if (isReply && wanted.every((byte, i) => frame[28 + i] === byte)) resolve(hex(frame.slice(22, 28)));
    });
  });
  // #endregion
  const everybody = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
  const nobody = [0, 0, 0, 0, 0, 0];
  const question = [...ETHERNET_IPV4, ...REQUEST, ...nic.mac, ...MINE, ...nobody, ...wanted];
  const frame = new Uint8Array(60);
  frame.set([...everybody, ...nic.mac, ...ARP, ...question]);
  nic.send(frame); // false: no room now

  const answer = await Promise.race([answered, guest.sleep(TIMEOUT_MS)]);
  await guest.print(answer === undefined ? `nobody has ${address}\n` : `${address} is at ${answer}\n`);
  return answer === undefined ? 1 : 0;
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
