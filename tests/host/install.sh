#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What a packager does: make help, make install and make modules_install into a directory, for another prefix.
# timeout: 240

cd "$(dirname "$0")/../.." || exit 1
. tests/lib/ktap.sh
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

# A make of its own, whatever the one that called this was told.
own_make() {
	env -u MAKEFLAGS -u MAKELEVEL make --no-print-directory "$@"
}

install_all() {
	own_make install DESTDIR="$root" PREFIX=/opt/cg SYSCONFDIR=/opt/etc
}

# The files of a directory, without those that follow from the kernel.
files() {
	(cd "$root" && find . -type f | sort)
}

nothing_left_open() {
	! grep -r '@[A-Z]*@' "$root/opt/cg/lib"
}

# Every target that a person asks for is declared at the top of the Makefile.
helps() {
	local target targets
	own_make help >"$root/help" || return 1
	targets=$(sed -n '/^\.PHONY: all /,/[^\\]$/p' Makefile | tr -d '\\' | sed 's/^\.PHONY://')
	[ "$(wc -w <<<"$targets")" -gt 15 ] || { echo "found: $targets"; return 1; }
	for target in $targets; do
		grep -qE "^  ([a-z-]+ )?$target " "$root/help" || { echo "help does not tell of $target"; return 1; }
	done
	rm "$root/help"
}

is_up_to_date() {
	! install_all | grep -E '^  (CC|LINK)'
}

module() {
	own_make modules_install KDIR="$(scripts/kernel path 6.1 build)" INSTALL_MOD_PATH="$root/mods" &&
		[ "$(find "$root/mods" -name 'certgate.ko*' -path '*/updates/*' | wc -l)" = 1 ]
}

# What simulations draw from (tests/unit/lib) is in no object of the programs, which are there.
no_seeded_randomness() {
	local objects
	mapfile -t objects < <(find "${O:-build}/obj" -name '*.o')
	[ "${#objects[@]}" -gt 100 ] && nm -A "${objects[@]}" >"$root/symbols" && grep -q ' T ike_engine_new$' "$root/symbols" &&
		! grep -i seeded "$root/symbols"
	local status=$?
	rm -f "$root/symbols"
	return $status
}

# systemd looks for the program where the unit says, and for what the unit depends on.
unit_is_sound() {
	sed "s,/opt/cg,$root/opt/cg," "$root/opt/cg/lib/systemd/system/certgated.service" >"$root/certgated.service" &&
		systemd-analyze verify --man=no --recursive-errors=no "$root/certgated.service" >"$root/verify" 2>&1 &&
		! grep -F certgated.service "$root/verify"
}

ktap_begin 10
t 'make help lists the targets' helps
t 'make install' install_all
t 'puts these files there and no others' [ "$(files | tr '\n' ' ')" = "./opt/cg/bin/certgate ./opt/cg/lib/systemd/system/certgated.service ./opt/cg/lib/sysusers.d/certgate.conf ./opt/cg/sbin/certgated ./opt/cg/share/doc/certgate/examples/azure.yaml ./opt/cg/share/doc/certgate/examples/branch.yaml ./opt/cg/share/doc/certgate/examples/hq.yaml ./opt/cg/share/doc/certgate/examples/many-sites/certgate.yaml ./opt/cg/share/doc/certgate/examples/many-sites/conf.d/oslo.yaml ./opt/cg/share/doc/certgate/examples/many-sites/conf.d/paris.yaml ./opt/cg/share/doc/certgate/json.md ./opt/cg/share/man/man5/certgate.yaml.5 ./opt/cg/share/man/man8/certgate.8 ./opt/cg/share/man/man8/certgated.8 " ]
t 'a second time nothing is built again, whatever the prefix' is_up_to_date
t 'the unit starts that program with that configuration' grep -qx 'ExecStart=/opt/cg/sbin/certgated --config /opt/etc/certgate/certgate.yaml' "$root/opt/cg/lib/systemd/system/certgated.service"
if command -v systemd-analyze >/dev/null; then
	t 'the unit is sound' unit_is_sound
else
	ktap_skip 'the unit is sound' 'there is no systemd-analyze'
fi
t 'nothing is left to be filled in' nothing_left_open
t 'the programs run from there' eval '"$root/opt/cg/bin/certgate" version | grep -q "^certgate " && "$root/opt/cg/sbin/certgated" --version'
t 'seeded randomness is in none of them' no_seeded_randomness
t 'make modules_install puts the module below updates/' module
ktap_end
