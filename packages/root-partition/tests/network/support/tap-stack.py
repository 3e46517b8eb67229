"""A Linux TCP/IP stack of its own (the network namespace that this runs in), with one interface, `tap0`.

What the interface sends goes to a Unix socket and back, each frame after its length (u32, big-endian).
Arguments: path of the socket, MAC address, MTU. Prints "ready" once the interface is up.
"""

import fcntl, os, select, socket, struct, subprocess, sys

path, mac, mtu = sys.argv[1:4]
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 2, 0x1000

tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", b"tap0", IFF_TAP | IFF_NO_PI))
for words in ("link set lo up", f"link set tap0 address {mac} mtu {mtu}", "link set tap0 up"):
    subprocess.run(["ip", *words.split()], check=True)
for key, value in (("net.ipv6.conf.all.disable_ipv6", "1"),):
    open("/proc/sys/" + key.replace(".", "/"), "w").write(value)

peer = socket.socket(socket.AF_UNIX)
peer.connect(path)
peer.setblocking(False)
print("ready", flush=True)

incoming = bytearray()
outgoing = bytearray()
while True:
    readable, writable, _ = select.select([tap, peer], [peer] if outgoing else [], [])
    if tap in readable and len(outgoing) < 1 << 20:
        try:
            for _ in range(64):
                frame = os.read(tap, 65600)
                outgoing += struct.pack(">I", len(frame)) + frame
        except BlockingIOError:
            pass
    if outgoing:
        try:
            del outgoing[: peer.send(outgoing)]
        except BlockingIOError:
            pass
    if peer in readable:
        data = peer.recv(1 << 18)
        if not data:
            break
        incoming += data
        at = 0
        while len(incoming) - at >= 4:
            (length,) = struct.unpack_from(">I", incoming, at)
            if len(incoming) - at - 4 < length:
                break
            try:
                os.write(tap, incoming[at + 4 : at + 4 + length])
            except OSError:
                pass
            at += 4 + length
        del incoming[:at]
