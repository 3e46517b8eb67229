/**
 * The mistakes of networks and of those who describe them, each with a stable code:
 *
 *   network-invalid       asked for what no network can be     network-port-taken   somebody listens there already
 *   network-port-refused  the host does not let us listen
 */
import { UserError } from '@ringlet/wire';

/** A description contradicts itself, or its limits. */
export function invalid(what: string, hint: string): UserError {
  return new UserError('network-invalid', what, { hint });
}

/** The host did not let a port be forwarded. */
export function cannotListen(where: string, error: unknown): UserError {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') {
    return new UserError('network-port-taken', `${where} is taken: another program listens there`, {
      hint: 'forward another port of the host, or end the other program',
      cause: error,
    });
  }
  const hint =
    code === 'EACCES'
      ? 'ports below 1024 need privileges: forward one above'
      : 'the address must be one of this host, such as 127.0.0.1 or 0.0.0.0';
  return new UserError('network-port-refused', `the host does not allow to listen at ${where} (${code})`, {
    hint,
    cause: error,
  });
}

/** A capture file cannot be written. */
export function captureRefused(path: string, error: unknown): UserError {
  const { code } = error as NodeJS.ErrnoException;
  return new UserError('network-capture-refused', `the capture file ${path} cannot be written (${code})`, {
    hint: 'choose a file in a directory that is there and that you can write',
    cause: error,
  });
}

/** A Unix socket could not be listened on, or connected to. */
export function cannotListenAt(path: string, error: unknown): UserError {
  const { code } = error as NodeJS.ErrnoException;
  return new UserError('network-socket-refused', `the socket ${path} cannot be used (${code})`, {
    hint:
      code === 'EADDRINUSE'
        ? 'something listens there already; if not, remove the file'
        : 'its directory must be there, and be yours; the whole path has at most 107 bytes',
    cause: error,
  });
}

/** Nobody listens at a Unix socket. */
export function cannotConnect(path: string, error: unknown): UserError {
  const { code } = error as NodeJS.ErrnoException;
  return new UserError('network-socket-refused', `nobody answers at the socket ${path} (${code})`, {
    hint: 'start what listens there first; ringlet switch NAME is a switch',
    cause: error,
  });
}

/** Another port of the switch has the address of an adapter. */
export function addressTaken(name: string, mac: string, holder: string): UserError {
  return new UserError(
    'switch-address-taken',
    `${holder} is on the switch with the address ${mac}, which ${name} has too`,
    {
      hint: 'give one of them another name, or an address of its own: --net switch=NAME,mac=02:…',
    },
  );
}

/** A program that carries frames is not installed. */
export function carrierMissing(program: string, error: unknown): UserError {
  return new UserError('network-helper-missing', `the program ${program} cannot be started`, {
    hint: `install it (Debian: apt install ${program}), or use the network nat, which needs no other program`,
    cause: error,
  });
}

/** A program that carries frames has ended. */
export function carrierFailed(program: string, words: string): UserError {
  return new UserError('network-helper-failed', `${program} has ended: ${words || 'it said nothing'}`, {
    hint: 'the network nat needs no other program',
  });
}

/** A TAP interface that we may not attach to. */
export function tapRefused(name: string, why: string): UserError {
  return new UserError('network-tap-refused', `the TAP interface ${name} cannot be attached to: ${why}`, {
    hint: `let root make it yours first: ip tuntap add dev ${name} mode tap user $USER && ip link set ${name} up`,
  });
}
