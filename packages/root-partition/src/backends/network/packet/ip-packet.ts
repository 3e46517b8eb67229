/** An IP packet of either family, as far as those care who take its payload. */

/** One packet, where it lies: filled in by who reads its header, used again for the next. */
export class IpPacket {
  /** The bytes that hold it. */
  bytes: Uint8Array = new Uint8Array(0);
  /** Where its header begins. */
  start = 0;
  /** Where its payload begins and ends. */
  payload = 0;
  end = 0;
  protocol = 0;
  /** IPv6 calls it hop limit. */
  timeToLive = 0;
  source = 0;
  destination = 0;
  identification = 0;
  /** Bytes of the whole payload before this one's. */
  fragmentOffset = 0;
  moreFragments = false;
}
