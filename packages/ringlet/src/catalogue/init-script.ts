/**
 * `/init` of the initial root file system, in busybox's shell: file systems, drivers of the bus, then a shell on the console.
 *
 * `/etc/ringlet-init`, from a second archive behind the first, runs before the shell when it is there.
 */

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
fi
ip link set lo up
# Runs commands for the host: ringlet exec.
[ -x /bin/ringlet-agent ] && ringlet-agent </dev/null >/dev/null 2>&1 &

# From here on the console belongs to the shell; dmesg has what the kernel says.
echo 4 > /proc/sys/kernel/printk
echo
echo "Linux $(uname -r), $(nproc) processor(s), busybox. 'exit' powers off."
echo

[ -x /etc/ringlet-init ] && /etc/ringlet-init

# What the kernel runs when its host asks for a shutdown. Without -f it would only signal process 1, which is a script.
echo '/bin/poweroff -f' > /proc/sys/kernel/poweroff_cmd

cd /root
# When the session ends the terminal forgets what it has not printed yet; setting it waits until it has none.
setsid cttyhack sh -c 'sh -l; stty sane'
sync
exec poweroff -f
`;
