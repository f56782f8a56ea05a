// SPDX-License-Identifier: Apache-2.0
/*
 * What main installs for ike, and what it does not: foreign selectors, endpoints, algorithms, lifetimes, handles.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/check.h"

static struct cg_transform transforms[] = {
	{.type = CG_TRANSFORM_ENCR, .id = IKE_ENCR_AES_GCM_16, .keylen = 256},
	{.type = CG_TRANSFORM_ENCR, .id = IKE_ENCR_CHACHA20_POLY1305},
	{.type = CG_TRANSFORM_ESN, .id = IKE_ESN_YES},
};
static struct cg_proposal proposal;
static struct cg_policy policy = {
	.name = (char *)"tested",
	.esp = &proposal,
	.n_esp = 1,
	.esp_lifetime_seconds = 3600,
	.esp_lifetime_bytes = 1000000,
};
static struct cg_selector local_nets[1], remote_nets[2];
static struct cg_child_config children[1] = {{.name = (char *)"c",
					      .local = local_nets,
					      .n_local = 1,
					      .remote = remote_nets,
					      .n_remote = 2}};
static struct cg_connection connection;
static struct cg_addr listens[1];
static struct cg_gateway gateway;
static struct check_context ctx;
static struct ike_ts local_ts, remote_ts;
static uint8_t key[64];
static struct ike_out_child_add add;
static char text[CHECK_TEXT];

static struct cg_addr addr(const char *s)
{
	struct cg_addr a;

	assert_int_equal(cg_addr_parse(s, &a), 0);
	return a;
}

static void net(const char *s, struct cg_selector *ret)
{
	struct cg_prefix p;

	assert_int_equal(cg_prefix_parse(s, &p), 0);
	*ret = (struct cg_selector){.port_last = 65535};
	cg_prefix_to_range(&p, &ret->range);
}

static void ts(const char *s, struct ike_ts *ret)
{
	struct cg_prefix p;

	assert_int_equal(cg_prefix_parse(s, &p), 0);
	assert_int_equal(ike_ts_from_prefix(p.addr.bytes, cg_addr_len(p.addr.family), p.len, ret),
			 0);
}

/* A request that is in order in every respect. */
static int setup(void **state _unused_)
{
	memcpy(proposal.transforms, transforms, sizeof(transforms));
	proposal.n_transforms = ARRAY_SIZE(transforms);
	net("10.1.0.0/16", &local_nets[0]);
	net("10.2.0.0/16", &remote_nets[0]);
	net("fd00:2::/32", &remote_nets[1]);
	connection = (struct cg_connection){
		.name = (char *)"hq",
		.enabled = true,
		.remote_kind = CG_REMOTE_ADDRESS,
		.remote_address = addr("203.0.113.2"),
		.children = children,
		.n_children = 1,
		.policy = &policy,
	};
	listens[0] = addr("0.0.0.0");
	gateway = (struct cg_gateway){.listen = listens, .n_listen = 1, .ike_port = 500};
	ctx = (struct check_context){.connection = &connection,
				     .gateway = &gateway,
				     .binding_live = true,
				     .binding_connection = 3};
	ts("10.1.2.0/24", &local_ts);
	ts("10.2.0.0/16", &remote_ts);
	add = (struct ike_out_child_add){
		.connection = 3,
		.spi_in = 0x100,
		.spi_out = 0x200,
		.suite = {.protocol = IKE_PROTOCOL_ESP,
			  .encr = IKE_ENCR_AES_GCM_16,
			  .key_bits = 256,
			  .esn = IKE_ESN_YES},
		.keys = {.encr_in = {key, 36}, .encr_out = {key, 36}},
		.local_ts = &local_ts,
		.remote_ts = &remote_ts,
		.n_local_ts = 1,
		.n_remote_ts = 1,
		.local = {.addr = addr("198.51.100.2"), .port = 4500},
		.remote = {.addr = addr("203.0.113.2"), .port = 61234},
		.udp = true,
		.lifetime = 3600,
		.soft_lifetime = 3000,
		.bytes = 1000000,
		.soft_bytes = 900000,
	};
	text[0] = '\0';
	return 0;
}

static int check(void)
{
	return check_child_add(&ctx, &add, text);
}

#define refused_for(word)                            \
	do {                                         \
		assert_int_equal(check(), -EPERM);   \
		assert_non_null(strstr(text, word)); \
	} while (0)

static void what_the_configuration_says_is_installed(void **state _unused_)
{
	assert_int_equal(check(), 0);
}

static void without_a_live_binding_nothing_is_installed(void **state _unused_)
{
	ctx.binding_live = false;
	refused_for("binding");
}

static void another_connections_binding_is_no_good(void **state _unused_)
{
	ctx.binding_connection = 4;
	refused_for("another connection");
}

static void selectors_stay_within_the_configured_networks(void **state _unused_)
{
	ts("10.0.0.0/8", &local_ts);
	refused_for("local selector");
	setup(NULL);
	ts("0.0.0.0/0", &remote_ts);
	refused_for("remote selector");
	setup(NULL);
	ts("10.3.0.0/16", &remote_ts);
	refused_for("remote selector");
	setup(NULL);
	ts("fd00:3::/32", &remote_ts);
	refused_for("remote selector");
	setup(NULL);
	add.n_local_ts = 0;
	refused_for("selectors");
}

static void protocols_and_ports_stay_within_too(void **state _unused_)
{
	local_nets[0].protocol = 6;
	local_nets[0].port_first = local_nets[0].port_last = 443;
	refused_for("local selector");
	local_ts.protocol = 6;
	local_ts.port_start = local_ts.port_end = 443;
	assert_int_equal(check(), 0);
	local_ts.port_end = 444;
	refused_for("local selector");
	/* OPAQUE (RFC 7296 section 3.13.1) */
	local_ts.port_start = 65535;
	local_ts.port_end = 0;
	refused_for("selector");
}

static void the_peer_is_where_it_is_configured(void **state _unused_)
{
	add.remote.addr = addr("203.0.113.3");
	refused_for("remote endpoint");
	connection.remote_kind = CG_REMOTE_ANY;
	assert_int_equal(check(), 0);
	add.remote.addr = addr("224.0.0.5");
	refused_for("remote endpoint");
	add.remote.addr = addr("0.0.0.0");
	refused_for("remote endpoint");
}

static void a_name_means_the_addresses_it_had(void **state _unused_)
{
	struct cg_addr resolved[2] = {addr("203.0.113.7"), addr("203.0.113.2")};

	connection.remote_kind = CG_REMOTE_NAME;
	ctx.resolved = resolved;
	ctx.n_resolved = 2;
	assert_int_equal(check(), 0);
	ctx.n_resolved = 1;
	refused_for("remote endpoint");
	/* It leads elsewhere now, and the Child SA that is there is rekeyed. */
	ctx.current[0] = addr("203.0.113.8");
	ctx.current[1] = add.remote.addr;
	ctx.n_current = 1;
	refused_for("remote endpoint");
	ctx.n_current = 2;
	assert_int_equal(check(), 0);
	/* An address that is configured is no name. */
	connection.remote_kind = CG_REMOTE_ADDRESS;
	connection.remote_address = addr("203.0.113.7");
	refused_for("remote endpoint");
}

static void we_are_where_we_are_configured(void **state _unused_)
{
	connection.local_address = addr("198.51.100.3");
	refused_for("local_address");
	connection.local_address = addr("198.51.100.2");
	assert_int_equal(check(), 0);
	listens[0] = addr("198.51.100.9");
	refused_for("listens");
	setup(NULL);
	add.local.port = 5555;
	refused_for("port");
	setup(NULL);
	add.local.addr = addr("::1");
	refused_for("pair");
}

static void encapsulation_is_what_the_connection_wants(void **state _unused_)
{
	connection.encap = CG_ENCAP_RAW;
	refused_for("raw ESP");
	add.udp = false;
	assert_int_equal(check(), 0);
	connection.encap = CG_ENCAP_UDP;
	refused_for("UDP");
}

static void algorithms_are_the_policys(void **state _unused_)
{
	add.suite.key_bits = 128;
	refused_for("tested");
	setup(NULL);
	add.suite.encr = IKE_ENCR_AES_CBC;
	add.suite.integ = IKE_INTEG_HMAC_SHA2_256_128;
	refused_for("tested");
	setup(NULL);
	add.suite.integ = IKE_INTEG_HMAC_SHA2_256_128;
	refused_for("tested");
	setup(NULL);
	add.suite.esn = IKE_ESN_NO;
	refused_for("tested");
	setup(NULL);
	add.suite.encr = IKE_ENCR_CHACHA20_POLY1305;
	add.suite.key_bits = 0;
	assert_int_equal(check(), 0);
}

static void additional_key_exchanges_are_the_policys(void **state _unused_)
{
	add.suite.addke[1] = IKE_KE_ECP_384;
	refused_for("tested");
	proposal.transforms[proposal.n_transforms++] = (struct cg_transform){
		.type = CG_TRANSFORM_ADDKE1 + 1, .id = IKE_KE_ECP_384};
	assert_int_equal(check(), 0);
	add.suite.addke[0] = IKE_KE_ECP_384;
	refused_for("tested");
	/* The first Child SA has none of its own. */
	memset(add.suite.addke, 0, sizeof(add.suite.addke));
	assert_int_equal(check(), 0);
}

static void keys_have_their_length(void **state _unused_)
{
	add.keys.encr_in.size = 35;
	refused_for("keys");
	setup(NULL);
	add.keys.encr_out.size = 0;
	refused_for("keys");
	setup(NULL);
	add.keys.integ_in.size = 32;
	refused_for("keys");
}

static void lifetimes_are_not_longer_than_the_policys(void **state _unused_)
{
	add.lifetime = 3601;
	refused_for("lifetime");
	setup(NULL);
	add.lifetime = 0;
	refused_for("lifetime");
	setup(NULL);
	add.bytes = 0;
	refused_for("lifetime");
	setup(NULL);
	add.bytes = 1000001;
	refused_for("lifetime");
	setup(NULL);
	add.soft_lifetime = 4000;
	refused_for("lifetime");
	setup(NULL);
	/* No limit is configured on packets: one is no harm. */
	add.packets = 5;
	assert_int_equal(check(), 0);
}

static void reserved_spis_and_unknown_children_are_refused(void **state _unused_)
{
	add.spi_in = 255;
	refused_for("SPI");
	setup(NULL);
	add.spi_out = 0;
	refused_for("SPI");
	setup(NULL);
	add.child_index = 1;
	refused_for("child");
	setup(NULL);
	connection.enabled = false;
	refused_for("disabled");
}

static void a_tunnel_moves_only_where_the_peer_may_be(void **state _unused_)
{
	struct cg_endpoint elsewhere = {.addr = addr("192.0.2.1"), .port = 4500};

	assert_int_equal(check_endpoints(&ctx, &add.local, &add.remote, true, text), 0);
	assert_int_equal(check_endpoints(&ctx, &add.local, &elsewhere, true, text), -EPERM);
	connection.remote_kind = CG_REMOTE_ANY;
	assert_int_equal(check_endpoints(&ctx, &add.local, &elsewhere, true, text), 0);
	elsewhere.port = 0;
	assert_int_equal(check_endpoints(&ctx, &add.local, &elsewhere, true, text), -EPERM);
}

#define unit(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		unit(what_the_configuration_says_is_installed),
		unit(without_a_live_binding_nothing_is_installed),
		unit(another_connections_binding_is_no_good),
		unit(selectors_stay_within_the_configured_networks),
		unit(protocols_and_ports_stay_within_too),
		unit(the_peer_is_where_it_is_configured),
		unit(a_name_means_the_addresses_it_had),
		unit(we_are_where_we_are_configured),
		unit(encapsulation_is_what_the_connection_wants),
		unit(algorithms_are_the_policys),
		unit(additional_key_exchanges_are_the_policys),
		unit(keys_have_their_length),
		unit(lifetimes_are_not_longer_than_the_policys),
		unit(reserved_spis_and_unknown_children_are_refused),
		unit(a_tunnel_moves_only_where_the_peer_may_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
