/**
 * Debian's own binaries in a guest: what they compute is what they compute on the host's real processor, and what Node's
 * own implementations say. `stress-ng --verify` checks its own results.
 */
import { spawnSync } from 'node:child_process';
import {
  createCipheriv,
  createHash,
  generateKeyPairSync,
  type KeyObject,
  pbkdf2Sync,
  scryptSync,
  sign,
} from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { FileKind, writeCpio } from '@ringlet/root-partition';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PullResult } from '../src/catalogue/pull.ts';
import { DebianGuests } from './debian-guest.ts';

const MINUTE = 60_000;
const PACKAGES = ['bzip2', 'coreutils', 'gzip', 'openssl', 'perl', 'python3', 'stress-ng', 'xz-utils'];
const SEED = 0x5eed_2024;
const MIB = 1024 * 1024;
const SCRIPT = new URL('guests/programs.sh', import.meta.url);

const debian = new DebianGuests();
const folder = mkdtempSync(join(tmpdir(), 'ringlet-programs-'));
const data = join(folder, 'data');

beforeAll(() => {
  mkdirSync(data);
  for (const [name, contents] of Object.entries(makeData())) writeFileSync(join(data, name), contents);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test(
  'hashes, archives, ciphers, perl and python give what they give on the host',
  async (context) => {
    const image = await debian.image(context, 'debian', { with: PACKAGES });
    const initrd = withData(image);
    const { answers, status } = await debian.session(
      { ...image, initrd },
      ['--memory', '1G'],
      ['bash /data/programs.sh /data', 'poweroff -f'],
    );
    expect(status).toBe(0);
    const guest = results(answers[0]!);

    expect(Object.keys(guest).length).toBeGreaterThan(100);
    expect(guest).toMatchObject(nodesResults());
    const host = hostResults();
    expect(comparable(guest, host)).toEqual(comparable(host, guest));
  },
  30 * MINUTE,
);

test(
  'stress-ng finds nothing wrong with any of its processor methods in 60 s',
  async (context) => {
    const image = await debian.image(context, 'debian', { with: PACKAGES });
    const { answers, status } = await debian.session(
      image,
      ['--memory', '1G'],
      ['stress-ng --cpu 1 --cpu-method all --verify --timeout 60s; echo "status $?"', 'poweroff -f'],
    );

    expect(answers[0]).toMatch(/successful run completed/);
    expect(answers[0]).not.toMatch(/fail:|error:/);
    expect(answers[0]).toMatch(/^status 0$/m);
    expect(status).toBe(0);
  },
  30 * MINUTE,
);

/** Noise, prose and numbers, the same at every run; keys; the prose packed by Node and by the host. */
function makeData(): Record<string, Uint8Array | string> {
  const next = xorshift(SEED);
  const random = new Uint32Array(MIB / 2);
  for (let n = 0; n < random.length; n++) random[n] = next();
  const words = Array.from({ length: 2000 }, () => {
    const length = 2 + (next() % 9);
    return Array.from({ length }, () => String.fromCharCode(97 + (next() % 26))).join('');
  });
  let text = '';
  while (text.length < 2 * MIB)
    text += words[next() % (1 + (next() % words.length))]! + (next() % 11 === 0 ? '\n' : ' ');
  text += '\n';
  const numbers = Array.from({ length: 20_000 }, () => ((next() - 2 ** 31) / 2 ** (next() % 40)).toString());
  const own = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();
  const shown = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString();
  return {
    random: new Uint8Array(random.buffer),
    text,
    numbers: `${numbers.join('\n')}\n`,
    small: text.slice(0, 1000),
    'rsa.pem': own(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey),
    'ed25519.pem': own(generateKeyPairSync('ed25519').privateKey),
    'x25519.pem': own(generateKeyPairSync('x25519').privateKey),
    'x25519.pub': shown(generateKeyPairSync('x25519').publicKey),
    'p256.pem': own(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
    'p256.pub': shown(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey),
    'text.gz': gzipSync(text, { level: 9 }),
    ...packedByHost('text.xz', 'xz', text),
    ...packedByHost('text.bz2', 'bzip2', text),
    'programs.sh': readFileSync(SCRIPT),
  };
}

function packedByHost(name: string, program: string, input: string): Record<string, Uint8Array> {
  const { status, stdout } = spawnSync(program, ['-c'], { input, maxBuffer: 64 * MIB });
  return status === 0 ? { [name]: stdout } : {};
}

/** George Marsaglia's generator of 32 bits. */
function xorshift(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** The image's initial root file system with the data behind it. */
function withData(image: PullResult): string {
  const entries = readdirSync(data).map((name) => ({
    name: `data/${name}`,
    mode: FileKind.Regular | 0o644,
    data: readFileSync(join(data, name)),
  }));
  const archive = writeCpio([{ name: 'data', mode: FileKind.Directory | 0o755, links: 2 }, ...entries]);
  const path = join(folder, 'initrd');
  writeFileSync(path, Buffer.concat([readFileSync(image.initrd), archive]));
  return path;
}

/** Lines of `programs.sh`. */
function results(text: string): Record<string, string> {
  const lines = text.split('\n').filter((line) => line.includes(' '));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]));
}

/** What the host's programs give, of those that it has. */
function hostResults(): Record<string, string> {
  const { stdout } = spawnSync('bash', [join(data, 'programs.sh'), data], { encoding: 'latin1', maxBuffer: 64 * MIB });
  return results(stdout);
}

/** The results of one side that must be those of the other: of the same programs, of the same version where that counts. */
function comparable(one: Record<string, string>, other: Record<string, string>): Record<string, string> {
  const sameVersion = (key: string): boolean => {
    const [, tool] = /^version:([^:]+):/.exec(key) ?? [];
    return tool === undefined || one[`version:${tool}`] === other[`version:${tool}`];
  };
  const isVersion = (key: string): boolean => /^version:[^:]+$/.test(key);
  return Object.fromEntries(Object.entries(one).filter(([key]) => key in other && !isVersion(key) && sameVersion(key)));
}

/** What Node's own implementations give. */
function nodesResults(): Record<string, string> {
  const file = (name: string): Buffer => readFileSync(join(data, name));
  const hash = (algorithm: string, contents: Uint8Array): string =>
    createHash(algorithm).update(contents).digest('hex');
  const found: Record<string, string> = {};
  for (const name of ['random', 'text', 'numbers']) {
    for (const algorithm of ['md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512']) {
      found[`${algorithm}sum:${name}`] = hash(algorithm, file(name));
    }
    found[`b2sum:${name}`] = hash('blake2b512', file(name));
  }
  for (const algorithm of ['sha256', 'sha3-256', 'sha3-512', 'blake2s256']) {
    found[`openssl:${algorithm}`] = hash(algorithm, file('random'));
  }
  for (const name of ['random', 'text']) {
    for (const tool of ['xz', 'gzip', 'bzip2']) {
      for (const level of [1, 6]) found[`${tool}-round:${name}:${level}`] = hash('sha256', file(name));
    }
  }
  for (const name of readdirSync(data)) {
    if (name.startsWith('text.')) found[`unpacked:${name}`] = hash('sha256', file('text'));
  }
  const [key, iv] = [
    Buffer.from(Array.from({ length: 32 }, (_, n) => n)),
    Buffer.from('0f0e0d0c0b0a09080706050403020100', 'hex'),
  ];
  for (const [cipher, bytes] of [
    ['aes-128-ctr', 16],
    ['aes-256-cbc', 32],
    ['aes-256-ctr', 32],
    ['chacha20', 32],
  ] as const) {
    const encryption = createCipheriv(cipher, key.subarray(0, bytes), iv);
    found[`openssl:${cipher}`] = hash('sha256', Buffer.concat([encryption.update(file('text')), encryption.final()]));
  }
  found['openssl:rsa'] = sign('sha256', file('text'), file('rsa.pem')).toString('hex');
  found['openssl:ed25519'] = sign(null, file('small'), file('ed25519.pem')).toString('hex');
  const colons = (bytes: Buffer): string =>
    bytes
      .toString('hex')
      .toUpperCase()
      .replaceAll(/(..)(?=.)/g, '$1:');
  found['openssl:pbkdf2'] = colons(pbkdf2Sync('ringlet', 'salt', 20_000, 32, 'sha512'));
  found['openssl:scrypt'] = colons(scryptSync('ringlet', 'salt', 32, { N: 4096, r: 8, p: 1 }));
  return found;
}
