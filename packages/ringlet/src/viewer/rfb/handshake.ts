/**
 * How a viewer and the server begin (RFC 6143, section 7.1 to 7.3): versions, the kind of security, the viewer's wish to
 * share, and then the screen's size, format and name.
 */
import { createCipheriv, randomBytes, timingSafeEqual } from 'node:crypto';
import { type ByteReader, ViewerGone } from './byte-reader.ts';
import { NATIVE_FORMAT, PIXEL_FORMAT_BYTES, writePixelFormat } from './pixel-format.ts';

const VERSION = 'RFB 003.008\n';
const NO_SECURITY = 1;
const PASSWORD = 2;
const CHALLENGE_BYTES = 16;
/** A password's characters that count, for want of more bits in a DES key. */
export const PASSWORD_LENGTH = 8;

/** What a handshake needs of the world. */
export interface HandshakeOptions {
  readonly reader: ByteReader;
  readonly write: (bytes: Uint8Array) => void;
  /** Asks for it by VNC Authentication. Without, everybody who reaches the server is let in. */
  readonly password?: string | undefined;
  readonly width: number;
  readonly height: number;
  readonly name: string;
}

/** Goes through it. @throws ViewerGone when the viewer does not get in */
export async function handshake({ reader, write, password, width, height, name }: HandshakeOptions): Promise<void> {
  write(Buffer.from(VERSION, 'latin1'));
  const version = /^RFB 003\.(\d{3})\n$/.exec((await reader.read(VERSION.length)).toString('latin1'));
  if (version === null) throw new ViewerGone('it is no viewer');
  // Any other number stands for 3.3 (section 7.1.1).
  const minor = { 7: 7, 8: 8 }[Number(version[1])] ?? 3;
  const kind = password === undefined ? NO_SECURITY : PASSWORD;
  if (minor === 3) write(u32(kind));
  else {
    write(Uint8Array.of(1, kind));
    if ((await reader.read(1))[0] !== kind) throw new ViewerGone('it wants a kind of security that there is not');
  }
  const accepted = password === undefined || (await knows(password, reader, write));
  if (password !== undefined || minor === 8) write(u32(accepted ? 0 : 1));
  if (!accepted) {
    const why = Buffer.from('the password is wrong');
    if (minor === 8) write(Buffer.concat([u32(why.length), why]));
    throw new ViewerGone('its password was wrong');
  }
  // Whether it would like to be alone: it is not asked to be, every viewer is welcome.
  await reader.read(1);
  const title = Buffer.from(name);
  const init = Buffer.alloc(4 + PIXEL_FORMAT_BYTES);
  init.writeUInt16BE(width, 0);
  init.writeUInt16BE(height, 2);
  writePixelFormat(NATIVE_FORMAT, init.subarray(4));
  write(Buffer.concat([init, u32(title.length), title]));
}

/** VNC Authentication (section 7.2.2). */
async function knows(password: string, reader: ByteReader, write: (bytes: Uint8Array) => void): Promise<boolean> {
  const challenge = randomBytes(CHALLENGE_BYTES);
  write(challenge);
  return timingSafeEqual(await reader.read(CHALLENGE_BYTES), vncResponse(password, challenge));
}

/** The answer of who knows the password: the challenge through DES, whose key is the password with each byte reversed. */
export function vncResponse(password: string, challenge: Uint8Array): Buffer {
  const key = Buffer.alloc(PASSWORD_LENGTH);
  Buffer.from(password, 'latin1').copy(key, 0, 0, PASSWORD_LENGTH);
  for (let i = 0; i < key.length; i++) key[i] = reversed(key[i]!);
  // DES by itself is not in OpenSSL any more; three times with the same key is the same.
  const des = createCipheriv('des-ede3', Buffer.concat([key, key, key]), null).setAutoPadding(false);
  return Buffer.concat([des.update(challenge), des.final()]);
}

function reversed(byte: number): number {
  let bits = 0;
  for (let i = 0; i < 8; i++) bits |= ((byte >> i) & 1) << (7 - i);
  return bits;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
