/**
 * DSDT: the namespace of a machine.
 *
 * `VMOD` gives the VMBus its address space and `VMBS` is the bus, as on a Hyper-V machine of generation 2; Linux binds
 * its driver to the id `VMBus` and takes the windows from the parent. The clock's interrupt leads nowhere, so it is not
 * named. `\_S4` is left out on purpose: with it, Linux turns ballooning off.
 */
import { Port, SLEEP_TYPE_S5 } from '../../platform/ports.ts';
import type { MemoryMap } from '../memory-map.ts';
import {
  device,
  eisaId,
  integer,
  interrupt,
  list,
  memoryWindow,
  name,
  ports,
  resources,
  scope,
  string,
  type Aml,
} from './aml.ts';
import type { PlatformDescription } from './platform-description.ts';
import { table } from './table.ts';

const REVISION = 2;
const PRESENT_AND_WORKING = 0x0f;
const SERIAL_PORTS = 8;
const CLOCK_PORTS = 2;

/** Makes the DSDT. */
export function makeDsdt(map: MemoryMap, platform: PlatformDescription): Uint8Array {
  const { lowWindow, highWindow } = map;
  const bus = device(
    'VMOD',
    name('_HID', string('ACPI0004')),
    name('_UID', integer(0)),
    name(
      '_CRS',
      resources(memoryWindow(lowWindow.start, lowWindow.bytes), memoryWindow(highWindow.start, highWindow.bytes)),
    ),
    device(
      'VMBS',
      name('_HID', string('VMBus')),
      name('_UID', integer(0)),
      name('_DDN', string('VMBUS')),
      name('_STA', integer(PRESENT_AND_WORKING)),
      name('_CRS', resources()),
    ),
  );
  const devices: Aml[] = [bus];
  const { serialPort, serialInterrupt, realTimeClock } = platform;
  if (serialPort !== undefined) {
    const pins = serialInterrupt === undefined ? [] : [interrupt(serialInterrupt)];
    devices.push(portDevice('COM1', 'PNP0501', ports(serialPort, SERIAL_PORTS), ...pins));
  }
  if (realTimeClock) devices.push(portDevice('RTC0', 'PNP0B00', ports(Port.RealTimeClock, CLOCK_PORTS)));
  const softOff = name('_S5', list(integer(SLEEP_TYPE_S5), integer(SLEEP_TYPE_S5), integer(0), integer(0)));
  return table('DSDT', REVISION, Uint8Array.from([...scope('_SB', ...devices), ...softOff]));
}

/** A device of the ISA bus: ports, and perhaps an interrupt. */
function portDevice(path: string, id: string, ...taken: Aml[]): Aml {
  return device(path, name('_HID', eisaId(id)), name('_UID', integer(0)), name('_CRS', resources(...taken)));
}
