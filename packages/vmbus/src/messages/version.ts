/**
 * Versions of the bus protocol, and what each one changes.
 *
 * A child asks for the newest it knows and walks down until the root agrees (Linux `drivers/hv/connection.c`). A version is
 * one u32: major in the high half, minor in the low. What depends on the version is a column here, never a comparison
 * somewhere else, so that a new version is one row.
 */

/** Versions by the number that crosses the bus. */
export const Version = {
  V2_4: 0x0002_0004,
  V3_0: 0x0003_0000,
  V4_0: 0x0004_0000,
  V4_1: 0x0004_0001,
  V5_0: 0x0005_0000,
  V5_1: 0x0005_0001,
  V5_2: 0x0005_0002,
  V5_3: 0x0005_0003,
  /** Known so that its messages can be declared; not in {@link versions}, hence never negotiated. */
  V6_0: 0x0006_0000,
} as const;

/** One row of {@link versions}. */
export interface VersionRow {
  /** The number that crosses the bus. */
  readonly value: number;
  /** For people: `5.3`. */
  readonly name: string;
  /** The contact names the virtual processor that bus messages go to; before, they go to VP 0. */
  readonly targetVp: boolean;
  /** hv_sock connect requests and reserved channels exist. */
  readonly sockets: boolean;
  /** An open channel can move to another virtual processor; failed socket connections are reported. */
  readonly modifyChannel: boolean;
  /** The contact names SINT and VTL instead of an interrupt page; the answer names the connection id for later messages. */
  readonly connectionId: boolean;
  /** A socket connect request may carry a silo id. */
  readonly silo: boolean;
  /** MODIFYCHANNEL is answered. */
  readonly modifyChannelResponse: boolean;
  /** Optional features are negotiated by flags. */
  readonly featureFlags: boolean;
}

/** In the order of the columns of {@link VersionRow}, from `targetVp` on. */
type Columns = readonly [boolean, boolean, boolean, boolean, boolean, boolean, boolean];

const row = (value: number, name: string, columns: Columns): VersionRow => ({
  value,
  name,
  targetVp: columns[0],
  sockets: columns[1],
  modifyChannel: columns[2],
  connectionId: columns[3],
  silo: columns[4],
  modifyChannelResponse: columns[5],
  featureFlags: columns[6],
});

const no = false;
const yes = true;

/** The versions that can be negotiated, newest first: the order a child tries them in. */
// prettier-ignore
export const versions: readonly VersionRow[] = [
  //                          target VP  sockets  modify  conn. id  silo  modify answer  feature flags
  row(Version.V5_3, '5.3', [  yes,       yes,     yes,    yes,      yes,  yes,           no ]),
  row(Version.V5_2, '5.2', [  yes,       yes,     yes,    yes,      yes,  no,            no ]),
  row(Version.V5_1, '5.1', [  yes,       yes,     yes,    yes,      no,   no,            no ]),
  row(Version.V5_0, '5.0', [  yes,       yes,     yes,    yes,      no,   no,            no ]),
  row(Version.V4_1, '4.1', [  yes,       yes,     yes,    no,       no,   no,            no ]),
  row(Version.V4_0, '4.0', [  yes,       yes,     no,     no,       no,   no,            no ]),
  row(Version.V3_0, '3.0', [  yes,       no,      no,     no,       no,   no,            no ]),
  row(Version.V2_4, '2.4', [  no,        no,      no,     no,       no,   no,            no ]),
];

/** The row of a version number, or `undefined` for one that is not negotiable. */
export const findVersion = (value: number): VersionRow | undefined => versions.find((each) => each.value === value);

/** Optional features of version 6.0 and later, as bits of the contact's and the answer's feature flags. */
export const FeatureFlag = {
  GuestSpecifiedSignal: 0x01,
  InterruptRedirection: 0x02,
  ModifyConnection: 0x04,
  ClientId: 0x08,
  ConfidentialChannels: 0x10,
  PauseResume: 0x20,
  ServerMonitorPages: 0x40,
} as const;
