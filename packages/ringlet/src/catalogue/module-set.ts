/**
 * The modules of a kernel that go into an initial root file system: those below and what they need, with the tables that
 * `modprobe` reads (modules.dep(5)).
 */
import { type KernelModule, plainName } from './kernel-module.ts';

/** What a guest of ours can use. One that a kernel does not have, or has built in, is left out. */
export const USEFUL_MODULES: readonly string[] = [
  // The bus and its devices.
  'hv_vmbus hv_utils hv_balloon hv_storvsc hv_netvsc hv_sock hyperv_keyboard hid_hyperv',
  'hyperv_fb hyperv_drm pci_hyperv uio_hv_generic',
  // Disks and what is on them.
  'sd_mod sr_mod sg loop dm_mod ext4 vfat isofs udf squashfs overlay erofs fuse',
  'nls_ascii nls_cp437 nls_iso8859_1 nls_utf8 crc32c_generic crc32c_intel',
  // Input and network.
  'hid_generic evdev mousedev af_packet unix ipv6 vsock vsock_diag tun veth bridge 8021q',
  // Disks, network and console of other monitors, so that the image boots there too.
  'virtio_pci virtio_mmio virtio_blk virtio_scsi virtio_net virtio_console virtio_rng',
].flatMap((line) => line.split(' '));

/** The modules of `all` that are wanted, by path, and everything that they need. */
export function selectModules(all: Iterable<KernelModule>, wanted: readonly string[] = USEFUL_MODULES): KernelModule[] {
  const known = new Map<string, KernelModule[]>();
  for (const module of all) {
    for (const name of [module.name, ...module.aliases.map(plainName)]) {
      const found = known.get(name);
      if (found === undefined) known.set(name, [module]);
      else if (!found.includes(module)) found.push(module);
    }
  }
  const chosen = new Set<KernelModule>();
  const waiting = wanted.flatMap((name) => known.get(plainName(name)) ?? []);
  for (let module = waiting.pop(); module !== undefined; module = waiting.pop()) {
    if (chosen.has(module)) continue;
    chosen.add(module);
    const soft = module.softDependencies.flatMap((line) => line.split(/\s+/)).filter((word) => !word.endsWith(':'));
    for (const name of [...module.depends, ...soft]) waiting.push(...(known.get(plainName(name)) ?? []));
  }
  return [...chosen].toSorted((a, b) => compare(a.path, b.path));
}

/** `modules.dep`: each module's path, and those of what it needs; what is needed first stands last. */
export function dependencyTable(modules: readonly KernelModule[]): string {
  const byName = new Map(modules.map((module) => [module.name, module]));
  return lines(
    modules.map(
      (module) =>
        `${module.path}:${needs(module, byName)
          .map(({ path }) => ` ${path}`)
          .join('')}`,
    ),
  );
}

/** `modules.alias`. */
export function aliasTable(modules: readonly KernelModule[]): string {
  return lines(modules.flatMap(({ name, aliases }) => aliases.map((alias) => `alias ${alias} ${name}`)));
}

/** `modules.softdep`. */
export function softDependencyTable(modules: readonly KernelModule[]): string {
  return lines(
    modules.flatMap(({ name, softDependencies }) => softDependencies.map((line) => `softdep ${name} ${line}`)),
  );
}

/** Everything a module needs, each after whatever needs it. */
function needs(module: KernelModule, byName: ReadonlyMap<string, KernelModule>): KernelModule[] {
  const done = new Set<KernelModule>([module]);
  const order: KernelModule[] = [];
  const visit = (name: string): void => {
    const needed = byName.get(name);
    if (needed === undefined || done.has(needed)) return;
    done.add(needed);
    needed.depends.forEach(visit);
    order.push(needed);
  };
  module.depends.forEach(visit);
  return order.toReversed();
}

function lines(all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join('');
}

/** By code units: the same on every host, whatever its language. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
