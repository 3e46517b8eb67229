import { expect, test } from 'vitest';
import { HvStatus } from '../status.ts';
import type { PortInfo } from './index.ts';
import { PER_PARTITION } from './ports.ts';
import { Guest, Rig, SINT } from './synic-fixture.ts';

const MESSAGE: PortInfo = { kind: 'message', sint: SINT, vp: 0 };
const EVENT: PortInfo = { kind: 'event', sint: SINT, vp: 0, flag: 5, flagCount: 3 };
const PAYLOAD = Uint8Array.of(1, 2, 3);

/** Partition 2 has connection 1 to a message port of partition 1, and connection 0x2005 to an event port of it. */
function connected(): { rig: Rig; guest: Guest } {
  const rig = new Rig();
  rig.ports.createPort(1, 1, MESSAGE);
  rig.ports.createPort(1, 2, EVENT);
  rig.ports.connectPort(2, 1, 1, 1);
  rig.ports.connectPort(2, 0x2005, 1, 2);
  const guest = new Guest(rig, 1, 0);
  guest.listen();
  return { rig, guest };
}

test('a message posted on a connection arrives at the VP and SINT of its port', () => {
  const { rig, guest } = connected();
  expect(rig.ports.postMessage(2, 1, 1, PAYLOAD)).toBe(HvStatus.Success);
  guest.synic.settle();
  expect(guest.type()).toBe(1);
  expect(guest.payload()).toEqual([1, 2, 3]);
});

test('Y11: an unknown connection is INVALID_CONNECTION_ID, for messages and for events', () => {
  const { rig } = connected();
  expect(rig.ports.postMessage(2, 77, 1, PAYLOAD)).toBe(HvStatus.InvalidConnectionId);
  expect(rig.ports.signalEvent(2, 77, 0)).toBe(HvStatus.InvalidConnectionId);
});

test('a connection serves only the partition that owns it', () => {
  const { rig } = connected();
  expect(rig.ports.postMessage(1, 1, 1, PAYLOAD)).toBe(HvStatus.InvalidConnectionId);
  expect(rig.ports.signalEvent(1, 0x2005, 0)).toBe(HvStatus.InvalidConnectionId);
});

test('a connection to a port of the other kind is INVALID_PORT_ID', () => {
  const { rig } = connected();
  expect(rig.ports.postMessage(2, 0x2005, 1, PAYLOAD)).toBe(HvStatus.InvalidPortId);
  expect(rig.ports.signalEvent(2, 1, 0)).toBe(HvStatus.InvalidPortId);
});

test('a connection whose port was deleted is INVALID_PORT_ID, also when the port id is used again', () => {
  const { rig } = connected();
  expect(rig.ports.deletePort(1, 1)).toBe(HvStatus.Success);
  expect(rig.ports.postMessage(2, 1, 1, PAYLOAD)).toBe(HvStatus.InvalidPortId);
  rig.ports.createPort(1, 1, MESSAGE);
  expect(rig.ports.postMessage(2, 1, 1, PAYLOAD)).toBe(HvStatus.InvalidPortId);
});

test('Y11: an event for a VP that does not exist is ignored with success; a message for it is INVALID_VP_INDEX', () => {
  const { rig } = connected();
  rig.offline.add('1/0');
  expect(rig.ports.signalEvent(2, 0x2005, 0)).toBe(HvStatus.Success);
  expect(rig.ports.postMessage(2, 1, 1, PAYLOAD)).toBe(HvStatus.InvalidVpIndex);
  expect(rig.rings(1, 0)).toBe(0);
});

test('a flag beyond the count of the port is INVALID_PARAMETER and sets nothing', () => {
  const { rig, guest } = connected();
  for (const flag of [3, 2048, 0xffff, -1, 1.5]) {
    expect(rig.ports.signalEvent(2, 0x2005, flag)).toBe(HvStatus.InvalidParameter);
  }
  guest.synic.settle();
  expect(guest.takeFlags()).toEqual([]);
});

test("a sender's flag number counts from the first flag of the port", () => {
  const { rig, guest } = connected();
  rig.ports.signalEvent(2, 0x2005, 2);
  guest.synic.settle();
  expect(guest.takeFlags()).toEqual([7]);
});

test('Y13: a port with a minimum trust level above the caller refuses with OPERATION_DENIED', () => {
  const { rig } = connected();
  rig.ports.createPort(1, 3, { ...MESSAGE, minimumVtl: 1 });
  rig.ports.createPort(1, 4, { ...EVENT, minimumVtl: 1 });
  rig.ports.connectPort(2, 3, 1, 3);
  rig.ports.connectPort(2, 4, 1, 4);
  expect(rig.ports.postMessage(2, 3, 1, PAYLOAD)).toBe(HvStatus.OperationDenied);
  expect(rig.ports.signalEvent(2, 4, 0)).toBe(HvStatus.OperationDenied);
});

test('message types 0 and of the hypervisor, and payloads above 240 bytes, are INVALID_PARAMETER', () => {
  const { rig } = connected();
  expect(rig.ports.postMessage(2, 1, 0, PAYLOAD)).toBe(HvStatus.InvalidParameter);
  expect(rig.ports.postMessage(2, 1, 0x8000_0010, PAYLOAD)).toBe(HvStatus.InvalidParameter);
  expect(rig.ports.postMessage(2, 1, 1, new Uint8Array(241))).toBe(HvStatus.InvalidParameter);
  expect(rig.ports.postMessage(2, 1, 1, new Uint8Array(240))).toBe(HvStatus.Success);
});

test('platform gotcha 17: a port that is retargeted delivers to the new VP only, its pages and its vector', () => {
  const { rig, guest } = connected();
  const other = new Guest(rig, 1, 1);
  other.set(0x4000_0083, 0x5001);
  other.set(0x4000_0092, 0xf3);
  other.set(0x4000_0080, 1);
  expect(rig.ports.setPortTarget(1, 1, 1)).toBe(HvStatus.Success);
  rig.ports.postMessage(2, 1, 1, PAYLOAD);
  guest.synic.settle();
  other.synic.settle();
  expect(guest.type()).toBe(0);
  expect(rig.raised).toEqual(['1/1:f3']);
});

test('ids are 24 bits, unique per partition, and free again after removal', () => {
  const { rig } = connected();
  expect(rig.ports.createPort(1, 1, MESSAGE)).toBe(HvStatus.InvalidPortId);
  expect(rig.ports.createPort(1, 1 << 24, MESSAGE)).toBe(HvStatus.InvalidPortId);
  expect(rig.ports.createPort(2, 1, MESSAGE)).toBe(HvStatus.Success);
  expect(rig.ports.connectPort(2, 1, 1, 1)).toBe(HvStatus.InvalidConnectionId);
  expect(rig.ports.connectPort(2, 1 << 24, 1, 1)).toBe(HvStatus.InvalidConnectionId);
  expect(rig.ports.connectPort(2, 9, 1, 99)).toBe(HvStatus.InvalidPortId);
  expect(rig.ports.disconnectPort(2, 1)).toBe(HvStatus.Success);
  expect(rig.ports.disconnectPort(2, 1)).toBe(HvStatus.InvalidConnectionId);
  expect(rig.ports.connectPort(2, 1, 1, 1)).toBe(HvStatus.Success);
});

test('a port cannot name a SINT, VP or flag that cannot be', () => {
  const { rig } = connected();
  const wrong: PortInfo[] = [
    { ...MESSAGE, sint: 16 },
    { ...MESSAGE, vp: -1 },
    { ...MESSAGE, vp: 65536 },
    { ...MESSAGE, minimumVtl: 16 },
    { kind: 'event', sint: SINT, vp: 0, flag: 2048, flagCount: 1 },
    { kind: 'event', sint: SINT, vp: 0, flag: 2047, flagCount: 2 },
    { kind: 'event', sint: SINT, vp: 0, flag: 0, flagCount: 0 },
    { kind: 'event', sint: SINT, vp: 0, flag: 0, flagCount: 1.5 },
  ];
  for (const info of wrong) expect(rig.ports.createPort(1, 50, info)).toBe(HvStatus.InvalidParameter);
});

test('a partition that goes away takes its ports and connections along, and nobody else’s', () => {
  const { rig } = connected();
  rig.ports.createPort(2, 1, MESSAGE);
  rig.ports.removePartition(1);
  expect(rig.ports.inspect(1)).toEqual({ ports: {}, connections: {} });
  expect(rig.ports.inspect(2)).toEqual({
    ports: { 1: { kind: 'message', sint: SINT, vp: 0 } },
    connections: { 1: 'deleted port', [0x2005]: 'deleted port' },
  });
});

test('a partition other than the root cannot use up the tables for all', () => {
  const { rig } = connected();
  let created = 0;
  while (rig.ports.createPort(2, created, EVENT) === HvStatus.Success) created++;
  expect(created).toBe(PER_PARTITION);
  expect(rig.ports.createPort(2, created, EVENT)).toBe(HvStatus.InsufficientMemory);
  expect(rig.ports.createPort(1, created, EVENT)).toBe(HvStatus.Success);
  rig.ports.deletePort(2, 0);
  expect(rig.ports.createPort(2, created, EVENT)).toBe(HvStatus.Success);
});

test('the tables take thousands of ports and are as empty as before after ten thousand came and went', () => {
  const { rig } = connected();
  for (let round = 0; round < 5; round++) {
    for (let id = 0x1000; id < 0x1800; id++) expect(rig.ports.createPort(1, id, EVENT)).toBe(HvStatus.Success);
    for (let id = 0x1000; id < 0x1800; id++) expect(rig.ports.deletePort(1, id)).toBe(HvStatus.Success);
  }
  expect(Object.keys(rig.ports.inspect(1)['ports'] as object)).toEqual(['1', '2']);
});
