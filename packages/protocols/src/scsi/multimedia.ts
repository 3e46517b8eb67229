/** What a DVD-ROM drive is asked: features, events, table of contents, disc structure (MMC-6). Big-endian. */
import { bytes, flags, type Infer, named, packed, reserved, struct, u16be, u32be, u8 } from '@ringlet/wire';

/** Profiles of a drive (MMC-6, 5.3.1). */
export const DvdProfile = { None: 0x0000, DvdRom: 0x0010 } as const;

/** Feature numbers of GET CONFIGURATION (MMC-6, 5.3). */
export const DvdFeature = {
  ProfileList: 0x0000,
  Core: 0x0001,
  Morphing: 0x0002,
  RemovableMedium: 0x0003,
  RandomReadable: 0x0010,
  DvdRead: 0x001f,
} as const;

/** Header of GET CONFIGURATION data. */
export const ConfigurationHeader = struct('feature header', 8, {
  /** Bytes behind this field. */
  length: u32be,
  _reserved: reserved(2),
  currentProfile: named(u16be, DvdProfile),
});

/** How media get in and out, and whether they can be kept in. */
const mechanism = packed(u8, { loading: [5, 3, { Caddy: 0, Tray: 1 }], ejects: [3, 1], locks: [0, 1] });

/** Header of one feature descriptor. */
export const FeatureHeader = struct('feature descriptor header', 4, {
  code: named(u16be, DvdFeature),
  flags: packed(u8, { version: [2, 4], persistent: [1, 1], current: [0, 1] }),
  additionalLength: u8,
});

/** One profile of the profile list. */
export const ProfileDescriptor = struct('profile descriptor', 4, {
  profile: named(u16be, DvdProfile),
  current: packed(u8, { current: [0, 1] }),
  _reserved: reserved(1),
});
/** What the core feature says. */
export const CoreFeature = struct('core feature', 8, {
  physicalInterface: named(u32be, { Scsi: 1, Atapi: 2, Sata: 7 }),
  flags: packed(u8, { deviceBusyEvent: [0, 1] }),
  _reserved: reserved(3),
});
/** What the morphing feature says: 0 0, events are polled. */
export const MorphingFeature = struct('morphing feature', 4, {
  flags: packed(u8, { operationalEvents: [1, 1], asynchronous: [0, 1] }),
  _reserved: reserved(3),
});
/** What the removable medium feature says. */
export const RemovableMediumFeature = struct('removable medium feature', 4, { mechanism, _reserved: reserved(3) });
/** What the random readable feature says. */
export const RandomReadableFeature = struct('random readable feature', 8, {
  blockSize: u32be,
  blocking: u16be,
  flags: packed(u8, { errorRecoveryPage: [0, 1] }),
  _reserved: reserved(1),
});

/** The media class of GET EVENT STATUS NOTIFICATION, as a number and as a mask bit. */
export const MEDIA_EVENT_CLASS = 4;
/** Media events: what happened last. */
export const MediaEvent = { None: 0, EjectRequest: 1, NewMedia: 2, MediaRemoval: 3 } as const;

/** Header of event status data (MMC-6, 6.6.2.2), then the four bytes of one event. */
export const EventStatus = struct('media event status', 8, {
  /** Bytes behind this field. */
  length: u16be,
  /** NEA: no event available of the classes asked for. */
  eventClass: packed(u8, { noEvent: [7, 1], eventClass: [0, 3, { Media: MEDIA_EVENT_CLASS }] }),
  supportedClasses: flags(u8, { Media: 1 << MEDIA_EVENT_CLASS }),
  event: packed(u8, { event: [0, 4, MediaEvent] }),
  mediaStatus: flags(u8, { MediumPresent: 2, TrayOpen: 1 }),
  startSlot: u8,
  endSlot: u8,
});

/** Header of READ TOC/PMA/ATIP data, then one {@link TocTrack} for each track. */
export const TocHeader = struct('TOC header', 4, { length: u16be, first: u8, last: u8 });

/** One track of the table of contents, or the first track of a session. */
export const TocTrack = struct('TOC track descriptor', 8, {
  _reserved: reserved(1),
  control: packed(u8, { adr: [4, 4, { Position: 1 }], control: [0, 4, { DataTrack: 4 }] }),
  track: u8,
  _reserved2: reserved(1),
  /** A block, or {reserved, minute, second, frame}. */
  address: u32be,
});

/** The number that stands for the lead-out in a table of contents. */
export const LEAD_OUT_TRACK = 0xaa;

/** READ DISC INFORMATION, standard data (MMC-6, 6.22). */
export const DiscInformation = struct('disc information', 34, {
  length: u16be,
  status: packed(u8, {
    lastSession: [2, 2, { Empty: 0, Incomplete: 1, Complete: 3 }],
    disc: [0, 2, { Empty: 0, Appendable: 1, Complete: 2 }],
  }),
  firstTrack: u8,
  sessions: u8,
  firstTrackInLastSession: u8,
  lastTrackInLastSession: u8,
  flags: u8,
  discType: u8,
  _msb: reserved(3),
  identification: u32be,
  lastSessionLeadIn: u32be,
  lastPossibleLeadOut: u32be,
  _barCode: reserved(8),
  _application: reserved(1),
  opcTables: u8,
});

/** READ TRACK INFORMATION data (MMC-6, 6.26), its first 36 bytes. */
export const TrackInformation = struct('track information', 36, {
  length: u16be,
  track: u8,
  session: u8,
  _reserved: reserved(1),
  mode: packed(u8, { trackMode: [0, 4, { Data: 4 }] }),
  dataMode: packed(u8, { dataMode: [0, 4] }),
  validity: u8,
  startBlock: u32be,
  nextWritable: u32be,
  freeBlocks: u32be,
  packetSize: u32be,
  size: u32be,
  lastRecorded: u32be,
  _msb: reserved(4),
});

/** Header of READ DVD STRUCTURE data. */
export const DvdStructureHeader = struct('DVD structure header', 4, { length: u16be, _reserved: reserved(2) });

/** DVD physical format information (format 00h), the 17 bytes that mean something and 2031 reserved ones. */
export const DvdPhysicalFormat = struct('DVD physical format information', 2048, {
  book: packed(u8, { bookType: [4, 4, { DvdRom: 0 }], partVersion: [0, 4] }),
  sizeAndRate: packed(u8, { discSize: [4, 4, { Cm12: 0 }], maximumRate: [0, 4] }),
  layer: u8,
  density: u8,
  _zero: reserved(1),
  startSector: bytes(3),
  _zero2: reserved(1),
  endSector: bytes(3),
  _zero3: reserved(1),
  endSectorLayer0: bytes(3),
  flags: u8,
  _reserved: reserved(2031),
});
export type DvdPhysicalFormat = Infer<typeof DvdPhysicalFormat>;

/** First physical sector of a DVD's data area. */
export const DVD_FIRST_SECTOR = 0x03_0000;

/** MECHANISM STATUS header of a drive without a changer. */
export const MechanismStatus = struct('mechanism status header', 8, {
  slot: packed(u8, { changer: [5, 2, { Ready: 0 }], slot: [0, 5] }),
  state: packed(u8, { mechanism: [5, 3, { Idle: 0 }], doorOpen: [4, 1] }),
  currentBlock: bytes(3),
  slots: u8,
  slotTableLength: u16be,
});
