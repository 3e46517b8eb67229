/** Error codes of the catalogue: pulling images, and the images that were pulled. */
import { type ErrorPage, page } from './error-page.ts';

/** Pages by code, in alphabetical order. */
export const CATALOGUE_ERROR_PAGES: Readonly<Record<string, ErrorPage>> = {
  'apt-failed': page(
    'apt could not fetch package lists or a package',
    'ringlet runs apt with directories of its own, but with the sources, proxies and keys of the host.',
    'Check the network and the sources of apt, or do without it: ringlet pull debian --mirror URL',
  ),
  'cache-locked': page(
    'another process is changing the cache of images',
    "Two pulls at once would be in each other's way.",
    'Wait until the other is done. If there is none, remove the lock that the message names.',
  ),
  'cache-unusable': page(
    'the cache of images cannot be written',
    'It is in $XDG_CACHE_HOME/ringlet, or in ~/.cache/ringlet.',
    'Look for a full disk or missing permissions, or choose another directory with --cache DIR.',
  ),
  'copy-failed': page(
    'the file of --keep cannot be made',
    "It begins as a copy of the image's root disk, which takes a few hundred megabytes.",
    'Look for a full disk, or choose another place: --keep FILE',
  ),
  'disk-install-failed': page(
    'a root disk could not be made',
    'An installer makes it: it unpacks packages and runs their scripts, in namespaces of the host or in a guest. This one failed, got stuck, or was turned off; its last words follow the message. Nothing of its disk is kept.',
    'Try again: no package is fetched twice. If it failed on the host, have a guest do it: --in-guest. If it fails at the same place, a package of the suite has changed in a way that ringlet does not know.',
  ),
  'download-damaged': page(
    'a download does not have the SHA-256 that it should have',
    'It was damaged on its way, or the mirror was just being changed. Nothing of it was used.',
    'Try again later, or name another mirror with --mirror URL.',
  ),
  'download-failed': page(
    'something could not be fetched',
    'There is no connection to the mirror, or the mirror refused. What had arrived is kept.',
    'Try again: it goes on where it stopped. Or name another mirror with --mirror URL.',
  ),
  'image-damaged': page(
    'an image in the cache is not what was pulled',
    'Its kernel, initial root file system or root disk has another size or SHA-256 than noted, or the disk was written to.',
    'Make it anew: ringlet pull NAME',
  ),
  'image-not-there': page(
    'there is no such image',
    'It was not pulled, or it was removed.',
    'Make it: ringlet pull NAME. ringlet images ls shows what is there.',
  ),
  'image-unknown': page(
    'the catalogue has nothing of that name',
    'It has debian, debian-generic, both of other suites (debian-SUITE, debian-SUITE-generic), and each of them with a root disk: -disk behind the name.',
    'ringlet pull debian',
  ),
  'index-damaged': page(
    'a package list or release of the mirror cannot be used',
    'It is of another suite, out of date, or contradicts its format. Nothing of it was used.',
    'Try again later, or name another mirror with --mirror URL.',
  ),
  'keyring-unusable': page(
    'the keys of --keyring cannot be used',
    'Signatures are checked by gpgv, which this host does not have.',
    'Install gpgv, or leave --keyring out.',
  ),
  'package-damaged': page(
    'a package cannot be read',
    'It is not of the form of Debian packages, or holds something that no package of its kind holds.',
    'Fetch it again with --force, or from another mirror with --mirror URL.',
  ),
  'package-not-found': page(
    'the suite has no such package',
    'An image needs a kernel and busybox of its suite; a root disk also what every Debian has, systemd, and all that these need.',
    'Check --suite and --mirror.',
  ),
  'signature-wrong': page(
    'the release of the mirror is not signed by a key that is trusted',
    "Somebody may have changed it on its way; or the archive is not Debian's.",
    'Use another mirror. For an archive of your own: --keyring FILE, or --no-signatures.',
  ),
  'suite-not-found': page(
    'the mirror has no such suite',
    'Below --mirror there has to be dists/SUITE/InRelease, or Release.',
    'Check the URL of --mirror, and --suite: a codename such as bookworm.',
  ),
};
