/**
 * What a benchmark is, and how contenders are compared: in turns, round by round in one run, so that whatever else the
 * machine does meets all of them alike. Medians and ratios are reported; absolute figures of a shared machine are not
 * worth comparing between runs.
 */

/** How long and how often to measure. */
export interface BenchOptions {
  readonly rounds: number;
  readonly milliseconds: number;
}

/** One thing to measure, in one way. */
export interface Contender {
  readonly name: string;
  /** Runs for about `milliseconds`. @returns operations a second */
  measure(milliseconds: number): Promise<number>;
}

/** One contender's figures. */
export interface Figure {
  readonly contender: string;
  /** Median of the rounds, in the row's unit. */
  readonly median: number;
  readonly best: number;
  /** Median, over the rounds, of this contender's figure by the baseline's; absent where there is no baseline. */
  readonly ratio?: number;
}

/** All contenders at one workload. */
export interface Row {
  readonly workload: string;
  /** What the figures are; operations a second when absent. */
  readonly unit?: string;
  readonly figures: readonly Figure[];
}

/** A benchmark's table. */
export interface BenchResult {
  readonly title: string;
  /** What the ratios are to. */
  readonly baseline: string;
  readonly rows: readonly Row[];
  /** What a reader should know: what is missing and why. */
  readonly notes: readonly string[];
}

/** One benchmark, chosen on the command line by its name. */
export interface Bench {
  readonly name: string;
  run(options: BenchOptions): Promise<BenchResult[]>;
}

const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

/**
 * Measures contenders in turns. The first round warms up and is not counted.
 *
 * @param baseline - name of the contender that ratios are to; none of that name, no ratios
 */
export async function compare(
  workload: string,
  contenders: readonly Contender[],
  baseline: string,
  options: BenchOptions,
): Promise<Row> {
  const samples = contenders.map((): number[] => []);
  for (let round = 0; round <= options.rounds; round++) {
    for (const [i, contender] of contenders.entries()) {
      const figure = await contender.measure(options.milliseconds);
      if (round > 0) samples[i]!.push(figure);
    }
  }
  return summarise(
    workload,
    contenders.map(({ name }, i) => [name, samples[i]!]),
    baseline,
  );
}

/**
 * Makes a row of what the rounds gave: the same round of all contenders at the same place.
 *
 * @param unit - of figures of which the smallest is the best; operations a second when absent
 */
export function summarise(
  workload: string,
  contenders: readonly (readonly [name: string, samples: readonly number[]])[],
  baseline: string,
  unit?: string,
): Row {
  const base = contenders.find(([name]) => name === baseline)?.[1];
  const figures = contenders.map(([contender, samples]): Figure => {
    const best = unit === undefined ? Math.max(...samples) : Math.min(...samples);
    const figure = { contender, median: median(samples), best };
    return base ? { ...figure, ratio: median(samples.map((value, round) => value / base[round]!)) } : figure;
  });
  return { workload, ...(unit !== undefined && { unit }), figures };
}

/** Prints a table: one line a workload, one column a contender, with its ratio to the baseline. */
export function format({ title, baseline, rows, notes }: BenchResult): string {
  const contenders = [...new Set(rows.flatMap((row) => row.figures.map(({ contender }) => contender)))];
  const cell = (row: Row, contender: string): string => {
    const figure = row.figures.find((candidate) => candidate.contender === contender);
    if (figure === undefined) return '-';
    const ratio = figure.ratio === undefined || contender === baseline ? '' : ` x${figure.ratio.toFixed(2)}`;
    const amount =
      row.unit === undefined ? `${engineering(figure.median)}/s` : `${significant(figure.median)} ${row.unit}`;
    return `${amount}${ratio}`;
  };
  const table = [['', ...contenders], ...rows.map((row) => [row.workload, ...contenders.map((c) => cell(row, c))])];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((line) => line[column]!.length)));
  const lines = table.map((line) =>
    line
      .map((text, i) => text.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  );
  const heading = contenders.length > 1 ? `${title}  (x: ratio to ${baseline})` : title;
  return [`\n${heading}`, ...lines, ...notes.map((note) => `note: ${note}`)].join('\n');
}

/** Three digits that count. */
const significant = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

function engineering(value: number): string {
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} M`;
  if (value >= 1e3) return `${(value / 1e3).toFixed(1)} k`;
  return value.toFixed(0);
}
