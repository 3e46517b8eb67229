/**
 * Ports and connections: how partitions reach each other's virtual processors.
 *
 * TLFS, "Inter-Partition Communication". A port belongs to the partition that receives and names one of its VPs and
 * SINTs. A connection belongs to the partition that sends and names a port. A sender knows its own connection ids and
 * nothing else, so owning the connection is its permission. Monitored notifications are not offered.
 *
 *     port         3 kind · SINT · lowest VTL    4 target VP | generation << 16    5 first flag    6 flags
 *     connection   3 port's record               4 port's state then
 */
import { HvStatus } from '../status.ts';
import { setPending } from './event-flags.ts';
import type { SynicHost } from './host.ts';
import { IdTable, RECORD_BODY } from './id-table.ts';
import { At, ENABLE, FLAGS_PER_SINT, MESSAGE_PAYLOAD_BYTES, SINT_COUNT } from './layout.ts';
import { enqueue } from './message-queue.ts';

/** Where a port delivers. */
export type PortInfo = {
  /** SINT of the target VP, 0-15. */
  readonly sint: number;
  /** Index of the target VP, which need not exist yet. */
  readonly vp: number;
  /** Lowest virtual trust level that may send; callers are of level 0, so a higher one closes the port to all. */
  readonly minimumVtl?: number;
} & (
  | { readonly kind: 'message' }
  | {
      readonly kind: 'event';
      /** First event flag of the port; a sender's flag number is added to it. */
      readonly flag: number;
      /** Flags that a sender can choose from. */
      readonly flagCount: number;
    }
);

/** Ports that all partitions together can have. */
const PORT_CAPACITY = 1 << 15;
/** Connections that all partitions together can have. */
const CONNECTION_CAPACITY = 1 << 15;
/** Ports, and connections, of one partition other than the root: so that none can use them up for all. */
export const PER_PARTITION = 4096;
/** Words that the tables take in the shared state. Zero at first. */
export const PORT_WORDS = IdTable.words(PORT_CAPACITY) + IdTable.words(CONNECTION_CAPACITY);

const ROOT = 1;
/** Ids of ports and connections are 24 bits wide; the upper eight are reserved. */
const ID_LIMIT = 1 << 24;
const VP_LIMIT = 1 << 16;
const VTL_LIMIT = 16;
/** Message types from here on are the hypervisor's own. */
const HYPERVISOR_TYPES = 0x8000_0000;

const ATTRIBUTES = RECORD_BODY;
const TARGET = RECORD_BODY + 1;
const FIRST_FLAG = RECORD_BODY + 2;
const FLAG_COUNT = RECORD_BODY + 3;
const PORT = RECORD_BODY;
const PORT_STATE = RECORD_BODY + 1;

const KIND = 0xff;
const MESSAGE = 1;
const EVENT = 2;
const SINT_SHIFT = 8;
const VTL_SHIFT = 16;

/** All ports and connections of a microkernel, as one thread sees them. */
export class Ports {
  readonly #host: SynicHost;
  readonly #ports: IdTable;
  readonly #connections: IdTable;

  /** @param base - first of the {@link PORT_WORDS} words in the shared state */
  constructor(host: SynicHost, base: number) {
    this.#host = host;
    this.#ports = new IdTable(host.words, base, PORT_CAPACITY);
    this.#connections = new IdTable(host.words, base + IdTable.words(PORT_CAPACITY), CONNECTION_CAPACITY);
  }

  /**
   * Creates a port of `partition`.
   *
   * @returns `InvalidPortId` when the id is taken or out of range, `InvalidParameter` for a SINT, VP or flag that cannot
   * be, `InsufficientMemory` when the table is full, or the partition has its share.
   */
  createPort(partition: number, portId: number, info: PortInfo): HvStatus {
    if (!isId(portId) || this.#ports.find(partition, portId) >= 0) return HvStatus.InvalidPortId;
    if (!isPortInfo(info)) return HvStatus.InvalidParameter;
    const record = isFull(this.#ports, partition) ? -1 : this.#ports.claim(partition, portId);
    if (record < 0) return HvStatus.InsufficientMemory;
    const { words } = this.#host;
    const kind = info.kind === 'message' ? MESSAGE : EVENT;
    const attributes = kind | (info.sint << SINT_SHIFT) | ((info.minimumVtl ?? 0) << VTL_SHIFT);
    Atomics.store(words, record + ATTRIBUTES, attributes);
    Atomics.store(words, record + TARGET, target(info.vp, this.#ports.state(record)));
    Atomics.store(words, record + FIRST_FLAG, info.kind === 'event' ? info.flag : 0);
    Atomics.store(words, record + FLAG_COUNT, info.kind === 'event' ? info.flagCount : 0);
    return this.#ports.publish(record, partition, portId) ? HvStatus.Success : HvStatus.InvalidPortId;
  }

  /** Deletes a port. Its connections stay, and fail with `InvalidPortId`; what was accepted is still delivered. */
  deletePort(partition: number, portId: number): HvStatus {
    return remove(this.#ports, partition, portId) ? HvStatus.Success : HvStatus.InvalidPortId;
  }

  /** Makes a port deliver to another VP of its partition, from the next message or event on. */
  setPortTarget(partition: number, portId: number, vp: number): HvStatus {
    const port = this.#ports.find(partition, portId);
    if (port < 0) return HvStatus.InvalidPortId;
    if (!isBelow(vp, VP_LIMIT)) return HvStatus.InvalidVpIndex;
    const { words } = this.#host;
    const state = this.#ports.state(port);
    const old = Atomics.load(words, port + TARGET);
    if (!this.#ports.holds(port, partition, portId)) return HvStatus.InvalidPortId;
    // The generation is part of the word: should the record change hands now, the exchange fails.
    const done = Atomics.compareExchange(words, port + TARGET, old, target(vp, state)) === old;
    return done ? HvStatus.Success : HvStatus.InvalidPortId;
  }

  /**
   * Creates a connection of `partition` to a port.
   *
   * @returns `InvalidConnectionId` when the id is taken or out of range, `InvalidPortId` when there is no such port,
   * `InsufficientMemory` when the table is full.
   */
  connectPort(partition: number, connectionId: number, portPartition: number, portId: number): HvStatus {
    if (!isId(connectionId) || this.#connections.find(partition, connectionId) >= 0)
      return HvStatus.InvalidConnectionId;
    const port = this.#ports.find(portPartition, portId);
    if (port < 0) return HvStatus.InvalidPortId;
    const state = this.#ports.state(port);
    if (!this.#ports.holds(port, portPartition, portId)) return HvStatus.InvalidPortId;
    const record = isFull(this.#connections, partition) ? -1 : this.#connections.claim(partition, connectionId);
    if (record < 0) return HvStatus.InsufficientMemory;
    Atomics.store(this.#host.words, record + PORT, port);
    Atomics.store(this.#host.words, record + PORT_STATE, state);
    return this.#connections.publish(record, partition, connectionId) ? HvStatus.Success : HvStatus.InvalidConnectionId;
  }

  /** Deletes a connection. Messages that were accepted on it are still delivered. */
  disconnectPort(partition: number, connectionId: number): HvStatus {
    return remove(this.#connections, partition, connectionId) ? HvStatus.Success : HvStatus.InvalidConnectionId;
  }

  /** Deletes all ports and connections of a partition that goes away. */
  removePartition(partition: number): void {
    for (const table of [this.#connections, this.#ports]) {
      for (const record of table.records(partition)) table.remove(record, table.state(record));
    }
  }

  /**
   * Posts a message along a connection, as HvCallPostMessage does.
   *
   * @param payload - at most 240 bytes that no one else changes meanwhile
   * @returns `InvalidConnectionId`, `InvalidPortId` (deleted, or not a message port), `OperationDenied` (VTL),
   * `InvalidParameter` (type 0 or the hypervisor's, too long), `InvalidVpIndex`, `InvalidSynicState`,
   * `InsufficientBuffers` (try again later), or `Success`: it will be delivered.
   */
  postMessage(partition: number, connectionId: number, type: number, payload: Uint8Array): HvStatus {
    if (!isBelow(type, HYPERVISOR_TYPES) || type === 0) return HvStatus.InvalidParameter;
    if (payload.length > MESSAGE_PAYLOAD_BYTES) return HvStatus.InvalidParameter;
    const { words } = this.#host;
    const connection = this.#connections.find(partition, connectionId);
    if (connection < 0) return HvStatus.InvalidConnectionId;
    const port = Atomics.load(words, connection + PORT);
    const state = Atomics.load(words, connection + PORT_STATE);
    if (!this.#connections.holds(connection, partition, connectionId)) return HvStatus.InvalidConnectionId;
    const attributes = Atomics.load(words, port + ATTRIBUTES);
    const vp = Atomics.load(words, port + TARGET) & (VP_LIMIT - 1);
    const owner = this.#ports.partition(port);
    const portId = this.#ports.id(port);
    if (this.#ports.state(port) !== state || (attributes & KIND) !== MESSAGE) return HvStatus.InvalidPortId;
    if (attributes >>> VTL_SHIFT !== 0) return HvStatus.OperationDenied;
    const region = this.#host.vpRegion(owner, vp);
    if (region < 0) return HvStatus.InvalidVpIndex;
    const incarnation = Atomics.load(words, region + At.Incarnation);
    // Looked up again: had the region changed hands before the incarnation was read, this message would go astray.
    if (this.#host.vpRegion(owner, vp) !== region) return HvStatus.InvalidVpIndex;
    const sint = (attributes >>> SINT_SHIFT) & (SINT_COUNT - 1);
    const status = enqueue(words, region, incarnation, sint, type, portId, payload);
    if (status === HvStatus.Success) this.#host.wake(owner, vp);
    return status;
  }

  /**
   * Signals an event along a connection, as HvCallSignalEvent does. The doorbell of every channel: allocates nothing.
   *
   * @param flag - flag number within the port
   * @returns `InvalidConnectionId`, `InvalidPortId` (deleted, or not an event port), `OperationDenied` (VTL),
   * `InvalidParameter` (no such flag), or `Success`, also when the VP does not exist or has its event flags off: the
   * event is then ignored.
   */
  signalEvent(partition: number, connectionId: number, flag: number): HvStatus {
    const { words } = this.#host;
    const connection = this.#connections.find(partition, connectionId);
    if (connection < 0) return HvStatus.InvalidConnectionId;
    const port = Atomics.load(words, connection + PORT);
    const state = Atomics.load(words, connection + PORT_STATE);
    if (!this.#connections.holds(connection, partition, connectionId)) return HvStatus.InvalidConnectionId;
    const attributes = Atomics.load(words, port + ATTRIBUTES);
    const vp = Atomics.load(words, port + TARGET) & (VP_LIMIT - 1);
    const firstFlag = Atomics.load(words, port + FIRST_FLAG);
    const flagCount = Atomics.load(words, port + FLAG_COUNT);
    const owner = this.#ports.partition(port);
    if (this.#ports.state(port) !== state || (attributes & KIND) !== EVENT) return HvStatus.InvalidPortId;
    if (attributes >>> VTL_SHIFT !== 0) return HvStatus.OperationDenied;
    if (!isBelow(flag, flagCount)) return HvStatus.InvalidParameter;
    const region = this.#host.vpRegion(owner, vp);
    if (region < 0) return HvStatus.Success;
    if ((Atomics.load(words, region + At.Scontrol) & Atomics.load(words, region + At.Siefp) & ENABLE) === 0) {
      return HvStatus.Success;
    }
    const sint = (attributes >>> SINT_SHIFT) & (SINT_COUNT - 1);
    if (setPending(words, region, sint, firstFlag + flag)) this.#host.wake(owner, vp);
    return HvStatus.Success;
  }

  /** A partition's ports and connections; no side effects. */
  inspect(partition: number): Record<string, unknown> {
    const { words } = this.#host;
    const ports = this.#ports.records(partition).map((port) => {
      const attributes = Atomics.load(words, port + ATTRIBUTES);
      const info = {
        sint: (attributes >>> SINT_SHIFT) & (SINT_COUNT - 1),
        vp: Atomics.load(words, port + TARGET) & (VP_LIMIT - 1),
      };
      const event = { flag: Atomics.load(words, port + FIRST_FLAG), flagCount: Atomics.load(words, port + FLAG_COUNT) };
      const isEvent = (attributes & KIND) === EVENT;
      return [this.#ports.id(port), isEvent ? { kind: 'event', ...info, ...event } : { kind: 'message', ...info }];
    });
    const connections = this.#connections.records(partition).map((connection) => {
      const port = Atomics.load(words, connection + PORT);
      const live = this.#ports.state(port) === Atomics.load(words, connection + PORT_STATE);
      const to = live ? { partition: this.#ports.partition(port), port: this.#ports.id(port) } : 'deleted port';
      return [this.#connections.id(connection), to];
    });
    return { ports: Object.fromEntries(ports), connections: Object.fromEntries(connections) };
  }
}

const target = (vp: number, state: number): number => vp | ((state >>> 2) << 16);

const isBelow = (value: number, limit: number): boolean => Number.isInteger(value) && value >= 0 && value < limit;

const isId = (id: number): boolean => isBelow(id, ID_LIMIT);

function isPortInfo(info: PortInfo): boolean {
  if (!isBelow(info.sint, SINT_COUNT) || !isBelow(info.vp, VP_LIMIT)) return false;
  if (!isBelow(info.minimumVtl ?? 0, VTL_LIMIT)) return false;
  if (info.kind === 'message') return true;
  return (
    isBelow(info.flag, FLAGS_PER_SINT) && info.flagCount >= 1 && isBelow(info.flag + info.flagCount - 1, FLAGS_PER_SINT)
  );
}

const isFull = (table: IdTable, partition: number): boolean =>
  partition !== ROOT && table.count(partition) >= PER_PARTITION;

function remove(table: IdTable, partition: number, id: number): boolean {
  const record = table.find(partition, id);
  if (record < 0) return false;
  const state = table.state(record);
  return table.holds(record, partition, id) && table.remove(record, state);
}
