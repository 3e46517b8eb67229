/**
 * The signature of a release, checked by gpgv where the host has it together with Debian's keys.
 *
 * What gpgv puts out is used, not what was given to it: text outside the signature never counts.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { UserError } from '@ringlet/wire';
import type { Signatures } from './package-source.ts';
import { withoutSignature } from './release-file.ts';

/** Where Debian's keys are on hosts that have them (package debian-archive-keyring). */
const KEYRINGS = [
  '/usr/share/keyrings/debian-archive-keyring.pgp',
  '/usr/share/keyrings/debian-archive-keyring.gpg',
] as const;

/** A release to check. */
export interface SignedText {
  readonly text: Uint8Array;
  /** Where it is from, for errors. */
  readonly url: URL;
  readonly keyring?: string | undefined;
  readonly unsigned: boolean;
  readonly notice: (text: string) => void;
}

/** The text that counts, and who vouches for it. @throws UserError `signature-wrong` or `keyring-unusable` */
export async function verifiedRelease(signed: SignedText): Promise<{ text: Uint8Array; signatures: Signatures }> {
  const unchecked = { text: withoutSignature(signed.text), signatures: 'not-checked' as const };
  if (signed.unsigned) return unchecked;
  const keyring = signed.keyring ?? KEYRINGS.find((path) => existsSync(path));
  const result = keyring === undefined ? undefined : await gpgv(resolve(keyring), signed.text);
  if (result === undefined) {
    if (signed.keyring !== undefined) {
      throw new UserError('keyring-unusable', `${signed.keyring} is of no use: this host has no gpgv`, {
        hint: 'install gpgv, or leave --keyring out',
      });
    }
    signed.notice(
      keyring === undefined
        ? "signatures were not checked: Debian's keys are not on this host (package debian-archive-keyring)"
        : 'signatures were not checked: this host has no gpgv',
    );
    return unchecked;
  }
  if (!isGood(result.status) || !isOneMessage(signed.text)) {
    throw new UserError('signature-wrong', `the release at ${signed.url.href} is not signed by a key in ${keyring}`, {
      hint: 'use another --mirror; for an archive of your own: --keyring FILE, or --no-signatures',
      cause: new Error(result.status),
    });
  }
  return { text: result.text, signatures: 'checked' };
}

/** A release has signatures by several keys, of which a host may know some; one is enough, as for apt. */
function isGood(status: string): boolean {
  const has = (word: string): boolean => new RegExp(`^\\[GNUPG:\\] ${word} `, 'm').test(status);
  return has('GOODSIG') && has('VALIDSIG') && !has('BADSIG');
}

/** With several messages in one file it would be open which of them was signed. */
function isOneMessage(text: Uint8Array): boolean {
  return new TextDecoder().decode(text).split('-----BEGIN PGP SIGNED MESSAGE-----').length === 2;
}

/** @returns what it puts out, and its report (`doc/DETAILS` of GnuPG); `undefined` when the host has no gpgv */
function gpgv(keyring: string, text: Uint8Array): Promise<{ text: Uint8Array; status: string } | undefined> {
  return new Promise((done) => {
    const words = ['--status-fd', '2', '--keyring', keyring, '--output', '-'];
    const child = spawn('gpgv', words, { stdio: ['pipe', 'pipe', 'pipe'] });
    const out: Uint8Array[] = [];
    let status = '';
    child.on('error', () => done(undefined));
    child.stdout.on('data', (piece: Uint8Array) => out.push(piece));
    child.stderr.on('data', (piece: Uint8Array) => (status += String(piece)));
    child.on('close', () => done({ text: Buffer.concat(out), status }));
    // It may end before it has read everything.
    child.stdin.on('error', () => undefined);
    child.stdin.end(text);
  });
}
