/**
 * Ports at which guests look for devices that the platform does not have. They answer as empty slots do, with all ones,
 * and are not counted as accesses to unknown ports.
 */
import type { PortDevice, PortWidth } from './port-bus.ts';
import { Port } from './ports.ts';

/**
 * The two 8259 interrupt controllers and their trigger modes. A mask that does not read back what was written tells a
 * guest that there are none; its interrupts come through the local APIC alone.
 */
export class AbsentPic implements PortDevice {
  readonly name = 'absent-pic';
  readonly ports = [
    [Port.FirstPic, 2],
    [Port.SecondPic, 2],
    [Port.PicTrigger, 2],
  ] as const;

  read(): number {
    return 0xff;
  }

  write(): void {}
}

/**
 * PCI configuration by ports 0xCF8 and 0xCFC: an address register that does not read back what was written, so there is
 * no PCI. Port 0xCF9 alone, in one byte, is the reset control register, whose device the bus finds by itself.
 */
export class AbsentPci implements PortDevice {
  readonly name = 'absent-pci';
  readonly wide = true;
  readonly ports = [
    [Port.PciAddress, 1],
    [Port.PciAddress + 2, 2],
    [Port.PciData, 4],
  ] as const;

  read(_port: number, width: PortWidth): number {
    return width === 4 ? 0xffff_ffff : width === 2 ? 0xffff : 0xff;
  }

  write(): void {}
}
