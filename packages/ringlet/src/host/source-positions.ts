/**
 * Turns positions in bundles back into positions in the files that people wrote.
 *
 * Done when there is something to report, in the thread that reports it: a thread that loaded its source map at start
 * would take twice as long to start.
 */
import { SourceMap } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const maps = new Map<string, { folder: string; text: string }>();

/**
 * Remembers the map of a bundle.
 *
 * @param file - path of the bundle
 * @param folder - what the paths in the map are relative to
 * @param text - the map, JSON
 */
export function rememberSourceMap(file: string, folder: string, text: string): void {
  maps.set(file, { folder, text });
}

/** Replaces every `bundle:line:column` in a stack trace by where that came from, whichever instance of the bundle. */
export function originalPositions(text: string): string {
  let mapped = text;
  for (const [file, { folder, text: json }] of maps) {
    for (const name of [pathToFileURL(file).href, file]) {
      if (!mapped.includes(name)) continue;
      const map = new SourceMap(JSON.parse(json) as ConstructorParameters<typeof SourceMap>[0]);
      mapped = mapped.replaceAll(
        new RegExp(`${escape(name)}(?:\\?\\d+)?:(\\d+):(\\d+)`, 'g'),
        (whole, line: string, column: string) => {
          const entry = map.findEntry(Number(line) - 1, Number(column) - 1);
          if (!('originalSource' in entry)) return whole;
          return `${resolve(folder, entry.originalSource)}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
        },
      );
    }
  }
  return mapped;
}

const escape = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
