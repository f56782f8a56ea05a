// SPDX-License-Identifier: Apache-2.0
/* What the command does with a daemon's answers: the documented fields as text and as JSON, refusals, broken answers. */
#include "lib/clitest.h"
#include "lib/pkigen.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/control.h"
#include "base/file.h"
#include "base/hex.h"
#include "cli/output.h"
#include "lib/dirtest.h"
#include "pki/cert.h"

/* What a daemon is asked, and what it answers. */
struct exchange {
	const char *op, *args, *answer;
};

static void serve_one(int server, const struct exchange *x)
{
	struct control_reader reader = {0};
	json_t *msg = NULL, *expected = json_loads(x->args, 0, NULL), *got_args;
	const char *got;
	int fd = -1;

	while (fd < 0) {
		fd = accept(server, NULL, NULL);
		if (fd < 0)
			(void)usleep(1000);
	}
	if (control_receive(fd, &reader, 10 * USEC_PER_SEC, &msg) < 0 ||
	    control_parse_request(msg, &got, &got_args) < 0 || !streq(got, x->op) ||
	    !json_equal(got_args, expected))
		_exit(1);
	if (write_all(fd, x->answer, strlen(x->answer)) < 0)
		_exit(2);
	(void)close(fd);
}

/*
 * A daemon for n clients, one after the other: checks that the first request of each is the expected one, writes the given bytes, and
 * closes. Its exit status says whether the requests were right.
 */
static pid_t serve(const char *path, const struct exchange *x, size_t n)
{
	int server = control_listen(path, 0600);
	pid_t pid;

	assert_true(server >= 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)alarm(60);
		for (size_t i = 0; i < n; i++)
			serve_one(server, &x[i]);
		_exit(0);
	}
	(void)close(server);
	return pid;
}

static void assert_served(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Runs "certgate A B C" against a daemon that answers so. */
static struct ran ask(const char *op, const char *args, const char *answer, const char *a,
		      const char *b, const char *c)
{
	_cleanup_free_ char *path = path_of("sock");
	const struct exchange x = {.op = op, .args = args, .answer = answer};
	pid_t pid = serve(path, &x, 1);
	struct ran r = run_cli("--socket", path, a, b, c, NULL);

	assert_served(pid);
	return r;
}

#define OK_RESULT(x) "{\"ok\":true,\"result\":" x "}\n"

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

static void status_shows_everything_about_a_few_connections(void **state)
{
	_cleanup_ran_ struct ran r = ask(
		"status", "{}",
		OK_RESULT("{\"connections\":[" CONNECTION("hq") "," FAILED("paris") "]," REST "}"),
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
	_cleanup_ran_ struct ran r = ask(
		"status", "{}",
		OK_RESULT("{\"connections\":[" CONNECTION("a") "," CONNECTION("b") "," CONNECTION(
			"c") "," CONNECTION("d") "," FAILED("paris") "]," REST "}"),
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
		OK_RESULT(
			"{\"connections\":[" CONNECTION("a") "," CONNECTION("b") "," FAILED_ONCE("old", "up", "2019-12-31T23:59:59Z") "," FAILED_ONCE(
				"new", "up",
				"2020-01-01T00:00:01Z") "," FAILED_ONCE("part", "partial",
									"2019-12-31T23:59:59Z") "]," REST
												"}"),
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
		OK_RESULT(
			"{\"connections\":[" CONNECTION("a") "," CONNECTION("b") "," CONNECTION("c") "," LATER_CHILD(
				"before",
				"2020-01-01T00:00:01Z") "," LATER_CHILD("since",
									"2020-01-01T00:01:01Z") "]," REST
												"}"),
		"status", NULL, NULL);

	(void)state;
	assert_int_equal(r.status, CLI_OK);
	assert_null(strstr(r.out, "what before says"));
	assert_holds(r.out, "\nsince\n  last error   what since says (child-refused, ");
}

static void status_long_shows_all_in_detail(void **state)
{
	_cleanup_ran_ struct ran r = ask(
		"status", "{}",
		OK_RESULT("{\"connections\":[" CONNECTION("a") "," CONNECTION("b") "," CONNECTION(
			"c") "," CONNECTION("d") "," FAILED("paris") "]," REST "}"),
		"status", "--long", NULL);

	(void)state;
	assert_holds(r.out, "d: up for ");
	assert_holds(r.out, "paris: waiting");
}

static void status_of_one_asks_for_one(void **state)
{
	_cleanup_ran_ struct ran r = ask("status", "{\"name\":\"hq\"}",
					 OK_RESULT("{\"connections\":[" CONNECTION("hq") "]," REST
											 "}"),
					 "status", "hq", NULL);
	_cleanup_ran_ struct ran none = ask(
		"status", "{}", OK_RESULT("{\"connections\":[]," REST "}"), "status", NULL, NULL);

	(void)state;
	assert_int_equal(r.status, CLI_OK);
	assert_holds(r.out, "hq: up for ");
	assert_null(strstr(r.out, "certgated"));
	assert_holds(none.out, "no connections are configured\n");
}

static void json_is_the_result_as_it_came(void **state)
{
	_cleanup_ran_ struct ran r = ask(
		"status", "{}", OK_RESULT("{\"connections\":[" CONNECTION("hq") "]," REST "}"),
		"status", "--json", NULL);
	_cleanup_json_ json_t *got = json_loads(r.out, 0, NULL),
			      *expected = json_loads(
				      "{\"connections\":[" CONNECTION("hq") "]," REST "}", 0, NULL);

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

static void up_succeeds_only_if_it_is_up(void **state)
{
	_cleanup_ran_ struct ran up = ask("up", "{\"name\":\"hq\",\"wait\":30}",
					  OK_RESULT("{\"name\":\"hq\",\"state\":\"up\"}"), "up",
					  "hq", NULL);
	_cleanup_ran_ struct ran late = ask("up", "{\"name\":\"hq\",\"wait\":2}",
					    OK_RESULT("{\"name\":\"hq\",\"state\":\"connecting\"}"),
					    "up", "hq", "--wait=2");
	_cleanup_ran_ struct ran now = ask("up", "{\"name\":\"hq\",\"wait\":0}",
					   OK_RESULT("{\"name\":\"hq\",\"state\":\"connecting\"}"),
					   "up", "hq", "--wait=0");

	(void)state;
	assert_int_equal(up.status, CLI_OK);
	assert_string_equal(up.out, "hq is up\n");
	assert_int_equal(late.status, CLI_FAILED);
	assert_holds(
		late.err,
		"certgate: hq is not up after 2 seconds, its state is connecting\n  hint: it goes on trying");
	assert_int_equal(now.status, CLI_OK);
	assert_string_equal(now.out, "hq is being brought up\n");
}

static void a_refusal_is_printed_with_its_hint(void **state)
{
	_cleanup_ran_ struct ran r = ask(
		"down", "{\"name\":\"x\"}",
		"{\"ok\":false,\"error\":\"there is no connection 'x'\\n\",\"hint\":\"there are: hq\"}\n",
		"down", "x", NULL);

	(void)state;
	assert_int_equal(r.status, CLI_FAILED);
	assert_string_equal(r.out, "");
	assert_string_equal(r.err,
			    "certgate: there is no connection 'x'\\x0a\n  hint: there are: hq\n");
}

static void reload_tells_what_changed_or_what_is_wrong(void **state)
{
	_cleanup_ran_ struct ran good = ask(
		"reload", "{}",
		OK_RESULT("{\"added\":[\"a\"],\"removed\":[\"b\"],\"changed\":[],\"unchanged\":2,"
			  "\"warnings\":[{\"severity\":\"warning\",\"file\":\"f\",\"line\":1,"
			  "\"column\":2,\"key\":\"k\",\"text\":\"t\",\"hint\":\"h\"}]}"),
		"reload", NULL, NULL);
	_cleanup_ran_ struct ran bad = ask(
		"reload", "{}",
		"{\"ok\":false,\"error\":\"the configuration has 1 error\",\"findings\":[{\"severity\":\"error\","
		"\"file\":\"f\",\"line\":3,\"column\":4,\"key\":\"gateway.x\",\"text\":\"unknown key\"}]}\n",
		"reload", NULL, NULL);

	(void)state;
	assert_int_equal(good.status, CLI_OK);
	assert_string_equal(good.out,
			    "added a\nremoved b\nconfiguration loaded, 2 connections unchanged\n");
	assert_string_equal(good.err, "f:1:2: warning: k: t (h)\n");
	assert_int_equal(bad.status, CLI_FAILED);
	assert_string_equal(
		bad.err,
		"certgate: the configuration has 1 error\nf:3:4: error: gateway.x: unknown key\n");
}

#define VERSION(pid) OK_RESULT("{\"version\":\"0.1.0\",\"pid\":" pid "}")

static void restart_waits_for_another_process(void **state)
{
	static const struct exchange all[] = {
		{"version", "{}", VERSION("812")},
		{"restart", "{}",
		 OK_RESULT("{\"added\":[],\"removed\":[\"b\"],\"changed\":[],\"unchanged\":2,"
			   "\"warnings\":[]}")},
		/* The one that is asked to go has not gone yet; then one answers that is only beginning. */
		{"version", "{}", VERSION("812")},
		{"version", "{}", ""},
		{"version", "{}", VERSION("813")},
	};
	_cleanup_free_ char *path = path_of("sock");
	pid_t pid = serve(path, all, ARRAY_SIZE(all));
	_cleanup_ran_ struct ran r = run_cli("--socket", path, "restart", NULL);

	(void)state;
	assert_served(pid);
	assert_int_equal(r.status, CLI_OK);
	assert_string_equal(r.out, "removed b\nconfiguration loaded, 2 connections unchanged\n"
				   "certgated has restarted\n");
	assert_string_equal(r.err, "");
}

static void a_refused_restart_tells_why(void **state)
{
	static const struct exchange all[] = {
		{"version", "{}", VERSION("812")},
		{"restart", "{}",
		 "{\"ok\":false,\"error\":\"the configuration has 1 error\",\"findings\":[{\"severity\":"
		 "\"error\",\"file\":\"f\",\"line\":3,\"column\":4,\"key\":\"gateway.x\","
		 "\"text\":\"unknown key\"}]}\n"},
	};
	_cleanup_free_ char *path = path_of("sock");
	pid_t pid = serve(path, all, ARRAY_SIZE(all));
	_cleanup_ran_ struct ran r = run_cli("--socket", path, "restart", NULL);

	(void)state;
	assert_served(pid);
	assert_int_equal(r.status, CLI_FAILED);
	assert_string_equal(
		r.err,
		"certgate: the configuration has 1 error\nf:3:4: error: gateway.x: unknown key\n");
}

static void monitor_prints_events_until_the_daemon_goes(void **state)
{
	static const char answer[] =
		"{\"ok\":true,\"result\":{}}\n"
		"{\"event\":{\"time\":\"2026-11-22T16:00:00Z\",\"severity\":\"warning\",\"code\":\"auth-failed\","
		"\"connection\":\"hq\",\"text\":\"refused\",\"hint\":\"look at it\"}}\n"
		"{\"other\":1}\n";
	_cleanup_ran_ struct ran text = ask("monitor", "{}", answer, "monitor", NULL, NULL);
	_cleanup_ran_ struct ran json = ask("monitor", "{\"name\":\"hq\"}", answer, "monitor", "hq",
					    "--json");

	(void)state;
	assert_int_equal(text.status, CLI_FAILED);
	assert_string_equal(text.out, "2026-11-22 16:00:00  warning  hq  refused\n"
				      "                              to do: look at it\n");
	assert_holds(text.err, "certgated ended or dropped this client");
	assert_holds(json.out, "{\"time\":\"2026-11-22T16:00:00Z\",\"severity\":\"warning\"");
	assert_int_equal(strlen(json.out), strcspn(json.out, "\n") + 1);
}

static void explain_tells_the_history(void **state)
{
	_cleanup_ran_ struct ran r = ask(
		"explain", "{\"name\":\"hq\"}",
		OK_RESULT(
			"{\"name\":\"hq\",\"state\":\"down\",\"summary\":\"the peer never answered\","
			"\"history\":[{\"time\":\"2026-11-22T16:00:00Z\",\"severity\":\"info\","
			"\"code\":\"retransmit-timeout\",\"text\":\"no answer\"}]}"),
		"explain", "hq", NULL);

	(void)state;
	assert_int_equal(r.status, CLI_OK);
	assert_string_equal(
		r.out, "hq is down: the peer never answered\n\nwhat happened, oldest first (UTC):\n"
		       "2026-11-22 16:00:00  info     no answer\n");
}

#define WARNINGS                                                                               \
	"\"warnings\":[{\"code\":\"process-slow\",\"text\":\"ike did not answer\\u001b[31m\"," \
	"\"hint\":\"ask again\"}]"
#define SLOW "\"daemon\":{\"version\":\"0.1.0\",\"pid\":812,\"uptime\":86400," WARNINGS "}"

/* Whatever is asked, an answer that is not whole is not printed as if it were. */
static void what_is_missing_of_an_answer_is_said(void **state)
{
	_cleanup_ran_ struct ran all = ask(
		"status", "{}", OK_RESULT("{\"connections\":[" FAILED("hq") "]," SLOW "}"),
		"status", NULL, NULL);
	_cleanup_ran_ struct ran one = ask(
		"status", "{\"name\":\"hq\"}",
		OK_RESULT("{\"connections\":[" FAILED("hq") "]," SLOW "}"), "status", "hq", NULL);
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

static void stop_waits_until_the_daemon_has_gone(void **state)
{
	_cleanup_ran_ struct ran r = ask("stop", "{}", OK_RESULT("{}"), "stop", NULL, NULL);
	_cleanup_ran_ struct ran refused = ask(
		"stop", "{}", "{\"ok\":false,\"error\":\"root only\"}\n", "stop", NULL, NULL);

	(void)state;
	assert_int_equal(r.status, CLI_OK);
	assert_string_equal(r.out, "certgated has stopped\n");
	assert_int_equal(refused.status, CLI_FAILED);
	assert_string_equal(refused.err, "certgate: root only\n");
}

static void version_asks_the_daemon(void **state)
{
	_cleanup_ran_ struct ran r = ask("version", "{}",
					 OK_RESULT("{\"version\":\"9.9\",\"pid\":1}"), "version",
					 NULL, NULL);

	(void)state;
	assert_int_equal(r.status, CLI_OK);
	assert_holds(r.out, "certgated  9.9\n");
}

static void answers_that_make_no_sense_fail_and_do_not_crash(void **state)
{
	static const char *const answers[] = {
		"",
		"\n",
		"garbage\n",
		"[]\n",
		"{}\n",
		"{\"ok\":\"yes\"}\n",
		"{\"ok\":true",
		"{\"ok\":false,\"error\":5,\"hint\":[]}\n",
	};
	static const char *const odd[] = {
		OK_RESULT("{}"),
		OK_RESULT("null"),
		OK_RESULT("[]"),
		OK_RESULT("7"),
		OK_RESULT("{\"connections\":{}}"),
		OK_RESULT("{\"connections\":[1,null,[],{}]}"),
		OK_RESULT(
			"{\"connections\":[{\"name\":5,\"state\":[],\"ike\":1,\"children\":[1,{\"spi_in\":2,\"drops\":[]}],\"chain\":[1]"
			",\"peer_subject\":1,\"last_error\":2}],\"daemon\":1,\"module\":[]}"),
		"{\"ok\":true}\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		_cleanup_ran_ struct ran r = ask("status", "{}", answers[i], "status", NULL, NULL);

		assert_int_equal(r.status, CLI_FAILED);
		assert_holds(r.err, "certgate: ");
	}
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		_cleanup_ran_ struct ran r = ask("status", "{}", odd[i], "status", NULL, NULL);
		_cleanup_ran_ struct ran sa = ask("sa", "{}", odd[i], "sa", NULL, NULL);

		assert_int_equal(r.status, CLI_OK);
		assert_int_equal(sa.status, CLI_OK);
	}
}

static int setup(void **state)
{
	(void)unsetenv("CERTGATE_SOCKET");
	return make_dir(state);
}

/* ---------------------------------------------------------------- revocation */

#define FINGERPRINT "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void revoke_sends_a_fingerprint_however_it_is_written(void **state)
{
	static const char *const ways[] = {
		FINGERPRINT,
		"00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF",
		"00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		_cleanup_ran_ struct ran r = ask(
			"revoke", "{\"fingerprint\":\"" FINGERPRINT "\"}",
			OK_RESULT("{\"fingerprint\":\"x\",\"bindings\":2,\"sas\":6}"), "cert",
			"revoke", ways[i]);

		assert_int_equal(r.status, CLI_OK);
		assert_string_equal(r.out, "revoked: 2 bindings with 6 SAs were stopped\n");
	}
}

static void a_refused_revocation_fails_and_says_why(void **state)
{
	_cleanup_ran_ struct ran r = ask(
		"unrevoke", "{\"fingerprint\":\"" FINGERPRINT "\"}",
		"{\"ok\":false,\"error\":\"it is not revoked on this gateway\","
		"\"hint\":\"see\"}\n",
		"cert", "unrevoke", FINGERPRINT);

	(void)state;
	assert_int_equal(r.status, CLI_FAILED);
	assert_holds(r.err, "it is not revoked on this gateway");
}

static void what_is_no_fingerprint_is_a_file(void **state)
{
	_cleanup_ran_ struct ran missing = run_cli("--socket", "/nowhere", "cert", "revoke",
						   "/no/such.pem", NULL);
	_cleanup_ran_ struct ran none = run_cli("--socket", "/nowhere", "cert", "revoke", NULL);
	_cleanup_ran_ struct ran two = run_cli("--socket", "/nowhere", "cert", "revoke",
					       FINGERPRINT, FINGERPRINT, NULL);
	_cleanup_ran_ struct ran key = run_cli("--socket", "/nowhere", "cert", "unrevoke", "--key",
					       FINGERPRINT, NULL);

	(void)state;
	assert_int_equal(missing.status, CLI_FAILED);
	assert_holds(missing.err, "/no/such.pem");
	assert_int_equal(none.status, CLI_USAGE);
	assert_int_equal(two.status, CLI_USAGE);
	assert_int_equal(key.status, CLI_USAGE);
	assert_holds(key.err, "--key goes with a file");
}

static void the_certificate_or_the_key_of_a_file_is_meant(void **state)
{
	_cleanup_free_ char *path = path_of("gw.pem"), *both = path_of("both.pem"), *two = NULL;
	struct pkigen_cert *cert = pkigen_root("CN=Root");
	_cleanup_(pki_cert_unrefp) struct pki_cert *c = NULL;
	char hash[65];

	(void)state;
	assert_int_equal(pki_cert_new(cert->der, cert->der_len, NULL, &c), 0);
	pkigen_write(path, cert->pem, strlen(cert->pem));
	for (int key = 0; key < 2; key++) {
		_cleanup_free_ char *args = NULL, *socket = path_of("sock");
		_cleanup_ran_ struct ran r = {0};
		pid_t pid;

		(void)hex_encode(key ? c->spki_sha256 : c->sha256, 32, hash, sizeof(hash));
		args = str_printf(
			"{\"fingerprint\":\"%s\",\"subject\":\"%sCN=Root\",\"reason\":\"lost\"}",
			hash, key ? "key of " : "");
		pid = serve(socket,
			    &(struct exchange){.op = "revoke",
					       .args = args,
					       .answer = OK_RESULT("{\"bindings\":0,\"sas\":0}")},
			    1);
		r = key ? run_cli("--socket", socket, "cert", "revoke", "--key", "--reason=lost",
				  path, NULL)
			: run_cli("--socket", socket, "cert", "revoke", "--reason", "lost", path,
				  NULL);
		assert_served(pid);
		assert_int_equal(r.status, CLI_OK);
	}
	two = str_printf("%s%s", cert->pem, pkigen_root("CN=Other")->pem);
	pkigen_write(both, two, strlen(two));
	{
		_cleanup_ran_ struct ran r = run_cli("--socket", "/nowhere", "cert", "revoke", both,
						     NULL);

		assert_int_equal(r.status, CLI_FAILED);
		assert_holds(r.err, "holds 2 certificates: which one is meant?");
	}
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unlink(both), 0);
	pkigen_done();
}

static void list_shows_what_is_revoked_and_what_was_fetched(void **state)
{
	_cleanup_ran_ struct ran r = ask(
		"revocations", "{}",
		OK_RESULT(
			"{\"revoked\":[{\"fingerprint\":\"" FINGERPRINT
			"\",\"by\":\"hand\",\"subject\":\"CN=gw\\u001b[31m\",\"text\":\"stolen\"}],"
			"\"fetched\":[{\"kind\":\"crl\",\"state\":\"fresh\","
			"\"url\":\"http://pki.example/ca.crl\","
			"\"next_update\":\"2099-01-01T00:00:00Z\"}]}"),
		"cert", "list", NULL);
	_cleanup_ran_ struct ran empty = ask("revocations", "{}",
					     OK_RESULT("{\"revoked\":[],\"fetched\":[]}"), "cert",
					     "list", NULL);

	(void)state;
	assert_int_equal(r.status, CLI_OK);
	assert_holds(r.out, FINGERPRINT);
	assert_holds(r.out, "stolen");
	assert_null(strchr(r.out, '\x1b'));
	assert_holds(r.out, "http://pki.example/ca.crl");
	assert_string_equal(empty.out, "nothing is revoked on this gateway\n");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(revoke_sends_a_fingerprint_however_it_is_written),
		cmocka_unit_test(a_refused_revocation_fails_and_says_why),
		cmocka_unit_test(what_is_no_fingerprint_is_a_file),
		cmocka_unit_test(the_certificate_or_the_key_of_a_file_is_meant),
		cmocka_unit_test(list_shows_what_is_revoked_and_what_was_fetched),
		cmocka_unit_test(status_tells_of_revocation),
		cmocka_unit_test(status_shows_everything_about_a_few_connections),
		cmocka_unit_test(status_tells_what_ike_dropped),
		cmocka_unit_test(status_tells_what_failed_and_is_no_connections),
		cmocka_unit_test(status_of_many_is_a_table_with_the_errors_below),
		cmocka_unit_test(status_of_many_tells_what_fails_beside_what_is_up),
		cmocka_unit_test(status_of_many_is_well_when_a_child_came_up_since),
		cmocka_unit_test(status_long_shows_all_in_detail),
		cmocka_unit_test(status_of_one_asks_for_one),
		cmocka_unit_test(json_is_the_result_as_it_came),
		cmocka_unit_test(sa_lists_both_kinds),
		cmocka_unit_test(up_succeeds_only_if_it_is_up),
		cmocka_unit_test(a_refusal_is_printed_with_its_hint),
		cmocka_unit_test(reload_tells_what_changed_or_what_is_wrong),
		cmocka_unit_test(monitor_prints_events_until_the_daemon_goes),
		cmocka_unit_test(explain_tells_the_history),
		cmocka_unit_test(what_is_missing_of_an_answer_is_said),
		cmocka_unit_test(restart_waits_for_another_process),
		cmocka_unit_test(a_refused_restart_tells_why),
		cmocka_unit_test(stop_waits_until_the_daemon_has_gone),
		cmocka_unit_test(version_asks_the_daemon),
		cmocka_unit_test(answers_that_make_no_sense_fail_and_do_not_crash),
	};

	return cmocka_run_group_tests(tests, setup, remove_dir);
}
