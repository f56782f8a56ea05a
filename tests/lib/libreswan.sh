# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# libreswan as a peer in a namespace. Needs `scripts/peer libreswan` and
# topology.sh. Its certificates live in an NSS database, made here from PEM.
#
#   libre_dir NAME                     makes /run/libre/NAME
#   libre_cert NAME PEM KEY NICK CA... imports our certificate with its key, and CA certificates
#   libre_conf NAME <<EOF              ipsec.conf
#   libre_start NAME NAMESPACE
#   libre NAME ARGUMENT...             whack to that daemon
#   libre_stop NAME

libre_root=/run/libre
libre_bin=/usr/libexec/ipsec

libre_dir() {
	local dir=$libre_root/$1
	mkdir -p "$dir/nss" "$dir/run"
	certutil -N -d "sql:$dir/nss" --empty-password
	: >"$dir/secrets"
}

libre_cert() {
	local dir=$libre_root/$1 pem=$2 key=$3 nick=$4 ca
	shift 4
	openssl pkcs12 -export -in "$pem" -inkey "$key" -name "$nick" -passout pass:x -out "$dir/p12" || return 1
	pk12util -i "$dir/p12" -d "sql:$dir/nss" -W x -K '' >/dev/null || return 1
	for ca; do
		certutil -A -d "sql:$dir/nss" -n "$(basename "$ca" .pem)" -t CT,, -a -i "$ca" || return 1
	done
}

libre_conf() {
	{
		printf 'config setup\n'
		printf '\t%s\n' "logfile=$libre_root/$1/log" logappend=no 'virtual-private=%v4:10.0.0.0/8' ${LIBRE_SETUP:-}
		cat
	} >"$libre_root/$1/conf"
}

libre_start() {
	local dir=$libre_root/$1
	"$enter" "$2" $libre_bin/pluto --nofork --config "$dir/conf" --nssdir "$dir/nss" \
		--secretsfile "$dir/secrets" --rundir "$dir/run" --leak-detective >"$dir/out" 2>&1 &
	echo $! >"$dir/pid"
	wait_for 20 test -S "$dir/run/pluto.ctl" || return 1
	wait_for 10 libre "$1" --status >/dev/null 2>&1 || return 1
	libre "$1" --listen >/dev/null
	$libre_bin/addconn --config "$dir/conf" --ctlsocket "$dir/run/pluto.ctl" --autoall >"$dir/load" 2>&1
}

libre() {
	local name=$1
	shift
	$libre_bin/whack --rundir "$libre_root/$name/run" "$@"
}

libre_stop() {
	local dir=$libre_root/$1 pid
	pid=$(cat "$dir/pid" 2>/dev/null) || return 0
	libre "$1" --shutdown >/dev/null 2>&1
	wait "$pid" 2>/dev/null
	rm -f "$dir/pid"
}
