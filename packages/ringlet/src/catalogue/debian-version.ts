/**
 * Order of package versions: `[epoch:]upstream[-revision]` (Debian Policy 5.6.12).
 *
 * Parts are compared by turns: a run without digits, where `~` sorts before the end and letters before all else, then a
 * run of digits as a number.
 */

/** Compares versions. @returns less than, equal to or more than 0, as for a sort */
export function compareVersions(a: string, b: string): number {
  const [x, y] = [partsOf(a), partsOf(b)];
  return x.epoch - y.epoch || compareParts(x.upstream, y.upstream) || compareParts(x.revision, y.revision);
}

function partsOf(version: string): { epoch: number; upstream: string; revision: string } {
  const colon = version.indexOf(':');
  const epoch = colon < 0 ? 0 : Number(version.slice(0, colon));
  const rest = version.slice(colon + 1);
  const dash = rest.lastIndexOf('-');
  return dash < 0
    ? { epoch, upstream: rest, revision: '' }
    : { epoch, upstream: rest.slice(0, dash), revision: rest.slice(dash + 1) };
}

function compareParts(a: string, b: string): number {
  const [x, y] = [runsOf(a), runsOf(b)];
  for (let i = 0; i < Math.max(x.length, y.length); i++) {
    const [left, right] = [x[i] ?? '', y[i] ?? ''];
    const order = i % 2 === 0 ? compareText(left, right) : compareNumbers(left, right);
    if (order !== 0) return order;
  }
  return 0;
}

/** Runs without digits at even places, runs of digits at odd ones; any may be empty. */
function runsOf(text: string): string[] {
  return text.split(/(\d+)/);
}

function compareText(a: string, b: string): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const order = rank(a[i]) - rank(b[i]);
    if (order !== 0) return order;
  }
  return 0;
}

function rank(character: string | undefined): number {
  if (character === '~') return -1;
  if (character === undefined) return 0;
  return /[A-Za-z]/.test(character) ? character.charCodeAt(0) : character.charCodeAt(0) + 256;
}

/** Numbers of any length. */
function compareNumbers(a: string, b: string): number {
  const [x, y] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')];
  return x.length - y.length || (x < y ? -1 : x > y ? 1 : 0);
}
