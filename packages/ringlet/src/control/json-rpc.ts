/**
 * JSON-RPC 2.0 messages, one a line: what the control socket speaks (jsonrpc.org/specification).
 *
 * Requests come from another process and are checked before anything looks at them. Batches are not accepted: every line
 * is one message.
 */
import { z } from 'zod';

/** Error codes: those of the specification, and one of ours. */
export const RpcError = {
  ParseError: -32700,
  InvalidRequest: -32600,
  MethodNotFound: -32601,
  InvalidParams: -32602,
  Internal: -32603,
  /** A {@link UserError}: `data` holds its `code` and `hint`. */
  User: -32000,
} as const;

/** Longest request line, in bytes: requests are small. */
export const LONGEST_REQUEST = 64 * 1024;
/** Longest answer line a client takes: an inspection of a large machine. */
export const LONGEST_RESPONSE = 64 * 1024 * 1024;

const Id = z.union([z.string().max(256), z.number(), z.null()]);

/** A request, or a notification when it has no id. */
export const Request = z.object({
  jsonrpc: z.literal('2.0'),
  id: Id.optional(),
  method: z.string().max(256),
  params: z.union([z.record(z.string(), z.unknown()), z.array(z.unknown())]).optional(),
});
export type Request = z.output<typeof Request>;
/** Ties an answer to its request. */
export type RequestId = z.output<typeof Id>;

/** What a client receives: an answer, or a notification. */
export const Incoming = z.union([
  z.object({ jsonrpc: z.literal('2.0'), method: z.string(), params: z.record(z.string(), z.unknown()) }),
  z.object({
    jsonrpc: z.literal('2.0'),
    id: Id,
    error: z.object({
      code: z.number(),
      message: z.string(),
      data: z.object({ code: z.string(), hint: z.string().optional() }).optional(),
    }),
  }),
  z.object({ jsonrpc: z.literal('2.0'), id: Id, result: z.unknown() }),
]);
export type Incoming = z.output<typeof Incoming>;

/** The line of an answer. */
export const resultLine = (id: RequestId, result: unknown): string => line({ id, result: result ?? null });

/** The line of a refusal. */
export const errorLine = (id: RequestId, code: number, message: string, data?: unknown): string =>
  line({ id, error: data === undefined ? { code, message } : { code, message, data } });

/** The line of a notification, or of a request when it has an id. */
export const callLine = (method: string, params: Readonly<Record<string, unknown>>, id?: number): string =>
  line(id === undefined ? { method, params } : { id, method, params });

function line(fields: Readonly<Record<string, unknown>>): string {
  return `${JSON.stringify({ jsonrpc: '2.0', ...fields }, plain)}\n`;
}

/** What JSON has no form for: big integers become hexadecimal text, bytes become their hexadecimal digits. */
export function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return [...value];
  return value;
}
