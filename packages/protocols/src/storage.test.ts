import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  ScsiRequest,
  ScsiRequestWin7,
  SRB_AUTOSENSE_VALID,
  SRB_STATUS_MASK,
  SrbStatus,
  VstorAt,
  vstorPacketSize,
  VstorProperties,
  VstorVersion,
} from './storage.ts';

test('ST6: a packet is 48 bytes before Windows 8 and 64 since then', () => {
  expect(Object.values(VstorVersion).map(vstorPacketSize)).toEqual([48, 48, 64, 64, 64]);
  expect([12 + ScsiRequestWin7.size, 12 + ScsiRequest.size]).toEqual([48, 64]);
});

test('the fields of a packet lie where Linux’s vmscsi_request has them', () => {
  expect(VstorAt).toEqual({
    operation: 0,
    flags: 4,
    status: 8,
    payload: 12,
    length: 12,
    srbStatus: 14,
    scsiStatus: 15,
    portNumber: 16,
    pathId: 17,
    targetId: 18,
    lun: 19,
    cdbLength: 20,
    senseInfoLength: 21,
    dataIn: 22,
    dataTransferLength: 24,
    cdb: 28,
    sense: 28,
  });
  expect(ScsiRequest.at).toMatchObject({
    queueTag: 38,
    queueAction: 39,
    srbFlags: 40,
    timeOutValue: 44,
    queueSortKey: 48,
  });
  expect(VstorProperties.at).toMatchObject({ maxSubchannels: 4, flags: 8, maxTransferBytes: 12 });
});

test('no srb status collides with the flag bits beside it', () => {
  for (const status of Object.values(SrbStatus)) expect(status & SRB_STATUS_MASK).toBe(status);
  expect(SRB_AUTOSENSE_VALID & SRB_STATUS_MASK).toBe(0);
});

test('a SCSI request survives its wire form', () => {
  const byte = fc.nat(0xff);
  const word = fc.nat(0xffff_ffff);
  const request = fc.record({
    length: fc.nat(0xffff),
    srbStatus: byte,
    scsiStatus: byte,
    portNumber: byte,
    pathId: byte,
    targetId: byte,
    lun: byte,
    cdbLength: byte,
    senseInfoLength: byte,
    dataIn: byte,
    dataTransferLength: word,
    cdbOrSense: fc.uint8Array({ minLength: 20, maxLength: 20 }),
    queueTag: byte,
    queueAction: byte,
    srbFlags: word,
    timeOutValue: word,
    queueSortKey: word,
  });

  fc.assert(
    fc.property(request, (value) => {
      expect(ScsiRequest.decode(ScsiRequest.encode(value))).toEqual(value);
    }),
  );
});
