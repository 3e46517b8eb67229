/** Mode parameters of a unit: MODE SENSE answers, and the check that MODE SELECT changes nothing (SPC-4 6.9 to 6.12). */
import { be16, ModeHeader10, ModeHeader6, ModePage, ModePageControl, Sense } from '@ringlet/protocols';

/** A mode page as it is: number and length first. */
export type ModePageBytes = Uint8Array;

/**
 * The answer to a MODE SENSE, or the reason why there is none.
 *
 * @param cdb - of 6 or 10 bytes
 * @param long - whether it is the ten-byte form
 * @param deviceSpecific - the header's device-specific parameter
 * @param pages - all pages of the unit, by rising number
 */
export function modeSense(
  cdb: Uint8Array,
  long: boolean,
  deviceSpecific: number,
  pages: readonly ModePageBytes[],
): Uint8Array | number {
  const control = cdb[2]! >> 6;
  const wanted = cdb[2]! & 0x3f;
  const subpage = cdb[3]!;
  if (control === ModePageControl.Saved) return Sense.SavingParametersNotSupported;
  if (subpage !== 0 && subpage !== 0xff) return Sense.InvalidFieldInCdb;
  const chosen = pages.filter((page) => wanted === ModePage.All || wanted === (page[0]! & 0x3f));
  if (chosen.length === 0) return Sense.InvalidFieldInCdb;
  const body = chosen
    .map((page) => (control === ModePageControl.Changeable ? unchangeable(page) : page))
    .flatMap(bytesOf);
  const header = long
    ? ModeHeader10.encode({
        dataLength: ModeHeader10.size - 2 + body.length,
        mediumType: 0,
        deviceSpecific,
        blockDescriptorLength: 0,
      })
    : ModeHeader6.encode({
        dataLength: ModeHeader6.size - 1 + body.length,
        mediumType: 0,
        deviceSpecific,
        blockDescriptorLength: 0,
      });
  return Uint8Array.of(...header, ...body);
}

/**
 * Checks a MODE SELECT parameter list. No parameter of ours can change, so each page must say what is so already;
 * a guest that turned the write cache off and was told "done" would trust writes that are not durable.
 *
 * @returns `Sense.None` when the list agrees, else the reason
 */
export function modeSelect(list: Uint8Array, long: boolean, pages: readonly ModePageBytes[]): number {
  if (list.length === 0) return Sense.None;
  const header = long ? ModeHeader10.size : ModeHeader6.size;
  if (list.length < header) return Sense.ParameterListLength;
  const descriptors = long
    ? be16(list, ModeHeader10.at.blockDescriptorLength)
    : list[ModeHeader6.at.blockDescriptorLength]!;
  // A block descriptor would set a block length: there is nothing to choose.
  if (descriptors !== 0) return Sense.InvalidFieldInParameterList;
  for (let at = header; at < list.length;) {
    const current = pages.find((page) => page[0] === (list[at]! & 0x7f));
    if (current === undefined) return Sense.InvalidFieldInParameterList;
    if (at + current.length > list.length) return Sense.ParameterListLength;
    // Byte 0 holds the PS bit, which is reserved here.
    for (let i = 1; i < current.length; i++) {
      if (list[at + i] !== current[i]) return Sense.InvalidFieldInParameterList;
    }
    at += current.length;
  }
  return Sense.None;
}

/** A page's mask of changeable bits: number and length, then nothing. */
function unchangeable(page: ModePageBytes): ModePageBytes {
  return page.map((byte, i) => (i < 2 ? byte : 0));
}

const bytesOf = (page: ModePageBytes): number[] => Array.from(page);
