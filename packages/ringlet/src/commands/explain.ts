/** `ringlet explain CODE`: what an error means, and what to do about it. */
import { UserError } from '@ringlet/wire';
import { nearMiss } from '../configuration/near-miss.ts';
import { ERROR_PAGES } from './error-pages.ts';
import { ExitCode } from './exit-code.ts';
import type { CommandHost } from './host.ts';

/** Runs the command. Without a code: the list of all. */
export function explain(code: string | undefined, host: CommandHost): ExitCode {
  if (code === undefined) {
    const width = Math.max(...Object.keys(ERROR_PAGES).map((key) => key.length));
    for (const [key, page] of Object.entries(ERROR_PAGES)) host.out(`${key.padEnd(width)}  ${page.what}\n`);
    return ExitCode.Success;
  }
  const page = Object.hasOwn(ERROR_PAGES, code) ? ERROR_PAGES[code] : undefined;
  if (page === undefined) {
    const meant = nearMiss(code, Object.keys(ERROR_PAGES));
    throw new UserError('error-code-unknown', `no error has the code "${code}"`, {
      hint: meant === undefined ? 'ringlet explain lists every code' : `did you mean "${meant}"?`,
    });
  }
  host.out(`${code}: ${page.what}\n\nWhy    ${page.why}\nTry    ${page.remedy}\n`);
  return ExitCode.Success;
}
