# What `npm run bench -- linux` runs in Debian. Each figure is a line "bench: NAME VALUE".
#
#   devices.sh DISK SECONDS [IPERF_PORT|-] [PINGPONG_PORT|-]
disk=$1 seconds=$2 iperf=$3 pingpong=$4
here=${0%/*}
host=10.0.2.2

say() { echo "bench: $*"; }
uptime() { cut -d' ' -f1 /proc/uptime; }

say clock-begin "$(uptime)"

# fio's terse line, version 3: KiB a second are its seventh field, operations a second its eighth.
read_disk() { # NAME FIELD OPTIONS...
  name=$1 field=$2
  shift 2
  line=$(fio --name="$name" --filename="$disk" --readonly --direct=1 --ioengine=libaio --time_based --ramp_time=1 \
    --runtime="$seconds" --output-format=terse --terse-version=3 "$@" 2>&1 | tail -n 1)
  say "$name" "$(echo "$line" | cut -d';' -f"$field")"
}
if command -v fio >/dev/null; then
  read_disk random-1 8 --rw=randread --bs=4k --iodepth=1
  read_disk random-32 8 --rw=randread --bs=4k --iodepth=32
  read_disk sequential 7 --rw=read --bs=1M --iodepth=4
else
  say missing fio
fi

# DHCP is asked for during the boot; its answer may still be on the way.
for try in $(seq 60); do
  ip -4 addr show dev eth0 | grep -q 'inet 10\.0\.2\.' && break
  sleep 1
done

send() { # NAME OPTIONS...
  name=$1
  shift
  line=$(iperf3 --client $host --port "$iperf" --time "$seconds" --format m "$@" 2>&1)
  say "$name" "$(echo "$line" | sed -n 's/.* \([0-9.]*\) Mbits\/sec *receiver$/\1/p')"
}
if [ "$iperf" != - ] && command -v iperf3 >/dev/null; then
  send to-host
  send from-host --reverse
fi
if [ "$pingpong" != - ]; then
  "$here/pingpong" connect $host "$pingpong" "$seconds"
  say pingpong done
fi

say clock-end "$(uptime)"
say done
