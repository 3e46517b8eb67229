/** hv_sock of Debian's kernel against our bus: sockets both ways, and `ringlet exec` through them. */
import { createHash, randomBytes } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ExecGuests } from './exec-guest.ts';

const MINUTE = 60_000;
const PATIENTLY = { timeout: 2 * MINUTE, interval: 50 } as const;
const guests = new ExecGuests();

/** Sockets of the guest's own, in the only language that it has for them. */
const PERL_SOCKET = 'socket(S,40,1,0) or die "socket $!";';
const perlConnect = (port: number): string =>
  `${PERL_SOCKET} connect(S,pack("SSLLx4",40,0,${port},2)) or die "connect $!\\n";`;
const perlListen = (port: number): string =>
  `${PERL_SOCKET} bind(S,pack("SSLLx4",40,0,${port},0xffffffff)) or die; listen(S,64) or die;`;

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** All that a stream of bytes has to say; its other direction stays as it is. */
function drained(socket: Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  return new Promise((resolve, reject) => {
    socket.on('data', (part: Buffer) => parts.push(part)).on('error', reject);
    socket.on('end', () => resolve(Buffer.concat(parts)));
    socket.resume();
  });
}

test(
  'a program of the host and one of the guest talk over AF_VSOCK, whoever begins, and each end is seen',
  async (context) => {
    const guest = await guests.boot(context);

    const devices = 'ls /sys/bus/vmbus/devices | wc -l';
    const before = await guest.shell(devices);

    // The guest begins: a service of the host at port 2000 that hashes what it gets, after the guest has ended its half.
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      void drained(socket).then((bytes) => socket.end(`${sha256(bytes)}\n`));
    }).listen(join(guest.sockets, 'vsock_2000'));
    context.onTestFinished(() => void server.close());
    const hash = await guest.shell(
      `head -c 2000000 /dev/urandom > /tmp/data && sha256sum /tmp/data | cut -d' ' -f1 &&
       perl -e '${perlConnect(2000)} open F,"/tmp/data"; while(sysread F,$b,65536){while(length $b){$n=syswrite S,$b or die; substr($b,0,$n)=""}}
                shutdown S,1; print while <S>'`,
    );
    const [sent, received] = hash.split('\n');
    expect(received).toBe(sent);

    // A port at which nobody listens.
    const refused = await guest.machine.exec(['perl', '-e', perlConnect(2001)]);
    expect(refused).toMatchObject({ stderr: expect.stringMatching(/connect .*(timed out|refused|reset)/i) });

    // The host begins: an echo in the guest.
    await guest.shell(
      `perl -e '${perlListen(3000)} while(accept C,S){if(fork){close C;next} while(sysread C,$b,65536){while(length $b){$n=syswrite C,$b or die; substr($b,0,$n)=""}} exit}' >/dev/null 2>&1 </dev/null &`,
    );
    const bytes = randomBytes(2_000_000);
    const stream = (await guest.machine.connect(3000, MINUTE)) as Socket;
    stream.end(bytes);
    expect(sha256(await drained(stream))).toBe(sha256(bytes));

    // Thirty at once.
    const echoes = await Promise.all(
      Array.from({ length: 30 }, async (_, i) => {
        const one = (await guest.machine.connect(3000, MINUTE)) as Socket;
        one.end(`number ${i}`);
        return (await drained(one)).toString();
      }),
    );
    expect(echoes).toEqual(Array.from({ length: 30 }, (_, i) => `number ${i}`));

    // Nothing is left of them: in the guest, on the bus, on the host.
    await expect.poll(() => guest.shell(devices), PATIENTLY).toBe(before);
    await expect.poll(() => guest.machine.inspect('sockets/connections'), PATIENTLY).toBe(0);
    expect(await guest.complaints()).toEqual([]);
  },
  10 * MINUTE,
);

test(
  'a side that does not read holds the other back, and what it was sent is all there when it does',
  async (context) => {
    const guest = await guests.boot(context);
    // The guest writes, the host waits before it reads.
    const seen: Socket[] = [];
    const server = createServer({ pauseOnConnect: true }, (socket) => seen.push(socket));
    server.listen(join(guest.sockets, 'vsock_2000'));
    context.onTestFinished(() => void server.close());
    await guest.shell(
      `perl -e '${perlConnect(2000)} $n=0; $SIG{ALRM}=sub{open T,">/tmp/stuck";print T $n;close T}; alarm 3;
        $b="x"x65536; while($n<4194304){$w=syswrite S,substr($b,0,4194304-$n); $n+=$w if $w} open T,">/tmp/done"' >/dev/null 2>&1 </dev/null &`,
    );
    await expect.poll(() => guest.shell('cat /tmp/stuck 2>/dev/null || true'), PATIENTLY).toMatch(/^\d+$/);
    expect(Number(await guest.shell('cat /tmp/stuck'))).toBeLessThan(4_194_304);
    expect(await guest.shell('ls /tmp/done 2>/dev/null || true')).toBe('');
    await expect.poll(() => seen.length, PATIENTLY).toBe(1);
    expect((await drained(seen[0]!)).length).toBe(4_194_304);

    // The host writes, the guest waits.
    await guest.shell(
      `perl -e '${perlListen(3000)} accept C,S; sleep 5; $n+=$r while $r=sysread C,$b,65536; syswrite C,"$n\\n"' >/dev/null 2>&1 </dev/null &`,
    );
    const stream = (await guest.machine.connect(3000, MINUTE)) as Socket;
    stream.end(Buffer.alloc(3_000_000));
    expect((await drained(stream)).toString()).toBe('3000000\n');
    expect(await guest.complaints()).toEqual([]);
  },
  10 * MINUTE,
);

test(
  'ringlet exec: exit code, streams, signals and a terminal, without a network',
  async (context) => {
    const guest = await guests.boot(context);
    const { machine } = guest;
    expect(await guest.shell('ls /sys/class/net')).toBe('lo');
    expect(await machine.exec(['sh', '-c', 'echo out; echo err >&2; exit 7'])).toEqual({
      code: 7,
      stdout: 'out\n',
      stderr: 'err\n',
    });
    const bytes = randomBytes(1_000_000);
    const { stdout } = await machine.exec(['sha256sum'], { input: bytes });
    expect(stdout).toBe(`${sha256(bytes)}  -\n`);
    expect(await machine.exec(['sh', '-c', 'kill -15 $$'])).toMatchObject({ signal: 15 });
    await expect(machine.exec(['no-such-command'])).rejects.toMatchObject({ code: 'exec-failed', errno: 2 });
    await expect(machine.exec(['tty'])).resolves.toMatchObject({ code: 1, stdout: 'not a tty\n' });
    expect(await machine.exec(['pwd'], { directory: '/proc' })).toMatchObject({ stdout: '/proc\n' });
    expect(await guest.complaints()).toEqual([]);
  },
  10 * MINUTE,
);

test(
  'a machine that is turned off while connections are open ends them',
  async (context) => {
    const guest = await guests.boot(context);
    const running = guest.machine.exec(['sleep', '1000']);
    const broken = running.catch((error: unknown) => error);
    const idle = connect(join(guest.sockets, 'vsock'));
    const ended = new Promise((resolve) => idle.once('close', resolve).on('error', () => {}));
    await guest.shell('true');
    await guest.machine.powerOff();
    expect(await broken).toMatchObject({ code: 'guest-gone' });
    await ended;
  },
  10 * MINUTE,
);
