/** `Release` files: the sums of an archive's package lists, and for which suite they are. */
import { damagedIndex, readStanzas } from './control-file.ts';

/** A file that a release vouches for. */
interface ReleasedFile {
  /** Bytes. */
  readonly size: number;
  /** In hexadecimal digits. */
  readonly sha256: string;
}

/** What is used of a release. */
export interface Release {
  readonly codename: string;
  /** Files by their path from the directory of the release. */
  readonly files: ReadonlyMap<string, ReleasedFile>;
  /** Milliseconds since 1970 after which it is not to be used. */
  readonly validUntil: number | undefined;
}

/** Reads a release. @throws UserError `index-damaged` */
export async function parseRelease(text: Uint8Array): Promise<Release> {
  for await (const stanza of readStanzas([text])) {
    const files = new Map<string, ReleasedFile>();
    for (const line of (stanza.get('sha256') ?? '').split('\n')) {
      if (line === '') continue;
      const match = /^([0-9a-f]{64})\s+(\d{1,15})\s+(\S+)$/.exec(line);
      if (match === null) throw damagedIndex('the release has a line that is no sum');
      files.set(match[3]!, { sha256: match[1]!, size: Number(match[2]!) });
    }
    const until = Date.parse(stanza.get('valid-until') ?? '');
    return {
      codename: stanza.get('codename') ?? '',
      files,
      validUntil: Number.isNaN(until) ? undefined : until,
    };
  }
  throw damagedIndex('the release is empty');
}

/** The text inside a clear-signed file (RFC 4880 section 7), without looking at the signature. */
export function withoutSignature(text: Uint8Array): Uint8Array {
  const lines = new TextDecoder().decode(text).split(/\r?\n/);
  if (lines[0] !== '-----BEGIN PGP SIGNED MESSAGE-----') return text;
  const start = lines.indexOf('');
  const end = lines.indexOf('-----BEGIN PGP SIGNATURE-----');
  if (start < 0 || end < start) throw damagedIndex('the release is signed in a form that cannot be read');
  const inside = lines.slice(start + 1, end).map((line) => line.replace(/^- /, ''));
  return new TextEncoder().encode(`${inside.join('\n')}\n`);
}
