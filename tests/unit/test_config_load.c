// SPDX-License-Identifier: Apache-2.0
/* A configuration that is right: every key ends up where it belongs, defaults are filled in, files are found. */
#include "base/json.h"
#include "lib/configtest.h"

#include <sys/stat.h>

#include "base/file.h"
#include "lib/dirtest.h"

static void the_example_of_the_manual_loads(void **state)
{
	_cleanup_loaded_ struct loaded l = load_text(
		"gateway:\n"
		"  listen: [0.0.0.0, \"::\"]\n"
		"policies:\n"
		"  strong: {ike: {encryption: [GCMAES256], integrity: [SHA384], dh_groups: [ECP384]},\n"
		"           ipsec: {encryption: GCMAES256, integrity: GCMAES256, pfs_group: ECP384,\n"
		"                   lifetime_seconds: 27000, lifetime_kilobytes: 102400000}}\n"
		"connections:\n"
		"  - name: hq\n"
		"    interface: {name: cg0, addresses: [169.254.21.2/30], mtu: auto}\n"
		"    local_address: 10.0.0.4               # may be behind NAT\n"
		"    remote_address: 198.51.100.7\n"
		"    mode: default\n"
		"    start: always\n"
		"    local_networks:  [10.1.0.0/16]\n"
		"    remote_networks: [10.2.0.0/16]\n"
		"    routes: {install: true, table: main, metric: 100, keep: false}\n"
		"    outbound_certificate: /etc/certgate/branch.pfx\n"
		"    inbound_certificate:\n"
		"      subject_name: gw.hq.example\n"
		"      chain: [hq-root.cer, hq-intermediate.cer]\n"
		"    local_identity: dn\n"
		"    remote_identity: auto\n"
		"    dpd_timeout: 45\n"
		"    policy: strong\n");
	const struct cg_connection *c;
	char key[CG_SOURCE_KEY_SIZE];
	char text[CG_PREFIX_SIZE];

	(void)state;
	assert_good(&l);
	assert_int_equal(l.diags.n, 0);
	assert_int_equal(l.config->n_connections, 1);
	c = cg_config_find(l.config, "hq");
	assert_ptr_equal(c, &l.config->connections[0]);
	assert_int_equal(c->loc.line, 8);
	assert_string_equal(c->interface.name, "cg0");
	assert_int_equal(c->interface.n_addresses, 1);
	assert_string_equal(cg_prefix_format(&c->interface.addresses[0], text), "169.254.21.2/30");
	assert_int_equal(c->interface.mtu, 0);
	assert_int_equal(c->remote_kind, CG_REMOTE_ADDRESS);
	assert_int_equal(c->routes_table, 254);
	assert_int_equal(c->routes_metric, 100);
	assert_false(c->routes_keep);
	assert_string_equal(c->outbound_certificate.text, "/etc/certgate/branch.pfx");
	assert_int_equal(c->outbound_certificate.loc.line, 17);
	assert_string_equal(cg_source_key(&c->outbound_certificate, key),
			    "connections[hq].outbound_certificate");
	assert_null(cg_source_key(&c->outbound_key, key));
	assert_int_equal(c->n_inbound_chain, 2);
	assert_string_equal(c->inbound_chain[1].text, "/etc/certgate/hq-intermediate.cer");
	assert_string_equal(cg_source_key(&c->inbound_chain[1], key),
			    "connections[hq].inbound_certificate.chain[1]");
	assert_int_equal(c->inbound_chain[1].loc.column, 28);
	assert_string_equal(c->policy->name, "strong");
	assert_int_equal(c->n_children, 1);
	assert_string_equal(c->children[0].name, "hq");
}

/* Where each source stands is said by the name of its connection, wherever that stands; what is behind it is there once. */
static void sources_say_where_they_stand(void **state)
{
	_cleanup_loaded_ struct loaded l = load_text(
		"gateway:\n"
		"  vault: {ca: vault.pem}\n"
		"connections:\n"
		"  - name: one\n"
		"    interface: cg0\n" REMOTE NETWORKS INBOUND
		"    outbound_certificate: {certificate: a.pem, key: a.key, chain: [x.pem, y.pem], passphrase_file: p}\n"
		"  - interface: cg1\n"
		"    remote_address: 192.0.2.2\n"
		"    local_networks: 10.1.0.0/16\n"
		"    remote_networks: 10.3.0.0/16\n"
		"    outbound_certificate: {certificate: b.pem, key: {store: \"pkcs11:object=b\", engine: pkcs11,\n"
		"                           module: /m.so, pin_file: pin}}\n"
		"    inbound_certificate: {subject_name: gw2.example, chain: [c.cer, d.cer], trust_anchors: t.cer,\n"
		"                          crls: [e.crl, f.crl]}\n"
		"    name: two\n");
	const struct cg_connection *one, *two;
	char key[CG_SOURCE_KEY_SIZE];

	(void)state;
	assert_good(&l);
	one = &l.config->connections[0];
	two = &l.config->connections[1];
#define IS(source, text) assert_string_equal(cg_source_key(source, key), text)
	IS(&l.config->gateway.vault.ca, "gateway.vault.ca");
	IS(&one->outbound_certificate, "connections[one].outbound_certificate.certificate");
	IS(&one->outbound_key, "connections[one].outbound_certificate.key");
	IS(&one->outbound_chain[1], "connections[one].outbound_certificate.chain[1]");
	IS(&one->outbound_passphrase, "connections[one].outbound_certificate.passphrase_file");
	IS(&one->inbound_chain[0], "connections[one].inbound_certificate.chain");
	IS(&two->outbound_certificate, "connections[two].outbound_certificate.certificate");
	IS(&two->hardware->store, "connections[two].outbound_certificate.key.store");
	IS(&two->hardware->pin, "connections[two].outbound_certificate.key.pin_file");
	IS(&two->inbound_chain[1], "connections[two].inbound_certificate.chain[1]");
	IS(&two->trust_anchors[0], "connections[two].inbound_certificate.trust_anchors");
	IS(&two->crls[1], "connections[two].inbound_certificate.crls[1]");
#undef IS
	assert_ptr_equal(one->outbound_certificate.key, two->outbound_certificate.key);
}

static void what_is_not_said_gets_its_default(void **state)
{
	_cleanup_loaded_ struct loaded l = load_connection(REMOTE INBOUND NETWORKS);
	const struct cg_connection *c;

	(void)state;
	assert_good(&l);
	c = &l.config->connections[0];
	assert_true(c->enabled);
	assert_int_equal(c->local_address.family, AF_UNSPEC);
	assert_int_equal(c->remote_port, 500);
	assert_int_equal(c->mode, CG_MODE_DEFAULT);
	assert_int_equal(c->start, CG_START_ALWAYS);
	assert_true(c->routes_install);
	assert_true(c->routes_keep);
	assert_string_equal(c->local_identity, "dn");
	assert_string_equal(c->remote_identity, "auto");
	assert_int_equal(c->dpd_timeout_seconds, 45);
	assert_int_equal(c->dpd_delay_seconds, 15);
	assert_int_equal(c->replay_window, 4096);
	assert_int_equal(c->encap, CG_ENCAP_AUTO);
	assert_int_equal(c->df, CG_DF_COPY);
	assert_true(c->fragmentation && c->initial_contact && c->send_certreq && c->mobike);
	assert_false(c->childless);
	assert_false(c->dscp_copy || c->allow_sha1_signatures);
	assert_string_equal(c->policy->name, "default");
	assert_int_equal(l.config->gateway.n_listen, 2);
	assert_int_equal(l.config->gateway.ike_port, 500);
	assert_int_equal(l.config->gateway.lease_seconds, 3600);
	assert_int_equal(l.config->gateway.watch_files_seconds, 10);
	assert_string_equal(l.config->gateway.user, "certgate");
}

static void every_key_of_a_connection_is_read(void **state)
{
	_cleanup_loaded_ struct loaded l = load_text(
		"connections:\n"
		"  - name: a.b-c_1\n"
		"    description: \"main site, M\xc3\xbcnchen\"\n"
		"    enabled: no\n"
		"    interface: {name: cg1, addresses: 2001:db8::1/64, mtu: 1400, mark: 0x10, vrf: blue}\n"
		"    local_address: any\n"
		"    remote_address: gw.example.com\n"
		"    remote_port: 5500\n"
		"    mode: initiator-only\n"
		"    start: on-traffic\n"
		"    children:\n"
		"      - {name: web, local_networks: [10.1.0.0/16, 10.3.0.5-10.3.0.9], remote_networks: 10.2.0.1,\n"
		"         protocol: tcp, local_ports: 80, remote_ports: 1024-65535}\n"
		"      - {name: v6, local_networks: \"fd00:1::/64\", remote_networks: [\"::/0\"]}\n"
		"    routes: false\n"
		"    outbound_certificate: {certificate: a.pem, key: ./b:c.key, chain: [x.pem, ../y.pem], passphrase_file: p}\n"
		"    inbound_certificate: {subject_name: \"CN=gw, O=X\", trust_anchors: sub/ca.pem}\n"
		"    local_identity: fqdn:me.example\n"
		"    remote_identity: ip:192.0.2.9\n"
		"    dpd_delay: 5s\n"
		"    dpd_timeout: 1m\n"
		"    nat_keepalive: 30\n"
		"    reauth_margin: 1d\n"
		"    policy: azure-custom\n"
		"    encap: udp\n"
		"    fragmentation: off\n"
		"    fragment_size: 600\n"
		"    initial_contact: false\n"
		"    childless: true\n"
		"    mobike: false\n"
		"    send_certreq: false\n"
		"    allow_sha1_signatures: true\n"
		"    replay_window: 64\n"
		"    dscp_copy: yes\n"
		"    df: clear\n");
	const struct cg_connection *c;

	(void)state;
	assert_good(&l);
	c = &l.config->connections[0];
	assert_string_equal(c->description, "main site, M\xc3\xbcnchen");
	assert_false(c->enabled);
	assert_int_equal(c->interface.mtu, 1400);
	assert_int_equal(c->interface.mark, 16);
	assert_string_equal(c->interface.vrf, "blue");
	assert_int_equal(c->remote_kind, CG_REMOTE_NAME);
	assert_string_equal(c->remote_name, "gw.example.com");
	assert_int_equal(c->remote_port, 5500);
	assert_int_equal(c->mode, CG_MODE_INITIATOR_ONLY);
	assert_int_equal(c->start, CG_START_ON_TRAFFIC);
	assert_int_equal(c->n_children, 2);
	assert_string_equal(c->children[0].name, "web");
	assert_int_equal(c->children[0].n_local, 2);
	assert_int_equal(c->children[0].local[1].protocol, 6);
	assert_int_equal(c->children[0].local[1].port_first, 80);
	assert_int_equal(c->children[0].local[1].port_last, 80);
	assert_int_equal(c->children[0].remote[0].port_first, 1024);
	assert_int_equal(c->children[1].local[0].port_last, 65535);
	assert_false(c->routes_install);
	assert_string_equal(c->outbound_certificate.text, "/etc/certgate/a.pem");
	assert_string_equal(c->outbound_key.text, "/etc/certgate/./b:c.key");
	assert_int_equal(c->n_outbound_chain, 2);
	assert_string_equal(c->outbound_passphrase.text, "/etc/certgate/p");
	assert_string_equal(c->trust_anchors[0].text, "/etc/certgate/sub/ca.pem");
	assert_string_equal(c->subject_name, "CN=gw, O=X");
	assert_string_equal(c->local_identity, "fqdn:me.example");
	assert_string_equal(c->remote_identity, "ip:192.0.2.9");
	assert_int_equal(c->dpd_delay_seconds, 5);
	assert_int_equal(c->dpd_timeout_seconds, 60);
	assert_int_equal(c->nat_keepalive_seconds, 30);
	assert_int_equal(c->reauth_margin_seconds, 86400);
	assert_string_equal(c->policy->name, "azure-custom");
	assert_int_equal(c->encap, CG_ENCAP_UDP);
	assert_false(c->fragmentation || c->initial_contact || c->send_certreq || c->mobike);
	assert_true(c->childless);
	assert_int_equal(c->fragment_size, 600);
	assert_true(c->allow_sha1_signatures && c->dscp_copy);
	assert_said(&l, "SHA-1, which is weak");
	assert_int_equal(c->replay_window, 64);
	assert_int_equal(c->df, CG_DF_CLEAR);
}

static void every_key_of_the_gateway_is_read(void **state)
{
	_cleanup_loaded_ struct loaded l = load_text(
		"gateway:\n"
		"  listen: 192.0.2.1\n"
		"  ike_port: 1500\n"
		"  user: vpn\n"
		"  roles: {viewer: [group:adm, user:carol], operator: group:netops, administrator: user:alice}\n"
		"  state_dir: /srv/cg\n"
		"  lease_seconds: 2h\n"
		"  watch_files: 0\n"
		"  verify_workers: 3\n"
		"  limits: {half_open: 10, half_open_per_prefix: 5, cookie_threshold: 2}\n"
		"  fetch: {enabled: false, timeout: 5s, refresh: 10m, allowed_networks: [10.0.0.0/8, 127.0.0.1]}\n"
		"  log_level: debug\n");
	const struct cg_gateway *g;

	(void)state;
	assert_good(&l);
	g = &l.config->gateway;
	assert_int_equal(g->n_listen, 1);
	assert_int_equal(g->ike_port, 1500);
	assert_string_equal(g->user, "vpn");
	assert_int_equal(g->n_roles, 4);
	assert_int_equal(g->roles[0].role, CG_ROLE_VIEWER);
	assert_true(g->roles[0].group);
	assert_string_equal(g->roles[0].name, "adm");
	assert_false(g->roles[1].group);
	assert_string_equal(g->roles[1].name, "carol");
	assert_int_equal(g->roles[2].role, CG_ROLE_OPERATOR);
	assert_int_equal(g->roles[3].role, CG_ROLE_ADMINISTRATOR);
	assert_string_equal(g->roles[3].name, "alice");
	assert_string_equal(g->state_dir, "/srv/cg");
	assert_int_equal(g->lease_seconds, 7200);
	assert_int_equal(g->watch_files_seconds, 0);
	assert_int_equal(g->verify_workers, 3);
	assert_int_equal(g->limits.half_open, 10);
	assert_int_equal(g->limits.half_open_per_prefix, 5);
	assert_int_equal(g->limits.cookie_threshold, 2);
	assert_false(g->fetch.enabled);
	assert_int_equal(g->fetch.timeout_seconds, 5);
	assert_int_equal(g->fetch.refresh_seconds, 600);
	assert_int_equal(g->fetch.n_networks, 2);
	assert_int_equal(g->fetch.networks[0].len, 8);
	assert_int_equal(g->fetch.networks[1].len, 32);
	assert_int_equal(g->log_level, CG_LOG_DEBUG);
}

static void revocation_is_when_available_unless_told(void **state)
{
	_cleanup_loaded_ struct loaded plain = load_connection(REMOTE INBOUND NETWORKS);
	_cleanup_loaded_ struct loaded strict = load_connection(
		REMOTE INBOUND "      revocation: required\n"
			       "      revocation_grace: 2h\n"
			       "      crls: [a.crl, /b/delta.crl]\n" NETWORKS);
	_cleanup_json_ json_t *json = NULL;
	const struct cg_connection *c;
	json_t *inbound;

	(void)state;
	assert_good(&plain);
	c = &plain.config->connections[0];
	assert_int_equal(c->revocation, CG_REVOCATION_WHEN_AVAILABLE);
	assert_int_equal(c->revocation_grace_seconds, 86400);
	assert_int_equal(c->n_crls, 0);
	assert_true(plain.config->gateway.fetch.enabled);
	assert_int_equal(plain.config->gateway.fetch.timeout_seconds, 3);
	assert_good(&strict);
	c = &strict.config->connections[0];
	assert_int_equal(c->revocation, CG_REVOCATION_REQUIRED);
	assert_int_equal(c->revocation_grace_seconds, 7200);
	assert_int_equal(c->n_crls, 2);
	assert_string_equal(c->crls[0].text, "/etc/certgate/a.crl");
	assert_string_equal(c->crls[1].text, "/b/delta.crl");
	assert_int_equal(c->crls[0].loc.line, 11);
	json = cg_connection_to_json(c);
	inbound = json_object_get(json, "inbound_certificate");
	assert_string_equal(json_string_value(json_object_get(inbound, "revocation")), "required");
	assert_int_equal(json_integer_value(json_object_get(inbound, "revocation_grace")), 7200);
	assert_int_equal(json_array_size(json_object_get(inbound, "crls")), 2);
}

static void an_empty_file_is_a_gateway_without_connections(void **state)
{
	static const char *const texts[] = {"", "# nothing yet\n", "{}", "---\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_loaded_ struct loaded l = load_text(texts[i]);

		assert_good(&l);
		assert_int_equal(l.config->n_connections, 0);
	}
}

static void aliases_are_followed(void **state)
{
	_cleanup_loaded_ struct loaded l = load_text(
		"connections:\n"
		"  - {name: a, interface: cg0, remote_address: 192.0.2.1, outbound_certificate: &own o.pfx,\n"
		"     local_networks: &ours [10.1.0.0/16], remote_networks: 10.2.0.0/16,\n"
		"     inbound_certificate: &peer {subject_name: gw, chain: r.cer}}\n"
		"  - {name: b, interface: cg1, remote_address: 192.0.2.2, outbound_certificate: *own,\n"
		"     local_networks: *ours, remote_networks: 10.3.0.0/16, inbound_certificate: *peer}\n");

	(void)state;
	assert_good(&l);
	assert_string_equal(l.config->connections[1].outbound_certificate.text,
			    "/etc/certgate/o.pfx");
	assert_string_equal(l.config->connections[1].subject_name, "gw");
	assert_int_equal(l.config->connections[1].children[0].n_local, 1);
}

static void a_systemd_credential_is_a_file_of_its_directory(void **state)
{
	_cleanup_loaded_ struct loaded l = {0};
	_cleanup_loaded_ struct loaded bad = {0};

	(void)state;
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", "/run/creds", 1), 0);
	l = load_text(
		"connections:\n"
		"  - name: hq\n"
		"    interface: cg0\n"
		"    outbound_certificate: {certificate: a.pfx, passphrase_file: credential:pass}\n" REMOTE
			INBOUND NETWORKS);
	assert_good(&l);
	assert_string_equal(l.config->connections[0].outbound_passphrase.text, "/run/creds/pass");
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
	bad = load_text("connections:\n"
			"  - name: hq\n"
			"    interface: cg0\n"
			"    outbound_certificate: credential:../x\n" REMOTE INBOUND NETWORKS);
	assert_refused(&bad, "connections[hq].outbound_certificate: found 'credential:../x'");
}

/* --- files ------------------------------------------------------------------------------------- */

static void put(const char *name, const char *text)
{
	_cleanup_free_ char *path = path_of(name);

	assert_int_equal(file_write_atomic(path, text, strlen(text), 0644), 0);
}

static struct loaded load_file_of(const char *name)
{
	_cleanup_free_ char *path = path_of(name);
	struct loaded l = {0};

	l.r = cg_config_load(path, &l.diags, &l.config);
	return l;
}

static void include_takes_files_in_their_order_relative_to_the_includer(void **state)
{
	_cleanup_free_ char *conf_d = path_of("conf.d"), *expected = NULL;
	_cleanup_loaded_ struct loaded l = {0};

	(void)state;
	assert_int_equal(mkdir(conf_d, 0755), 0);
	put("main.yaml", "include: conf.d/*.yaml\ngateway: {listen: 192.0.2.7}\n");
	put("conf.d/20-b.yaml",
	    "connections:\n  - {name: b, interface: cg1, outbound_certificate: o.pfx, remote_address: "
	    "192.0.2.2, local_networks: 10.1.0.0/16, remote_networks: 10.2.0.0/16,\n"
	    "     inbound_certificate: {subject_name: b, chain: r.cer}, policy: late}\n");
	put("conf.d/10-a.yaml",
	    "connections:\n  - {name: a, interface: cg0, outbound_certificate: o.pfx, remote_address: "
	    "192.0.2.1, local_networks: 10.1.0.0/16, remote_networks: 10.2.0.0/16,\n"
	    "     inbound_certificate: {subject_name: a, chain: r.cer}}\n");
	put("conf.d/30-c.yaml", "policies: {late: {base: azure-custom}}\n");
	put("conf.d/40.txt", "this is not read: [\n");
	l = load_file_of("main.yaml");
	assert_good(&l);
	assert_int_equal(l.config->n_connections, 2);
	assert_string_equal(l.config->connections[0].name, "a");
	assert_string_equal(l.config->connections[1].policy->name, "late");
	assert_int_equal(strv_len(l.config->files), 4);
	expected = str_printf("%s/conf.d/o.pfx", dir);
	assert_string_equal(l.config->connections[0].outbound_certificate.text, expected);
}

static void an_error_in_an_included_file_names_that_file(void **state)
{
	_cleanup_free_ char *expected = str_printf("%s/inc.yaml:2:9: gateway.listen", dir);
	_cleanup_loaded_ struct loaded l = {0};

	(void)state;
	put("main2.yaml", "include: inc.yaml\n");
	put("inc.yaml", "gateway:\n        listen: here\n");
	free(expected);
	expected = str_printf("%s/inc.yaml:2:17: gateway.listen: found 'here'", dir);
	l = load_file_of("main2.yaml");
	assert_refused(&l, expected);
}

static void files_that_are_missing_or_include_each_other_are_errors(void **state)
{
	_cleanup_loaded_ struct loaded none = {0}, missing = {0}, loop = {0}, directory = {0},
				       empty = {0};

	(void)state;
	none = load_file_of("no.yaml");
	assert_refused(&none, "no.yaml: No such file or directory");
	put("m.yaml", "include: [not-there.yaml]\n");
	missing = load_file_of("m.yaml");
	assert_refused(
		&missing,
		"m.yaml:1:11: include[0]: found 'not-there.yaml', but there is no such file");
	put("l1.yaml", "include: l2.yaml\n");
	put("l2.yaml", "include: l1.yaml\n");
	loop = load_file_of("l1.yaml");
	assert_refused(&loop, "l1.yaml: is included twice");
	directory = load_file_of("conf.d");
	assert_refused(&directory, "conf.d: is not a regular file");
	put("e.yaml", "include: nothing.d/*.yaml\n");
	empty = load_file_of("e.yaml");
	assert_good(&empty);
}

static void a_chain_of_includes_has_an_end(void **state)
{
	_cleanup_loaded_ struct loaded l = {0};

	(void)state;
	for (int i = 0; i < 12; i++) {
		_cleanup_free_ char *name = str_printf("d%d.yaml", i);
		_cleanup_free_ char *text = str_printf("include: d%d.yaml\n", i + 1);

		put(name, text);
	}
	put("d12.yaml", "{}\n");
	l = load_file_of("d0.yaml");
	assert_refused(&l, "files include each other more than 8 deep");
}

static void a_file_that_others_can_change_is_warned_of(void **state)
{
	_cleanup_free_ char *path = path_of("open.yaml");
	_cleanup_loaded_ struct loaded l = {0};

	(void)state;
	put("open.yaml", "{}\n");
	assert_int_equal(chmod(path, 0666), 0);
	l = load_file_of("open.yaml");
	assert_good(&l);
	assert_int_equal(l.diags.n_warnings, 1);
	assert_said(&l, "others than root can change this file (mode 0666)");
}

static void text_from_memory_cannot_include(void **state)
{
	_cleanup_loaded_ struct loaded l = load_text("include: /etc/*\n");

	(void)state;
	assert_refused(&l, "include: there is no file that this could be relative to");
}

/* --- reload ------------------------------------------------------------------------------------ */

static void a_connection_is_equal_until_anything_that_matters_changes(void **state)
{
	_cleanup_loaded_ struct loaded a = load_connection(REMOTE INBOUND NETWORKS);
	_cleanup_loaded_ struct loaded same = load_connection("# moved\n" NETWORKS INBOUND REMOTE
							      "    mode: default\n");
	_cleanup_loaded_ struct loaded other = load_connection(REMOTE INBOUND NETWORKS
							       "    dpd_timeout: 46\n");
	_cleanup_loaded_ struct loaded policy = load_connection(REMOTE INBOUND NETWORKS
								"    policy: azure-custom\n");

	(void)state;
	assert_good(&same);
	assert_good(&policy);
	assert_true(cg_connection_equal(&a.config->connections[0], &same.config->connections[0]));
	assert_false(cg_connection_equal(&a.config->connections[0], &other.config->connections[0]));
	assert_false(
		cg_connection_equal(&a.config->connections[0], &policy.config->connections[0]));
}

static void a_setting_of_the_start_that_changed_is_warned_of(void **state)
{
	static const struct {
		const char *line, *key;
	} changed[] = {
		{"  user: alice\n", "gateway.user"},
		{"  roles: {viewer: user:alice}\n", "gateway.roles"},
		{"  state_dir: /srv/certgate\n", "gateway.state_dir"},
		{"  verify_workers: 3\n", "gateway.verify_workers"},
		{"  limits: {cookie_threshold: 3}\n", "gateway.limits"},
	};
	_cleanup_loaded_ struct loaded was = load_text("gateway:\n  ike_port: 500\n"),
				       other = load_text("gateway:\n  lease_seconds: 60\n");

	(void)state;
	cg_config_warn_of_start(was.config, other.config, &other.diags);
	assert_int_equal(other.diags.n, 0);
	for (size_t i = 0; i < ARRAY_SIZE(changed); i++) {
		_cleanup_free_ char *text = str_printf("gateway:\n%s", changed[i].line);
		_cleanup_loaded_ struct loaded is = load_text(text);

		assert_good(&is);
		cg_config_warn_of_start(was.config, is.config, &is.diags);
		assert_int_equal(is.diags.n, 1);
		assert_int_equal(is.diags.n_warnings, 1);
		assert_string_equal(is.diags.items[0].key, changed[i].key);
		assert_string_equal(is.diags.items[0].file, "/etc/certgate/test.yaml");
		assert_non_null(strstr(is.diags.items[0].hint, "certgate restart"));
		/* The other way round, where the new one has the defaults. */
		cg_config_warn_of_start(is.config, was.config, &is.diags);
		assert_int_equal(is.diags.n_warnings, 2);
	}
}

/* The audit trail names a configuration by it: another file with the same in it has the same name. */
static void a_configurations_digest_follows_what_is_configured(void **state)
{
	_cleanup_loaded_ struct loaded a = load_connection(REMOTE INBOUND NETWORKS);
	_cleanup_loaded_ struct loaded same = load_connection("# moved\n" NETWORKS INBOUND REMOTE);
	_cleanup_loaded_ struct loaded policy = load_connection(REMOTE INBOUND NETWORKS
								"    policy: azure-custom\n");
	uint8_t one[CG_DIGEST_SIZE], two[CG_DIGEST_SIZE], other[CG_DIGEST_SIZE];

	(void)state;
	assert_int_equal(cg_connection_digest(&a.config->connections[0], one), 0);
	assert_int_equal(cg_connection_digest(&same.config->connections[0], two), 0);
	assert_int_equal(cg_connection_digest(&policy.config->connections[0], other), 0);
	assert_memory_equal(one, two, sizeof(one));
	assert_memory_not_equal(one, other, sizeof(one));
}

static void the_configuration_prints_as_json(void **state)
{
	_cleanup_loaded_ struct loaded l = load_connection(REMOTE INBOUND NETWORKS);
	_cleanup_json_ json_t *j = NULL;
	const json_t *c;

	(void)state;
	assert_good(&l);
	j = cg_config_to_json(l.config);
	assert_non_null(j);
	c = json_array_get(json_object_get(j, "connections"), 0);
	assert_string_equal(json_string_value(json_object_get(c, "remote_address")), "192.0.2.1");
	assert_string_equal(json_string_value(json_object_get(c, "local_address")), "any");
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(c, "policy"), "name")),
		"default");
	assert_int_equal(json_array_size(json_object_get(j, "policies")), 3);
}

/* A provider's key is reached over what is open; a PKCS#11 module needs files, unless it is said otherwise. */
static void a_key_may_be_in_hardware(void **state)
{
	static const struct {
		const char *key;
		enum cg_hardware_access access;
	} cases[] = {
		{"{store: \"handle:0x81000001\", provider: tpm2, groups: tss}", CG_ACCESS_NONE},
		{"{store: \"pkcs11:object=x\", engine: pkcs11, module: /m.so, groups: [tss]}",
		 CG_ACCESS_FILES},
		{"{store: \"pkcs11:object=x\", provider: pkcs11, groups: tss, access: network}",
		 CG_ACCESS_NETWORK},
		{"{store: \"pkcs11:object=x\", engine: pkcs11, groups: tss, access: none}",
		 CG_ACCESS_NONE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *whole = str_printf(
			"connections:\n  - name: hq\n    interface: cg0\n"
			"    outbound_certificate:\n      certificate: own.pem\n"
			"      key: %s\n" REMOTE INBOUND NETWORKS,
			cases[i].key);
		_cleanup_loaded_ struct loaded l = load_text(whole);
		_cleanup_json_ json_t *json = NULL;
		const struct cg_hardware *h;

		assert_good(&l);
		h = l.config->connections[0].hardware;
		assert_non_null(h);
		assert_non_null(h->store.text);
		assert_null(l.config->connections[0].outbound_key.text);
		assert_int_equal(h->n_groups, 1);
		assert_string_equal(h->groups[0], "tss");
		assert_int_equal(h->access, cases[i].access);
		json = cg_connection_to_json(&l.config->connections[0]);
		assert_string_equal(
			json_string_value(json_object_get(
				json_object_get(json_object_get(json, "outbound_certificate"),
						"key"),
				"access")),
			cg_hardware_access_to_string(cases[i].access));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_the_manual_loads),
		cmocka_unit_test(sources_say_where_they_stand),
		cmocka_unit_test(what_is_not_said_gets_its_default),
		cmocka_unit_test(every_key_of_a_connection_is_read),
		cmocka_unit_test(every_key_of_the_gateway_is_read),
		cmocka_unit_test(revocation_is_when_available_unless_told),
		cmocka_unit_test(an_empty_file_is_a_gateway_without_connections),
		cmocka_unit_test(aliases_are_followed),
		cmocka_unit_test(a_systemd_credential_is_a_file_of_its_directory),
		cmocka_unit_test(include_takes_files_in_their_order_relative_to_the_includer),
		cmocka_unit_test(an_error_in_an_included_file_names_that_file),
		cmocka_unit_test(files_that_are_missing_or_include_each_other_are_errors),
		cmocka_unit_test(a_chain_of_includes_has_an_end),
		cmocka_unit_test(a_file_that_others_can_change_is_warned_of),
		cmocka_unit_test(text_from_memory_cannot_include),
		cmocka_unit_test(a_connection_is_equal_until_anything_that_matters_changes),
		cmocka_unit_test(a_setting_of_the_start_that_changed_is_warned_of),
		cmocka_unit_test(a_configurations_digest_follows_what_is_configured),
		cmocka_unit_test(the_configuration_prints_as_json),
		cmocka_unit_test(a_key_may_be_in_hardware),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
