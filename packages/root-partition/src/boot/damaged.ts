/** The one error of every reader in this folder: a file that is not what its first bytes promise. */
import { UserError } from '@ringlet/wire';

/**
 * Makes the error for a file that contradicts its own format.
 *
 * @param format - the format's name as people know it, such as `XZ`
 * @param what - what is wrong, without a full stop
 */
export function damaged(format: string, what: string): UserError {
  return new UserError('file-damaged', `not a valid ${format} file: ${what}`, {
    hint: 'Fetch the file again and compare its checksum with the one its publisher gives.',
  });
}
