/**
 * Sockets between a guest and its host (hv_sock, AF_VSOCK): how a service is named, and what the offer of a connection
 * carries. The stream itself is a byte pipe (`BytePipe` of @ringlet/vmbus).
 *
 * A service is a GUID. Those of the Linux family stand for a port number, as `net/vmw_vsock/hyperv_transport.c` has it:
 *
 *     pppppppp-facb-11e6-bd58-64006a7986d3      p: the port, eight hexadecimal digits
 */

const TEMPLATE = '-facb-11e6-bd58-64006a7986d3';
/** The largest port: `VMADDR_PORT_ANY` stands for none. */
const HIGHEST_PORT = 0xffff_fffe;

/** The service behind a port. */
export const serviceOfPort = (port: number): string => port.toString(16).padStart(8, '0') + TEMPLATE;

/** The port behind a service; `undefined` for services that are no port. */
export function portOfService(serviceId: string): number | undefined {
  if (serviceId.slice(8).toLowerCase() !== TEMPLATE) return undefined;
  const port = Number.parseInt(serviceId.slice(0, 8), 16);
  return port <= HIGHEST_PORT ? port : undefined;
}

/** Reads a port, 0 to 4294967294 in decimal, or a service's GUID. @returns its GUID; `undefined` when it is neither */
export function parseService(text: string): string | undefined {
  if (/^\d{1,10}$/.test(text)) return Number(text) <= HIGHEST_PORT ? serviceOfPort(Number(text)) : undefined;
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text) ? text.toLowerCase() : undefined;
}

/** A service as people write it: its port, or its GUID. */
export const nameOfService = (serviceId: string): string => String(portOfService(serviceId) ?? serviceId.toLowerCase());

/** Who began a connection, as its offer says, in the byte after the pipe mode. */
export const SocketOrigin = { Guest: 0, Host: 1 } as const;
