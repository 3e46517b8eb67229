/** Frames that a Linux guest sends as they are. */
import type { ExecGuest } from './exec-guest.ts';

/** Has a guest send frames as they are, from its adapter's own address. */
export async function sendRaw(guest: ExecGuest, frames: readonly Uint8Array[]): Promise<void> {
  const mac = (await guest.shell('modprobe -q af_packet; cat /sys/class/net/eth0/address')).replaceAll(':', '');
  const index = await guest.shell('cat /sys/class/net/eth0/ifindex');
  const lines = frames.map((frame) => {
    const hex = Buffer.from(frame).toString('hex');
    return `${hex.slice(0, 12)}${mac}${hex.slice(24)}\n`;
  });
  const program = `socket(S,17,3,0) or die $!; while(<STDIN>) { chomp; send(S,pack("H*",$_),0,pack("SniSCCx8",17,0,${index},0,0,6)) or die $!; }`;
  const result = await guest.machine.exec(['perl', '-e', program], { input: Buffer.from(lines.join('')) });
  if (!('code' in result) || result.code !== 0) throw new Error(`perl: ${JSON.stringify(result)}`);
}
