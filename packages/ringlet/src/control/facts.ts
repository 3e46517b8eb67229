/** What is known of a running machine from the moment it starts. */

/** Facts about a machine that its control socket gives to `ringlet ls`. */
export interface MachineFacts {
  readonly guest: string;
  readonly cpus: number;
  /** Bytes. */
  readonly memory: number;
  readonly disks: readonly string[];
  readonly devices: readonly string[];
  readonly harness: string;
  /** The ringlet that runs it. */
  readonly version: string;
}
