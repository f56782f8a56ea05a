# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The certificates of two sites, for the interoperability tests. Needs mkpki.sh, and to be called in the top folder of the tree.
#
#   pki_ready DIR                            on the machine itself: makes roots, intermediates and a certificate of each kind of key there
#   pki_roots                                $pki: a root and an intermediate for each site
#   pki_cert SITE NAME KEYTYPE [SUBJECT]     $pki/NAME: a gateway certificate of the site's intermediate, with NAME.pfx
#
# An emulated CPU takes ten seconds for what its host does in one: tests/run has them made before it starts machines, and what was asked
# for is copied if it is there just so. Otherwise (another subject, validity or issuer; a second one of its kind) it is made here.

pki_kinds='rsa2048 p256 p384 p521 ed25519 ed448'
pki_made=${CERTGATE_BUILD:-$PWD/build}/test-pki

pki_subject() {
	echo "CN=gw.$1.example"
}

pki_issue() {
	MKPKI_KEY=$3 mkpki_gateway "$2" "$1-ca" "$4" "DNS:gw.$1.example" && mkpki_pfx "$2"
}

pki_authorities() {
	mkpki_root hq-root 'CN=HQ Root,O=HQ' && mkpki_ca hq-ca hq-root 'CN=HQ Issuing CA,O=HQ' &&
		mkpki_root branch-root 'CN=Branch Root,O=Branch' &&
		mkpki_ca branch-ca branch-root 'CN=Branch Issuing CA,O=Branch'
}

pki_ready() (
	rm -rf "$1" && mkdir -p "$1" && cd "$1" && pki_authorities || exit 1
	for site in hq branch; do
		for kind in $pki_kinds; do
			pki_issue "$site" "$site-$kind" "$kind" "$(pki_subject "$site")" || exit 1
		done
	done
	touch complete
)

pki_roots() (
	mkdir -p "$pki" || exit 1
	if [ -e "$pki_made/complete" ]; then
		cp -p "$pki_made"/*-{root,ca}* "$pki"
	else
		cd "$pki" && pki_authorities
	fi
)

pki_cert() (
	subject=${4:-$(pki_subject "$1")} made=$pki_made/$1-$3
	if [ -z "${MKPKI_UNTIL:-}${MKPKI_FROM:-}${MKPKI_EXT:-}${MKPKI_EKU:-}" ] && [ "$subject" = "$(pki_subject "$1")" ] &&
		[ -e "$made.pfx" ] && [ ! -e "$pki/.taken-$1-$3" ] && cmp -s "$pki/$1-ca.pem" "$pki_made/$1-ca.pem"; then
		for ending in .key .pem .cer -chain.pem .pfx; do
			cp -p "$made$ending" "$pki/$2$ending" || exit 1
		done
		: >"$pki/.taken-$1-$3"
	else
		cd "$pki" && pki_issue "$1" "$2" "$3" "$subject"
	fi
)
