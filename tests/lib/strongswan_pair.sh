# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# certgated at hq and strongSwan at branch: what the scripts that let them meet share. Needs interop.sh and strongswan.sh.

# swan_files CERT...: what branch has of certificates and keys
swan_files() {
	local cert
	swan_dir branch
	rm -f "$swan_root"/branch/{x509,private,x509ca}/*
	for cert; do
		cp "$pki/$cert.pem" "$swan_root/branch/x509/"
		cp "$pki/$cert.key" "$swan_root/branch/private/"
	done
	cp "$pki/branch-ca.pem" "$pki/branch-root.pem" "$pki/hq-root.pem" "$swan_root/branch/x509ca/"
}

# swan_connection NAME CERT IKE ESP [LINES...]: one of strongSwan's connections and its child of the same name; LINES go into it
swan_connection() {
	local name=$1 cert=$2 ike=$3 esp=$4
	shift 4
	cat <<-END
		$name {
			version = 2
			local_addrs = ${SWAN_LOCAL:-203.0.113.2}
			remote_addrs = ${SWAN_REMOTE:-198.51.100.2}
			proposals = $ike
			send_cert = ${SEND_CERT:-always}
			$(printf '%s\n' "$@")
			local {
				auth = ${SWAN_AUTH:-pubkey}
				certs = $cert.pem
			}
			remote {
				auth = pubkey
				id = "${SWAN_REMOTE_ID:-CN=gw.hq.example}"
				cacerts = hq-root.pem
			}
			children {
				$name {
					local_ts = ${SWAN_LOCAL_TS:-10.2.0.0/16}
					remote_ts = ${SWAN_REMOTE_TS:-10.1.0.0/16}
					esp_proposals = $esp
					rekey_time = ${SWAN_REKEY:-0}
					${SWAN_DPD:+dpd_action = $SWAN_DPD}
				}
			}
		}
	END
}

# swan_branch CERT IKE ESP [LINES...]: strongSwan's configuration of one connection
swan_branch() {
	swan_files "$1"
	swan_conf branch <<-END
		connections {
			$(swan_connection hq "$@")
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

peer_log=$swan_root/branch/log # of both_ask

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
