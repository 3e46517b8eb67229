import { SRB_AUTOSENSE_VALID, SrbStatus, VstorStatus } from '@ringlet/protocols';
import { expect, test } from 'vitest';
import { statusOfSrb } from './srb-status.ts';

test.each([
  [SrbStatus.Success, VstorStatus.Success],
  [SrbStatus.Busy, VstorStatus.DeviceBusy],
  [SrbStatus.DataOverrun, VstorStatus.BufferOverflow],
  [SrbStatus.SelectionTimeout, VstorStatus.DeviceNotConnected],
  [SrbStatus.Timeout, VstorStatus.IoTimeout],
  [SrbStatus.CommandTimeout, VstorStatus.IoTimeout],
  [SrbStatus.BadFunction, VstorStatus.InvalidDeviceRequest],
  [SrbStatus.Aborted, VstorStatus.Cancelled],
  [SrbStatus.InvalidLun, VstorStatus.DeviceDoesNotExist],
  [SrbStatus.Error, VstorStatus.IoDeviceError],
  [SrbStatus.Error | SRB_AUTOSENSE_VALID, VstorStatus.IoDeviceError],
  [0x3e, VstorStatus.IoDeviceError],
])('ST14: srb status %i goes with NT status %i', (srb, status) => {
  expect(statusOfSrb(srb)).toBe(status);
});
