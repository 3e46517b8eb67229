/**
 * How packages that are only unpacked are set up: their scripts in the order that Debian's own installer runs them, and
 * what a disk for many machines must not keep.
 *
 * The script around it has `$target` (where the root file system is), `inside` (runs a command that takes that for `/`),
 * `tell`, `try` and `end`, and busybox's commands.
 */
import { MASKED_UNITS } from './disk-files.ts';

/** How a line begins that is meant for the host. */
export const MARK = '@ringlet ';

/** A script that runs before the others, by its path on the disk. */
export interface PreinstScript {
  readonly name: string;
  readonly script: string;
}

/** Variables that the scripts of packages see, for `export`. */
export const SET_UP_ENVIRONMENT =
  'DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true LC_ALL=C.UTF-8 INITRD=No';

/** The script's part. `preinst` in the order they run. */
export function setUpScript(preinst: readonly PreinstScript[]): string {
  return `tell "phase prepare ${preinst.length}"
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
`;
}
