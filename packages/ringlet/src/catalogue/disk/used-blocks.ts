/** Which blocks of an ext4 file system are in use, by what `dumpe2fs` says of its groups. */

/** Blocks in a row. */
export interface BlockRange {
  readonly first: number;
  readonly count: number;
}

/** What is in use, in order. `undefined` when the text is not one of dumpe2fs. */
export function usedBlocks(text: string): { readonly blockSize: number; readonly ranges: BlockRange[] } | undefined {
  const [size, total] = ['Block size', 'Block count'].map((key) =>
    Number(new RegExp(`^${key}: +(\\d+)$`, 'm').exec(text)?.[1]),
  );
  if (!size || !total) return undefined;
  const ranges: BlockRange[] = [];
  let next = 0;
  for (const [, list] of text.matchAll(/^ +Free blocks: (.*)$/gm)) {
    for (const [, from, to = from] of list!.matchAll(/(\d+)(?:-(\d+))?/g)) {
      const [first, last] = [Number(from), Number(to)];
      if (first < next || last < first || last >= total) return undefined;
      if (first > next) ranges.push({ first: next, count: first - next });
      next = last + 1;
    }
  }
  if (next < total) ranges.push({ first: next, count: total - next });
  return { blockSize: size, ranges };
}
