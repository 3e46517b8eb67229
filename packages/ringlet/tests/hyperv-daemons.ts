/** The daemons of Debian's package hyperv-daemons, for the initial root file system of a guest. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'vitest';
import { needTool } from './exec-guest.ts';

/** Daemons of Debian's package hyperv-daemons, as files of a guest. */
export function daemons(context: TestContext, home: string): Record<string, Uint8Array> {
  for (const tool of ['apt-get', 'dpkg-deb']) needTool(context, tool);
  const folder = mkdtempSync(join(home, 'daemons-'));
  try {
    execFileSync('apt-get', ['download', 'hyperv-daemons'], { cwd: folder, stdio: 'pipe' });
  } catch (error) {
    context.skip(`the package hyperv-daemons cannot be fetched here: ${String(error)}`);
  }
  const deb = readdirSync(folder).find((name) => name.endsWith('.deb'))!;
  mkdirSync(join(folder, 'x'));
  execFileSync('dpkg-deb', ['-x', join(folder, deb), join(folder, 'x')]);
  return Object.fromEntries(
    ['hv_kvp_daemon', 'hv_vss_daemon', 'hv_fcopy_daemon'].map((name) => [
      `bin/${name}`,
      readFileSync(join(folder, 'x/usr/sbin', name)),
    ]),
  );
}
