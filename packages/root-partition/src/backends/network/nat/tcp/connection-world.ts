/** What surrounds a TCP connection. */
import type { Outlet } from '../outlet.ts';
import type { MemoryBudget } from './byte-ring.ts';
import type { TcpConnection } from './connection.ts';

/** What a connection needs of the TCP that it belongs to. */
export interface ConnectionWorld {
  readonly outlet: Outlet;
  readonly budget: MemoryBudget;
  readonly mtu: number;
  now(): number;
  /** Calls {@link TcpConnection.settle} when this turn ends. */
  touched(connection: TcpConnection): void;
  /** Calls {@link TcpConnection.timer} at its deadline, which may have come nearer. */
  rescheduled(connection: TcpConnection): void;
  /** It is over. */
  closed(connection: TcpConnection): void;
  /** The host could not connect; `code` is the system's name of the reason. */
  unreachable(connection: TcpConnection, code: string): void;
}
