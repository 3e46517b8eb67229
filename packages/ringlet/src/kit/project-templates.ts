/** What a folder of one's own needs around a device, where it does not have it: package.json, tsconfig.json; and its page. */
import { className, type DeviceIdentity, firstProtocol } from './device-identity.ts';
import { declaredPart, table } from './device-page.ts';

/** The project's files by name. Those that exist are left alone. */
export const projectFiles = (name: string, version: string): ReadonlyMap<string, string> =>
  new Map([
    ['package.json', json(packageJson(name, version))],
    ['tsconfig.json', json(TSCONFIG)],
  ]);

const packageJson = (name: string, version: string): object => ({
  name,
  private: true,
  type: 'module',
  scripts: {
    start: `ringlet run ${name}.guest.ts --device ${name}.ts`,
    watch: `ringlet run ${name}.guest.ts --device ${name}.ts --watch -- --follow`,
    test: 'node --import tsx --test *.test.ts',
    types: 'tsc --noEmit',
  },
  dependencies: { ringlet: version },
  devDependencies: { tsx: '4', typescript: '>=5.8' },
});

/** Files are run and bundled as they are: TypeScript only checks them. */
const TSCONFIG = {
  compilerOptions: {
    target: 'ES2023',
    module: 'ESNext',
    moduleResolution: 'bundler',
    types: ['node'],
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    verbatimModuleSyntax: true,
    allowImportingTsExtensions: true,
    noEmit: true,
    skipLibCheck: true,
  },
};

const json = (value: object): string => `${JSON.stringify(value, undefined, 2)}\n`;

/** The device's page. */
export function devicePage(device: DeviceIdentity): string {
  const { name } = device;
  const file = `${name}.ts`;
  const options = [
    {
      name: 'factor',
      type: 'integer from 1 to 1000',
      needed: false,
      otherwise: 2,
      about: 'What each value is multiplied by',
    },
  ];
  return `\
# ${name}

${className(name)} multiplies what a guest asks it, and counts.

\`\`\`sh
ringlet run ${name}.guest.ts --device ${file}
ringlet run ${name}.guest.ts --device ${file},factor=3 --watch -- --follow   # saving ${file} brings the new version
node --import tsx --test ${name}.test.ts
\`\`\`

From a Linux guest:

\`\`\`sh
gcc -static -o ${name}.client ${name}.c
ringlet run debian --device ${file} --detach
ringlet exec debian -- sh -c 'cat > /tmp/client; chmod +x /tmp/client' < ${name}.client
ringlet exec debian -- sh -c 'modprobe uio_hv_generic; /tmp/client 21'
\`\`\`

${table(['file', 'what it is'], files(name))}

What follows is made from the declarations: \`ringlet device ${file} --page\`.

${declaredPart({ name, file, options, protocol: firstProtocol(device) })}
`;
}

const files = (name: string): string[][] => [
  [`\`${name}.protocol.ts\``, 'what crosses the channel: change it first'],
  [`\`${name}.ts\``, 'the device (VSP), in the root partition'],
  [`\`${name}.vsc.ts\``, 'its driver (VSC), in a TypeScript guest'],
  [`\`${name}.guest.ts\``, 'a guest that uses it'],
  [`\`${name}.c\``, 'a client for Linux guests, through uio_hv_generic'],
  [`\`${name}.h\``, `the protocol for C: \`ringlet device ${name}.ts --header > ${name}.h\``],
  [`\`${name}.test.ts\``, 'its tests'],
];
