/**
 * `/init` of the initial root file system, in busybox's shell: file systems, drivers of the bus, then a shell on the console.
 *
 * `/etc/ringlet-init`, from a second archive behind the first, runs before the shell when it is there.
 */

import { AGENT } from './disk/disk-files.ts';

/** The script. */
export const INIT_SCRIPT = `#!/bin/sh
# Process 1 of a Ringlet guest.
export PATH=/bin HOME=/root USER=root SHELL=/bin/sh TERM="\${TERM:-linux}"

mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
mount -t devtmpfs -o nosuid,mode=0755 devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts -o nosuid,noexec,gid=5,mode=620 devpts /dev/pts
mount -t tmpfs -o nosuid,nodev tmpfs /dev/shm
mount -t tmpfs -o nosuid,nodev,mode=0755 tmpfs /run
mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs /tmp
ln -s /proc/self/fd /dev/fd
hostname ringlet

# The bus is there only under a hypervisor that has it; then its drivers have something to drive.
if modprobe -q hv_vmbus 2>/dev/null; then
  modprobe -qa hv_utils hv_storvsc sd_mod sr_mod hv_netvsc hyperv_keyboard hid_hyperv hid_generic evdev hv_balloon \\
    hv_sock 2>/dev/null
  # The screen: the cloud kernel has the one driver, the generic kernel the other.
  modprobe -q hyperv_fb 2>/dev/null || modprobe -q hyperv_drm 2>/dev/null
else
  # Elsewhere, in QEMU for one, the same image finds what such machines usually have.
  modprobe -qa virtio_pci virtio_blk virtio_scsi virtio_net sd_mod sr_mod 2>/dev/null
fi
ip link set lo up
# From here on the console belongs to who is in front of it; dmesg has what the kernel says.
echo 4 > /proc/sys/kernel/printk

# "root=" names a disk with a system of its own, by device, LABEL= or UUID=. Disks may take a moment to appear.
root= mode=ro init=/sbin/init flags=
for word in $(cat /proc/cmdline); do
  case $word in
    root=*) root=\${word#root=} ;;
    rootflags=*) flags=,\${word#rootflags=} ;;
    init=*) init=\${word#init=} ;;
    ro | rw) mode=$word ;;
  esac
done
if [ -n "$root" ] && ! [ -x /etc/ringlet-init ]; then
  for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
    case $root in
      LABEL=* | UUID=*) device=$(findfs "$root" 2>/dev/null) ;;
      *) device=$root ;;
    esac
    [ -b "$device" ] && break
    sleep 1
  done
  modprobe -q ext4
  if mount -o "$mode$flags" "$device" /mnt; then
    umount /tmp
    [ -x /bin/ringlet-agent ] && mkdir -p /run/ringlet && cp /bin/ringlet-agent ${AGENT}
    for point in dev proc sys run; do mount -o move /$point /mnt/$point; done
    exec switch_root -c /dev/console /mnt "$init" "$@"
  fi
  echo "$root could not be mounted: here is a shell instead."
fi

# Runs commands for the host: ringlet exec.
[ -x /bin/ringlet-agent ] && ringlet-agent </dev/null >/dev/null 2>&1 &

echo
echo "Linux $(uname -r), $(nproc) processor(s), busybox. 'exit' powers off."
echo

[ -x /etc/ringlet-init ] && /etc/ringlet-init

# Who sits in front of the screen gets a shell of his own, and a new one after that.
[ -e /dev/fb0 ] && while sleep 1; do setsid -c sh -lc 'cd; exec sh -l' </dev/tty1 >/dev/tty1 2>&1; done &

# What "poweroff", "reboot" and "halt" send to process 1. The kernel runs the first two when its host asks for an end.
trap 'sync; poweroff -f' USR2
trap 'sync; reboot -f' TERM
trap 'sync; halt -f' USR1

cd /root
# When the session ends the terminal forgets what it has not printed yet; setting it waits until it has none.
shell=/bin/sh
[ -x /usr/bin/bash ] && shell=/usr/bin/bash
setsid cttyhack sh -c "PATH=/usr/sbin:/usr/bin:/bin PS1='\\w # ' $shell -l; stty sane" &
# A signal is heard while it waits, not while a command of its own runs.
wait $!
sync
exec poweroff -f
`;
