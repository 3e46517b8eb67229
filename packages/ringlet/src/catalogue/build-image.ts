/** Makes kernel and initial root file system out of packages. Bytes in, bytes out. */
import { agentFiles } from './agent-files.ts';
import { appletsOf } from './applets.ts';
import { damagedPackage, readDeb } from './deb.ts';
import { makeInitramfs } from './initramfs.ts';
import { type KernelModule, readKernelModule } from './kernel-module.ts';
import { selectModules } from './module-set.ts';
import { unpackXzWhole } from './xz-stream.ts';

/** Packages, whole. */
export interface ImagePackages {
  readonly kernel: Uint8Array;
  readonly kernelVersion: string;
  readonly busybox: Uint8Array;
  /** Those of the agent, by name; empty when the image has none. */
  readonly agent: ReadonlyMap<string, Uint8Array>;
}

const LARGEST_MODULE = 128 << 20;
/** Most of a generic kernel's modules, which nothing of ours needs. */
const UNRELATED =
  /^kernel\/(?:sound|drivers\/(?:media|infiniband|staging|iio|usb|mtd|isdn|net\/(?:wireless|ethernet|usb|can)|gpu\/drm\/[^/]+\/)|net\/(?:netfilter|mac80211|bluetooth|wireless))\//;

/** The files of an image. */
export interface BuiltImage {
  readonly kernel: Uint8Array;
  readonly initrd: Uint8Array;
  /** Names of the commands in its /bin. */
  readonly commands: readonly string[];
}

/** Makes the files of an image. @throws UserError `package-damaged` */
export async function buildImage(packages: ImagePackages): Promise<BuiltImage> {
  const { kernelVersion } = packages;
  const { kernel, modules, tables } = await readKernelPackage(packages.kernel, kernelVersion);
  const busybox = await readBusybox(packages.busybox);
  const agent = packages.agent.size === 0 ? [] : await agentFiles(packages.agent);
  const initrd = makeInitramfs({ busybox, kernelVersion, modules: selectModules(modules), tables, agent });
  const agentCommands = agent.flatMap(({ path }) => (path.startsWith('bin/') ? [path.slice('bin/'.length)] : []));
  return { kernel, initrd, commands: [...new Set([...appletsOf(busybox), ...agentCommands])] };
}

interface KernelPackage {
  readonly kernel: Uint8Array;
  readonly modules: readonly KernelModule[];
  readonly tables: ReadonlyMap<string, Uint8Array>;
}

async function readKernelPackage(deb: Uint8Array, version: string): Promise<KernelPackage> {
  const name = `linux-image-${version}`;
  const image = `boot/vmlinuz-${version}`;
  // Newer suites have all of /lib below /usr.
  const roots = [`lib/modules/${version}/`, `usr/lib/modules/${version}/`];
  const inModules = (path: string): string | undefined => {
    const root = roots.find((candidate) => path.startsWith(candidate));
    return root === undefined ? undefined : path.slice(root.length);
  };
  const isWanted = (path: string): boolean => {
    if (path === image) return true;
    const inside = inModules(path);
    if (inside === undefined) return false;
    return inside === 'modules.builtin' || (/\.ko(\.xz)?$/.test(inside) && !UNRELATED.test(inside));
  };
  let kernel: Uint8Array | undefined;
  const modules: KernelModule[] = [];
  const packed: [path: string, data: Uint8Array][] = [];
  const tables = new Map<string, Uint8Array>();
  for await (const { path, data } of readDeb(deb, name, isWanted)) {
    const inside = inModules(path);
    if (inside === undefined) kernel = data;
    else if (inside === 'modules.builtin') tables.set(inside, data);
    else if (inside.endsWith('.xz')) packed.push([inside, data]);
    else modules.push(readKernelModule(inside, data));
  }
  for (const [inside, data] of packed) {
    modules.push(readKernelModule(inside.slice(0, -'.xz'.length), await unpackXzWhole(data, LARGEST_MODULE, inside)));
  }
  if (kernel === undefined) throw damagedPackage(name, `it has no ${image}`);
  if (modules.length === 0) throw damagedPackage(name, 'it has no modules');
  return { kernel, modules, tables };
}

async function readBusybox(deb: Uint8Array): Promise<Uint8Array> {
  const isBusybox = (path: string): boolean => /^(usr\/)?bin\/busybox$/.test(path);
  for await (const { data } of readDeb(deb, 'busybox-static', isBusybox)) return data;
  throw damagedPackage('busybox-static', 'it has no busybox');
}
