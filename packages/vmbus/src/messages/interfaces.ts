/**
 * Interface GUIDs of the known device classes: what a guest chooses its driver by.
 *
 * Values from the Linux drivers' id tables (`include/linux/hyperv.h`), the rest from the published Hyper-V interfaces.
 */

/** One device class. */
export interface DeviceInterface {
  /** For people: traces and `inspect`. */
  readonly name: string;
  /** GUID of the class. */
  readonly interfaceId: string;
  /** The one instance there is of it, where hosts agree on one. */
  readonly instanceId?: string;
}

/** Known device classes by a short name. */
// prettier-ignore
export const interfaces = {
  scsi:          { name: 'SCSI controller', interfaceId: 'ba6163d9-04a1-4d29-b605-72e2ffb1dc7f' },
  ide:           { name: 'IDE accelerator', interfaceId: '32412632-86cb-44a2-9b5c-50d1417354f5' },
  fibreChannel:  { name: 'fibre channel', interfaceId: '2f9bcc4a-0069-4af3-b76b-6fd0be528cda' },
  network:       { name: 'network adapter', interfaceId: 'f8615163-df3e-46c5-913f-f2d2f965ed0e' },
  networkDirect: { name: 'network direct', interfaceId: '8c2eaf3d-32a7-4b09-ab99-bd1f1c86b501' },
  pci:           { name: 'PCI pass-through', interfaceId: '44c4f61d-4444-4400-9d52-802e27ede19f' },
  video:         { name: 'synthetic video', interfaceId: 'da0a7802-e377-4aac-8e77-0558eb1073f8' },
  keyboard:      { name: 'keyboard', interfaceId: 'f912ad6d-2b17-48ea-bd65-f927a61c7684', instanceId: 'd34b2567-b9b6-42b9-8778-0a4ec0b955bf' },
  mouse:         { name: 'mouse', interfaceId: 'cfa8b69e-5b4a-4cc0-b98b-8ba1a1f3f95a', instanceId: '58f75a6d-d949-4320-99e1-a2a2576d581c' },
  keyValue:      { name: 'key-value exchange', interfaceId: 'a9a0f4e7-5a45-4d96-b827-8a841e8c03e6', instanceId: '242ff919-07db-4180-9c2e-b86cb68c8c55' },
  timeSync:      { name: 'time synchronisation', interfaceId: '9527e630-d0ae-497b-adce-e80ab0175caf', instanceId: '2dd1ce17-079e-403c-b352-a1921ee207ee' },
  heartbeat:     { name: 'heartbeat', interfaceId: '57164f39-9115-4e78-ab55-382f3bd5422d' },
  shutdown:      { name: 'shutdown', interfaceId: '0e0b6031-5213-4934-818b-38d90ced39db', instanceId: 'b6650ff7-33bc-4840-8048-e0676786f393' },
  fileCopy:      { name: 'file copy', interfaceId: '34d14be3-dee4-41c8-9ae7-6b174977c192' },
  backup:        { name: 'volume shadow copy', interfaceId: '35fa2e29-ea23-4236-96ae-3a6ebacba440' },
  balloon:       { name: 'dynamic memory', interfaceId: '525074dc-8985-46e2-8057-a307dc18a502' },
  serial:        { name: 'serial port', interfaceId: '8b60ccf6-709f-4c11-90b5-229c959a9e6a' },
  crashDump:     { name: 'crash dump', interfaceId: '427b03e7-4ceb-4286-b5fc-486f4a1dd439' },
  files:         { name: 'boot files', interfaceId: 'c376c1c3-d276-48d2-90a9-c04748072c60', instanceId: 'c4e5e7d1-d748-4afc-979d-683167910a55' },
  activation1:   { name: 'activation (1)', interfaceId: 'f8e65716-3cb3-4a06-9a60-1889c5cccab5' },
  activation2:   { name: 'activation (2)', interfaceId: '3375baf4-9e15-4b30-b765-67acb10d607b' },
  remoteDesktop: { name: 'remote desktop', interfaceId: '276aacf4-ac15-426c-98dd-7521ad3f01fe' },
} as const satisfies Record<string, DeviceInterface>;

const byId = new Map<string, DeviceInterface>(Object.values(interfaces).map((each) => [each.interfaceId, each]));

/** The device class of an interface GUID in lower case, when it is a known one. */
export const findInterface = (interfaceId: string): DeviceInterface | undefined => byId.get(interfaceId);

/** Last 24 digits of the service GUIDs that stand for AF_VSOCK ports: `xxxxxxxx-facb-11e6-bd58-64006a7986d3`. */
const VSOCK_TEMPLATE = '-facb-11e6-bd58-64006a7986d3';

/** The service GUID of an AF_VSOCK port. */
export const vsockService = (port: number): string => (port >>> 0).toString(16).padStart(8, '0') + VSOCK_TEMPLATE;

/** The AF_VSOCK port of a service GUID, or `undefined` when it is not one. */
export const vsockPort = (serviceId: string): number | undefined =>
  serviceId.toLowerCase().endsWith(VSOCK_TEMPLATE) ? parseInt(serviceId.slice(0, 8), 16) : undefined;
