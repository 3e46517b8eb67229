/** NewImage: what a new image file consists of; everything not written reads as zeroes. */
export interface NewImage {
  /** Bytes of the file. */
  size: number;
  writes: { position: number; data: Uint8Array }[];
}
