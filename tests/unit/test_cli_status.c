// SPDX-License-Identifier: Apache-2.0
/* How the command shows a daemon's state: the documented fields as text and as JSON, and what is missing of them. */
#include "lib/asktest.h"

#define CONNECTION(name)                                                                          \
	"{\"name\":\"" name "\",\"enabled\":true,\"state\":\"up\",\"mode\":\"default\","          \
	"\"interface\":\"cg0\",\"local_address\":\"10.0.0.4:4500\","                              \
	"\"remote_address\":\"198.51.100.7:4500\",\"remote_name\":\"gw.hq.example\","             \
	"\"local_subject\":\"CN=branch\",\"local_not_after\":\"2099-01-01T00:00:00Z\","           \
	"\"peer_subject\":\"CN=gw.hq.example,O=Evil\\u001b[31m\","                                \
	"\"peer_identity\":\"dn:CN=gw.hq.example\","                                              \
	"\"chain\":[{\"subject\":\"CN=gw.hq.example\",\"sha256\":\"00112233445566778899\","       \
	"\"spki_sha256\":\"aa\",\"not_after\":\"2099-01-01T00:00:00Z\"},"                         \
	"{\"subject\":\"CN=Root\",\"sha256\":\"ff\",\"spki_sha256\":\"bb\","                      \
	"\"not_after\":\"2001-01-01T00:00:00Z\"}],\"not_after\":\"2099-01-01T00:00:00Z\","        \
	"\"binding\":7,\"ike\":{\"suite\":\"AES_GCM_16-256/PRF_HMAC_SHA2_256/CURVE25519\","       \
	"\"established_at\":\"2020-01-01T00:00:00Z\",\"spi_i\":\"0123456789abcdef\","             \
	"\"spi_r\":\"fedcba9876543210\",\"role\":\"initiator\",\"nat\":\"local\","                \
	"\"fragmentation\":true,\"rekey_at\":\"2099-01-01T00:00:00Z\"},"                          \
	"\"children\":[{\"name\":\"" name "\",\"state\":\"up\",\"suite\":\"AES_GCM_16-256/ESN\"," \
	"\"spi_in\":\"c0ffee01\",\"spi_out\":\"c0ffee02\",\"local_networks\":[\"10.1.0.0/16\","   \
	"\"10.3.0.0/16\"],\"remote_networks\":[\"10.2.0.0/16\"],\"bytes_in\":1536,"               \
	"\"bytes_out\":10,\"packets_in\":3,\"packets_out\":1,\"drops\":{\"replay\":4,"            \
	"\"mtu\":0},\"rekey_at\":\"2099-01-01T00:00:00Z\",\"encap\":\"udp\"}],"                   \
	"\"expiring\":[{\"whose\":\"configured\",\"subject\":\"CN=Old Root\","                    \
	"\"not_after\":\"2001-01-01T00:00:00Z\"}],"                                               \
	"\"warnings\":[{\"code\":\"forwarding-off\",\"text\":\"IPv4 forwarding is off\","         \
	"\"hint\":\"sysctl -w x=1\"}],\"attempts\":0}"

#define FAILED(name)                                                                      \
	"{\"name\":\"" name "\",\"state\":\"waiting\",\"interface\":\"cg1\","             \
	"\"local_address\":\"any\",\"remote_address\":\"192.0.2.1\",\"children\":[],"     \
	"\"attempts\":3,\"last_error\":{\"time\":\"2020-01-01T00:00:00Z\","               \
	"\"code\":\"no-proposal-chosen\",\"text\":\"the peer found no common proposal\"," \
	"\"hint\":\"add ECP256\"}}"

/* Up or in part, since 2020-01-01, with something that failed then. */
#define FAILED_ONCE(name, state, time)                                                     \
	"{\"name\":\"" name "\",\"state\":\"" state "\",\"interface\":\"cg2\","            \
	"\"local_address\":\"any\",\"remote_address\":\"192.0.2.1\",\"children\":[],"      \
	"\"ike\":{\"established_at\":\"2020-01-01T00:00:00Z\"},"                           \
	"\"attempts\":0,\"last_error\":{\"time\":\"" time "\",\"code\":\"child-refused\"," \
	"\"text\":\"what " name " says\"}}"

/* Up, with a child that came up a minute after the IKE SA. */
#define LATER_CHILD(name, time)                                                            \
	"{\"name\":\"" name "\",\"state\":\"up\",\"interface\":\"cg2\","                   \
	"\"local_address\":\"any\",\"remote_address\":\"192.0.2.1\","                      \
	"\"children\":[{\"name\":\"x\",\"state\":\"up\","                                  \
	"\"established_at\":\"2020-01-01T00:00:00Z\"},{\"name\":\"y\",\"state\":\"up\","   \
	"\"established_at\":\"2020-01-01T00:01:00Z\"}],"                                   \
	"\"ike\":{\"established_at\":\"2020-01-01T00:00:00Z\"},"                           \
	"\"attempts\":0,\"last_error\":{\"time\":\"" time "\",\"code\":\"child-refused\"," \
	"\"text\":\"what " name " says\"}}"

#define REST                                                               \
	"\"daemon\":{\"version\":\"0.1.0\",\"pid\":812,\"uptime\":86400}," \
	"\"module\":{\"version\":\"0.1.0\",\"lease_remaining\":3412}"

#define STATUS(connections) "{\"connections\":[" connections "]," REST "}"

/* More than are told of one by one. */
#define FOUR_AND_PARIS  \
	CONNECTION("a") \
	"," CONNECTION("b") "," CONNECTION("c") "," CONNECTION("d") "," FAILED("paris")

static void status_shows_everything_about_a_few_connections(void **state)
{
	_cleanup_ran_ struct ran r = ask("status", "{}",
					 OK_RESULT(STATUS(CONNECTION("hq") "," FAILED("paris"))),
					 "status", NULL, NULL);
	static const char *const parts[] = {
		"hq: up for ",
		"  interface    cg0\n",
		"  addresses    10.0.0.4:4500 <-> 198.51.100.7:4500 (gw.hq.example)\n",
		"  we are       CN=branch, expires 2099-01-01",
		"  peer         CN=gw.hq.example,O=Evil\\x1b[31m\n",
		"  identity     dn:CN=gw.hq.example\n",
		"  expires      2099-01-01 (in ",
		"CN=Root           2001-01-01 (EXPIRED ",
		"0011223344556677\n",
		"  IKE          AES_GCM_16-256/PRF_HMAC_SHA2_256/CURVE25519, rekey in ",
		"initiator, NAT: local, fragmentation, SPI 0123456789abcdef fedcba9876543210\n",
		"  child        hq: up, 10.1.0.0/16, 10.3.0.0/16 <-> 10.2.0.0/16\n",
		"AES_GCM_16-256/ESN, ESP in UDP, SPI in c0ffee01 out c0ffee02, rekey in ",
		"in 1.5 KiB (3 packets), out 10 B (1 packets)\n",
		"dropped 4 packets: replay\n",
		"  ends soon    of the configured chain: CN=Old Root, 2001-01-01 (EXPIRED ",
		"  warning      IPv4 forwarding is off\n  to do        sysctl -w x=1\n",
		"paris: waiting, 3 attempts so far\n",
		"  last error   the peer found no common proposal (no-proposal-chosen, ",
		"  to do        add ECP256\n",
		"certgated 0.1.0, pid 812, up for 1d; module 0.1.0, lease for 56m52s\n",
	};

	(void)state;
	assert_int_equal(r.status, CLI_OK);
	assert_string_equal(r.err, "");
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		assert_holds(r.out, parts[i]);
	assert_null(strchr(r.out, 27));
	assert_null(strstr(r.out, "mtu"));
}

static void status_tells_what_ike_dropped(void **state)
{
	static const char none[] = "{\"connections\":[]," REST
				   ",\"ike\":{\"datagrams_in\":9,\"malformed\":0,"
				   "\"replayed\":0}}";
	_cleanup_ran_ struct ran r = ask("status", "{}",
					 OK_RESULT("{\"connections\":[]," REST
						   ",\"ike\":{\"datagrams_in\":1200,"
						   "\"malformed\":3,\"unknown_spi\":0,"
						   "\"half_open_refused\":7}}"),
					 "status", NULL, NULL);
	_cleanup_free_ char *quiet_answer = str_printf("{\"ok\":true,\"result\":%s}\n", none);
	_cleanup_ran_ struct ran quiet = ask("status", "{}", quiet_answer, "status", NULL, NULL);

	(void)state;
	assert_int_equal(r.status, CLI_OK);
	assert_holds(
		r.out,
		"\nIKE dropped 3 malformed, 7 over the limits of half-open IKE SAs; of 1200 datagrams\n");
	assert_int_equal(quiet.status, CLI_OK);
	assert_null(strstr(quiet.out, "IKE dropped"));
}

static void status_tells_what_failed_and_is_no_connections(void **state)
{
	_cleanup_ran_ struct ran r = ask(
		"status", "{}",
		OK_RESULT("{\"connections\":[]," REST ",\"last_refusals\":["
			  "{\"time\":\"2020-01-01T00:00:00Z\",\"code\":\"no-connection\","
			  "\"remote\":\"192.0.2.9:500\",\"count\":3,\"hint\":\"configure one\","
			  "\"text\":\"192.0.2.9:500 wants to connect\\u001b[31m\"},"
			  "{\"time\":\"2020-01-01T00:00:00Z\",\"code\":\"auth-failed\","
			  "\"remote\":\"192.0.2.8:500\",\"count\":1,\"text\":\"it wants EAP\"}]}"),
		"status", NULL, NULL);

	(void)state;
	assert_int_equal(r.status, CLI_OK);
	assert_holds(r.out, "\nfailed, of no connection in particular\n"
			    "  last         192.0.2.9:500 wants to connect");
	assert_holds(r.out, "(no-connection, ");
	assert_holds(r.out, " ago, and before)\n  to do        configure one\n");
	assert_holds(r.out, "  before       it wants EAP (auth-failed, ");
	assert_null(strchr(r.out, 27));
}

static void status_of_many_is_a_table_with_the_errors_below(void **state)
{
	_cleanup_ran_ struct ran r = ask("status", "{}", OK_RESULT(STATUS(FOUR_AND_PARIS)),
					 "status", NULL, NULL);

	(void)state;
	assert_int_equal(r.status, CLI_OK);
	assert_holds(r.out, "NAME   STATE    REMOTE             PEER");
	assert_holds(r.out,
		     "\na      up       198.51.100.7:4500  CN=gw.hq.example,O=Evil\\x1b[31m");
	assert_holds(r.out, "  1.5 KiB  10 B\n");
	assert_holds(r.out, "\nparis\n  last error   the peer found no common proposal");
	/* What all four have is said once. */
	assert_holds(r.out, "\n\n  warning      IPv4 forwarding is off (connections: 4)\n"
			    "  to do        sysctl -w x=1\n\ncertgated");
	assert_null(strstr(r.out, "SPI"));
}

/* What is up only in part, and what failed since it is up, is not all well. */
static void status_of_many_tells_what_fails_beside_what_is_up(void **state)
{
	_cleanup_ran_ struct ran r = ask(
		"status", "{}",
		OK_RESULT(STATUS(
			CONNECTION("a") "," CONNECTION("b") "," FAILED_ONCE("old", "up", "2019-12-31T23:59:59Z") "," FAILED_ONCE(
				"new", "up",
				"2020-01-01T00:00:01Z") "," FAILED_ONCE("part", "partial",
									"2019-12-31T23:59:59Z"))),
		"status", NULL, NULL);

	(void)state;
	assert_int_equal(r.status, CLI_OK);
	assert_holds(r.out, "\nnew\n  last error   what new says (child-refused, ");
	assert_holds(r.out, "\npart\n  last error   what part says (child-refused, ");
	assert_null(strstr(r.out, "what old says"));
}

/* A child that was refused, and came up a minute later: that is well again, though the IKE SA is older. */
static void status_of_many_is_well_when_a_child_came_up_since(void **state)
{
	_cleanup_ran_ struct ran r = ask(
		"status", "{}",
		OK_RESULT(STATUS(
			CONNECTION("a") "," CONNECTION("b") "," CONNECTION("c") "," LATER_CHILD(
				"before",
				"2020-01-01T00:00:01Z") "," LATER_CHILD("since",
									"2020-01-01T00:01:01Z"))),
		"status", NULL, NULL);

	(void)state;
	assert_int_equal(r.status, CLI_OK);
	assert_null(strstr(r.out, "what before says"));
	assert_holds(r.out, "\nsince\n  last error   what since says (child-refused, ");
}

static void status_long_shows_all_in_detail(void **state)
{
	_cleanup_ran_ struct ran r = ask("status", "{}", OK_RESULT(STATUS(FOUR_AND_PARIS)),
					 "status", "--long", NULL);

	(void)state;
	assert_holds(r.out, "d: up for ");
	assert_holds(r.out, "paris: waiting");
}

static void status_of_one_asks_for_one(void **state)
{
	_cleanup_ran_ struct ran r = ask("status", "{\"name\":\"hq\"}",
					 OK_RESULT(STATUS(CONNECTION("hq"))), "status", "hq", NULL);
	_cleanup_ran_ struct ran none = ask("status", "{}", OK_RESULT(STATUS("")), "status", NULL,
					    NULL);

	(void)state;
	assert_int_equal(r.status, CLI_OK);
	assert_holds(r.out, "hq: up for ");
	assert_null(strstr(r.out, "certgated"));
	assert_holds(none.out, "no connections are configured\n");
}

static void status_tells_of_revocation(void **state)
{
	_cleanup_ran_ struct ran r = ask(
		"status", "{\"name\":\"hq\"}",
		OK_RESULT(
			"{\"connections\":[{\"name\":\"hq\",\"state\":\"up\",\"peer_subject\":\"CN=gw\","
			"\"chain\":[{\"subject\":\"CN=gw\",\"sha256\":\"aa\",\"revocation\":{\"state\":"
			"\"unknown\",\"text\":\"connection refused\"}}],"
			"\"revocation\":{\"mode\":\"when-available\",\"state\":\"unknown\","
			"\"next_update\":\"2099-01-01T00:00:00Z\"},\"children\":[]}]," REST "}"),
		"status", "hq", NULL);

	(void)state;
	assert_int_equal(r.status, CLI_OK);
	assert_holds(r.out, "  revocation   unknown (when-available), next update 2099-01-01");
	assert_holds(r.out, "CN=gw: connection refused");
}

static void json_is_the_result_as_it_came(void **state)
{
	_cleanup_ran_ struct ran r = ask("status", "{}", OK_RESULT(STATUS(CONNECTION("hq"))),
					 "status", "--json", NULL);
	_cleanup_json_ json_t *got = json_loads(r.out, 0, NULL),
			      *expected = json_loads(STATUS(CONNECTION("hq")), 0, NULL);

	(void)state;
	assert_int_equal(r.status, CLI_OK);
	assert_non_null(expected);
	assert_true(json_equal(got, expected));
}

static void sa_lists_both_kinds(void **state)
{
	_cleanup_ran_ struct ran r = ask(
		"sa", "{}",
		OK_RESULT(
			"{\"ike\":[{\"state\":\"connecting\",\"remote\":\"192.0.2.9:500\",\"spi_i\":\"0000000000000001\"}],\"children\":[]}"),
		"sa", NULL, NULL);

	(void)state;
	assert_int_equal(r.status, CLI_OK);
	assert_holds(r.out, "IKE SAs\n  CONNECTION  STATE");
	assert_holds(r.out,
		     "  -           connecting  -     -      192.0.2.9:500  0000000000000001");
	assert_holds(r.out, "\nChild SAs\n  none\n");
}

#define WARNINGS                                                                               \
	"\"warnings\":[{\"code\":\"process-slow\",\"text\":\"ike did not answer\\u001b[31m\"," \
	"\"hint\":\"ask again\"}]"
#define SLOW "\"daemon\":{\"version\":\"0.1.0\",\"pid\":812,\"uptime\":86400," WARNINGS "}"

#define SLOW_STATUS "{\"connections\":[" FAILED("hq") "]," SLOW "}"

/* Whatever is asked, an answer that is not whole is not printed as if it were. */
static void what_is_missing_of_an_answer_is_said(void **state)
{
	_cleanup_ran_ struct ran all = ask("status", "{}", OK_RESULT(SLOW_STATUS), "status", NULL,
					   NULL);
	_cleanup_ran_ struct ran one = ask("status", "{\"name\":\"hq\"}", OK_RESULT(SLOW_STATUS),
					   "status", "hq", NULL);
	_cleanup_ran_ struct ran sa = ask("sa", "{}",
					  OK_RESULT("{\"ike\":[],\"children\":[]," WARNINGS "}"),
					  "sa", NULL, NULL);
	_cleanup_ran_ struct ran explain = ask(
		"explain", "{\"name\":\"hq\"}",
		OK_RESULT("{\"name\":\"hq\",\"state\":\"up\",\"summary\":\"all is well\","
			  "\"history\":[]," WARNINGS "}"),
		"explain", "hq", NULL);

	(void)state;
	assert_holds(all.out,
		     "  warning      ike did not answer\\x1b[31m\n  to do        ask again\n");
	assert_holds(one.out,
		     "  warning      ike did not answer\\x1b[31m\n  to do        ask again\n");
	assert_holds(sa.out,
		     "\n\n  warning      ike did not answer\\x1b[31m\n  to do        ask again\n");
	assert_string_equal(
		explain.out,
		"hq is up: all is well\nwarning: ike did not answer\\x1b[31m\nto do: ask again\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_shows_everything_about_a_few_connections),
		cmocka_unit_test(status_tells_what_ike_dropped),
		cmocka_unit_test(status_tells_what_failed_and_is_no_connections),
		cmocka_unit_test(status_of_many_is_a_table_with_the_errors_below),
		cmocka_unit_test(status_of_many_tells_what_fails_beside_what_is_up),
		cmocka_unit_test(status_of_many_is_well_when_a_child_came_up_since),
		cmocka_unit_test(status_long_shows_all_in_detail),
		cmocka_unit_test(status_of_one_asks_for_one),
		cmocka_unit_test(status_tells_of_revocation),
		cmocka_unit_test(json_is_the_result_as_it_came),
		cmocka_unit_test(sa_lists_both_kinds),
		cmocka_unit_test(what_is_missing_of_an_answer_is_said),
	};

	return cmocka_run_group_tests(tests, setup, remove_dir);
}
