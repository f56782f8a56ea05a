# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# certgated at hq and strongSwan at branch: what the scripts that let them meet share. Needs interop.sh and strongswan.sh.

# swan_branch CERT IKE ESP [LINES...]: strongSwan's configuration; LINES go into the connection
swan_branch() {
	local cert=$1 ike=$2 esp=$3
	shift 3
	swan_dir branch
	rm -f "$swan_root"/branch/{x509,private,x509ca}/*
	cp "$pki/$cert.pem" "$swan_root/branch/x509/"
	cp "$pki/$cert.key" "$swan_root/branch/private/"
	cp "$pki/branch-ca.pem" "$pki/branch-root.pem" "$pki/hq-root.pem" "$swan_root/branch/x509ca/"
	swan_conf branch <<-END
		connections {
			hq {
				version = 2
				local_addrs = ${SWAN_LOCAL:-203.0.113.2}
				remote_addrs = ${SWAN_REMOTE:-198.51.100.2}
				proposals = $ike
				send_cert = ${SEND_CERT:-always}
				${1:-}
				${2:-}
				${3:-}
				local {
					auth = ${SWAN_AUTH:-pubkey}
					certs = $cert.pem
				}
				remote {
					auth = pubkey
					id = "CN=gw.hq.example"
					cacerts = hq-root.pem
				}
				children {
					hq {
						local_ts = ${SWAN_LOCAL_TS:-10.2.0.0/16}
						remote_ts = ${SWAN_REMOTE_TS:-10.1.0.0/16}
						esp_proposals = $esp
						rekey_time = ${SWAN_REKEY:-0}
					}
				}
			}
		}
	END
}

start_branch() {
	swan_start branch branch || { cat "$swan_root"/branch/{out,load}; return 1; }
}

stop_both() {
	gate_stop hq
	swan_stop branch
	: >"$gate_root/hq/log"
}

logs() {
	ktap_log "$gate_root/hq/log" "$swan_root/branch/log"
}

# certgate_initiates WHAT, strongswan_initiates WHAT: configurations are in place; two results each
certgate_initiates() {
	start_branch && interop_start
	t "$1, certgate initiates: the tunnel is up" gate_up hq branch || logs
	t "$1, certgate initiates: ping crosses both ways" ping_both || logs
	stop_both
}

strongswan_initiates() {
	interop_start && start_branch
	t "$1, strongSwan initiates: the tunnel is up" swan branch --initiate --child hq --timeout 15 || logs
	t "$1, strongSwan initiates: ping crosses both ways" ping_both || logs
	stop_both
}

# terminated: strongSwan has no SA any more
terminated() {
	[ -z "$(swan branch --list-sas)" ]
}
