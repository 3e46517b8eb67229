/**
 * The mistakes of images and of those who name them, each with a stable code:
 *
 *   disk-not-found      no such file                       disk-damaged       breaks the rules of its format
 *   disk-unreadable     the host refuses                   disk-unsupported   whole, but not for us
 *   disk-locked         another machine writes it          disk-parent        a differencing disk without its parent
 *   disk-exists         will not be overwritten            disk-invalid       asked for what no disk can be
 */
import { UserError } from '@ringlet/wire';

/** An image breaks the rules of its format. Nothing was changed in it. */
export function damaged(name: string, what: string): UserError {
  return new UserError('disk-damaged', `${name} is damaged: ${what}`, {
    hint: 'the file was not changed; restore it from a copy, or try qemu-img check',
  });
}

/** An image is whole but asks for what is not there. */
export function unsupported(name: string, what: string, hint?: string): UserError {
  return new UserError('disk-unsupported', `${name} cannot be used: ${what}`, hint === undefined ? {} : { hint });
}

/** A call of the host's file system failed for a reason that its user can do something about. */
export function hostRefused(name: string, error: unknown): UserError {
  const { code } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new UserError('disk-not-found', `there is no disk image ${name}`, {
        hint: 'check the path',
        cause: error,
      });
    case 'EEXIST':
      return new UserError('disk-exists', `${name} exists already`, {
        hint: 'remove it first, or choose another name',
        cause: error,
      });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new UserError('disk-unreadable', `the host does not allow access to ${name} (${code})`, {
        hint: 'check the permissions, or leave out keep to use it without writing to it',
        cause: error,
      });
    default:
      return new UserError('disk-unreadable', `the host cannot use ${name} (${code ?? String(error)})`, {
        cause: error,
      });
  }
}
