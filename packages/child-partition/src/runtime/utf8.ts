/** UTF-8, for a guest whose runtime has no host to ask. */

/** Encodes text; a lone surrogate becomes U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  const out: number[] = [];
  for (const character of text) {
    let code = character.codePointAt(0)!;
    if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
    if (code < 0x80) out.push(code);
    else if (code < 0x800) out.push(0xc0 | (code >> 6), continuation(code));
    else if (code < 0x10000) out.push(0xe0 | (code >> 12), continuation(code >> 6), continuation(code));
    else out.push(0xf0 | (code >> 18), continuation(code >> 12), continuation(code >> 6), continuation(code));
  }
  return Uint8Array.from(out);
}

const continuation = (bits: number): number => 0x80 | (bits & 0x3f);
