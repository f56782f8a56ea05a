// SPDX-License-Identifier: Apache-2.0
/* What is wrong in a configuration is refused with its place, its key, what was found and what would be right. */
#include "lib/configtest.h"

struct wrong {
	const char *text;
	const char *said;
};

static void check(const struct wrong *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_loaded_ struct loaded l = load_text(cases[i].text);

		assert_refused(&l, cases[i].said);
	}
}

/* Lines that are added to a connection that is right without them. */
static void check_lines(const struct wrong *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *lines = str_printf("%s" REMOTE INBOUND NETWORKS,
							cases[i].text);
		_cleanup_loaded_ struct loaded l = load_connection(lines);

		assert_refused(&l, cases[i].said);
	}
}

static void the_form_is_file_line_column_key_found_expected_hint(void **state)
{
	_cleanup_loaded_ struct loaded l = load_connection(
		"    remote_address: 192.0.2.256\n" INBOUND NETWORKS);
	_cleanup_free_ char *s = said(&l);

	(void)state;
	assert_string_equal(s, "/etc/certgate/test.yaml:5:21: connections[hq].remote_address: "
			       "found '192.0.2.256', expected an IP address, a DNS name, or any\n");
}

static void all_errors_are_told_not_just_the_first(void **state)
{
	_cleanup_loaded_ struct loaded l = load_connection("    mode: sideways\n"
							   "    dpd_timeout: soon\n"
							   "    interfase: cg0\n" REMOTE INBOUND);

	(void)state;
	assert_refused(&l, "test.yaml:5:11: connections[hq].mode: found 'sideways'");
	assert_said(&l, "test.yaml:6:18: connections[hq].dpd_timeout: found 'soon'");
	assert_said(
		&l,
		"test.yaml:7:5: connections[hq].interfase: unknown key [did you mean 'interface'?]");
	assert_said(&l, "test.yaml:2:5: connections[hq]: 'local_networks' is missing");
	assert_said(&l, "test.yaml:2:5: connections[hq]: 'remote_networks' is missing");
}

static void unknown_keys_are_errors_everywhere(void **state)
{
	static const struct wrong cases[] = {
		{"gatewy: {}\n", "test.yaml:1:1: gatewy: unknown key [did you mean 'gateway'?]"},
		{"gateway: {port: 5}\n", "gateway.port: unknown key [known here: listen, ike_port"},
		{"gateway: {limits: {halfopen: 5}}\n",
		 "gateway.limits.halfopen: unknown key [did you mean 'half_open'?]"},
		{"policies: {p: {ikee: {}}}\n",
		 "policies[p].ikee: unknown key [did you mean 'ike'?]"},
		{"policies: {p: {ike: {dh_group: 14}}}\n",
		 "policies[p].ike.dh_group: unknown key [did you mean 'dh_groups'?]"},
		{"policies: {p: {ipsec: {pfs: 14}}}\n", "policies[p].ipsec.pfs: unknown key"},
		{"gateway: {<<: {listen: 0.0.0.0}}\n",
		 "gateway.<<: unknown key [merge keys are not supported"},
	};
	static const struct wrong lines[] = {
		{"    routes: {instal: true}\n", "connections[hq].routes.instal: unknown key"},
		{"    children: [{nmae: a}]\n", "connections[hq].children[0].nmae: unknown key"},
	};

	(void)state;
	check(cases, ARRAY_SIZE(cases));
	check_lines(lines, ARRAY_SIZE(lines));
}

static void keys_that_stand_twice_are_errors(void **state)
{
	static const struct wrong cases[] = {
		{"gateway: {ike_port: 1, ike_port: 2}\n",
		 "test.yaml:1:34: gateway.ike_port: stands here twice"},
		{"gateway: {}\ngateway: {}\n", "gateway: stands here twice"},
		{"policies: {p: {}, p: {}}\n", "policies[p]: stands here twice"},
		{"gateway: {listen: [192.0.2.1, 192.0.2.1]}\n",
		 "gateway.listen[1]: stands here twice"},
	};

	(void)state;
	check(cases, ARRAY_SIZE(cases));
}

static void values_of_the_wrong_kind_are_told_apart(void **state)
{
	static const struct wrong cases[] = {
		{"- a\n", "found a list, expected a map with gateway, policies and connections"},
		{"text\n", "found 'text', expected a map with gateway"},
		{"gateway: x\n", "gateway: found 'x', expected a map (key: value)"},
		{"gateway: [a]\n", "gateway: found a list, expected a map"},
		{"gateway:\n", "test.yaml:1:1: gateway: found nothing, expected a map"},
		{"gateway: {listen: {a: b}}\n",
		 "gateway.listen: found a map, expected a list of IP addresses"},
		{"gateway: {listen: []}\n", "gateway.listen: found an empty list"},
		{"gateway: {listen: [[1.2.3.4]]}\n",
		 "gateway.listen[0]: found a list, expected an IP address"},
		{"gateway: {ike_port: *p}\n",
		 "gateway.ike_port: found an alias without its anchor"},
		{"gateway: {? [a] : b}\n", "gateway: found a list, expected a key"},
		{"connections: {a: b}\n",
		 "connections: found a map, expected a list of connections"},
		{"connections: [x]\n",
		 "connections[0]: found 'x', expected a map that describes a connection"},
		{"policies: [x]\n", "policies: found a list, expected a map of policies by name"},
	};

	(void)state;
	check(cases, ARRAY_SIZE(cases));
}

static void numbers_out_of_their_bounds_are_refused(void **state)
{
	static const struct wrong cases[] = {
		{"gateway: {ike_port: 0}\n", "found '0', expected a number from 1 to 65535"},
		{"gateway: {ike_port: 65536}\n",
		 "found '65536', expected a number from 1 to 65535"},
		{"gateway: {ike_port: -1}\n", "found '-1', expected a number"},
		{"gateway: {ike_port: 5e2}\n", "found '5e2', expected a number"},
		{"gateway: {ike_port: 99999999999999999999}\n",
		 "expected a number from 1 to 65535"},
		{"gateway: {ike_port: 4500}\n", "that of IKE behind a NAT"},
		{"gateway: {roles: {viewer: alice}}\n",
		 "gateway.roles.viewer: found 'alice', expected user:NAME or group:NAME"},
		{"gateway: {roles: {viewer: \"user:\"}}\n", "expected user:NAME or group:NAME"},
		{"gateway: {roles: {viewer: user:a, operator: [group:a, user:a]}}\n",
		 "'user:a' has the role viewer already (line 1)"},
		{"gateway: {roles: {root: user:a}}\n", "gateway.roles"},
		{"gateway: {lease_seconds: 4}\n", "expected seconds from 5 to 604800"},
		{"gateway: {lease_seconds: 8d}\n", "found '8d', expected seconds from 5 to 604800"},
		{"gateway: {limits: {half_open: 5, half_open_per_prefix: 6}}\n",
		 "half_open_per_prefix (6) is more than half_open (5)"},
	};
	static const struct wrong lines[] = {
		{"    replay_window: 63\n",
		 "replay_window: found '63', expected a number from 64 to 65536"},
		{"    fragment_size: 575\n", "expected a number from 576 to 65535"},
		{"    dpd_timeout: 2\n", "expected seconds from 3 to 86400"},
		{"    dpd_delay: 45\n", "dpd_delay (45) is not less than dpd_timeout (45)"},
		{"    routes: {table: 255}\n", "routes.table: found '255', expected main"},
		{"    routes: {metric: 4294967296}\n", "routes.metric: found '4294967296'"},
	};

	(void)state;
	check(cases, ARRAY_SIZE(cases));
	check_lines(lines, ARRAY_SIZE(lines));
}

static void texts_that_are_no_name_are_refused(void **state)
{
	static const struct wrong cases[] = {
		{"gateway: {user: root}\n", "found 'root', expected an unprivileged user"},
		{"gateway: {user: \"a b\"}\n", "found 'a b', expected the name of a user"},
		{"gateway: {state_dir: var/lib}\n", "found 'var/lib', expected an absolute path"},
		{"gateway: {log_level: loud}\n", "found 'loud', expected error, warning"},
		{"gateway: {listen: localhost}\n",
		 "found 'localhost', expected an IP address to listen on"},
		{"gateway: {listen: 224.0.0.1}\n",
		 "found '224.0.0.1', expected an address of this machine"},
		{"gateway: {state_dir: \"/a\\nb\"}\n",
		 "found '/a?b', expected an absolute path [it holds a control character]"},
	};
	static const struct wrong lines[] = {
		{"    start: sometimes\n",
		 "start: found 'sometimes', expected always, on-traffic or manual"},
		{"    encap: tcp\n", "encap: found 'tcp', expected auto, udp or raw"},
		{"    df: keep\n", "df: found 'keep', expected copy, set or clear"},
		{"    enabled: maybe\n", "enabled: found 'maybe', expected true or false"},
		{"    local_address: here\n",
		 "local_address: found 'here', expected an IP address of this machine, or any"},
		{"    local_identity: ip:x\n", "found 'ip:x', expected an IP address after 'ip:'"},
		{"    remote_identity: \"fqdn:\"\n",
		 "found 'fqdn:', expected auto, any, or an identity"},
		{"    policy: nope\n", "policy: found 'nope', expected the name of a policy"},
		{"    policy: azure-defualt\n", "[did you mean 'azure-default'?]"},
	};

	(void)state;
	check(cases, ARRAY_SIZE(cases));
	check_lines(lines, ARRAY_SIZE(lines));
}

static void what_cannot_tell_of_revocation_is_refused(void **state)
{
	static const struct wrong cases[] = {
		{"gateway: {fetch: {timeout: 21}}\n",
		 "gateway.fetch.timeout: found '21', expected seconds from 1 to 20"},
		{"gateway: {fetch: {refresh: 4}}\n", "gateway.fetch.refresh: found '4', expected"},
		{"gateway: {fetch: {enabled: perhaps}}\n",
		 "gateway.fetch.enabled: found 'perhaps', expected true or false"},
		{"gateway: {fetch: {allowed_networks: [10.1.2.3/8]}}\n",
		 "gateway.fetch.allowed_networks[0]: found '10.1.2.3/8', expected a network"},
		{"gateway: {fetch: {allowed_networks: crl.example}}\n",
		 "found 'crl.example', expected a network such as 10.0.0.0/8"},
		{"gateway: {fetch: {proxy: x}}\n", "gateway.fetch.proxy: unknown key"},
		{"gateway: {vault: {hosts: [\"a/b\"]}}\n",
		 "gateway.vault.hosts[0]: found 'a/b', expected the name of a host"},
		{"gateway: {vault: {hosts: [\"a.example:0\"]}}\n",
		 "gateway.vault.hosts[0]: found 'a.example:0'"},
		{"gateway: {vault: {metadata: \"http://imds.example\"}}\n",
		 "gateway.vault.metadata: found 'http://imds.example', expected http://ADDRESS"},
		{"gateway: {vault: {metadata: \"http://169.254.169.254/x\"}}\n",
		 "gateway.vault.metadata: found 'http://169.254.169.254/x'"},
		{"gateway: {vault: {client_id: \"a&b\"}}\n",
		 "gateway.vault.client_id: found 'a&b', expected the client ID"},
		{"gateway: {vault: {client_id: a, object_id: b}}\n",
		 "gateway.vault: found several of client_id, object_id and mi_res_id"},
		{"gateway: {vault: {refresh: 1}}\n", "gateway.vault.refresh: found '1', expected"},
	};
	static const struct wrong lines[] = {
		{"      revocation: maybe\n",
		 "test.yaml:9:19: connections[hq].inbound_certificate.revocation: found 'maybe', expected when-available, required or off"},
		{"      revocation_grace: 31d\n",
		 "inbound_certificate.revocation_grace: found '31d', expected seconds from 0 to"},
		{"      crls: {a: b}\n", "inbound_certificate.crls: found a map, expected"},
		{"      crls: [http://crl.example/a.crl]\n",
		 "inbound_certificate.crls[0]: found 'http://crl.example/a.crl', expected files of revocation lists"},
		{"      crl: a.crl\n", "crl: unknown key [did you mean 'crls'?]"},
	};
	_cleanup_loaded_ struct loaded nothing = load_text(
		"gateway: {fetch: {enabled: false}}\n"
		"connections:\n"
		"  - name: hq\n"
		"    interface: cg0\n"
		"    outbound_certificate: own.pfx\n" REMOTE INBOUND
		"      revocation: required\n" NETWORKS);
	_cleanup_loaded_ struct loaded useless = load_connection(
		REMOTE INBOUND "      revocation: off\n      crls: a.crl\n" NETWORKS);

	(void)state;
	check(cases, ARRAY_SIZE(cases));
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		_cleanup_free_ char *text = str_printf(REMOTE INBOUND "%s" NETWORKS, lines[i].text);
		_cleanup_loaded_ struct loaded l = load_connection(text);

		assert_refused(&l, lines[i].said);
	}
	assert_refused(&nothing, "no peer could be let in [give files of revocation lists in crls");
	assert_good(&useless);
	assert_said(&useless, "crls and revocation_grace have no effect with 'revocation: off'");
}

static void names_of_connections_are_plain_short_and_unique(void **state)
{
	static const struct wrong cases[] = {
		{"connections: [{name: \"a b\"}]\n",
		 "connections[0].name: found 'a b', expected a name"},
		{"connections: [{name: a/b}]\n", "expected a name of at most 31 letters"},
		{"connections: [{name: -x}]\n", "expected a name of at most 31 letters"},
		{"connections: [{name: abcdefghijklmnopqrstuvwxyz012345}]\n",
		 "expected a name of at most 31 letters"},
		{"connections: [{enabled: true}]\n", "connections[0]: 'name' is missing"},
		{"connections: [{name: a}, {name: a}]\n",
		 "test.yaml:1:27: connections[a].name: the name is taken by the connection at /etc/certgate/test.yaml:1"},
	};

	(void)state;
	check(cases, ARRAY_SIZE(cases));
}

static void remote_addresses_have_no_port_and_no_prefix(void **state)
{
	static const struct wrong cases[] = {
		{"192.0.2.1/24", "[no port and no prefix length belong here]"},
		{"192.0.2.1:500", "[no port and no prefix length belong here]"},
		{"0.0.0.0", "[to let the peer come from anywhere write any]"},
		{"239.1.1.1", "expected an IP address, a DNS name, or any"},
		{"-a.example", "expected an IP address, a DNS name, or any"},
		{"a..b", "expected an IP address, a DNS name, or any"},
		{"1.2.3", "expected an IP address, a DNS name, or any"},
		{"a b", "expected an IP address, a DNS name, or any"},
		{"any",
		 "so only the peer can start, but mode is default [add 'mode: responder-only']"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *lines = str_printf("    remote_address: %s\n" INBOUND NETWORKS,
							cases[i].text);
		_cleanup_loaded_ struct loaded l = load_connection(lines);

		assert_refused(&l, cases[i].said);
	}
}

static void addresses_of_both_ends_fit_together(void **state)
{
	static const struct wrong cases[] = {
		{"    local_address: \"2001:db8::1\"\n",
		 "local_address and remote_address are not of the same family"},
		{"    local_address: 192.0.2.1\n", "local_address and remote_address are the same"},
	};
	_cleanup_loaded_ struct loaded l = load_text(
		"gateway: {listen: 192.0.2.9}\nconnections:\n  - name: hq\n    interface: cg0\n"
		"    outbound_certificate: o.pfx\n    local_address: 192.0.2.8\n" REMOTE INBOUND
			NETWORKS);
	_cleanup_loaded_ struct loaded family = load_text(
		"gateway: {listen: \"::\"}\nconnections:\n  - name: hq\n    interface: cg0\n"
		"    outbound_certificate: o.pfx\n" REMOTE INBOUND NETWORKS);

	(void)state;
	check_lines(cases, ARRAY_SIZE(cases));
	assert_refused(
		&l, "connections[hq].local_address: the gateway does not listen on this address");
	assert_refused(
		&family,
		"connections[hq].remote_address: the gateway listens on no address of this family");
}

static void interfaces_are_checked(void **state)
{
	static const struct wrong cases[] = {
		{"abcdefghijklmnop", "expected the name of an interface, at most 15"},
		{"a/b", "expected the name of an interface"},
		{"{mtu: auto}", "interface: 'name' is missing"},
		{"{name: cg0, mtu: 500}",
		 "interface.mtu: found '500', expected auto, or a number from 576 to 65535"},
		{"{name: cg0, addresses: [10.0.0.300/8]}",
		 "interface.addresses[0]: found '10.0.0.300/8'"},
		{"{name: cg0, addresses: [10.0.0.1/8, 10.0.0.1/16]}", "stands here twice"},
		{"{name: cg0, mark: -1}", "interface.mark: found '-1'"},
		{"{name: cg0, vrf: \"a b\"}",
		 "interface.vrf: found 'a b', expected the name of a VRF device"},
		{"[cg0]", "interface: found a list, expected the name of an interface, or a map"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *text = str_printf(
			"connections:\n" CONNECTION_HEAD REMOTE INBOUND NETWORKS, "hq",
			cases[i].text);
		_cleanup_loaded_ struct loaded l = load_text(text);

		assert_refused(&l, cases[i].said);
	}
}

static void networks_are_checked(void **state)
{
	static const struct wrong cases[] = {
		{"    local_networks: 10.1.0.1/16\n    remote_networks: 10.2.0.0/16\n",
		 "connections[hq].local_networks: found '10.1.0.1/16', expected a network without bits behind its length "
		 "[the network is 10.1.0.0/16]"},
		{"    local_networks: [10.1.0.0/33]\n    remote_networks: 10.2.0.0/16\n",
		 "local_networks[0]: found '10.1.0.0/33', expected a network such as"},
		{"    local_networks: [10.1.0.0/16, 10.1.0.0/16]\n    remote_networks: 10.2.0.0/16\n",
		 "local_networks[1]: stands here twice"},
		{"    local_networks: 10.1.0.0/16\n    remote_networks: \"fd00::/8\"\n",
		 "local_networks has IPv4 and remote_networks has IPv6"},
		{"    local_networks: [10.1.0.0/16, \"fd00::/8\"]\n    remote_networks: 10.2.0.0/16\n",
		 "IPv6 could never be used"},
		{"    children: []\n", "children: found an empty list"},
		{"    children: [{name: a, local_networks: 10.1.0.0/16}]\n",
		 "children[0]: 'remote_networks' is missing"},
		{"    children: [{local_networks: 10.1.0.0/16, remote_networks: 10.2.0.0/16}]\n",
		 "children[0]: 'name' is missing"},
		{NETWORKS
		 "    children: [{name: a, local_networks: 10.1.0.0/16, remote_networks: 10.2.0.0/16}]\n",
		 "both 'children' and 'local_networks' are given"},
		{"    children: [{name: a, local_networks: 10.1.0.0/16, remote_networks: 10.2.0.0/16}, "
		 "{name: a, local_networks: 10.3.0.0/16, remote_networks: 10.2.0.0/16}]\n",
		 "two children have the name 'a'"},
		{"    children: [{name: a, local_networks: 10.1.0.0/16, remote_networks: 10.2.0.0/16, local_ports: 80}]\n",
		 "ports need a protocol that has ports"},
		{"    children: [{name: a, local_networks: 10.1.0.0/16, remote_networks: 10.2.0.0/16, protocol: tcp, local_ports: 81-80}]\n",
		 "found '81-80', expected a port, a range"},
		{"    children: [{name: a, local_networks: 10.1.0.0/16, remote_networks: 10.2.0.0/16, protocol: tpc}]\n",
		 "found 'tpc', expected tcp, udp"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *lines = str_printf(REMOTE INBOUND "%s", cases[i].text);
		_cleanup_loaded_ struct loaded l = load_connection(lines);

		assert_refused(&l, cases[i].said);
	}
}

static void certificates_are_files_or_in_vaults(void **state)
{
	static const struct wrong cases[] = {
		{"https://v.vault.azure.net/keys/x", "'keys' is neither certificates nor secrets"},
		{"https://v.vault.azure.net/certificates/x/1", "'1' is not a version"},
		{"https://v.vault.azure.net:8443/certificates/x",
		 "outbound_certificate: found a URL at 'v.vault.azure.net', port 8443, which is no key vault"},
		{"https://evilvault.azure.net/certificates/x",
		 "found a URL at 'evilvault.azure.net', port 443, which is no key vault"},
		{"https://v.vault.azure.net.evil.example/certificates/x", "which is no key vault"},
		{"{certificate: \"https://v.vault.azure.net/certificates/x\", key: a.key}",
		 "have no use with a vault's certificate"},
		{"{certificate: a, key: \"https://v.vault.azure.net/keys/x\"}",
		 "found an OpenSSL store URI (https:) where a file is expected"},
		{"\"pkcs11:token=x;object=y\"",
		 "found an OpenSSL store URI (pkcs11:) where a file is expected"},
		{"{certificate: a, key: {store: \"handle:1\"}}",
		 "outbound_certificate.key: one of 'provider' and 'engine' must say what serves the URI"},
		{"{certificate: a, key: {store: \"handle:1\", provider: tpm2, engine: pkcs11}}",
		 "one of 'provider' and 'engine' must say"},
		{"{certificate: a, key: {provider: tpm2}}", "'store' is missing"},
		{"{certificate: a, key: {store: key.pem, provider: tpm2}}",
		 "found 'key.pem', expected a store URI"},
		{"{certificate: a, key: {store: \"handle:1\", provider: tpm2, module: /m.so}}",
		 "'module' has no use without 'engine'"},
		{"{certificate: a, key: {store: \"handle:1\", provider: ../x}}",
		 "found '../x', expected the name of an OpenSSL provider"},
		{"{certificate: a, key: {store: \"pkcs11:object=x\", engine: pkcs11, module: m.so}}",
		 "found 'm.so', expected the path of a PKCS#11 module"},
		{"{certificate: a, key: {store: \"pkcs11:object=x?pin-value=1234\", engine: pkcs11}}",
		 "found a PIN in a store URI"},
		{"{certificate: a, key: {store: \"pkcs11:object=x\", engine: pkcs11, environment: [1X=y]}}",
		 "found '1X=y', expected NAME=VALUE"},
		{"{certificate: a, key: {store: \"pkcs11:object=x\", engine: pkcs11, access: all}}",
		 "found 'all', expected"},
		{"{certificate: a, key: {store: \"handle:1\", provider: tpm2}, passphrase_file: b}",
		 "'passphrase_file' has no use with a key in hardware"},
		{"{key: a.key}", "outbound_certificate: 'certificate' is missing"},
		{"{certificate: a, chain: [\"https://x/\"]}",
		 "chain[0]: found 'https://x/', expected files of our intermediate"},
		{"{certificate: a, passphrase_file: \"pkcs11:x\"}",
		 "expected the file that holds the passphrase"},
		{"{certificate: a, passphrase: x}", "outbound_certificate.passphrase: unknown key"},
		{"[a]",
		 "outbound_certificate: found a list, expected a .pfx or .pem file, a vault's URL, or a map"},
		{"\"\"", "outbound_certificate: found nothing"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *text = str_printf(
			"connections:\n  - name: hq\n    interface: cg0\n"
			"    outbound_certificate: %s\n" REMOTE INBOUND NETWORKS,
			cases[i].text);
		_cleanup_loaded_ struct loaded l = load_text(text);

		assert_refused(&l, "connections[hq].outbound_certificate");
		if (!streq(cases[i].text, "\"\""))
			assert_said(&l, cases[i].said);
	}
}

static void the_peers_certificate_is_a_name_and_a_chain(void **state)
{
	static const struct wrong cases[] = {
		{"{chain: a}", "inbound_certificate: 'subject_name' is missing"},
		{"{subject_name: a}",
		 "inbound_certificate: 'chain' is missing: no one would be trusted"},
		{"{subject_name: \"*.example\", chain: a}",
		 "found '*.example', expected a whole name"},
		{"{subject_name: a, chain: []}", "inbound_certificate.chain: found an empty list"},
		{"a.cer",
		 "inbound_certificate: found 'a.cer', expected a map with subject_name and chain"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *lines = str_printf(
			"    inbound_certificate: %s\n" REMOTE NETWORKS, cases[i].text);
		_cleanup_loaded_ struct loaded l = load_connection(lines);

		assert_refused(&l, cases[i].said);
	}
}

/* --- between connections ------------------------------------------------------------------------- */

/* Two connections with these lines, on interfaces of their own. */
static struct loaded load_two(const char *a, const char *b)
{
	_cleanup_free_ char *text = str_printf("connections:\n" CONNECTION_HEAD NETWORKS
					       "%s" CONNECTION_HEAD NETWORKS "%s",
					       "a", "cg0", a, "b", "cg1", b);

	return load_text(text);
}

#define SUBJECT(x) "    inbound_certificate: {subject_name: \"" x "\", chain: r.cer}\n"

static void connections_that_a_responder_could_not_tell_apart_are_refused(void **state)
{
	static const char *const alike[][2] = {
		{REMOTE SUBJECT("gw"), REMOTE SUBJECT("gw")},
		{REMOTE SUBJECT("gw"), REMOTE SUBJECT("CN=GW")},
		{REMOTE SUBJECT("gw  x"), REMOTE SUBJECT("cn = gw X")},
		{REMOTE SUBJECT("gw"), REMOTE SUBJECT("CN=gw,O=Example")},
		{REMOTE SUBJECT("CN=gw,O=Example"), REMOTE SUBJECT("O=Example, CN=gw")},
		{REMOTE SUBJECT("gw"),
		 "    remote_address: any\n    mode: responder-only\n" SUBJECT("gw")},
		{"    remote_address: gw.example\n" SUBJECT("gw"),
		 "    remote_address: GW.example\n" SUBJECT("gw")},
		{REMOTE SUBJECT("gw"), "    local_address: 192.0.2.200\n" REMOTE SUBJECT("gw")},
		{REMOTE SUBJECT("gw") "    remote_identity: fqdn:a\n",
		 REMOTE SUBJECT("gw") "    remote_identity: auto\n"},
	};
	static const char *const different[][2] = {
		{REMOTE SUBJECT("gw"), REMOTE SUBJECT("gw2")},
		{REMOTE SUBJECT("gw"), "    remote_address: 192.0.2.2\n" SUBJECT("gw")},
		{REMOTE SUBJECT("CN=gw,O=A"), REMOTE SUBJECT("CN=gw,O=B")},
		{REMOTE SUBJECT("gw"), "    mode: initiator-only\n" REMOTE SUBJECT("gw")},
		{REMOTE SUBJECT("gw"), "    enabled: false\n" REMOTE SUBJECT("gw")},
		{"    local_address: 192.0.2.201\n" REMOTE SUBJECT("gw"),
		 "    local_address: 192.0.2.200\n" REMOTE SUBJECT("gw")},
		{REMOTE SUBJECT("gw") "    remote_identity: fqdn:a\n",
		 REMOTE SUBJECT("gw") "    remote_identity: fqdn:b\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(alike); i++) {
		_cleanup_loaded_ struct loaded l = load_two(alike[i][0], alike[i][1]);

		assert_refused(
			&l,
			"connections[b]: a peer that calls cannot be told apart from that of connection 'a' "
			"(/etc/certgate/test.yaml:2)");
	}
	for (size_t i = 0; i < ARRAY_SIZE(different); i++) {
		_cleanup_loaded_ struct loaded l = load_two(different[i][0], different[i][1]);

		assert_good(&l);
	}
}

/* Whatever the mode, it is the same certificate that answers. */
static void a_peer_of_several_connections_is_known_as_such(void **state)
{
	static const struct {
		const char *other;
		bool shared;
	} cases[] = {
		{"    remote_address: 192.0.2.2\n" SUBJECT("CN=GW"), true},
		{"    mode: initiator-only\n    remote_address: 192.0.2.2\n" SUBJECT("gw"), true},
		{"    remote_address: 192.0.2.2\n" SUBJECT("gw2"), false},
		{"    enabled: false\n    remote_address: 192.0.2.2\n" SUBJECT("gw"), false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_loaded_ struct loaded l = load_two(REMOTE SUBJECT("gw"), cases[i].other);

		assert_good(&l);
		assert_int_equal(l.config->connections[0].peer_shared, cases[i].shared);
		assert_int_equal(l.config->connections[1].peer_shared, cases[i].shared);
	}
}

/* A VRF is a network of its own: the same peer is another one there. And there are only so many sockets. */
static void vrfs_are_told_apart_and_their_number_is_bounded(void **state)
{
	(void)state;
	for (unsigned int n = 16; n <= 17; n++) {
		_cleanup_strbuf_ struct cg_strbuf b = {0};
		_cleanup_free_ char *text = NULL;

		strbuf_addf(&b, "connections:\n");
		for (unsigned int i = 0; i < n; i++)
			strbuf_addf(
				&b,
				"  - name: c%u\n    interface: {name: cg%u, vrf: red%u, mark: 7}\n"
				"    outbound_certificate: own.pfx\n" NETWORKS REMOTE SUBJECT("gw"),
				i, i, i);
		text = strbuf_take(&b);
		{
			_cleanup_loaded_ struct loaded l = load_text(text);

			if (n == 16)
				assert_good(&l);
			else
				assert_refused(
					&l,
					"connections[c16].interface: more than 16 different pairs of vrf and mark");
		}
	}
}

static struct loaded load_on_one_interface(const char *a, const char *b)
{
	_cleanup_free_ char *text = str_printf(
		"connections:\n" CONNECTION_HEAD REMOTE SUBJECT(
			"a") "%s" CONNECTION_HEAD REMOTE SUBJECT("b") "%s",
		"a", "cg0", a, "b", "cg0", b);

	return load_text(text);
}

static void equal_selectors_on_one_interface_are_refused(void **state)
{
	_cleanup_loaded_ struct loaded same = load_on_one_interface(NETWORKS, NETWORKS);
	_cleanup_loaded_ struct loaded range = load_on_one_interface(
		NETWORKS,
		"    local_networks: [10.9.0.0/16, 10.1.0.0-10.1.255.255]\n    remote_networks: 10.2.0.0/16\n");
	_cleanup_loaded_ struct loaded other = load_on_one_interface(
		NETWORKS, "    local_networks: 10.1.0.0/17\n    remote_networks: 10.2.0.0/16\n");
	_cleanup_loaded_ struct loaded off = load_on_one_interface(NETWORKS "    enabled: false\n",
								   NETWORKS);
	_cleanup_loaded_ struct loaded ports = load_on_one_interface(
		NETWORKS,
		"    children: [{name: x, local_networks: 10.1.0.0/16, remote_networks: 10.2.0.0/16, protocol: tcp}]\n");

	(void)state;
	assert_refused(
		&same,
		"connections[b]: 10.1.0.0/16 <-> 10.2.0.0/16 on interface cg0 is also that of a/a "
		"(/etc/certgate/test.yaml:2)");
	assert_refused(&range, "10.1.0.0/16 <-> 10.2.0.0/16 on interface cg0 is also that of a/a");
	assert_good(&other);
	assert_good(&off);
	assert_good(&ports);
}

static void two_mtus_for_one_interface_are_refused(void **state)
{
	_cleanup_loaded_ struct loaded l = load_text(
		"connections:\n"
		"  - {name: a, interface: {name: cg0, mtu: 1400}, outbound_certificate: o, remote_address: 192.0.2.1,\n"
		"     local_networks: 10.1.0.0/16, remote_networks: 10.2.0.0/16, inbound_certificate: {subject_name: a, chain: r}}\n"
		"  - {name: b, interface: {name: cg0, mtu: 1300}, outbound_certificate: o, remote_address: 192.0.2.2,\n"
		"     local_networks: 10.1.0.0/16, remote_networks: 10.3.0.0/16, inbound_certificate: {subject_name: b, chain: r}}\n");

	(void)state;
	assert_refused(
		&l,
		"connections[b].interface.mtu: mtu 1300, but connection 'a' gives the same interface 1400");
}

static void choices_that_open_something_are_warned_of_each_time(void **state)
{
	_cleanup_loaded_ struct loaded any = load_connection(REMOTE INBOUND NETWORKS
							     "    remote_identity: any\n");
	_cleanup_loaded_ struct loaded sha1 = load_connection(REMOTE INBOUND NETWORKS
							      "    allow_sha1_signatures: true\n");
	_cleanup_loaded_ struct loaded start = load_connection(
		"    remote_address: any\n    mode: responder-only\n    start: always\n" INBOUND
			NETWORKS);

	(void)state;
	assert_good(&any);
	assert_said(&any,
		    "warning: connections[hq].remote_identity: the peer's identity is not checked");
	assert_good(&sha1);
	assert_said(
		&sha1,
		"warning: connections[hq].allow_sha1_signatures: the peer may authenticate with SHA-1");
	assert_good(&start);
	assert_said(&start, "start is always, but mode is responder-only");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_form_is_file_line_column_key_found_expected_hint),
		cmocka_unit_test(all_errors_are_told_not_just_the_first),
		cmocka_unit_test(unknown_keys_are_errors_everywhere),
		cmocka_unit_test(keys_that_stand_twice_are_errors),
		cmocka_unit_test(values_of_the_wrong_kind_are_told_apart),
		cmocka_unit_test(numbers_out_of_their_bounds_are_refused),
		cmocka_unit_test(texts_that_are_no_name_are_refused),
		cmocka_unit_test(what_cannot_tell_of_revocation_is_refused),
		cmocka_unit_test(names_of_connections_are_plain_short_and_unique),
		cmocka_unit_test(remote_addresses_have_no_port_and_no_prefix),
		cmocka_unit_test(addresses_of_both_ends_fit_together),
		cmocka_unit_test(interfaces_are_checked),
		cmocka_unit_test(networks_are_checked),
		cmocka_unit_test(certificates_are_files_or_in_vaults),
		cmocka_unit_test(the_peers_certificate_is_a_name_and_a_chain),
		cmocka_unit_test(connections_that_a_responder_could_not_tell_apart_are_refused),
		cmocka_unit_test(a_peer_of_several_connections_is_known_as_such),
		cmocka_unit_test(vrfs_are_told_apart_and_their_number_is_bounded),
		cmocka_unit_test(equal_selectors_on_one_interface_are_refused),
		cmocka_unit_test(two_mtus_for_one_interface_are_refused),
		cmocka_unit_test(choices_that_open_something_are_warned_of_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
