# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# strongSwan as a peer in a namespace: its files, start, stop, and questions to
# it. Needs `scripts/peer strongswan` and topology.sh. Several can run at once.
#
#   swan_dir NAME               makes /run/swan/NAME with x509, x509ca, private and conf.d
#   swan_conf NAME <<EOF        what swanctl loads
#   swan_start NAME NAMESPACE   starts charon and loads
#   swan NAME ARGUMENT...       swanctl with that daemon
#   swan_stop NAME
#   swan_kill NAME              without a word to anybody

swan_root=/run/swan

swan_dir() {
	local dir=$swan_root/$1
	mkdir -p "$dir"/{x509,x509ca,private,rsa,ecdsa,pkcs8,pkcs12,pubkey,x509crl,x509ocsp,x509aa,x509ac,bliss,conf.d}
	cat >"$dir/strongswan.conf" <<-EOF
		charon-systemd {
			load = random nonce openssl kdf aes sha1 sha2 hmac gcm curve25519 chapoly pem pkcs1 pkcs8 pkcs12 x509 pubkey constraints kernel-netlink socket-default vici updown ${SWAN_PLUGINS:-}
			install_virtual_ip = no
			send_vendor_id = yes
			${SWAN_SETTINGS:-}
			retransmit_timeout = 1.0
			retransmit_tries = 3
			plugins {
				vici {
					socket = unix://$dir/vici
				}
			}
			filelog {
				log {
					path = $dir/log
					default = 1
					cfg = 2
					ike = 2
					${SWAN_LOG:-}
					flush_line = yes
				}
			}
		}
		# It would load each plugin that there is, every time it is started; what PEM and certificates take is enough.
		swanctl {
			load = random openssl pem pkcs1 pkcs8 x509 pubkey
		}
	EOF
}

swan_conf() {
	cat >"$swan_root/$1/swanctl.conf"
}

swan() {
	local name=$1 verb=$2
	shift 2
	SWANCTL_DIR=$swan_root/$name STRONGSWAN_CONF=$swan_root/$name/strongswan.conf \
		swanctl "$verb" --uri "unix://$swan_root/$name/vici" "$@"
}

swan_start() {
	local dir=$swan_root/$1
	STRONGSWAN_CONF=$dir/strongswan.conf "$enter" "$2" /usr/sbin/charon-systemd >"$dir/out" 2>&1 &
	echo $! >"$dir/pid"
	wait_for 20 test -S "$dir/vici" || return 1
	wait_for 10 swan "$1" --stats >/dev/null 2>&1 || return 1
	swan "$1" --load-all --file "$dir/swanctl.conf" --noprompt >"$dir/load" 2>&1
}

swan_stop() {
	local dir=$swan_root/$1 pid
	pid=$(cat "$dir/pid" 2>/dev/null) || return 0
	kill "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	rm -f "$dir/pid" "$dir/vici"
}

swan_kill() {
	local dir=$swan_root/$1 pid
	pid=$(cat "$dir/pid")
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null
	rm -f "$dir/pid" "$dir/vici"
}
