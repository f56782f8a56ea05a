# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# certgated in namespaces: its files, start, stop, and questions to it. Needs
# topology.sh, and to be called in the top folder of the tree.
#
#   gate_dir NAME                  makes /run/gate/NAME
#   gate_conf NAME <<EOF           its certgate.yaml
#   gate_start NAME NAMESPACE      starts the daemon and waits until it answers
#   gate NAME ARGUMENT...          the certgate command, in the namespace, with that daemon
#   gate_field NAME CONNECTION F   a field of the connection's status, a path like ike.suite or children.0.state
#   pid_of NAME ROLE               its first process of that role; `launcher` is the one that was started
#   gate_holders NAME FILE         its processes in whose memory that private key is (or that text, FILE not being *.key), a line each
#   gate_stop NAME                 on purpose, with DELETE
#   gate_kill NAME                 all its processes, with SIGKILL

gate_root=/run/gate
gate_build=${CERTGATE_BUILD:-$PWD/build}

gate_dir() {
	mkdir -p "$gate_root/$1/state"
	chmod 755 "$gate_root" "$gate_root/$1"
}

gate_conf() {
	cat >"$gate_root/$1/certgate.yaml"
}

gate_start() {
	local dir=$gate_root/$1
	echo "$2" >"$dir/ns"
	"$enter" "$2" "$gate_build/certgated" -c "$dir/certgate.yaml" --socket "$dir/control.sock" >>"$dir/log" 2>&1 &
	echo $! >"$dir/pid"
	wait_for "${GATE_START_SECONDS:-20}" gate_answers "$1"
}

gate_answers() {
	gate "$1" status >/dev/null 2>&1
}

gate() {
	local dir=$gate_root/$1 namespace
	shift
	read -r namespace <"$dir/ns"
	"$enter" "$namespace" "$gate_build/certgate" --socket "$dir/control.sock" "$@"
}

gate_field() {
	gate "$1" status "$2" --json 2>/dev/null | python3 -c '
import json, sys
v = json.load(sys.stdin)["connections"][0]
for key in sys.argv[1].split("."):
    v = v[int(key)] if isinstance(v, list) else v.get(key, "")
print(v)' "$3" 2>/dev/null
}

gate_is() {
	[ "$(gate_field "$1" "$2" "$3")" = "$4" ]
}

# gate_up NAME CONNECTION [SECONDS]: waits until it is up
gate_up() {
	wait_for "${3:-20}" gate_is "$1" "$2" state up
}

# All processes of a gateway: the daemon and its children.
gate_pids() {
	local pid
	pid=$(cat "$gate_root/$1/pid" 2>/dev/null) || return 0
	pgrep -P "$pid"
	echo "$pid"
}

pid_of() {
	local pid words
	[ "$2" != launcher ] || { cat "$gate_root/$1/pid"; return; }
	for pid in $(gate_pids "$1"); do
		mapfile -d '' words 2>/dev/null <"/proc/$pid/cmdline"
		[[ " ${words[*]} " != *" --role $2 "* ]] || { echo "$pid"; return 0; }
	done
	return 1
}

gate_holders() {
	local pids
	mapfile -t pids < <(gate_pids "$1")
	python3 tests/lib/keyscan.py "$2" "${pids[@]}" || echo "cannot be read"
}

gate_stop() {
	local pid
	pid=$(cat "$gate_root/$1/pid" 2>/dev/null) || return 0
	kill -TERM "$pid" 2>/dev/null
	wait "$pid"
	local status=$?
	rm -f "$gate_root/$1/pid"
	return $status
}

gate_kill() {
	local pid
	pid=$(cat "$gate_root/$1/pid" 2>/dev/null) || return 0
	# shellcheck disable=SC2046
	kill -KILL $(gate_pids "$1") 2>/dev/null
	wait "$pid" 2>/dev/null
	rm -f "$gate_root/$1/pid"
}
