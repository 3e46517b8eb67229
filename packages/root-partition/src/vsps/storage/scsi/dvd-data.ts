/** What a DVD-ROM drive answers about itself and the disc in it (MMC-6). Pure functions of the disc's size. */
import {
  be16,
  be32,
  CdCapabilitiesPage,
  ConfigurationHeader,
  CoreFeature,
  DiscInformation,
  DVD_FIRST_SECTOR,
  DvdFeature,
  DvdPhysicalFormat,
  DvdProfile,
  DvdStructureHeader,
  EventStatus,
  FeatureHeader,
  LEAD_OUT_TRACK,
  MEDIA_EVENT_CLASS,
  MechanismStatus,
  ModePage,
  MorphingFeature,
  ProfileDescriptor,
  RandomReadableFeature,
  RemovableMediumFeature,
  Sense,
  TocHeader,
  TocTrack,
  TrackInformation,
} from '@ringlet/protocols';

/** Bytes in a block of a disc. */
export const DVD_BLOCK_SIZE = 2048;

/** 16 times DVD speed, in kB/s. */
const READ_SPEED = 22_160;
/** ADR 1 (position data), CONTROL 4 (data track). */
const DATA_TRACK = 0x14;
/** Blocks before address 0 in minutes, seconds, frames: two seconds. */
const MSF_OFFSET = 150;
const FEATURE_PERSISTENT = 0x02;
const FEATURE_CURRENT = 0x01;
const IDLE = 0;
/** Physical interface standard of a drive behind SCSI commands. */
const SCSI_INTERFACE = 1;
const TRAY_THAT_LOCKS = 0x29;

/** C/DVD capabilities mode page (2Ah): reads DVD-ROM, tray that can be locked and ejected. */
export function capabilitiesPage(locked: boolean): Uint8Array {
  return CdCapabilitiesPage.encode({
    page: ModePage.CdCapabilities,
    length: CdCapabilitiesPage.size - 2,
    reads: 0x08,
    writes: 0,
    capabilities4: 0,
    capabilities5: 0,
    mechanism: TRAY_THAT_LOCKS | (locked ? 0x02 : 0),
    capabilities7: 0,
    maximumReadSpeed: READ_SPEED,
    volumeLevels: 0,
    bufferKilobytes: 256,
    currentReadSpeed: READ_SPEED,
  });
}

/** GET CONFIGURATION: the features that the CDB asks for, from its starting feature on. */
export function configuration(cdb: Uint8Array, present: boolean): Uint8Array | number {
  const requested = cdb[1]! & 0x3;
  const start = be16(cdb, 2);
  if (requested === 3) return Sense.InvalidFieldInCdb;
  const features = featureRows(present).filter(({ code, current }) => {
    if (requested === 2) return code === start;
    return code >= start && (requested === 0 || current);
  });
  const body = features.flatMap(({ code, current, persistent, version, data }) => [
    ...FeatureHeader.encode({
      code,
      flags: (version << 2) | (persistent ? FEATURE_PERSISTENT : 0) | (current ? FEATURE_CURRENT : 0),
      additionalLength: data.length,
    }),
    ...data,
  ]);
  const header = ConfigurationHeader.encode({
    length: ConfigurationHeader.size - 4 + body.length,
    currentProfile: present ? DvdProfile.DvdRom : DvdProfile.None,
  });
  return Uint8Array.of(...header, ...body);
}

/** GET EVENT STATUS NOTIFICATION, polled: one media event, or "no such class". */
export function eventStatus(classes: number, event: number, present: boolean, open: boolean): Uint8Array {
  const served = (classes & (1 << MEDIA_EVENT_CLASS)) !== 0;
  const data = EventStatus.encode({
    length: served ? EventStatus.size - 2 : 2,
    eventClass: served ? MEDIA_EVENT_CLASS : 0x80,
    supportedClasses: 1 << MEDIA_EVENT_CLASS,
    event,
    mediaStatus: (present ? 0x02 : 0) | (open ? 0x01 : 0),
    startSlot: 0,
    endSlot: 0,
  });
  return served ? data : data.subarray(0, 4);
}

/** READ TOC/PMA/ATIP: formats 0 (tracks) and 1 (sessions) of a disc with one data track. */
export function tableOfContents(cdb: Uint8Array, blocks: number): Uint8Array | number {
  const inTime = (cdb[1]! & 0x02) !== 0;
  // Before MMC the format stood in the top bits of the control byte; drivers still send it there.
  const format = (cdb[2]! & 0xf) === 0 ? cdb[9]! >> 6 : cdb[2]! & 0xf;
  const first = cdb[6]!;
  if (format > 1) return Sense.InvalidFieldInCdb;
  if (format === 0 && first > 1 && first !== LEAD_OUT_TRACK) return Sense.InvalidFieldInCdb;
  const track = (number: number, block: number): number[] =>
    Array.from(TocTrack.encode({ control: DATA_TRACK, track: number, address: inTime ? timeOf(block) : block }));
  const tracks = [
    ...(format === 1 || first <= 1 ? track(1, 0) : []),
    ...(format === 0 ? track(LEAD_OUT_TRACK, blocks) : []),
  ];
  const header = TocHeader.encode({ length: TocHeader.size - 2 + tracks.length, first: 1, last: 1 });
  return Uint8Array.of(...header, ...tracks);
}

/** READ DISC INFORMATION: complete, one session, one track. */
export function discInformation(): Uint8Array {
  return DiscInformation.encode({
    length: DiscInformation.size - 2,
    status: 0x0e,
    firstTrack: 1,
    sessions: 1,
    firstTrackInLastSession: 1,
    lastTrackInLastSession: 1,
    flags: 0x20,
    discType: 0,
    identification: 0,
    lastSessionLeadIn: 0xffff_ffff,
    lastPossibleLeadOut: 0xffff_ffff,
    opcTables: 0,
  });
}

/** READ TRACK INFORMATION of the one track, by address, track or session number. */
export function trackInformation(cdb: Uint8Array, blocks: number): Uint8Array | number {
  const kind = cdb[1]! & 0x3;
  const which = be32(cdb, 2);
  const known = kind === 0 ? which < blocks : kind < 3 && which === 1;
  if (!known) return Sense.InvalidFieldInCdb;
  return TrackInformation.encode({
    length: TrackInformation.size - 2,
    track: 1,
    session: 1,
    mode: 0x04,
    dataMode: 0x01,
    validity: 0x02,
    startBlock: 0,
    nextWritable: 0,
    freeBlocks: 0,
    packetSize: 0,
    size: blocks,
    lastRecorded: blocks - 1,
  });
}

/** READ DVD STRUCTURE: physical format, copyright (none), manufacturer (none). */
export function dvdStructure(cdb: Uint8Array, blocks: number): Uint8Array | number {
  const last = DVD_FIRST_SECTOR + blocks - 1;
  const structure = (body: Uint8Array): Uint8Array =>
    Uint8Array.of(...DvdStructureHeader.encode({ length: 2 + body.length }), ...body);
  if (cdb[6] !== 0) return Sense.InvalidFieldInCdb;
  switch (cdb[7]) {
    case 0x00:
      return structure(
        DvdPhysicalFormat.encode({
          book: 0x01,
          sizeAndRate: 0x0f,
          layer: 0x01,
          density: 0,
          startSector: threeBytes(DVD_FIRST_SECTOR),
          endSector: threeBytes(Math.min(last, 0xff_ffff)),
          endSectorLayer0: threeBytes(0),
          flags: 0,
        }),
      );
    case 0x01:
      return structure(new Uint8Array(4));
    case 0x04:
      return structure(new Uint8Array(2048));
    default:
      return Sense.InvalidFieldInCdb;
  }
}

/** MECHANISM STATUS: no changer. */
export function mechanismStatus(open: boolean): Uint8Array {
  return MechanismStatus.encode({
    slot: 0,
    state: (IDLE << 5) | (open ? 0x10 : 0),
    currentBlock: threeBytes(0),
    slots: 0,
    slotTableLength: 0,
  });
}

interface FeatureRow {
  readonly code: number;
  readonly version: number;
  readonly persistent: boolean;
  readonly current: boolean;
  readonly data: Uint8Array;
}

function featureRows(present: boolean): FeatureRow[] {
  const always = { persistent: true, current: true };
  const withMedium = { persistent: false, current: present };
  return [
    {
      code: DvdFeature.ProfileList,
      version: 0,
      ...always,
      data: ProfileDescriptor.encode({ profile: DvdProfile.DvdRom, current: present ? 1 : 0 }),
    },
    {
      code: DvdFeature.Core,
      version: 2,
      ...always,
      data: CoreFeature.encode({ physicalInterface: SCSI_INTERFACE, flags: 0 }),
    },
    // Events are polled.
    { code: DvdFeature.Morphing, version: 1, ...always, data: MorphingFeature.encode({ flags: 0 }) },
    // Tray, ejects, locks.
    {
      code: DvdFeature.RemovableMedium,
      version: 0,
      ...always,
      data: RemovableMediumFeature.encode({ mechanism: TRAY_THAT_LOCKS }),
    },
    {
      code: DvdFeature.RandomReadable,
      version: 0,
      ...withMedium,
      data: RandomReadableFeature.encode({ blockSize: DVD_BLOCK_SIZE, blocking: 1, flags: 0 }),
    },
    { code: DvdFeature.DvdRead, version: 0, ...withMedium, data: new Uint8Array(0) },
  ];
}

/** A block as {0, minute, second, frame}; minutes saturate, a DVD is longer than they count. */
function timeOf(block: number): number {
  const frames = block + MSF_OFFSET;
  const minute = Math.floor(frames / 75 / 60);
  if (minute > 0xff) return 0x00ff_3b4a;
  return (minute << 16) | ((Math.floor(frames / 75) % 60) << 8) | (frames % 75);
}

function threeBytes(value: number): Uint8Array {
  return Uint8Array.of(value >> 16, value >> 8, value);
}
