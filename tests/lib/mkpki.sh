# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Shell functions that make certificates with the openssl command, for the demo, the kernel
# selftests and the interoperability tests. Source it and call:
#
#	mkpki_root DIR/hq-root            "CN=HQ Root,O=Example"
#	mkpki_ca   DIR/hq-ca  DIR/hq-root "CN=HQ Issuing CA,O=Example"
#	mkpki_gateway DIR/hq  DIR/hq-ca   "CN=gw.hq.example,O=Example" "DNS:gw.hq.example"
#	mkpki_crl DIR/hq-ca 3600 DIR/hq.pem
#
# Each makes NAME.key (PKCS#8, mode 0600), NAME.pem and NAME.cer (one line of Base64, as cloud
# portals want it). A gateway also gets NAME-chain.pem: its issuers below the root.
# mkpki_pfx packs all of it into NAME.pfx.
#
# Subjects are written as in RFC 4514, the leaf's side first, without escapes. These variables
# are looked at by every function:
#
#	MKPKI_KEY    p256 (default), p384, p521, rsa2048, rsa3072, rsa4096, ed25519, ed448
#	MKPKI_FROM   start of validity, YYYYMMDDHHMMSSZ (default: an hour ago)
#	MKPKI_UNTIL  end of validity, likewise (default: in ten years, a gateway's in one)
#	MKPKI_EKU    extendedKeyUsage of a gateway (default: serverAuth,clientAuth)
#	MKPKI_EXT    further lines for the extensions of the certificate
#
# Validity may be given as seconds from now: MKPKI_UNTIL=+20.

# "CN=x,O=y" as the /O=y/CN=x that openssl wants
mkpki_subject() {
	local IFS=, rdn out=
	for rdn in $1; do
		out="/${rdn# }$out"
	done
	printf '%s\n' "$out"
}

# a moment as openssl wants it: as it is, or +SECONDS / -SECONDS from now
mkpki_time() {
	case $1 in
	[-+]*) date -u -d "@$(($(date +%s) + $1))" +%Y%m%d%H%M%SZ ;;
	*) printf '%s\n' "$1" ;;
	esac
}

mkpki_key() {
	local out=$1 kind=${MKPKI_KEY:-p256}
	(
		umask 077
		case $kind in
		p256 | p384 | p521)
			openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:P-${kind#p}" -out "$out"
			;;
		rsa*) openssl genpkey -algorithm RSA -pkeyopt "rsa_keygen_bits:${kind#rsa}" -out "$out" 2>/dev/null ;;
		ed25519 | ed448) openssl genpkey -algorithm "${kind^^}" -out "$out" ;;
		*)
			echo "mkpki: MKPKI_KEY=$kind is not known" >&2
			return 1
			;;
		esac
	)
}

# mkpki_issue NAME ISSUER SUBJECT DEFAULT-END EXTENSIONS: ISSUER empty is self-signed
mkpki_issue() {
	local name=$1 issuer=$2 subject=$3 until=$4 extensions=$5 conf work r
	local from
	from=$(mkpki_time "${MKPKI_FROM:--3600}")
	until=$(mkpki_time "${MKPKI_UNTIL:-$until}")
	[ -e "$name.key" ] || mkpki_key "$name.key" || return 1
	work=$(mktemp -d) || return 1
	conf=$work/conf
	: >"$work/index"
	{
		printf '%s\n' '[req]' 'distinguished_name=dn' 'prompt=no' '[dn]' 'CN=unused' \
			'[ca]' 'default_ca=one' '[one]' "database=$work/index" "new_certs_dir=$work" \
			'default_md=sha256' 'policy=any' 'rand_serial=yes' 'unique_subject=no' \
			'preserve=yes' 'email_in_dn=yes' 'string_mask=utf8only' '[any]' '[ext]'
		printf '%s\n' "$extensions" "${MKPKI_EXT:-}"
	} >"$conf"
	openssl req -new -config "$conf" -utf8 -key "$name.key" -subj "$(mkpki_subject "$subject")" \
		-out "$work/csr" &&
		if [ -n "$issuer" ]; then
			set -- -cert "$issuer.pem" -keyfile "$issuer.key"
		else
			set -- -selfsign -keyfile "$name.key"
		fi &&
		openssl ca -config "$conf" -batch -notext -preserveDN -extensions ext -in "$work/csr" \
			-startdate "$from" -enddate "$until" -out "$name.pem" "$@" 2>"$work/log"
	r=$?
	if [ $r -ne 0 ]; then
		cat "$work/log" >&2
	else
		openssl x509 -in "$name.pem" -outform DER | openssl base64 -A >"$name.cer"
	fi
	rm -rf "$work"
	return $r
}

# mkpki_root NAME SUBJECT
mkpki_root() {
	mkpki_issue "$1" '' "$2" +315360000 'basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash'
}

# mkpki_ca NAME ISSUER SUBJECT
mkpki_ca() {
	mkpki_issue "$1" "$2" "$3" +315360000 'basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid' || return 1
	mkpki_chain "$1" "$2"
}

# mkpki_gateway NAME ISSUER SUBJECT [SAN]
mkpki_gateway() {
	mkpki_issue "$1" "$2" "$3" +31536000 "basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=${MKPKI_EKU:-serverAuth,clientAuth}
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
${4:+subjectAltName=$4}" || return 1
	mkpki_chain "$1" "$2"
}

# NAME-chain.pem: the issuers of NAME below the root, nearest first
mkpki_chain() {
	: >"$1-chain.pem"
	if [ -e "$2-chain.pem" ]; then # a root has none
		cat "$2.pem" "$2-chain.pem" >"$1-chain.pem"
	fi
}

# mkpki_crl ISSUER SECONDS [CERTIFICATE...]: ISSUER.crl, the issuer's next list, in DER: what was revoked in earlier ones is in it, and
# these certificates; good for so many seconds
mkpki_crl() {
	local issuer=$1 seconds=$2 cert
	shift 2
	[ -e "$issuer.index" ] || { : >"$issuer.index" && echo 01 >"$issuer.crlnumber"; } || return 1
	printf '%s\n' '[ca]' 'default_ca=one' '[one]' "database=$issuer.index" "crlnumber=$issuer.crlnumber" \
		'default_md=sha256' 'unique_subject=no' 'crl_extensions=ext' '[ext]' 'authorityKeyIdentifier=keyid' >"$issuer.conf"
	for cert; do
		openssl ca -config "$issuer.conf" -cert "$issuer.pem" -keyfile "$issuer.key" \
			-revoke "$cert" -crl_reason keyCompromise 2>/dev/null || return 1
	done
	openssl ca -config "$issuer.conf" -cert "$issuer.pem" -keyfile "$issuer.key" -gencrl -crlsec "$seconds" 2>/dev/null |
		openssl crl -outform DER -out "$issuer.crl.new" && mv "$issuer.crl.new" "$issuer.crl"
}

# mkpki_pfx NAME [PASSWORD] [legacy]: NAME.pfx with certificate, key and chain; "legacy" as Windows
# wrote it for years (RC2-40 and 3DES)
mkpki_pfx() {
	local name=$1 password=${2:-} legacy=${3:-}
	set --
	[ "$legacy" != legacy ] || set -- -legacy
	[ ! -s "$name-chain.pem" ] || set -- "$@" -certfile "$name-chain.pem"
	(
		umask 077
		openssl pkcs12 -export "$@" -inkey "$name.key" -in "$name.pem" \
			-passout "pass:$password" -out "$name.pfx"
	)
}
