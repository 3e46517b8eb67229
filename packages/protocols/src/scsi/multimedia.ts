/** What a DVD-ROM drive is asked: features, events, table of contents, disc structure (MMC-6). Big-endian. */
import { bytes, type Infer, reserved, struct, u16be, u32be, u8 } from '@ringlet/wire';

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
  currentProfile: u16be,
});

/** Header of one feature descriptor. */
export const FeatureHeader = struct('feature descriptor header', 4, {
  code: u16be,
  /** Version (bits 5..2), persistent (1), current (0). */
  flags: u8,
  additionalLength: u8,
});

/** Header of event status data (MMC-6, 6.6.2.2), then the four bytes of one event. */
export const EventStatus = struct('media event status', 8, {
  /** Bytes behind this field. */
  length: u16be,
  /** Bit 7, NEA: no event available of the classes asked for; low three bits: the class reported. */
  eventClass: u8,
  supportedClasses: u8,
  /** Low four bits, one of {@link MediaEvent}. */
  event: u8,
  /** Bit 1: medium present, bit 0: tray open. */
  mediaStatus: u8,
  startSlot: u8,
  endSlot: u8,
});

/** The media class of GET EVENT STATUS NOTIFICATION, as a number and as a mask bit. */
export const MEDIA_EVENT_CLASS = 4;
/** Media events: what happened last. */
export const MediaEvent = { None: 0, EjectRequest: 1, NewMedia: 2, MediaRemoval: 3 } as const;

/** Header of READ TOC/PMA/ATIP data, then one {@link TocTrack} for each track. */
export const TocHeader = struct('TOC header', 4, { length: u16be, first: u8, last: u8 });

/** One track of the table of contents, or the first track of a session. */
export const TocTrack = struct('TOC track descriptor', 8, {
  _reserved: reserved(1),
  /** ADR (1: position) and CONTROL (4: data track). */
  control: u8,
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
  /** Bits 0..1 disc status (2: complete), bits 2..3 state of the last session (3: complete). */
  status: u8,
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
  /** Low four bits: track mode (4: data). */
  mode: u8,
  /** Low four bits: data mode (1). */
  dataMode: u8,
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
  /** Book type (0: DVD-ROM) and part version. */
  book: u8,
  /** Disc size (0: 12 cm) and maximum rate. */
  sizeAndRate: u8,
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
  /** Bits 5..6 changer state (0: ready), low five the slot. */
  slot: u8,
  /** Bits 5..7 mechanism state (0: idle), bit 4 door open. */
  state: u8,
  currentBlock: bytes(3),
  slots: u8,
  slotTableLength: u16be,
});
