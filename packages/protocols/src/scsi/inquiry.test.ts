import { expect, test } from 'vitest';
import { BlockLimits, BlockProvisioning, inquiryText, StandardInquiry } from './inquiry.ts';
import { ModeHeader10, ModeHeader6 } from './mode.ts';

test('fields lie where SPC-4 and SBC-3 put them', () => {
  expect(StandardInquiry.at).toMatchObject({ additionalLength: 4, flags7: 7, vendor: 8, product: 16, revision: 32 });
  expect(BlockLimits.at).toMatchObject({
    flags: 4,
    maxTransfer: 8,
    maxUnmapBlocks: 20,
    maxUnmapDescriptors: 24,
    optimalUnmapGranularity: 28,
    maxWriteSame: 36,
  });
  expect(BlockProvisioning.at).toMatchObject({ thresholdExponent: 4, flags: 5, type: 6 });
  expect([
    ModeHeader6.at.deviceSpecific,
    ModeHeader10.at.deviceSpecific,
    ModeHeader10.at.blockDescriptorLength,
  ]).toEqual([2, 3, 6]);
});

test('text is cut or filled with spaces to its field', () => {
  expect(String.fromCharCode(...inquiryText('Msft', 8))).toBe('Msft    ');
  expect(String.fromCharCode(...inquiryText('Virtual Disk', 4))).toBe('Virt');
});
