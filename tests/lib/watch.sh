# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Traffic that goes on, and what is seen of it, for tests of when it stops. Sourced after tunnels.sh.

# stopwatch COMMAND...: what it takes on this machine today, in seconds rounded up, is in the variable took. Windows and limits
# that tests wait for follow from that.
stopwatch() {
	local start status
	start=$(boot_ms)
	"$@"
	status=$?
	took=$((($(boot_ms) - start) / 1000 + 1))
	return $status
}

# sleep_to TIME: until then by the wall clock, in seconds since 1970
sleep_to() {
	local now
	now=$(date +%s)
	[ "$1" -le "$now" ] || sleep $(($1 - now))
}

# pour SITE: pings from c1 or c2 to the other site, a hundred a second, whether anything comes back or not, until pour_off
pour() {
	"$enter" "c$1" ping -n -q -i 0.01 "10.$((3 - $1)).0.2" >/dev/null 2>&1 &
	pouring="${pouring:-} $!"
}

# flood SITE: the same with as many datagrams as the machine makes, one by one and twenty in one interrupt by turns
flood() {
	ns "c$1" ethtool -K lan tx-udp-segmentation off >/dev/null || return 1
	"$enter" "c$1" python3 -c 'import socket, sys
s, many = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
many.setsockopt(17, 103, 500)  # UDP_SEGMENT
while True:
    try:
        s.sendto(bytes(500), (sys.argv[1], 9))
        many.sendto(bytes(10000), (sys.argv[1], 9))
    except OSError:
        pass' "10.$((3 - $1)).0.2" &
	pouring="${pouring:-} $!"
}

# stream SITE: the same with TCP, whose super-packets cross as trains, in one connection after the other. None of them lingers.
stream() {
	"$enter" "c$((3 - $1))" python3 -c 'import socket, struct, sys
s = socket.create_server(("", int(sys.argv[1])))
while True:
    c, _ = s.accept()
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    c.settimeout(2)
    try:
        while c.recv(1 << 20):
            pass
    except OSError:
        pass
    c.close()' "$((5010 + $1))" &
	pouring="${pouring:-} $!"
	"$enter" "c$1" python3 -c 'import socket, struct, sys, time
while True:
    try:
        with socket.create_connection((sys.argv[1], int(sys.argv[2])), 1) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            while True:
                s.sendall(bytes(1 << 18))
    except OSError:
        time.sleep(0.02)' "10.$((3 - $1)).0.2" "$((5010 + $1))" &
	pouring="${pouring:-} $!"
}

pour_off() {
	local pid
	for pid in ${pouring:-}; do
		kill "$pid"
		wait "$pid"
	done 2>/dev/null
	pouring=''
}

# watch NAME NAMESPACE DEVICE FILTER...: a capture with time stamps, until watch_off
watch() {
	local name=$1 namespace=$2 device=$3
	shift 3
	rm -f /tmp/watch."$name".log # what an earlier one said is no sign of this one
	"$enter" "$namespace" tcpdump -l -n -tt --immediate-mode -i "$device" "$@" >/tmp/watch."$name" 2>/tmp/watch."$name".log &
	watching="${watching:-} $!"
	wait_until 10 eval '[[ -e /tmp/watch."$name".log && $(</tmp/watch."$name".log) == *"listening on"* ]]'
}

watch_off() {
	local pid
	for pid in ${watching:-}; do
		kill -INT "$pid"
		wait "$pid"
	done 2>/dev/null
	watching=''
}

# listen GATEWAY: the module's events go to /tmp/events until listen_off. No function in between: its process is the one to kill.
listen() {
	"$enter" "g$1" "$cg" kernel monitor --json >/tmp/events 2>/tmp/events.log &
	listening=$!
	wait_until 10 subscribed "$1"
}

# subscribed GATEWAY: somebody there listens to a multicast group of generic netlink beyond those of its controller
subscribed() {
	"$enter" "g$1" awk '$2 == 16 && $4 != "00000000" { found = 1 } END { exit !found }' /proc/net/netlink
}

listen_off() {
	pause 0.3
	kill "$listening"
	wait "$listening"
} 2>/dev/null

# told WORD...: how many events had all these words in this order
told() {
	local pattern
	printf -v pattern '.*"%s"' "$@"
	grep -c "$pattern" /tmp/events
}

# seen NAME FROM TO: how many packets were captured with time stamps from FROM up to before TO (seconds since 1970)
seen() {
	awk -v from="$2" -v to="$3" '$1 >= from && $1 < to { n++ } END { print n + 0 }' /tmp/watch."$1"
}

# wait_until SECONDS COMMAND...: fails when it has not succeeded by then, or CERTGATE_PATIENCE times as late. By the boot clock: the other may be set.
wait_until() {
	local begin now limit=$(($1 * 1000 * ${CERTGATE_PATIENCE:-1}))
	set_boot_ms begin
	shift
	until "$@"; do
		set_boot_ms now
		[ $((now - begin)) -lt $limit ] || return 1
		breathe $((now - begin))
	done
}

# milliseconds since boot; set_boot_ms VARIABLE: the same, into a variable
boot_ms() {
	local ms
	set_boot_ms ms
	echo "$ms"
}

set_boot_ms() {
	local up
	read -r up _ </proc/uptime
	printf -v "$1" %s $((${up/./} * 10))
}

# set_clock SECONDS: the wall clock, relative to what it should be; set_clock 0 makes it right again
clock_is_off=0
set_clock() {
	date -s "@$(($(date +%s) - clock_is_off + $1))" >/dev/null
	clock_is_off=$1
}

# crossing FROM-SITE: tries ten pings; how many packets the peer's gateway delivered of them, by its SAs' counters
crossing() {
	local peer=$((3 - $1)) before after
	before=$(received "$peer")
	"$enter" "c$1" ping -n -q -c 10 -i 0.01 -W 0.3 "10.$peer.0.2" >/dev/null 2>&1
	after=$(received "$peer")
	echo $((after - before))
}

# received GATEWAY: packets that its SAs delivered; sent GATEWAY: that they sent
received() {
	field "$1" "sum(s['rx_packets'] for s in x)" sa list
}

sent() {
	field "$1" "sum(s['tx_packets'] for s in x)" sa list
}

# states GATEWAY: of its SAs, each as STATE or STATE:DEATH, sorted, one word
states() {
	field "$1" "','.join(sorted(s['state'] + (':' + s['death'] if s['state'] == 'dead' else '') for s in x))" sa list
}

# is WANTED COMMAND...: does it print that?
is() {
	local wanted=$1 found
	shift
	found=$("$@")
	[ "$found" = "$wanted" ] || { echo "found: $found, wanted: $wanted"; return 1; }
}

# refuses 'TEXT' COMMAND...: it fails and says TEXT
refuses() {
	local text=$1 out
	shift
	out=$("$@" 2>&1) && { echo "it did not fail: $out"; return 1; }
	case $out in
	*"$text"*) return 0 ;;
	esac
	echo "it said: $out"
	return 1
}
