# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Which marks IKE's packets leave a namespace with. Sourced by tests of interop.

# count_marks NAMESPACE MARK: from now on what IKE sends is counted, with this mark and without
count_marks() {
	ns "$1" nft -f - <<-END
		table inet marks {
			counter right {}
			counter wrong {}
			chain out {
				type filter hook output priority filter
				udp sport { 500, 4500 } meta mark $2 counter name right return
				udp sport { 500, 4500 } counter name wrong
			}
		}
	END
}

# marks_are_right NAMESPACE: packets were counted, all with the mark
marks_are_right() {
	ns "$1" nft list counters
	ns "$1" nft list counter inet marks right | grep -q 'packets [1-9]' && ns "$1" nft list counter inet marks wrong | grep -q 'packets 0 '
}
