import { putBe64, ReservationType, ReserveIn, ReserveOut, ScsiOp, ScsiStatus, Sense } from '@ringlet/protocols';
import { expect, test } from 'vitest';
import { TestDisk } from '../storage-fixture.ts';
import { DiskUnit } from './disk-unit.ts';
import { command, GOOD, refusedFor } from './unit-fixture.ts';

const [A, B, C] = [1, 2, 3];
const KEY = { [A]: 0xa, [B]: 0xb, [C]: 0xc };
const CONFLICT = { status: ScsiStatus.ReservationConflict, sense: 0, endings: 1 };
const READ = [ScsiOp.Read10, 0, 0, 0, 0, 0, 0, 0, 1, 0];
const WRITE = [ScsiOp.Write10, 0, 0, 0, 0, 0, 0, 0, 1, 0];

const shared = (): DiskUnit => {
  const unit = new DiskUnit(new TestDisk(), 64 * 1024);
  for (const initiator of [A, B, C]) unit.attentions.attach(initiator);
  return unit;
};
const out = (
  unit: DiskUnit,
  initiator: number,
  action: number,
  type: number,
  key: number,
  actionKey = 0,
  flags = 0,
) => {
  const list = new Uint8Array(24);
  putBe64(list, 0, key);
  putBe64(list, 8, actionKey);
  list[20] = flags;
  return command(unit, [ScsiOp.PersistentReserveOut, action, type, 0, 0, 0, 0, 0, 24, 0], { out: list, initiator });
};
const register = (unit: DiskUnit, ...initiators: number[]) => {
  for (const initiator of initiators) out(unit, initiator, ReserveOut.Register, 0, 0, KEY[initiator]);
};
const read = (unit: DiskUnit, initiator: number) => command(unit, READ, { initiator, room: 512 });
const write = (unit: DiskUnit, initiator: number) => command(unit, WRITE, { initiator, out: new Uint8Array(512) });
const status = (outcome: { status: number }) => outcome.status;
const askIn = (unit: DiskUnit, action: number) =>
  Array.from(command(unit, [ScsiOp.PersistentReserveIn, action, 0, 0, 0, 0, 0, 0, 255, 0], { initiator: A }).data);

const { Good, ReservationConflict: Conflict } = ScsiStatus;

test.each([
  // type, then: a registered stranger reads and writes, an unregistered one reads and writes
  ['write exclusive', ReservationType.WriteExclusive, [Good, Conflict, Good, Conflict]],
  ['exclusive access', ReservationType.ExclusiveAccess, [Conflict, Conflict, Conflict, Conflict]],
  ['write exclusive, registrants only', ReservationType.WriteExclusiveRegistrantsOnly, [Good, Good, Good, Conflict]],
  [
    'exclusive access, registrants only',
    ReservationType.ExclusiveAccessRegistrantsOnly,
    [Good, Good, Conflict, Conflict],
  ],
  ['write exclusive, all registrants', ReservationType.WriteExclusiveAllRegistrants, [Good, Good, Good, Conflict]],
  [
    'exclusive access, all registrants',
    ReservationType.ExclusiveAccessAllRegistrants,
    [Good, Good, Conflict, Conflict],
  ],
])('%s lets through whom it should', (_, type, expected) => {
  const unit = shared();
  register(unit, A, B);

  expect(out(unit, A, ReserveOut.Reserve, type, KEY[A]!)).toMatchObject(GOOD);

  expect([read(unit, A), write(unit, A)].map(status)).toEqual([Good, Good]);
  expect([read(unit, B), write(unit, B), read(unit, C), write(unit, C)].map(status)).toEqual(expected);
});

test('a reservation conflict carries no sense data, and inquiries are let through', () => {
  const unit = shared();
  register(unit, A);
  out(unit, A, ReserveOut.Reserve, ReservationType.ExclusiveAccess, KEY[A]!);

  expect(write(unit, B)).toMatchObject(CONFLICT);
  expect(command(unit, [ScsiOp.Inquiry, 0, 0, 0, 36, 0], { initiator: B })).toMatchObject(GOOD);
  expect(command(unit, [ScsiOp.TestUnitReady], { initiator: B })).toMatchObject(GOOD);
});

test('READ KEYS, READ RESERVATION and REPORT CAPABILITIES tell what is so', () => {
  const unit = shared();
  register(unit, A, B);
  out(unit, A, ReserveOut.Reserve, ReservationType.WriteExclusive, KEY[A]!);

  expect(askIn(unit, ReserveIn.ReadKeys)).toEqual([
    0, 0, 0, 2, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 11,
  ]);
  expect(askIn(unit, ReserveIn.ReadReservation).slice(4, 22)).toEqual([
    0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 1,
  ]);
  expect(askIn(unit, ReserveIn.ReportCapabilities)).toEqual([0, 8, 0, 0x80, 0xea, 0x01, 0, 0]);
  expect(
    command(unit, [ScsiOp.PersistentReserveIn, ReserveIn.ReadFullStatus, 0, 0, 0, 0, 0, 0, 255, 0], { initiator: A }),
  ).toMatchObject(refusedFor(Sense.InvalidFieldInCdb));
});

test('registering needs the key that is registered, unless it is to be ignored', () => {
  const unit = shared();
  register(unit, A);

  expect(out(unit, A, ReserveOut.Register, 0, 0x99, 0x5)).toMatchObject(CONFLICT);
  expect(out(unit, B, ReserveOut.Register, 0, 0x99, 0x5)).toMatchObject(CONFLICT);
  expect(out(unit, A, ReserveOut.RegisterAndIgnoreExistingKey, 0, 0x99, 0x5)).toMatchObject(GOOD);
  expect(unit.reservations.keys).toEqual([5n]);
});

test('who is not registered cannot reserve, release, clear or preempt', () => {
  const unit = shared();

  for (const action of [ReserveOut.Reserve, ReserveOut.Release, ReserveOut.Clear, ReserveOut.Preempt]) {
    expect(out(unit, A, action, ReservationType.WriteExclusive, 0, 0xb)).toMatchObject(CONFLICT);
  }
});

test('a unit is reserved once; the holder may say it again, with the same type', () => {
  const unit = shared();
  register(unit, A, B);
  out(unit, A, ReserveOut.Reserve, ReservationType.WriteExclusive, KEY[A]!);

  expect(out(unit, A, ReserveOut.Reserve, ReservationType.WriteExclusive, KEY[A]!)).toMatchObject(GOOD);
  expect(out(unit, A, ReserveOut.Reserve, ReservationType.ExclusiveAccess, KEY[A]!)).toMatchObject(CONFLICT);
  expect(out(unit, B, ReserveOut.Reserve, ReservationType.WriteExclusive, KEY[B]!)).toMatchObject(CONFLICT);
});

test('a release by another changes nothing; by the holder with another type it is an error; else it frees the unit', () => {
  const unit = shared();
  register(unit, A, B);
  out(unit, A, ReserveOut.Reserve, ReservationType.WriteExclusive, KEY[A]!);

  expect(out(unit, B, ReserveOut.Release, ReservationType.WriteExclusive, KEY[B]!)).toMatchObject(GOOD);
  expect(unit.reservations.held).toBe(true);
  expect(out(unit, A, ReserveOut.Release, ReservationType.ExclusiveAccess, KEY[A]!)).toMatchObject(
    refusedFor(Sense.InvalidReleaseOfReservation),
  );
  expect(out(unit, A, ReserveOut.Release, ReservationType.WriteExclusive, KEY[A]!)).toMatchObject(GOOD);
  expect(unit.reservations.held).toBe(false);
});

test('those who shared a reservation are told that it was released', () => {
  const unit = shared();
  register(unit, A, B);
  out(unit, A, ReserveOut.Reserve, ReservationType.WriteExclusiveRegistrantsOnly, KEY[A]!);

  out(unit, A, ReserveOut.Release, ReservationType.WriteExclusiveRegistrantsOnly, KEY[A]!);

  expect(command(unit, [0], { initiator: B })).toMatchObject(refusedFor(Sense.ReservationsReleased));
  expect(command(unit, [0], { initiator: A })).toMatchObject(GOOD);
});

test('an all-registrants reservation lasts until the last registrant has gone', () => {
  const unit = shared();
  register(unit, A, B);
  out(unit, A, ReserveOut.Reserve, ReservationType.ExclusiveAccessAllRegistrants, KEY[A]!);

  out(unit, A, ReserveOut.Register, 0, KEY[A]!, 0);
  const afterFirst = unit.reservations.held;
  out(unit, B, ReserveOut.Register, 0, KEY[B]!, 0);

  expect([afterFirst, unit.reservations.held]).toEqual([true, false]);
});

test('CLEAR takes all registrations and the reservation away, and tells the others', () => {
  const unit = shared();
  register(unit, A, B);
  out(unit, B, ReserveOut.Reserve, ReservationType.ExclusiveAccess, KEY[B]!);

  expect(out(unit, A, ReserveOut.Clear, 0, KEY[A]!)).toMatchObject(GOOD);

  expect(unit.reservations.keys).toEqual([]);
  expect(unit.reservations.held).toBe(false);
  expect(command(unit, [0], { initiator: B })).toMatchObject(refusedFor(Sense.ReservationsPreempted));
});

test('PREEMPT takes over the reservation of a dead holder, who is told if it lives after all', () => {
  const unit = shared();
  register(unit, A, B);
  out(unit, A, ReserveOut.Reserve, ReservationType.ExclusiveAccess, KEY[A]!);

  expect(out(unit, B, ReserveOut.Preempt, ReservationType.WriteExclusive, KEY[B]!, KEY[A])).toMatchObject(GOOD);

  expect(unit.reservations.reservation).toEqual({ key: 0xbn, type: ReservationType.WriteExclusive });
  expect(unit.reservations.keys).toEqual([0xbn]);
  expect(command(unit, [0], { initiator: A })).toMatchObject(refusedFor(Sense.RegistrationsPreempted));
  expect(write(unit, A)).toMatchObject(CONFLICT);
  expect(write(unit, B)).toMatchObject(GOOD);
});

test('PREEMPT of a key that nobody has is a conflict; of key 0 it is an error unless all registrants hold the unit', () => {
  const unit = shared();
  register(unit, A);
  const type = ReservationType.WriteExclusive;

  expect(out(unit, A, ReserveOut.Preempt, type, KEY[A]!, 0x77)).toMatchObject(CONFLICT);
  expect(out(unit, A, ReserveOut.Preempt, type, KEY[A]!, 0)).toMatchObject(
    refusedFor(Sense.InvalidFieldInParameterList),
  );
});

test('PREEMPT of key 0 removes all others from an all-registrants reservation', () => {
  const unit = shared();
  register(unit, A, B, C);
  out(unit, A, ReserveOut.Reserve, ReservationType.WriteExclusiveAllRegistrants, KEY[A]!);

  out(unit, C, ReserveOut.Preempt, ReservationType.ExclusiveAccess, KEY[C]!, 0);

  expect(unit.reservations.keys).toEqual([0xcn]);
  expect(unit.reservations.reservation).toEqual({ key: 0xcn, type: ReservationType.ExclusiveAccess });
});

test.each([
  ['that is to survive power loss', 0, 0x01, 24, Sense.InvalidFieldInParameterList],
  ['of another scope', 0x10, 0, 24, Sense.InvalidFieldInCdb],
  ['of an unknown type', 0x02, 0, 24, Sense.InvalidFieldInCdb],
])('a reservation %s is refused', (_, scopeAndType, flags, _length, sense) => {
  const unit = shared();
  register(unit, A);

  expect(out(unit, A, ReserveOut.Reserve, scopeAndType, KEY[A]!, 0, flags)).toMatchObject(refusedFor(sense));
});

test('a parameter list of another length than 24 is refused', () => {
  const cdb = [ScsiOp.PersistentReserveOut, 0, 0, 0, 0, 0, 0, 0, 23, 0];

  expect(command(shared(), cdb, { out: new Uint8Array(24) })).toMatchObject(refusedFor(Sense.ParameterListLength));
});

test('the registrations that one unit keeps have an end', () => {
  const unit = shared();

  const outcomes = Array.from({ length: 65 }, (_, i) => out(unit, 100 + i, ReserveOut.Register, 0, 0, 1 + i));

  expect(outcomes.slice(0, 64).every(({ status: ended }) => ended === Good)).toBe(true);
  expect(outcomes[64]).toMatchObject(refusedFor(Sense.InsufficientRegistrationResources));
});

test('reservations survive a reset, and being saved as plain data', () => {
  const unit = shared();
  register(unit, A, B);
  out(unit, A, ReserveOut.Reserve, ReservationType.ExclusiveAccess, KEY[A]!);
  unit.reset(Sense.ScsiBusReset);
  const restored = shared();

  restored.restore(JSON.parse(JSON.stringify(unit.save())));

  expect(restored.save()).toEqual(unit.save());
  command(restored, [0], { initiator: B });
  expect(write(restored, B)).toMatchObject(CONFLICT);
});
