# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# libreswan as a peer in a namespace. Needs `scripts/peer libreswan` and
# topology.sh. Its certificates live in an NSS database, made here from PEM.
#
#   libre_dir NAME                     makes /run/libre/NAME
#   libre_cert NAME PEM KEY NICK       imports a certificate with its key
#   libre_authorities NAME PEM...      and CA certificates
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
	local dir=$libre_root/$1
	openssl pkcs12 -export -in "$2" -inkey "$3" -name "$4" -passout pass:x -out "$dir/p12" &&
		pk12util -i "$dir/p12" -d "sql:$dir/nss" -W x -K '' >/dev/null
}

libre_authorities() {
	local dir=$libre_root/$1 ca
	shift
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

# pluto has its connections loaded, by a program of its own that it starts, before it listens. Who loads them again ends what has begun.
libre_start() {
	local dir=$libre_root/$1
	rm -f "$dir/log"
	"$enter" "$2" $libre_bin/pluto --nofork --config "$dir/conf" --nssdir "$dir/nss" \
		--secretsfile "$dir/secrets" --rundir "$dir/run" --leak-detective >"$dir/out" 2>&1 &
	echo $! >"$dir/pid"
	wait_for 20 grep -qs 'listening for IKE messages' "$dir/log"
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
