/** Opens the integration components that the root offers, now and later, each once. */
import type { BusClient, Offer } from '@ringlet/vmbus';
import type { ShutdownRequest } from '../../runtime/guest.ts';
import { heartbeat } from './heartbeat.ts';
import { type IntegrationHandler, IntegrationVsc } from './integration-vsc.ts';
import { keyValueExchange } from './key-value-exchange.ts';
import type { KeyValueStore } from './key-value-store.ts';
import { shutdown } from './shutdown.ts';
import { timeSync } from './time-sync.ts';
import type { WallClock } from './wall-clock.ts';

/** Header and 16 KiB: a key-value message is up to 7.5 KiB, and a ring is never filled. */
const RING_PAGES = 5;

/** What the components work on. */
export interface IntegrationWorld {
  readonly keyValues: KeyValueStore;
  readonly wallClock: WallClock;
  /** The partition's reference time, in 100 ns. */
  readonly now: () => number;
  readonly shutdown: (request: ShutdownRequest) => void;
}

/**
 * Connects the bus and opens heartbeat, shutdown, time sync and key-value exchange as they are offered. A guest without
 * a bus, or whose root refuses, has none of them and runs all the same.
 */
export function openIntegration(bus: BusClient, world: IntegrationWorld): void {
  const handlers: IntegrationHandler[] = [
    heartbeat,
    shutdown(world.shutdown),
    timeSync(world.wallClock, world.now),
    keyValueExchange(world.keyValues),
  ];
  const byInterface = new Map(handlers.map((handler) => [handler.service.interfaceId as string, handler]));
  const open = async (offer: Offer, handler: IntegrationHandler): Promise<void> => {
    const channel = await bus.open(offer, { ringPages: RING_PAGES });
    const vsc = new IntegrationVsc(handler);
    channel.onPacket((packet, from) => vsc.packet(packet, from));
  };
  bus.offers$.subscribe((event) => {
    const handler = byInterface.get(event.offer.interfaceId);
    if (event.kind === 'offered' && handler) open(event.offer, handler).catch(() => {});
  });
  bus.connect().catch(() => {});
}
