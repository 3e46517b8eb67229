/** Files of a root disk that come from no package: who it is, how it is reached, where its packages come from. */
import type { DatabaseFile } from './dpkg-database.ts';
import { DPKG_CONFIGURATION } from './disk-packages.ts';

/** Name of the root file system, by which the kernel's command line finds it. */
export const ROOT_LABEL = 'debian-root';

/** Units that a machine of minutes has no use for. */
export const MASKED_UNITS: readonly string[] = [
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'dpkg-db-backup.timer',
  'e2scrub_all.timer',
  'e2scrub_reap.service',
  'fstrim.timer',
  'iperf3.service',
  'kexec.service',
  'kexec-load.service',
  'fio.service',
];

/** Where the initial root file system leaves the agent. */
export const AGENT = '/run/ringlet/agent';

const AGENT_UNIT = `[Unit]
Description=Runs commands for the host (ringlet exec)
After=systemd-modules-load.service
ConditionPathExists=${AGENT}

[Service]
ExecStartPre=-/sbin/modprobe -q hv_sock
ExecStart=/usr/bin/perl ${AGENT}
KillMode=process
Restart=on-failure

[Install]
WantedBy=multi-user.target
`;

/** The files. `packagesFrom` is the archive that later packages come from. */
export function diskFiles(suite: string, packagesFrom: string): DatabaseFile[] {
  const file = (path: string, text: string, mode = 0o644): DatabaseFile => ({
    path,
    data: new TextEncoder().encode(text),
    mode,
  });
  return [
    file('etc/hostname', 'debian\n'),
    file('etc/hosts', '127.0.0.1\tlocalhost\n127.0.1.1\tdebian\n::1\tlocalhost ip6-localhost ip6-loopback\n'),
    file('etc/default/locale', 'LANG=C.UTF-8\n'),
    file('etc/fstab', `LABEL=${ROOT_LABEL}\t/\text4\terrors=remount-ro\t0\t0\n`),
    file(
      'etc/network/interfaces',
      ['auto lo', 'iface lo inet loopback', '', 'allow-hotplug eth0', 'iface eth0 inet dhcp', ''].join('\n'),
    ),
    file(
      'etc/apt/sources.list',
      [
        `deb ${packagesFrom} ${suite} main`,
        `deb ${packagesFrom} ${suite}-updates main`,
        `deb http://deb.debian.org/debian-security ${suite}-security main`,
        '',
      ].join('\n'),
    ),
    file('etc/apt/apt.conf.d/90ringlet', 'APT::Install-Recommends "false";\nAcquire::Languages "none";\n'),
    file('etc/dpkg/dpkg.cfg.d/ringlet', DPKG_CONFIGURATION),
    // The kernel is started from outside, with an initial root file system from outside.
    file('etc/initramfs-tools/update-initramfs.conf', 'update_initramfs=no\nbackup_initramfs=no\n'),
    // Making an RSA key takes minutes of a processor in software; clients know this kind.
    file('etc/ssh/sshd_config.d/ringlet.conf', 'HostKey /etc/ssh/ssh_host_ed25519_key\nUseDNS no\n'),
    // What starts in time on real hardware shall on a busy host too.
    file(
      'etc/systemd/system.conf.d/ringlet.conf',
      '[Manager]\nDefaultTimeoutStartSec=15min\nDefaultDeviceTimeoutSec=15min\n',
    ),
    // Runs commands for the host. The program comes with the kernel, from outside, and so is as new as that.
    file('etc/systemd/system/ringlet-agent.service', AGENT_UNIT),
    // Nothing is started while packages are set up. Removed at the end.
    file('usr/sbin/policy-rc.d', '#!/bin/sh\nexit 101\n', 0o755),
  ];
}

/** Links of a root disk that come from no package. */
export const DISK_LINKS: Readonly<Record<string, string>> = {
  'etc/localtime': '/usr/share/zoneinfo/Etc/UTC',
  'etc/systemd/system/multi-user.target.wants/ringlet-agent.service': '/etc/systemd/system/ringlet-agent.service',
};
