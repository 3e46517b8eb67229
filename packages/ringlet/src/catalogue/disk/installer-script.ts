/**
 * What runs in the guest that makes a root disk: the root file system is made and filled by Linux itself, and packages are
 * set up by their own scripts. Nothing of the host is needed for it, and no rights.
 *
 *     unit 0    the disk that is made
 *     unit 1    the archive of its contents
 *
 * It tells how it gets on by lines that begin with {@link MARK}.
 */

import { MASKED_UNITS } from './disk-files.ts';

/** How a line begins that is meant for the host. */
export const MARK = '@ringlet ';

/** Where the programs are that busybox does not have. */
export const TOOLS = '/ringlet-tools';

/** What the script needs to know. */
export interface InstallerFacts {
  /** Name of the root file system. */
  readonly label: string;
  /** Bytes of the archive. */
  readonly archiveBytes: number;
  /** Packages with a `preinst`, in the order they run. */
  readonly preinst: readonly { readonly name: string; readonly script: string }[];
}

/** Makes the script. */
export function installerScript({ label, archiveBytes, preinst }: InstallerFacts): string {
  return `#!/bin/sh
# Makes a root disk. Runs as a part of /init.
export PATH=/bin DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true LC_ALL=C.UTF-8 INITRD=No
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

tell "phase prepare ${preinst.length}"
count=0
while read -r name script; do
  DPKG_MAINTSCRIPT_PACKAGE=$name DPKG_MAINTSCRIPT_NAME=preinst DPKG_MAINTSCRIPT_ARCH=amd64 DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1 \\
    inside "$script" install </dev/null || end "failed preparing $name"
  count=$((count + 1))
  tell "done $count"
done <<'LIST'
${preinst.map(({ name, script }) => `${name} ${script}\n`).join('')}LIST

# Keys of kinds that take long to make, or that nobody asks for.
touch $target/etc/ssh/ssh_host_rsa_key $target/etc/ssh/ssh_host_ecdsa_key
# Python's library is put into its faster form when it is used, not all of it now.
for python in $target/usr/bin/python3.*; do
  [ -f "$python" ] && mv "$python" "$python.ringlet" && printf '#!/bin/sh\\nexit 0\\n' > "$python" && chmod 755 "$python"
done

tell "phase configure"
inside dpkg --force-unsafe-io --configure -a </dev/null || end "failed configuring packages"

tell "phase finish"
for python in $target/usr/bin/python3.*.ringlet; do [ -f "$python" ] && mv "$python" "\${python%.ringlet}"; done
rm -f $target/etc/ssh/ssh_host_rsa_key $target/etc/ssh/ssh_host_ecdsa_key $target/usr/sbin/policy-rc.d
try inside passwd -q -d root
rm -rf $target/var/cache/debconf/*-old $target/var/lib/dpkg/*-old $target/var/log/*.log $target/tmp/*
for unit in ${MASKED_UNITS.join(' ')}; do ln -sf /dev/null "$target/etc/systemd/system/$unit"; done
# Filled when the machine starts: each is another.
: > $target/etc/machine-id
umount -l $target/dev
umount $target/run $target/sys $target/proc
try umount $target
end "finished"
`;
}
