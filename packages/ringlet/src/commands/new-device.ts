/** `ringlet new device NAME`: writes a device that works, to be changed into the one that is wanted. */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { UserError } from '@ringlet/wire';
import { cFiles } from '../kit/c-templates.ts';
import { devicePage, projectFiles } from '../kit/project-templates.ts';
import { typeScriptFiles } from '../kit/typescript-templates.ts';
import { ExitCode } from './exit-code.ts';
import type { CommandHost } from './host.ts';

const NAME = /^[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*$/;

/** What each file is, by what follows the device's name. */
const ABOUT: Readonly<Record<string, string>> = {
  '.protocol.ts': 'what crosses the channel, declared once',
  '.ts': 'the device: change packet()',
  '.vsc.ts': "the guest's driver",
  '.guest.ts': 'a guest that uses it',
  '.test.ts': 'its tests',
  '.md': 'its page',
  '.h': 'the protocol for C',
  '.c': 'a client for Linux guests, through uio_hv_generic',
};

/** Runs the command. Overwrites nothing. */
export function newDevice(name: string, flags: { readonly directory: string }, host: CommandHost): ExitCode {
  if (!NAME.test(name) || name.length > 40) {
    throw new UserError('device-name-invalid', `"${name}" cannot be a device's name`, {
      hint: 'use lower-case words joined by hyphens, such as frame-buffer',
    });
  }
  const { directory } = flags;
  const device = { name, interfaceId: randomUUID(), instanceId: randomUUID() };
  const files = new Map([...typeScriptFiles(device), ...cFiles(device), [`${name}.md`, devicePage(device)]]);
  const at = (file: string): string => join(directory, file);
  const taken = [...files.keys()].map(at).find((path) => existsSync(path));
  if (taken !== undefined) {
    throw new UserError('file-exists', `${taken} is there already, and nothing was written`, {
      hint: 'choose another name, or another place with --directory',
    });
  }
  mkdirSync(directory, { recursive: true });
  const project = [...projectFiles(name, host.version)].filter(([file]) => !inProject(directory, file));
  for (const [file, text] of [...files, ...project]) writeFileSync(at(file), text, { flag: 'wx' });

  const width = Math.max(...[...files.keys()].map((file) => at(file).length));
  const rows = [...files.keys()].map((file) => `${at(file).padEnd(width)}  ${ABOUT[file.slice(name.length)]!}`);
  const made = project.map(([file]) => `${at(file).padEnd(width)}  there was none`);
  const install = project.some(([file]) => file === 'package.json') ? ['  npm install'] : [];
  const run = `npx ringlet run ${at(`${name}.guest.ts`)} --device ${at(`${name}.ts`)}`;
  const steps = [
    ...install,
    `  ${run}`,
    `  node --import tsx --test ${at(`${name}.test.ts`)}`,
    '',
    `Leave this running, and change what packet() answers in ${at(`${name}.ts`)}:`,
    `  ${run} --watch -- --follow`,
  ];
  host.out([...rows, ...made, '', 'Try it:', ...steps, ''].join('\n'));
  return ExitCode.Success;
}

/** Whether a folder, or one above it, has such a file: it is part of somebody's project then. */
function inProject(directory: string, file: string): boolean {
  for (let folder = resolve(directory); ; folder = dirname(folder)) {
    if (existsSync(join(folder, file))) return true;
    if (dirname(folder) === folder) return false;
  }
}
