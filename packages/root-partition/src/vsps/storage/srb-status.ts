/** From the port driver's status of a request to the NT status of its packet: Windows acts on the latter. */
import { SRB_STATUS_MASK, SrbStatus, VstorStatus } from '@ringlet/protocols';

/** The NT status that goes with an `srb_status`, flag bits ignored. */
export function statusOfSrb(srbStatus: number): number {
  switch (srbStatus & SRB_STATUS_MASK) {
    case SrbStatus.Success:
      return VstorStatus.Success;
    case SrbStatus.Aborted:
      return VstorStatus.Cancelled;
    case SrbStatus.Busy:
      return VstorStatus.DeviceBusy;
    case SrbStatus.DataOverrun:
      return VstorStatus.BufferOverflow;
    case SrbStatus.SelectionTimeout:
      return VstorStatus.DeviceNotConnected;
    case SrbStatus.Timeout:
    case SrbStatus.CommandTimeout:
      return VstorStatus.IoTimeout;
    case SrbStatus.InvalidLun:
    case SrbStatus.NoDevice:
      return VstorStatus.DeviceDoesNotExist;
    case SrbStatus.BadFunction:
    case SrbStatus.InvalidRequest:
      return VstorStatus.InvalidDeviceRequest;
    default:
      return VstorStatus.IoDeviceError;
  }
}
