#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
# kernels: uml
#
# README's "first real deployment", typed as it stands there: its commands and configurations are taken out of its fenced blocks, whose
# first lines say where. A gateway has a network of its own, and writes to an /etc, /usr/local, /lib/modules, /var/lib and /run of its own. What
# this machine cannot do is done by functions of that name: scp copies, systemctl starts what the installed unit says as far as there is
# no systemd, and of `make modules_install` (which tests/host/install.sh tries) the result is put in place.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/ktap.sh
. tests/lib/topology.sh

work=/run/readme
blocks=$work/blocks

#   branch-host ── branch ── router (NAT) ── hq ── hq-host
#   10.1.0.10  .1  192.168.1.2 | 198.51.100.1  .7  10.2.0.1 10.2.0.10
world() {
	local name
	for name in branch-host branch router hq hq-host; do
		echo "netns add $name"
	done | on -
	routers router
	on - <<-END
		link add name lan netns branch-host type veth peer name lan netns branch
		link add name wan netns branch type veth peer name inside netns router
		link add name outside netns router type veth peer name wan netns hq
		link add name lan netns hq type veth peer name lan netns hq-host
	END
	on branch-host <<-END
		addr add 10.1.0.10/16 dev lan
		link set lan up
		route add default via 10.1.0.1
	END
	on branch <<-END
		link set lo up
		addr add 10.1.0.1/16 dev lan
		link set lan up
		addr add 192.168.1.2/24 dev wan
		link set wan up
		route add default via 192.168.1.1
	END
	on router <<-END
		addr add 192.168.1.1/24 dev inside
		link set inside up
		addr add 198.51.100.1/24 dev outside
		link set outside up
	END
	on hq <<-END
		link set lo up
		addr add 198.51.100.7/24 dev wan
		link set wan up
		addr add 10.2.0.1/16 dev lan
		link set lan up
		route add default via 198.51.100.1
	END
	on hq-host <<-END
		addr add 10.2.0.10/16 dev lan
		link set lan up
		route add default via 10.2.0.1
	END
	ns router nft -f - <<-END
		table ip nat {
			chain out {
				type nat hook postrouting priority srcnat;
				oifname "outside" masquerade
			}
		}
	END
	gateway hq && gateway branch && mkdir -p "$work/hq-ca" "$work/branch-ca"
}

# gateway NAME: a process in the network and the mounts that are this machine's
gateway() {
	local own=$work/$1
	# shellcheck disable=SC2016 # expanded in there
	"$enter" "$1" unshare --mount --propagation private bash -c '
		for dir in etc usr/local lib/modules var/lib; do
			mkdir -p "/$dir" "$0/$dir" "$0/.work/$dir" &&
				mount -t overlay -o "lowerdir=/$dir,upperdir=$0/$dir,workdir=$0/.work/$dir" overlay "/$dir" || exit 1
		done
		: >"$0/ready"
		mount -t tmpfs -o mode=755 tmpfs /run && exec sleep infinity' "$own" &
	echo $! >"$work/$1.pid"
	wait_for 30 test -e "$own/ready"
}

# typed FILE COMMAND...: COMMAND is to run a shell, into which the block is typed line by line; the first that fails ends it
typed() {
	local commands
	commands=$(grep -v '^#' "$1") || return 1
	shift
	# shellcheck disable=SC2016 # expanded in there
	"$@" bash -c '
		while read -r line <&3; do
			echo "$ $line"
			eval "$line" || { echo "exit status $?"; exit 1; }
		done 3<<<"$1"' typed "$commands"
}

# there GATEWAY COMMAND...: on that one
there() {
	local pid
	pid=$(cat "$work/$1.pid")
	shift
	O=$CERTGATE_BUILD nsenter --target "$pid" --mount --net --wdns="$PWD" "$@"
}

# at_ca SITE COMMAND...: where its CA is kept, with the programs out of the tree
at_ca() (
	tree=$PWD
	cd "$work/$1-ca" && shift && PATH=$CERTGATE_BUILD:$tree:$PATH "$@"
)

# scp FILE GATEWAY:PATH
scp() {
	cp --preserve=mode "$1" "/proc/$(cat "/run/readme/${2%%:*}.pid")/root${2#*:}"
}

make() {
	local argument arguments=()
	for argument; do
		if [ "$argument" = modules_install ]; then
			install -D -m 644 "$CERTGATE_KO" "/lib/modules/$(uname -r)/updates/certgate.ko" &&
				depmod 2>/dev/null || return 1
		else
			arguments+=("$argument")
		fi
	done
	command make --no-print-directory "${arguments[@]}"
}

# said KEY: what the installed unit says
said() {
	sed -n "s/^$1=//p" /usr/local/lib/systemd/system/certgated.service
}

# ProtectSystem=strict and PrivateTmp of a unit: its own directories and /tmp can be written to, and nothing else.
protected() {
	local dir
	for dir in "/run/$(said RuntimeDirectory)" "/var/lib/$(said StateDirectory)"; do
		mount --bind "$dir" "$dir" || return 1
	done
	mount -t tmpfs tmpfs /tmp || return 1
	for dir in /run /var/lib /lib/modules /usr/local /etc /; do
		mount -o remount,bind,ro "$dir" || return 1
	done
}

systemctl() {
	local capabilities i
	[ "$*" = 'enable --now certgated' ] && [ "$(said WantedBy)" = multi-user.target ] && [ "$(said ProtectSystem)" = strict ] || return 1
	install -d -m 755 "/run/$(said RuntimeDirectory)" "/var/lib/$(said StateDirectory)"
	capabilities=$(said CapabilityBoundingSet | tr '[:upper:]' '[:lower:]' | sed 's/cap_//g; s/ /,+/g')
	# shellcheck disable=SC2016 # expanded in there
	setsid unshare --mount bash -c 'protected && ulimit -n "$(said LimitNOFILE)" &&
		exec setpriv --bounding-set "-all,+$0" $(said ExecStart)' "$capabilities" </dev/null >/var/lib/log 2>&1 &
	for ((i = 0; i < 300; i++)); do # Type=notify: started is what answers
		! certgate status >/dev/null 2>&1 || return 0
		sleep 0.1
	done
	cat /var/lib/log
	return 1
}
export -f scp make systemctl said protected

# what stands between the fences of the section, a file each
take_blocks() {
	mkdir -p $blocks
	awk -v dir=$blocks '
		/^## / { within = /A first real deployment/; next }
		!within { next }
		/^```[a-z]/ { file = sprintf("%s/%02d.%s", dir, ++n, substr($0, 4)); next }
		/^```/ { file = ""; next }
		file { print >file }' README.md
	[ "$(find $blocks -name '*.sh' | wc -l)" = 6 ] && [ "$(find $blocks -name '*.yaml' | wc -l)" = 2 ]
}

# first FILE: its first command, without the remark behind it
first() {
	sed -n '2{s/  *#.*//; p}' "$1"
}

# block FILE: does what it says where it says
block() {
	local file=$1 where site
	read -r where <"$file"
	case $where in
	'# on each gateway'*)
		for site in hq branch; do
			t "$site: $(first "$file")" typed "$file" there $site || return 1
		done
		;;
	'# on branch') t "branch: $(first "$file")" typed "$file" there branch ;;
	'# where '*' keeps its certificate authority')
		site=${where#\# where }
		site=${site%% *}
		t "the CA of $site: $(first "$file")" typed "$file" at_ca "$site"
		;;
	'# hq: /etc/'* | '# branch: /etc/'*)
		site=${where#\# }
		site=${site%%:*}
		t "$where" scp "$file" "$site:${where##* }"
		;;
	*) t "$file says where it belongs" false ;;
	esac
}

status_is_up() {
	there "$1" certgate status --json | grep -q '"state": *"up"'
}

gateways_log() {
	local site
	for site in hq branch; do
		ktap_log "$work/$site/var/lib/log"
	done
}

ktap_begin 17
t 'the section has six blocks of commands and two of configuration' take_blocks || exit 1
world || { echo "# no world"; exit 1; }
for file in "$blocks"/*; do
	block "$file" || { gateways_log; exit 1; } # the rest builds on it
done
t 'the tunnel is up at both ends' eval 'status_is_up branch && status_is_up hq' || gateways_log
t 'a host behind branch reaches one behind hq' ns branch-host ping -q -c 2 -i 0.2 -W 5 10.2.0.10 || gateways_log
t 'and the gateway does from its inner address' ns branch ping -q -c 1 -W 5 -I 10.1.0.1 10.2.0.10
t 'the processes run as the user that was made' eval '[ "$(there hq pgrep -c -u certgate certgated)" -ge 4 ]'
for site in hq branch; do
	there $site certgate stop
	kill "$(cat $work/$site.pid)"
done
wait
t 'nothing is left: rmmod' wait_for 10 rmmod certgate
ktap_end
