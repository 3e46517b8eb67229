import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ConsoleKeys } from './console-keys.ts';

/** What comes of keys that arrive in these pieces: the guest's in order, and `<leave>` and `<help>` between them. */
function outcome(...pieces: string[]): string {
  let seen = '';
  const keys = new ConsoleKeys({
    type: (bytes) => (seen += Buffer.from(bytes).toString('latin1')),
    leave: () => (seen += '<leave>'),
    help: () => (seen += '<help>'),
  });
  for (const piece of pieces) keys.feed(Buffer.from(piece, 'latin1'));
  return seen;
}

test('keys go to the guest as they are, Ctrl-C and Ctrl-D too', () => {
  expect(outcome('ls\r', '\u0003\u0004', '\u001b[A')).toBe('ls\r\u0003\u0004\u001b[A');
});

test('Ctrl-] then q leaves, and neither key reaches the guest', () => {
  expect(outcome('a\u001dqb')).toBe('a<leave>b');
  expect(outcome('\u001dQ')).toBe('<leave>');
});

test('Ctrl-] then ? asks for help', () => {
  expect(outcome('a\u001d?b')).toBe('a<help>b');
});

test('Ctrl-] twice sends one Ctrl-]', () => {
  expect(outcome('a\u001d\u001dq')).toBe('a\u001dq');
  expect(outcome('\u001d\u001d\u001dq')).toBe('\u001d<leave>');
});

test('any other key takes Ctrl-] back', () => {
  expect(outcome('a\u001dxq')).toBe('aq');
});

test('how the keys are cut into pieces makes no difference', () => {
  const key = fc.constantFrom('\u001d', 'q', '?', 'a', '\u0003');
  fc.assert(
    fc.property(fc.array(fc.string({ unit: key, maxLength: 5 }), { maxLength: 10 }), (pieces) => {
      expect(outcome(...pieces)).toBe(outcome(pieces.join('')));
    }),
  );
});
