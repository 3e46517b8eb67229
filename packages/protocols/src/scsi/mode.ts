/** Mode parameters: the headers and pages of MODE SENSE and MODE SELECT (SPC-4 7.5, SBC-3 6.5, MMC-3 5.5.10). */
import { flags, type Infer, packed, reserved, struct, u16be, u8 } from '@ringlet/wire';

/** Numbers of the mode pages served here. */
export const ModePage = { Caching: 0x08, Control: 0x0a, CdCapabilities: 0x2a, All: 0x3f } as const;

/** Which values MODE SENSE asks for: the top two bits of its page byte. */
export const ModePageControl = { Current: 0, Changeable: 1, Default: 2, Saved: 3 } as const;

/** Device-specific parameter: the medium is write protected. */
export const MODE_WRITE_PROTECT = 0x80;
/** Device-specific parameter: the DPO and FUA bits of reads and writes are honoured. */
export const MODE_DPOFUA = 0x10;

const deviceSpecific = flags(u8, { WriteProtect: MODE_WRITE_PROTECT, DpoFua: MODE_DPOFUA });

/** Header of MODE SENSE (6) and MODE SELECT (6). */
export const ModeHeader6 = struct('mode parameter header (6)', 4, {
  /** Bytes behind this one. */
  dataLength: u8,
  mediumType: u8,
  /** {@link MODE_WRITE_PROTECT}, {@link MODE_DPOFUA}. */
  deviceSpecific,
  blockDescriptorLength: u8,
});

/** Header of MODE SENSE (10) and MODE SELECT (10). */
export const ModeHeader10 = struct('mode parameter header (10)', 8, {
  dataLength: u16be,
  mediumType: u8,
  deviceSpecific,
  _reserved: reserved(2),
  blockDescriptorLength: u16be,
});

/** WCE: a write may complete before it is durable; SYNCHRONIZE CACHE makes it so. */
export const CACHING_WRITE_CACHE = 0x04;
/** RCD: reads are not served from a cache. */
export const CACHING_READ_DISABLE = 0x01;

/** Number of a mode page. */
const modePage = packed(u8, { parametersSaveable: [7, 1], page: [0, 6, ModePage] });
/** What each mode page begins with: its number, and how many bytes follow. */
export const ModePageHeader = struct('mode page header', 2, { page: modePage, length: u8 });

/** Caching mode page (08h), 20 bytes. */
export const CachingPage = struct('caching mode page', 20, {
  page: modePage,
  length: u8,
  flags: flags(u8, { WriteCache: CACHING_WRITE_CACHE, ReadDisable: CACHING_READ_DISABLE }),
  retention: u8,
  disablePrefetchLength: u16be,
  minimumPrefetch: u16be,
  maximumPrefetch: u16be,
  maximumPrefetchCeiling: u16be,
  moreFlags: u8,
  segments: u8,
  segmentSize: u16be,
  _reserved: reserved(4),
});
export type CachingPage = Infer<typeof CachingPage>;

/** Control mode page (0Ah), 12 bytes. */
export const ControlPage = struct('control mode page', 12, {
  page: modePage,
  length: u8,
  flags2: u8,
  queueing: packed(u8, { queueAlgorithm: [4, 4, { Restricted: 0, Unrestricted: 1 }] }),
  flags4: u8,
  flags5: u8,
  _obsolete: reserved(2),
  busyTimeout: u16be,
  selfTestTime: u16be,
});

/** C/DVD capabilities and mechanical status page (2Ah), 22 bytes. Speeds in kB/s. */
export const CdCapabilitiesPage = struct('CD/DVD capabilities mode page', 22, {
  page: modePage,
  length: u8,
  reads: flags(u8, { CdR: 1, CdRw: 2, DvdRom: 8, DvdR: 0x10 }),
  writes: u8,
  capabilities4: u8,
  capabilities5: u8,
  mechanism: packed(u8, {
    loading: [5, 3, { Caddy: 0, Tray: 1 }],
    ejects: [3, 1],
    locked: [1, 1],
    locks: [0, 1],
  }),
  capabilities7: u8,
  maximumReadSpeed: u16be,
  volumeLevels: u16be,
  bufferKilobytes: u16be,
  currentReadSpeed: u16be,
  _reserved: reserved(6),
});
