/**
 * What the agent needs in an initial root file system: itself, Debian's `perl`, and the three libraries of that.
 *
 * Their places differ between suites (`/lib` and `/usr/lib`); here they go where the loader looks in all of them.
 */
import { AGENT_PROGRAM } from '../agent/agent-program.ts';
import { damagedPackage, readDeb } from './deb.ts';

/** The packages that it is taken from. */
export const AGENT_PACKAGES = ['perl-base', 'libc6', 'libcrypt1'] as const;

/** A file, or a link when `data` is text. */
export interface AgentFile {
  readonly path: string;
  readonly data: Uint8Array | string;
}

const LIBRARIES = 'lib/x86_64-linux-gnu';
const LOADER = 'ld-linux-x86-64.so.2';

/** What is taken of each package: the file's name there, and its path here. */
const TAKEN: Readonly<Record<(typeof AGENT_PACKAGES)[number], readonly (readonly [name: RegExp, path: string])[]>> = {
  'perl-base': [[/^usr\/bin\/perl$/, 'bin/perl']],
  libc6: [
    [new RegExp(`^(usr/)?${LIBRARIES}/ld-linux-x86-64\\.so\\.2$`), `${LIBRARIES}/${LOADER}`],
    [new RegExp(`^(usr/)?${LIBRARIES}/libc\\.so\\.6$`), `${LIBRARIES}/libc.so.6`],
    [new RegExp(`^(usr/)?${LIBRARIES}/libm\\.so\\.6$`), `${LIBRARIES}/libm.so.6`],
  ],
  // Under the name with all of its version; the one that is asked for is a link.
  libcrypt1: [[new RegExp(`^(usr/)?${LIBRARIES}/libcrypt\\.so\\.1\\.\\d+\\.\\d+$`), `${LIBRARIES}/libcrypt.so.1`]],
};

/** Takes the files out of the packages, by name. @throws UserError `package-damaged` */
export async function agentFiles(packages: ReadonlyMap<string, Uint8Array>): Promise<AgentFile[]> {
  const files: AgentFile[] = [
    { path: 'bin/ringlet-agent', data: new TextEncoder().encode(AGENT_PROGRAM) },
    { path: `lib64/${LOADER}`, data: `../${LIBRARIES}/${LOADER}` },
  ];
  for (const name of AGENT_PACKAGES) {
    const deb = packages.get(name)!;
    const taken = TAKEN[name];
    const found = new Map<string, Uint8Array>();
    for await (const { path, data } of readDeb(deb, name, (each) => taken.some(([form]) => form.test(each)))) {
      found.set(taken.find(([form]) => form.test(path))![1], data);
    }
    for (const [, path] of taken) {
      const data = found.get(path);
      if (data === undefined) throw damagedPackage(name, `it has no ${path}`);
      files.push({ path, data });
    }
  }
  return files;
}
