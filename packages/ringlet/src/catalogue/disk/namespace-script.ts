/**
 * What runs on a host that makes a root disk without a guest: in namespaces of its own, where it is root and the host is
 * nobody. It starts in a directory with busybox and the archive in it; everything else comes out of that.
 *
 *     busybox      runs this
 *     archive      the contents of the disk
 *     root         where they go: in memory, gone with whoever made it
 *     out/image    the file system that is made of them
 *     out/blocks   what dumpe2fs says of it
 *
 * Paths are relative: whoever this is on the host may not be let into the directories above. That is what `cd -P` is for,
 * too: without it the shell goes by the whole path. Before the packages' own scripts run, the host's files are taken out of
 * its sight.
 */
import { MARK, type PreinstScript, SET_UP_ENVIRONMENT, setUpScript } from './set-up-script.ts';

/** What the script needs to know. */
export interface NamespaceFacts {
  /** Name of the root file system, and its size. */
  readonly label: string;
  readonly bytes: number;
  readonly preinst: readonly PreinstScript[];
}

/** Devices that scripts use: the host's own. */
const DEVICES = 'null zero full random urandom tty';

/** Makes the script. */
export function namespaceScript({ label, bytes, preinst }: NamespaceFacts): string {
  return `# Makes a root disk. Runs in namespaces of its own.
tell() { echo "${MARK}$*"; }
able() { "$@" 2>&1 || { tell "unable $*"; exit 1; }; }
end() { tell "$@"; exit 0; }
try() { "$@" || end "failed $*"; }
inside() { /usr/bin/env PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"; }

umask 022
able ./busybox mount -t tmpfs -o mode=0755,size=4g tmpfs root
able ./busybox mkdir root/.host
# Debian's files have several owners.
able ./busybox chown 65533:65533 root/.host

tell "phase unpack"
(cd -P root && exec ../busybox cpio -idmu < ../archive >/dev/null 2>../out/log) ||
  end "failed unpacking: $(./busybox tail -n 1 out/log)"

able ./busybox mount -t proc proc root/proc
./busybox mount -t sysfs -o ro sysfs root/sys 2>/dev/null
able ./busybox mount -t tmpfs -o mode=0755 tmpfs root/dev
able ./busybox mount -t tmpfs -o mode=0755 tmpfs root/run
for device in ${DEVICES}; do
  : > root/dev/$device
  able ./busybox mount --bind /dev/$device root/dev/$device
done
able ./busybox mkdir root/dev/shm root/dev/pts root/run/ringlet
able ./busybox mkdir root/run/ringlet/bin root/run/ringlet/out root/run/ringlet/tree
able ./busybox ln -s /proc/self/fd root/dev/fd
able ./busybox mount --bind out root/run/ringlet/out
able ./busybox cp busybox root/run/ringlet/bin/busybox
able ./busybox hostname ringlet

bb=/run/ringlet/bin/busybox
cd -P root
able .$bb pivot_root . .host
cd /
able $bb umount -l /.host
$bb rmdir /.host
$bb --install -s /run/ringlet/bin
export PATH=/run/ringlet/bin ${SET_UP_ENVIRONMENT}
target=

${setUpScript(preinst)}
# Of the root alone, without what is mounted in it.
try mount --bind / /run/ringlet/tree
tell "phase write"
inside mke2fs -q -F -t ext4 -L ${label} -m 1 -E assume_storage_prezeroed=1 -d /run/ringlet/tree /run/ringlet/out/image ${bytes / 1024}k </dev/null ||
  end "failed making the file system"
inside dumpe2fs /run/ringlet/out/image > /run/ringlet/out/blocks 2>/dev/null || end "failed reading the file system"
end "finished"
`;
}
