/**
 * What runs in the guest that makes a root disk: the root file system is made and filled by Linux itself, and packages are
 * set up by their own scripts. Nothing of the host is needed for it, and no rights.
 *
 *     unit 0    the disk that is made
 *     unit 1    the archive of its contents
 *
 * It tells how it gets on by lines that begin with `MARK`.
 */
import { MARK, type PreinstScript, SET_UP_ENVIRONMENT, setUpScript } from './set-up-script.ts';

/** Where the programs are that busybox does not have. */
export const TOOLS = '/ringlet-tools';

/** What the script needs to know. */
export interface InstallerFacts {
  /** Name of the root file system. */
  readonly label: string;
  /** Bytes of the archive. */
  readonly archiveBytes: number;
  /** Packages with a `preinst`, in the order they run. */
  readonly preinst: readonly PreinstScript[];
}

/** Makes the script. */
export function installerScript({ label, archiveBytes, preinst }: InstallerFacts): string {
  return `#!/bin/sh
# Makes a root disk. Runs as a part of /init.
export PATH=/bin ${SET_UP_ENVIRONMENT}
target=/mnt

tell() { echo "${MARK}$*"; }
end() { sync; tell "$@"; poweroff -f; sleep 600; }
try() { "$@" || end "failed $*"; }
inside() { chroot $target /usr/bin/env PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"; }
disk() { for name in /sys/bus/scsi/devices/*:0:0:$1/block/*; do [ -e "$name" ] && echo "\${name##*/}"; done; }

for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  [ -n "$(disk 0)" ] && [ -n "$(disk 1)" ] && break
  sleep 1
done
[ -b "/dev/$(disk 0)" ] && [ -b "/dev/$(disk 1)" ] || end "failed the disks do not appear"
archive=$(disk 1)

tell "phase format"
# The disk is new: what was never written reads as zeroes.
export MKE2FS_CONFIG=${TOOLS}/mke2fs.conf
try ${TOOLS}/ld-linux-x86-64.so.2 --library-path ${TOOLS} ${TOOLS}/mke2fs -q -F -t ext4 -L ${label} -m 1 -E assume_storage_prezeroed=1 "/dev/$(disk 0)"
modprobe -q ext4
# Nothing of a half-made disk is ever used, so nothing has to be in order before the end.
try mount -t ext4 -o noatime,nobarrier,data=writeback "/dev/$(disk 0)" $target

tell "phase unpack ${archiveBytes}"
(cd $target && exec cpio -idmu < "/dev/$archive" >/dev/null 2>/tmp/cpio) &
unpacking=$!
while [ -d /proc/$unpacking ] && ! grep -q '^State:.Z' /proc/$unpacking/status; do
  read -r _ _ sectors _ < "/sys/block/$archive/stat" && tell "done $((sectors * 512))"
  sleep 2
done
wait $unpacking || end "failed unpacking: $(tail -n 1 /tmp/cpio)"

try mount -t proc proc $target/proc
try mount -t sysfs sysfs $target/sys
try mount -o rbind /dev $target/dev
try mount -t tmpfs -o mode=0755 tmpfs $target/run

${setUpScript(preinst)}umount -l $target/dev
umount $target/run $target/sys $target/proc
try umount $target
end "finished"
`;
}
