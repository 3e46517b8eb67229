/** Capture files, as tshark reads them. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { openNetwork } from '../../src/index.ts';
import { arpRequest, GATEWAY, tcp, udp } from '../../src/backends/network/nat/nat-fixture.ts';
import { missing } from './support/linux-stack.ts';

const directory = mkdtempSync(join(tmpdir(), 'ringlet-capture-'));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test.skipIf(missing('tshark').length > 0)(
  'tshark reads a capture file, with interface, direction and every frame',
  async () => {
    const file = join(directory, 'nic.pcapng');
    const { port, ready } = openNetwork({ kind: 'nat', capture: file, hostAccess: false });
    await ready;
    port.onReceive(() => true);
    const large = tcp(1000, 80, { flags: 16, data: new Uint8Array(4000) });
    port.send(arpRequest(GATEWAY));
    port.send(udp(1000, 7, new Uint8Array(33)));
    port.send(large, { segmentSize: 1460, checksumPartial: true });
    await new Promise<void>((done) => port.dispose(done));
    const fields = ['frame.interface_name', 'frame.len', '_ws.col.Protocol', 'frame.packet_flags_direction'];
    const words = ['-r', file, '-T', 'fields', ...fields.flatMap((field) => ['-e', field])];
    const lines = execFileSync('tshark', words, { encoding: 'utf8', stdio: 'pipe' }).trim().split('\n');
    const rows = lines.map((line) => line.split('\t'));
    expect(rows.map(([name, , , direction]) => `${name} ${direction?.replace(/^0x0*/, '')}`)).toEqual([
      'nic 2', // ARP
      'nic 1', // its answer
      'nic 2', // UDP, to which the gateway has nothing to say but
      'nic 1', // "port unreachable"
      'nic 2', // three segments of one frame
      'nic 2',
      'nic 2',
      'nic 1', // the reset
    ]);
    expect(rows[0]![2]).toBe('ARP');
    expect(rows.slice(4, 7).map(([, length]) => Number(length))).toEqual([1514, 1514, 1134]);
    const errors = execFileSync(
      'tshark',
      ['-r', file, '-o', 'tcp.check_checksum:TRUE', '-Y', '_ws.malformed || tcp.checksum.status == 0'],
      {
        encoding: 'utf8',
        stdio: 'pipe',
      },
    );
    expect(errors).toBe('');
  },
);
