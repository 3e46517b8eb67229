/** What is on a root disk: a system that starts, can be reached, and can measure itself; no documentation. */

/** Packages beside those that every Debian has. One that the suite does not have is left out. */
export const DISK_PACKAGES: readonly string[] = [
  // /bin, /sbin and /lib are links from the start; the package that would make them so needs all of Perl.
  'usr-is-merged',
  'apt systemd systemd-sysv udev dbus libpam-systemd kmod procps less',
  // Network: interfaces by DHCP, names, ssh.
  'iproute2 iputils-ping ifupdown isc-dhcp-client netbase ethtool openssh-server',
  // What talks to the host, and what a new kernel is started by.
  'hyperv-daemons kexec-tools',
  // Tools for measuring and testing disks, network and input; fio brings Python.
  'fio iperf3 socat evtest',
].flatMap((line) => line.split(' '));

/** Packages without which there is no disk. */
export const NEEDED_PACKAGES: readonly string[] = ['systemd-sysv', 'udev', 'apt', 'e2fsprogs'];

/** Directories of /usr/share whose files stay away. */
const EXCLUDED = ['doc', 'man', 'info', 'locale', 'lintian', 'groff', 'bug'] as const;
/** Tables of real hardware; putting them together takes a processor in software minutes. */
const HARDWARE_TABLES = /^(usr\/)?lib\/udev\/hwdb\.d\/.*\.hwdb$/;

/** Whether a file of a package goes to the disk. Copyright stays with what it is of. */
export function isOnDisk(path: string): boolean {
  if (HARDWARE_TABLES.test(path)) return false;
  const [, directory] = /^usr\/share\/([^/]+)\/./.exec(path) ?? [];
  if (!EXCLUDED.some((name) => name === directory)) return true;
  return /^usr\/share\/doc\/[^/]+(\/copyright)?$/.test(path);
}

/** The same for packages that are installed later (dpkg.cfg(5)). */
export const DPKG_CONFIGURATION = [
  ...EXCLUDED.map((name) => `path-exclude=/usr/share/${name}/*`),
  'path-include=/usr/share/doc/*/copyright',
  'path-exclude=/lib/udev/hwdb.d/*.hwdb',
  'path-exclude=/usr/lib/udev/hwdb.d/*.hwdb',
  '',
].join('\n');
