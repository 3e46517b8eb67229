#!/bin/sh
# What udhcpc runs when it has a lease.
[ "$1" = bound ] || exit 0
ip addr add "$ip/$mask" dev "$interface"
ip route add default via "$router"
echo "bound ip=$ip mask=$mask router=$router dns=$dns hostname=$hostname mtu=$mtu lease=$lease"
