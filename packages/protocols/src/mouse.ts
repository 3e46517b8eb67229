/**
 * Synthetic mouse: a HID device whose reports cross the bus. Framing in `synthetic-message.ts`; sizes count the payload.
 *
 * Layouts as in Linux's `drivers/hid/hid-hyperv.c` (`mousevsc_prt_msg`, `synthhid_*`, `hv_input_dev_info`); the descriptor
 * and its report follow "Device Class Definition for Human Interface Devices" 1.11, sections 6.2 and 8.
 */
import { flags, i16, type Infer, reserved, struct, u16, u32, u8 } from '@ringlet/wire';

/** Message types. A peer may write any other number. */
export const MouseMessage = {
  ProtocolRequest: 0,
  ProtocolResponse: 1,
  DeviceInfo: 2,
  DeviceInfoAck: 3,
  InputReport: 4,
} as const;

/** The only version there is, 2.0. */
export const MOUSE_VERSION = 0x0002_0000;

/** Guest to host: the version it wants. */
export const MouseProtocolRequest = struct('synthhid_protocol_request', 4, { version: u32 });

/** Host to guest. A byte more than this and Linux drops it. */
export const MouseProtocolResponse = struct('synthhid_protocol_response', 5, { version: u32, approved: u8 });

/** Host to guest: who the device is. The report descriptor follows. */
export const MouseDeviceInfo = struct('hv_input_dev_info + hid_descriptor', 41, {
  /** Bytes of the first part, 32. */
  infoBytes: u32,
  vendor: u16,
  product: u16,
  version: u16,
  _reserved: reserved(22),
  /** Bytes of the HID descriptor, 9. */
  descriptorBytes: u8,
  /** 0x21: a HID descriptor. */
  descriptorType: u8,
  hidVersion: u16,
  country: u8,
  reports: u8,
  /** 0x22: a report descriptor. */
  reportType: u8,
  reportBytes: u16,
});

/** What Linux binds its driver to. */
const MICROSOFT = 0x045e;
const SYNTHETIC_MOUSE = 0x0621;

/** Buttons of a report, bit by bit. */
export const MouseButton = { Left: 1, Right: 2, Middle: 4, Back: 8, Forward: 16 } as const;
/** Position of the right and lower edges of the screen; the left and upper ones are 0. */
export const MOUSE_RANGE = 0x7fff;

/** One report: where the pointer is and which buttons are down. */
export const MouseReport = struct('HID input report', 7, {
  /** {@link MouseButton} bits. */
  buttons: flags(u8, MouseButton),
  /** 0 to {@link MOUSE_RANGE}, over the width of the screen. */
  x: u16,
  y: u16,
  /** Notches that the wheel turned since the last report; away from the user is positive. */
  wheel: i16,
});
export type MouseReport = Infer<typeof MouseReport>;

/** Says what {@link MouseReport} is: a mouse with five buttons, an absolute position and a wheel. */
// prettier-ignore
const REPORT_DESCRIPTOR = Uint8Array.of(
  0x05, 0x01, 0x09, 0x02, 0xa1, 0x01,             // usage page desktop, usage mouse, application
  0x09, 0x01, 0xa1, 0x00,                         //   usage pointer, physical
  0x05, 0x09, 0x19, 0x01, 0x29, 0x05,             //     buttons 1 to 5
  0x15, 0x00, 0x25, 0x01, 0x95, 0x05, 0x75, 0x01, //     0 to 1, five fields of one bit
  0x81, 0x02,                                     //     input: data, variable, absolute
  0x95, 0x01, 0x75, 0x03, 0x81, 0x01,             //     three bits of nothing
  0x05, 0x01, 0x09, 0x30, 0x09, 0x31,             //     X and Y
  0x15, 0x00, 0x26, 0xff, 0x7f, 0x75, 0x10, 0x95, 0x02, // 0 to 32767, two fields of 16 bits
  0x81, 0x02,                                     //     input: data, variable, absolute
  0x05, 0x01, 0x09, 0x38,                         //     wheel
  0x16, 0x01, 0x80, 0x26, 0xff, 0x7f, 0x75, 0x10, 0x95, 0x01, // -32767 to 32767, one field of 16 bits
  0x81, 0x06,                                     //     input: data, variable, relative
  0xc0, 0xc0,
);

/** The payload of {@link MouseMessage.DeviceInfo}. */
export function mouseDescription(): Uint8Array {
  const payload = new Uint8Array(MouseDeviceInfo.size + REPORT_DESCRIPTOR.length);
  MouseDeviceInfo.write(new DataView(payload.buffer), 0, {
    infoBytes: 32,
    vendor: MICROSOFT,
    product: SYNTHETIC_MOUSE,
    version: 1,
    descriptorBytes: 9,
    descriptorType: 0x21,
    hidVersion: 0x0101,
    country: 0,
    reports: 1,
    reportType: 0x22,
    reportBytes: REPORT_DESCRIPTOR.length,
  });
  payload.set(REPORT_DESCRIPTOR, MouseDeviceInfo.size);
  return payload;
}
