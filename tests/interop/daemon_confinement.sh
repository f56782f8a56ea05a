#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 480
# kernels: uml (6.1)
#
# The processes of a running certgated are what they are said to be: users, capabilities, root directories, descriptors, and
# system calls, which are injected into them with ptrace. Their memory has no private key, but for that of key.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/interop.sh

inject=$gate_build/tests/inject

status_field() { # PID FIELD
	local lines line
	mapfile -t lines 2>/dev/null <"/proc/$1/status"
	for line in "${lines[@]}"; do
		case $line in "$2:"*) echo "${line#*:$'\t'}" ;; esac
	done
}

unprivileged() { # ROLE
	local uid
	for uid in $(status_field "$(pid_of hq "$1")" Uid) $(status_field "$(pid_of hq "$1")" Gid); do
		[ "$uid" != 0 ] || return 1
	done
	[ -z "$(status_field "$(pid_of hq "$1")" Groups | tr -d ' \t')" ]
}

# Root's, so that the files of root can be read without a capability.
root() { # ROLE
	[ "$(status_field "$(pid_of hq "$1")" Uid)" = $'0\t0\t0\t0' ] && [ "$(status_field "$(pid_of hq "$1")" Gid)" = $'0\t0\t0\t0' ]
}

capabilities() { # ROLE SET [MORE]: in effect is that, permitted are that or MORE, nothing can be inherited or got (beyond MORE, by those it starts)
	local pid set
	pid=$(pid_of hq "$1")
	grep '^Cap' "/proc/$pid/status"
	[ "$(status_field "$pid" CapEff)" = "$2" ] && [ "$(status_field "$pid" CapPrm)" = "${3:-$2}" ] || return 1
	for set in CapInh CapAmb; do
		[ "$(status_field "$pid" $set)" = 0000000000000000 ] || return 1
	done
	[ "$(status_field "$pid" CapBnd)" = "${3:-0000000000000000}" ]
}

locked() { # ROLE: no new privileges, a filter, no core dumps, not to be read by others of its user
	local pid
	pid=$(pid_of hq "$1")
	[ "$(status_field "$pid" NoNewPrivs)" = 1 ] && [ "$(status_field "$pid" Seccomp)" = 2 ] &&
		grep -q '^Max core file size *0 *0 ' "/proc/$pid/limits" &&
		[ "$(stat -c %U "/proc/$pid/environ")" = root ]
}

unswapped() { # ROLE...: its memory is locked, but no more of it is there than it uses
	local role pid
	for role; do
		pid=$(pid_of hq "$role")
		grep -E '^Vm(Lck|RSS)' "/proc/$pid/status"
		[ "$(status_field "$pid" VmLck | tr -dc 0-9)" -gt "$(status_field "$pid" VmRSS | tr -dc 0-9)" ] || return 1
	done
}

in_batches() { # ROLE...: scheduled as SCHED_BATCH, field 41 of proc_pid_stat(5)
	local role stat fields
	for role; do
		stat=$(<"/proc/$(pid_of hq "$role")/stat")
		read -ra fields <<<"${stat##*) }"
		echo "$role: policy ${fields[38]}"
		[ "${fields[38]}" = 3 ] || return 1
	done
}

nowhere() { # ROLE: its root directory is empty, and can never be anything else
	local pid
	pid=$(pid_of hq "$1")
	[ "$(readlink "/proc/$pid/root")" != / ] && [ -z "$(ls -A "/proc/$pid/root/")" ] &&
		! touch "/proc/$pid/root/x" 2>/dev/null
}

# Each of its threads, of which there are several, has given up what the first one has.
threads() { # ROLE
	local pid task field n=0
	pid=$(pid_of hq "$1")
	for task in "/proc/$pid/task/"*; do
		n=$((n + 1))
		for field in Uid Gid Groups CapInh CapPrm CapEff CapBnd CapAmb NoNewPrivs Seccomp; do
			[ "$(status_field "$pid" $field)" = "$(status_field "$pid/task/${task##*/}" $field)" ] || {
				echo "$task: $field: $(status_field "$pid/task/${task##*/}" $field)"
				return 1
			}
		done
	done
	echo "$n threads"
	[ $n -gt 1 ]
}

no_files() { # ROLE: sockets, the event loop, and standard error alone
	local pid fd file
	pid=$(pid_of hq "$1")
	for fd in "/proc/$pid/fd/"*; do
		file=$(readlink "$fd") || continue # closed since it was listed
		case ${fd##*/}:$file in
		[01]:/dev/null | 2:* | *:socket:* | *:pipe:* | *:anon_inode:\[event*) ;;
		*) echo "$fd: $file"; return 1 ;;
		esac
	done
}

fresh() {
	gate_stop hq >/dev/null 2>&1
	gate_kill hq >/dev/null 2>&1
	interop_start
}

# A process that died is started again, the sooner the less often that happened: after some, a new daemon is quicker.
deaths=0
dies_of() { # ROLE NUMBER ARGUMENT...: SIGSYS
	local role=$1
	shift
	deaths=$((deaths + 1))
	if [ $((deaths % 4)) = 0 ] || ! gate_answers hq; then
		fresh || return 1
	fi
	wait_for 10 pid_of hq "$role" >/dev/null || return 1
	# Not while it starts: the filter comes before the first message.
	wait_for 10 filtered "$(pid_of hq "$role")" || return 1
	"$inject" "$(pid_of hq "$role")" "$@"
}

filtered() { # PID, waiting for events
	[ "$(status_field "$1" Seccomp)" = 2 ] && [[ $(status_field "$1" State) == S* ]]
}

survives() { # ROLE NUMBER ARGUMENT...
	local role=$1
	shift
	! "$inject" "$(pid_of hq "$role")" "$@"
}

holders() { # KEY: the processes in whose memory it is
	gate_holders hq "$pki/$1.key"
}

# Another file in its place, loaded.
changes_key() {
	cp "$pki/hq2.pfx" "$pki/hq.pfx" && gate hq reload
}

none_left() {
	! pgrep -x certgated
}

anew() {
	local before
	fresh && wait_for 10 filtered "$(pid_of hq fetch)" || return 1
	before=$(pid_of hq fetch)
	echo '192.0.2.1 somewhere.example' >>/etc/hosts
	wait_for 20 eval '[ -n "$(pid_of hq fetch)" ] && [ "$(pid_of hq fetch)" != "'"$before"'" ]' && ! grep 'event=process-ended.*fetch' "$gate_root/hq/log"
}

recovers() { # ROLE: there is another process of that role, and the daemon answers
	wait_for 10 pid_of hq "$1" && gate_answers hq
}

ktap_begin 84
insmod "$CERTGATE_KO" || exit 1
topo_up && pki_roots && pki_cert hq hq p256 && pki_cert hq hq2 p256 || exit 1
MODE=responder-only interop_hq hq
fresh || exit 1

for role in ike verify key fetch; do
	t "$role: another user, no groups" unprivileged $role
	t "$role: no capabilities, and none to be had" capabilities $role 0000000000000000
	t "$role: locked" locked $role
done
for role in ike verify key fetch; do
	t "$role: an empty root directory without a name" nowhere $role
	t "$role: no open file" no_files $role
done
t 'fetch: its threads, likewise' threads fetch
t 'ike, key: their memory is locked' unswapped ike key
t 'main: network administration and low ports, nothing else' capabilities main 0000000000001400
t 'main: locked' locked main
t 'main: root, without its powers' root main
# CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_SETPCAP and CAP_SYS_CHROOT: what confines those that it starts. Not in effect, but there for the next
# main, since execve() gives nobody under no_new_privs what he has not: CAP_NET_ADMIN and CAP_NET_BIND_SERVICE.
t 'launcher: what it takes to start and end the others, nothing else' capabilities launcher 00000000000401e0 00000000000415e0
t 'launcher: locked' locked launcher
t 'launcher: root, without its powers' root launcher
t 'each, when it is woken, lets who runs finish' in_batches launcher main ike verify key fetch

# What key and all others have in memory. The scan finds what is there: in key it does.
t 'our private key is in the memory of key alone' eval '[ "$(holders hq)" = "$(pid_of hq key)" ]'
t 'another one takes its place' eval 'changes_key && [ "$(holders hq2)" = "$(pid_of hq key)" ]'
t 'of the old one nothing is left anywhere' eval '[ -z "$(holders hq)" ]'

# The numbers are those of x86-64.
t 'an injected call that is allowed does no harm (getpid)' survives ike 39
t 'ike: opens no file' dies_of ike 257 -100 @/etc/passwd 0 0
t 'and is started again' recovers ike
t 'ike: makes no socket' dies_of ike 41 2 2 0
t 'ike: sets no handler on a socket (UDP_ENCAP)' dies_of ike 54 64 17 100 0 4
t 'ike: executes nothing' dies_of ike 59 @/bin/sh 0 0
t 'ike: makes no process' dies_of ike 56 17 0 0 0
t 'ike: traces nobody' dies_of ike 101 16 1
t 'ike: maps no executable memory' dies_of ike 9 0 4096 7 0x22 -1 0
t 'ike: makes no memory executable' dies_of ike 10 0 4096 5
t 'ike: connects nowhere' dies_of ike 42 3 0 0
t 'verify: opens no file' dies_of verify 257 -100 @/etc/passwd 0 0
t 'and is started again, with ike' eval 'recovers verify && recovers ike'
t 'verify: makes no socket' dies_of verify 41 2 2 0
t 'verify: executes nothing' dies_of verify 59 @/bin/sh 0 0
t 'key: opens no file' dies_of key 257 -100 @/etc/shadow 0 0
t 'and is started again' recovers key
t 'key: makes no socket' dies_of key 41 2 1 0
t 'key: executes nothing' dies_of key 59 @/bin/sh 0 0
t 'fetch: writes no file' dies_of fetch 257 -100 @/tmp/x 0x41 0644
t 'fetch: executes nothing' dies_of fetch 59 @/bin/sh 0 0
t 'fetch: maps no file as a program' dies_of fetch 9 0 4096 5 2 3 0
t 'fetch: has no netlink but that of addresses and routes' dies_of fetch 41 16 3 16
t 'fetch: is started anew when names mean something else, which is no failure' anew || tail -n 5 "$gate_root/hq/log"
t 'main: writes no file' dies_of main 257 -100 @/etc/passwd 2 0
t 'and all others end with it' eval '[ -z "$(gate_pids hq | grep -v "$(cat $gate_root/hq/pid)")" ]'
t 'main: executes nothing' dies_of main 59 @/bin/sh 0 0
t 'main: loads no module' dies_of main 175 0 0 0
t 'main: mounts nothing' dies_of main 165 0 0 0 0 0
t 'main: becomes nobody else' dies_of main 105 0
# NETLINK_NETFILTER and NETLINK_XFRM: rules and queues that would hand it what crosses, states and policies
t 'main: has no netlink of the firewall' dies_of main 41 16 3 12
t 'main: nor of xfrm' dies_of main 41 16 3 6
t 'main: but that of the module (generic)' survives main 41 16 3 16
t 'launcher: mounts nothing' dies_of launcher 165 0 0 0 0 0
t 'and all others end with it' wait_for 5 none_left
t 'launcher: loads no module' dies_of launcher 175 0 0 0
t 'launcher: traces nobody' dies_of launcher 101 16 1
t 'launcher: enters no namespace' dies_of launcher 308 0 0
gate_kill hq

# The process for key vaults is there if one is configured, and whether or not that answers.
sed -i -e 's,outbound_certificate: .*,outbound_certificate: https://kv.vault.azure.net/certificates/gw,' \
	-e "/^gateway:/a\\  vault: {metadata: 'http://127.0.0.1:1'}" "$gate_root/hq/certgate.yaml"
deaths=0
GATE_START_SECONDS=60
interop_start || exit 1
t 'vault: another user, no groups' unprivileged vault
t 'vault: no capabilities, and none to be had' capabilities vault 0000000000000000
t 'vault: locked' locked vault
t 'vault: its memory is locked' unswapped vault
t 'vault: an empty root directory without a name' nowhere vault
t 'vault: no open file' no_files vault
t 'vault: opens no file' dies_of vault 257 -100 @/etc/passwd 0 0
t 'and is started again' recovers vault
t 'vault: makes no socket but of the internet' dies_of vault 41 1 1 0
t 'vault: sends no datagrams, to ike or to others' dies_of vault 41 2 2 0
t 'vault: nor by IPv6' dies_of vault 41 10 2 0
t 'vault: listens to nobody' dies_of vault 50 3 1
t 'vault: executes nothing' dies_of vault 59 @/bin/sh 0 0
gate_kill hq
t 'rmmod' wait_for 5 rmmod certgate
ktap_end
