/** What is known of a running machine from the moment it starts. */

/** Facts about a machine that its control socket gives to `ringlet ls`. */
export interface MachineFacts {
  /** The file that it runs: a guest module, or a kernel. */
  readonly guest: string;
  /** The image of the catalogue that the file belongs to. */
  readonly image?: string;
  /** What its processors run. A console can be typed at when it is `x86-64`. */
  readonly kind: 'typescript' | 'x86-64';
  readonly cpus: number;
  /** Bytes. */
  readonly memory: number;
  readonly disks: readonly string[];
  readonly devices: readonly string[];
  readonly harness: string;
  /** The ringlet that runs it. */
  readonly version: string;
}
