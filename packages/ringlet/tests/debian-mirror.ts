/**
 * A Debian archive that is made for a test and served on this host: packages small enough to make in a moment, each what the
 * catalogue looks for, and a server that counts what is asked and can be made to misbehave.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { readAr } from '@ringlet/root-partition';
import { type Header, pack } from 'tar-stream';

/** A file of a package: its contents, or a whole tar header with them. */
export type TarEntry = readonly [header: string | (Partial<Header> & { name: string }), contents?: Uint8Array | string];

/** An ar archive. */
export function makeAr(members: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const parts = [Buffer.from('!<arch>\n')];
  for (const [name, data] of Object.entries(members)) {
    const header = `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100644'.padEnd(8)}`;
    parts.push(Buffer.from(`${header}${String(data.length).padEnd(10)}\`\n`), Buffer.from(data));
    if (data.length % 2 === 1) parts.push(Buffer.from('\n'));
  }
  return Buffer.concat(parts);
}

/** A tar archive. */
export async function makeTar(entries: readonly TarEntry[]): Promise<Uint8Array> {
  const archive = pack();
  for (const [header, contents = ''] of entries) {
    archive.entry(typeof header === 'string' ? { name: header } : header, Buffer.from(contents));
  }
  archive.finalize();
  const parts: Uint8Array[] = [];
  for await (const part of archive) parts.push(part as Uint8Array);
  return Buffer.concat(parts);
}

/** A package with these files, and with these of the package manager's own. */
export async function makeDeb(entries: readonly TarEntry[], control: readonly TarEntry[] = []): Promise<Uint8Array> {
  return makeAr({
    'debian-binary': Buffer.from('2.0\n'),
    'control.tar.gz': gzipSync(await makeTar(control)),
    'data.tar.gz': gzipSync(await makeTar(entries)),
  });
}

/** A package of an archive. */
export interface MirrorPackage {
  readonly deb: Uint8Array;
  readonly depends?: string;
  /** More fields of the list. */
  readonly fields?: Readonly<Record<string, string>>;
}

/** The version of every package of an archive. */
export const VERSION = '6.1.99-1';

/** The file that says what a package is. */
export function controlFile(name: string, more: Readonly<Record<string, string>> = {}): TarEntry {
  const fields = { Package: name, Version: VERSION, Architecture: 'amd64', ...more };
  return [
    './control',
    Object.entries(fields)
      .map(([key, value]) => `${key}: ${value}\n`)
      .join(''),
  ];
}

/**
 * A kernel module as far as its information goes: an ELF header, the section names, the information, three section headers.
 *
 * @param info - lines of `.modinfo`
 */
export function makeKernelModule(info: readonly string[]): Uint8Array {
  const names = Buffer.from('\0.shstrtab\0.modinfo\0');
  const lines = Buffer.from(info.map((line) => `${line}\0`).join(''));
  const sections = 64 + names.length + lines.length;
  const data = Buffer.alloc(sections + 3 * 64);
  data.write('\x7fELF\x02\x01\x01', 'latin1');
  data.writeBigUInt64LE(BigInt(sections), 0x28);
  data.writeUInt16LE(64, 0x3a);
  data.writeUInt16LE(3, 0x3c);
  data.writeUInt16LE(1, 0x3e);
  names.copy(data, 64);
  lines.copy(data, 64 + names.length);
  const section = (index: number, name: number, offset: number, size: number): void => {
    data.writeUInt32LE(name, sections + index * 64);
    data.writeBigUInt64LE(BigInt(offset), sections + index * 64 + 0x18);
    data.writeBigUInt64LE(BigInt(size), sections + index * 64 + 0x20);
  };
  section(1, 1, 64, names.length);
  section(2, 11, 64 + names.length, lines.length);
  return data;
}

/** A busybox as far as its table of commands goes. */
export const BUSYBOX = Buffer.from('\x7fELF…[\0[[\0cat\0modprobe\0mount\0sh\0\0[\0not a table', 'utf8');
/** The version of the kernel that the archive has. */
export const KERNEL_VERSION = '6.1.0-99-cloud-amd64';
/** Its contents. */
export const KERNEL = Buffer.alloc(200_000, 'kernel ');

/** Packages of an archive by name, as the catalogue wants them. */
export async function usualPackages(): Promise<Record<string, MirrorPackage>> {
  const modules = `./lib/modules/${KERNEL_VERSION}`;
  return {
    'linux-image-cloud-amd64': { deb: await makeDeb([]), depends: `linux-image-${KERNEL_VERSION} (= 6.1.99-1)` },
    [`linux-image-${KERNEL_VERSION}`]: {
      deb: await makeDeb([
        [{ name: './boot/', type: 'directory' }],
        [`./boot/vmlinuz-${KERNEL_VERSION}`, KERNEL],
        [`${modules}/kernel/drivers/hv/hv_vmbus.ko`, makeKernelModule(['alias=acpi*:VMBUS:*', 'depends='])],
        [`${modules}/kernel/drivers/scsi/hv_storvsc.ko`, makeKernelModule(['depends=scsi_mod,hv_vmbus'])],
        [`${modules}/kernel/drivers/scsi/scsi_mod.ko`, makeKernelModule(['depends='])],
        [`${modules}/kernel/drivers/net/unrelated.ko`, makeKernelModule(['depends='])],
        [`${modules}/modules.builtin`, 'kernel/fs/ext4/ext4.ko\n'],
      ]),
    },
    'busybox-static': { deb: await makeDeb([['./bin/busybox', BUSYBOX]]) },
    'perl-base': { deb: await makeDeb([['./usr/bin/perl', 'perl']]) },
    libc6: {
      deb: await makeDeb(
        ['ld-linux-x86-64.so.2', 'libc.so.6', 'libm.so.6'].map((name) => [`./lib/x86_64-linux-gnu/${name}`, name]),
      ),
    },
    libcrypt1: { deb: await makeDeb([['./lib/x86_64-linux-gnu/libcrypt.so.1.1.0', 'libcrypt']]) },
  };
}

/** What a server does with a request besides answering it. Says whether it has answered. */
type Misbehaviour = (path: string, request: IncomingMessage, response: ServerResponse, body: Uint8Array) => boolean;

/** The archive and its server. */
export class DebianMirror {
  /** Files by their path. A test may change them. */
  readonly files = new Map<string, Uint8Array>();
  /** What was asked: the path, and the range behind it where there was one. */
  readonly requests: string[] = [];
  misbehave: Misbehaviour = () => false;
  readonly #server: Server = createServer((request, response) => this.#answer(request, response));

  /** Starts a server for an archive with these packages. */
  static async start(packages: Readonly<Record<string, MirrorPackage>>): Promise<DebianMirror> {
    const mirror = new DebianMirror();
    const stanzas = Object.entries(packages).map(([name, { deb, depends, fields = {} }]) => {
      const path = `pool/${name}.deb`;
      mirror.files.set(path, deb);
      return [
        `Package: ${name}`,
        `Version: ${VERSION}`,
        'Architecture: amd64',
        ...(depends === undefined ? [] : [`Depends: ${depends}`]),
        ...Object.entries(fields).map(([key, value]) => `${key}: ${value}`),
        `Filename: ${path}`,
        `Size: ${deb.length}`,
        `SHA256: ${sha256(deb)}`,
        '',
      ].join('\n');
    });
    mirror.setList(stanzas.join('\n'));
    await new Promise<void>((done) => mirror.#server.listen(0, '127.0.0.1', done));
    return mirror;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/debian`;
  }

  /** Puts a package list into the archive, and a release that vouches for it. */
  setList(text: string, codename = 'bookworm', more: readonly string[] = []): void {
    const list = gzipSync(text);
    const path = 'main/binary-amd64/Packages.gz';
    this.files.set(`dists/bookworm/${path}`, list);
    const release = [`Codename: ${codename}`, ...more, 'SHA256:', ` ${sha256(list)} ${list.length} ${path}`, ''];
    this.files.set('dists/bookworm/Release', Buffer.from(release.join('\n')));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url!.replace(/^\/debian\//, '');
    const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1];
    this.requests.push(range === undefined ? path : `${path} from ${range}`);
    const body = this.files.get(path);
    if (body === undefined) {
      response.writeHead(404).end();
      return;
    }
    if (this.misbehave(path, request, response, body)) return;
    if (range === undefined) {
      response.writeHead(200, { 'content-length': body.length }).end(body);
      return;
    }
    const start = Number(range);
    if (start >= body.length) {
      response.writeHead(416).end();
      return;
    }
    const headers = { 'content-range': `bytes ${start}-${body.length - 1}/${body.length}` };
    response.writeHead(206, headers).end(body.subarray(start));
  }
}

function sha256(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Packages for a root disk: those that every disk needs, and the kernel's with what a package manager wants to know. */
export async function diskPackages(): Promise<Record<string, MirrorPackage>> {
  const usual = await usualPackages();
  const library = (file: string): TarEntry => [`./lib/x86_64-linux-gnu/${file}`, `library ${file}`];
  const simple = async (name: string, entries: readonly TarEntry[], more: readonly TarEntry[] = []) => ({
    deb: await makeDeb(entries, [controlFile(name), ...more]),
  });
  const script = (name: string): TarEntry => [{ name: `./${name}`, mode: 0o755 }, '#!/bin/sh\n'];
  const kernel = `linux-image-${KERNEL_VERSION}`;
  return {
    ...usual,
    'linux-image-cloud-amd64': { ...(await simple('linux-image-cloud-amd64', [])), depends: kernel },
    [kernel]: { ...usual[kernel]!, deb: withControl(usual[kernel]!.deb, await makeTar([controlFile(kernel)])) },
    libc6: await simple('libc6', [library('ld-linux-x86-64.so.2'), library('libc.so.6'), library('libm.so.6')]),
    libext2fs2: await simple('libext2fs2', [library('libext2fs.so.2'), library('libe2p.so.2')]),
    'libcom-err2': await simple('libcom-err2', [library('libcom_err.so.2')]),
    libblkid1: await simple('libblkid1', [library('libblkid.so.1')]),
    libuuid1: await simple('libuuid1', [library('libuuid.so.1')]),
    e2fsprogs: {
      ...(await simple('e2fsprogs', [
        ['./sbin/mke2fs', 'mke2fs'],
        ['./etc/mke2fs.conf', '[defaults]\n'],
      ])),
      depends: 'libc6, libext2fs2, libcom-err2, libblkid1, libuuid1',
      fields: { Priority: 'required' },
    },
    'base-passwd': {
      ...(await simple('base-passwd', [], [script('preinst'), script('postinst')])),
      fields: { Essential: 'yes' },
    },
    'systemd-sysv': await simple('systemd-sysv', [
      [{ name: './sbin/init', type: 'symlink', linkname: '/lib/systemd/systemd' }],
    ]),
    udev: await simple('udev', [['./usr/share/man/man8/udev.8.gz', 'manual']], [script('preinst'), script('postinst')]),
    apt: await simple('apt', [['./usr/bin/apt', 'apt']]),
  };
}

/** The package with another control archive. */
function withControl(deb: Uint8Array, control: Uint8Array): Uint8Array {
  const members = Object.fromEntries([...readAr(deb)].map(({ name, data }) => [name, data]));
  return makeAr({ ...members, 'control.tar.gz': gzipSync(control) });
}
