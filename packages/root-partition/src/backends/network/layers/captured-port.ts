/** A port whose frames are written to a capture file, both ways, as they would be on a cable: cut and complete. */
import { CaptureFile } from '../capture/capture-file.ts';
import { PcapngDirection } from '../capture/pcapng.ts';
import { FrameFinisher } from '../finish-frame.ts';
import type { FrameOffload, NetworkPort } from '../network-port.ts';
import { PortLayer } from './port-layer.ts';

const INTERFACE = 'nic';

/** A port with a witness. */
export class CapturedPort extends PortLayer {
  readonly file: CaptureFile;
  readonly #finisher = new FrameFinisher();

  /** @param path - the file, which is replaced */
  constructor(inner: NetworkPort, path: string) {
    super(inner);
    this.file = new CaptureFile(path);
  }

  override send(frame: Uint8Array, offload?: FrameOffload): boolean {
    this.#finisher.finish(frame, offload, (whole) => this.file.write(INTERFACE, whole, PcapngDirection.Out));
    return super.send(frame, offload);
  }

  protected override receive(frame: Uint8Array, offload?: FrameOffload): boolean {
    this.file.write(INTERFACE, frame, PcapngDirection.In);
    return super.receive(frame, offload);
  }

  override inspect(): Record<string, unknown> {
    return { ...super.inspect(), capture: this.file.inspect() };
  }

  override dispose(done: () => void): void {
    super.dispose(() => this.file.close(done));
  }
}
