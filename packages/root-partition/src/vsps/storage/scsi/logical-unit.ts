/**
 * LogicalUnit: what disks and DVD drives have in common: unit attentions, reservations, and the primary commands
 * (SPC-4). It knows no VMBus: a task comes in, and ends.
 */
import {
  be16,
  ReservationDescriptor,
  ReserveCapabilities,
  ALL_RESERVATION_TYPES,
  ReserveIn,
  ReserveInHeader,
  ReserveOutParameters,
  ScsiOp,
  ScsiStatus,
  Sense,
  VpdPage,
  FIXED_SENSE_SIZE,
  FixedSense,
  writeSense,
} from '@ringlet/protocols';
import type { Disk } from '../../../backends/disk/disk.ts';
import { identificationPage, serialNumberPage, supportedPages } from './inquiry-data.ts';
import { modeSelect, modeSense, type ModePageBytes } from './mode-data.ts';
import { Reservations, Touches, type ReservationState } from './reservations.ts';
import { UnitAttentions } from './unit-attentions.ts';
import type { ScsiTask } from './task.ts';

/** What every unit keeps, as plain data. */
export interface LogicalUnitState {
  /** Unit attentions that each initiator has not been told of yet. */
  readonly attentions: readonly (readonly [initiator: number, conditions: readonly number[]])[];
  /** Persistent reservations. */
  readonly reservations: ReservationState;
  /** START STOP UNIT stopped it. */
  readonly stopped: boolean;
}

/** A logical unit: executes tasks, each to exactly one end. */
export abstract class LogicalUnit {
  readonly attentions = new UnitAttentions();
  readonly reservations = new Reservations(this.attentions);
  /** START STOP UNIT stopped it: commands that need the medium fail until it is started. */
  protected stopped = false;

  /** The medium; `undefined` when there is none. */
  abstract readonly disk: Disk | undefined;
  /** One of `PeripheralType`. */
  abstract readonly peripheral: number;
  protected abstract readonly product: string;
  /** Identity of the unit, 16 bytes. */
  protected abstract readonly id: Uint8Array;

  /** Runs a command. It ends at once or later, by one call of the task's `finished`. */
  execute(task: ScsiTask): void {
    const opcode = task.cdb[0]!;
    if (this.attentions.any && !this.ignoresAttentions(opcode)) {
      const condition = this.attentions.take(task.initiator);
      if (condition !== Sense.None) {
        task.fail(condition);
        return;
      }
    }
    if (this.reservations.held && this.reservations.conflicts(task.initiator, this.touches(task))) {
      task.refuse(ScsiStatus.ReservationConflict);
      return;
    }
    this.run(task, opcode);
  }

  /** A bus or unit reset reached it: the initiators are told, the medium starts; commands in flight go on. */
  reset(condition: typeof Sense.ScsiBusReset | typeof Sense.BusDeviceReset): void {
    this.stopped = false;
    this.attentions.raise(condition);
  }

  /** As after power-up, but for reservations: the medium starts, and nothing is to be told. */
  powerUp(): void {
    this.stopped = false;
    this.attentions.clear();
  }

  save(): LogicalUnitState {
    return { attentions: this.attentions.save(), reservations: this.reservations.save(), stopped: this.stopped };
  }

  restore(state: LogicalUnitState): void {
    this.attentions.restore(state.attentions);
    this.reservations.restore(state.reservations);
    this.stopped = state.stopped;
  }

  abstract inspect(): Record<string, unknown>;

  /** Commands of the unit's kind; falls back to {@link primary}. */
  protected abstract run(task: ScsiTask, opcode: number): void;
  protected abstract readonly vpdPages: readonly number[];
  protected abstract modePages(): readonly ModePageBytes[];
  protected abstract deviceSpecific(): number;
  /** Standard INQUIRY data. */
  protected abstract inquiryData(): Uint8Array;
  /** Why the medium cannot be used now; `Sense.None` when it can. */
  protected abstract notReady(): number;

  /** Commands that run although a unit attention is pending, and leave it pending (SPC-4, 5.14). */
  protected ignoresAttentions(opcode: number): boolean {
    return opcode === ScsiOp.Inquiry || opcode === ScsiOp.ReportLuns || opcode === ScsiOp.RequestSense;
  }

  /** How a command touches the medium as reservations see it (SPC-4 table 65, SBC-3 table 13). */
  protected touches(task: ScsiTask): number {
    switch (task.cdb[0]) {
      case ScsiOp.TestUnitReady:
      case ScsiOp.RequestSense:
      case ScsiOp.Inquiry:
      case ScsiOp.ReportLuns:
      case ScsiOp.ReadCapacity10:
      case ScsiOp.ServiceActionIn16:
      case ScsiOp.PersistentReserveIn:
      case ScsiOp.PersistentReserveOut:
        return Touches.Nothing;
      case ScsiOp.StartStopUnit:
        return (task.cdb[4]! & 0x01) !== 0 ? Touches.Nothing : Touches.Writes;
      case ScsiOp.PreventAllowMediumRemoval:
        return (task.cdb[4]! & 0x03) === 0 ? Touches.Nothing : Touches.Writes;
      case ScsiOp.Read6:
      case ScsiOp.Read10:
      case ScsiOp.Read12:
      case ScsiOp.Read16:
      case ScsiOp.Verify10:
      case ScsiOp.Verify16:
      case ScsiOp.ModeSense6:
      case ScsiOp.ModeSense10:
        return Touches.Reads;
      default:
        return Touches.Writes;
    }
  }

  /** The commands that every unit understands. */
  protected primary(task: ScsiTask, opcode: number): void {
    switch (opcode) {
      case ScsiOp.TestUnitReady:
        return this.#testUnitReady(task);
      case ScsiOp.RequestSense:
        return this.#requestSense(task);
      case ScsiOp.Inquiry:
        return this.#inquiry(task);
      case ScsiOp.ModeSense6:
        return this.#modeSense(task, false, task.cdb[4]!);
      case ScsiOp.ModeSense10:
        return this.#modeSense(task, true, be16(task.cdb, 7));
      case ScsiOp.ModeSelect6:
        return this.#modeSelect(task, false, task.cdb[4]!);
      case ScsiOp.ModeSelect10:
        return this.#modeSelect(task, true, be16(task.cdb, 7));
      case ScsiOp.PersistentReserveIn:
        return this.#reserveIn(task);
      case ScsiOp.PersistentReserveOut:
        return this.#reserveOut(task);
      default:
        return task.fail(Sense.InvalidOperationCode);
    }
  }

  #testUnitReady(task: ScsiTask): void {
    const reason = this.notReady();
    if (reason === Sense.None) task.good();
    else task.fail(reason);
  }

  #requestSense(task: ScsiTask): void {
    // Descriptor format is not offered.
    if ((task.cdb[1]! & 0x01) !== 0) return task.fail(Sense.InvalidFieldInCdb);
    const condition = this.attentions.take(task.initiator);
    const data = new Uint8Array(FixedSense.size);
    writeSense(data, 0, condition === Sense.None ? this.notReady() : condition);
    task.reply(data.subarray(0, FIXED_SENSE_SIZE), task.cdb[4]!);
  }

  #inquiry(task: ScsiTask): void {
    const vital = (task.cdb[1]! & 0x01) !== 0;
    const page = task.cdb[2]!;
    const allocation = be16(task.cdb, 3);
    if (!vital) {
      if (page !== 0) return task.fail(Sense.InvalidFieldInCdb);
      return task.reply(this.inquiryData(), allocation);
    }
    const data = this.vpdPage(page);
    if (data === undefined || (page !== VpdPage.Supported && !this.vpdPages.includes(page))) {
      return task.fail(Sense.InvalidFieldInCdb);
    }
    task.reply(data, allocation);
  }

  /** A VPD page; `undefined` for one it has not. The unit's kind adds its own to those of all. */
  protected vpdPage(page: number): Uint8Array | undefined {
    switch (page) {
      case VpdPage.Supported:
        return supportedPages(this.peripheral, this.vpdPages);
      case VpdPage.UnitSerialNumber:
        return serialNumberPage(this.peripheral, this.id);
      case VpdPage.DeviceIdentification:
        return identificationPage(this.peripheral, this.id);
      default:
        return undefined;
    }
  }

  #modeSense(task: ScsiTask, long: boolean, allocation: number): void {
    const answer = modeSense(task.cdb, long, this.deviceSpecific(), this.modePages());
    if (typeof answer === 'number') task.fail(answer);
    else task.reply(answer, allocation);
  }

  #modeSelect(task: ScsiTask, long: boolean, length: number): void {
    // SP: pages cannot be saved. PF clear: a vendor's own format.
    if ((task.cdb[1]! & 0x01) !== 0 || (task.cdb[1]! & 0x10) === 0) return task.fail(Sense.InvalidFieldInCdb);
    const list = task.receive(length);
    if (list === undefined) return task.fail(Sense.ParameterListLength);
    const reason = modeSelect(list, long, this.modePages());
    if (reason === Sense.None) task.good(length);
    else task.fail(reason);
  }

  #reserveIn(task: ScsiTask): void {
    const allocation = be16(task.cdb, 7);
    const generation = this.reservations.generation;
    switch (task.cdb[1]! & 0x1f) {
      case ReserveIn.ReadKeys: {
        const keys = this.reservations.keys;
        const data = new Uint8Array(ReserveInHeader.size + 8 * keys.length);
        const view = new DataView(data.buffer);
        ReserveInHeader.write(view, 0, { generation, additionalLength: 8 * keys.length });
        keys.forEach((key, i) => view.setBigUint64(ReserveInHeader.size + 8 * i, key));
        return task.reply(data, allocation);
      }
      case ReserveIn.ReadReservation: {
        const reservation = this.reservations.reservation;
        const descriptor = reservation === undefined ? [] : ReservationDescriptor.encode(reservation);
        const header = ReserveInHeader.encode({ generation, additionalLength: descriptor.length });
        return task.reply(Uint8Array.of(...header, ...descriptor), allocation);
      }
      case ReserveIn.ReportCapabilities:
        return task.reply(
          ReserveCapabilities.encode({
            length: ReserveCapabilities.size,
            flags: 0,
            flags2: 0x80,
            typeMask: ALL_RESERVATION_TYPES,
          }),
          allocation,
        );
      default:
        return task.fail(Sense.InvalidFieldInCdb);
    }
  }

  #reserveOut(task: ScsiTask): void {
    const length = be16(task.cdb, 7);
    const list = length === ReserveOutParameters.size ? task.receive(length) : undefined;
    const parameters = list === undefined ? undefined : ReserveOutParameters.decode(list);
    if (parameters === undefined) return task.fail(Sense.ParameterListLength);
    const result = this.reservations.out(task.initiator, task.cdb[1]! & 0x1f, task.cdb[2]!, parameters);
    if (result.status === ScsiStatus.Good) task.good(length);
    else if (result.status === ScsiStatus.CheckCondition) task.fail(result.sense);
    else task.refuse(result.status);
  }
}
