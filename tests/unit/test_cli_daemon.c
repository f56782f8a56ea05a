// SPDX-License-Identifier: Apache-2.0
/* What the command does with a daemon's answers: as text and as JSON, refusals, broken answers. Those about its state are in test_cli_status.c. */
#include "lib/asktest.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(up_succeeds_only_if_it_is_up),
		cmocka_unit_test(a_refusal_is_printed_with_its_hint),
		cmocka_unit_test(reload_tells_what_changed_or_what_is_wrong),
		cmocka_unit_test(restart_waits_for_another_process),
		cmocka_unit_test(a_refused_restart_tells_why),
		cmocka_unit_test(monitor_prints_events_until_the_daemon_goes),
		cmocka_unit_test(explain_tells_the_history),
		cmocka_unit_test(stop_waits_until_the_daemon_has_gone),
		cmocka_unit_test(version_asks_the_daemon),
		cmocka_unit_test(answers_that_make_no_sense_fail_and_do_not_crash),
	};

	return cmocka_run_group_tests(tests, setup, remove_dir);
}
