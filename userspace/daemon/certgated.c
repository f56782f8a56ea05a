/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program: reads the command line and becomes the launcher, or the process that the launcher started it as.
 */
#include <getopt.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <sys/prctl.h>

#include "base/control.h"
#include "base/log.h"
#include "base/str.h"
#include "base/version.h"
#include "config/config.h"
#include "daemon/launcher.h"
#include "daemon/options.h"

enum {
	OPT_FOREGROUND = 256,
	OPT_SOCKET,
	OPT_CHECK,
	OPT_VERSION,
	OPT_DEBUG,
	OPT_ROLE,
	OPT_INDEX,
	OPT_UID,
	OPT_GID,
	OPT_HANDOVER,
};

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"foreground", no_argument, NULL, OPT_FOREGROUND},
	{"socket", required_argument, NULL, OPT_SOCKET},
	{"check", no_argument, NULL, OPT_CHECK},
	{"debug", no_argument, NULL, OPT_DEBUG},
	{"version", no_argument, NULL, OPT_VERSION},
	{"help", no_argument, NULL, 'h'},
	/* the launcher's own, of no use to anyone else */
	{"role", required_argument, NULL, OPT_ROLE},
	{"index", required_argument, NULL, OPT_INDEX},
	{"uid", required_argument, NULL, OPT_UID},
	{"gid", required_argument, NULL, OPT_GID},
	{"handover", required_argument, NULL, OPT_HANDOVER},
	{NULL, 0, NULL, 0},
};

static void usage(FILE *f)
{
	(void)fputs(
		"usage: certgated [OPTION...]\n"
		"\n"
		"  -c, --config FILE  the configuration (default " CG_CONFIG_PATH ")\n"
		"      --socket PATH  the control socket (default " CONTROL_SOCKET_PATH ")\n"
		"      --check        read the configuration, say what is wrong with it, and end\n"
		"      --debug        log everything\n"
		"      --foreground   the default, and the only way: a service manager does the rest\n"
		"      --version      print the version\n"
		"  -h, --help         print this\n",
		f);
}

static int check(const char *path)
{
	_cleanup_config_ struct cg_config *config = NULL;
	struct cg_diags diags = {0};
	int r;

	r = cg_config_load(path, &diags, &config);
	for (size_t i = 0; i < diags.n; i++) {
		_cleanup_free_ char *line = cg_diag_format(&diags.items[i]);

		(void)fprintf(stderr, "%s\n", line ? line : "out of memory");
		if (diags.items[i].hint)
			(void)fprintf(stderr, "  %s\n", diags.items[i].hint);
	}
	cg_diags_done(&diags);
	if (r < 0 && r != -EINVAL)
		(void)fprintf(stderr, "%s: %s\n", path, strerror(-r));
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int number(const char *what, const char *s, uint64_t max, unsigned int *ret)
{
	uint64_t v;

	if (parse_uint(s, 0, max, &v) < 0) {
		(void)fprintf(stderr, "certgated: %s '%s' is not a number from 0 to %ju\n", what, s,
			      (uintmax_t)max);
		return -EINVAL;
	}
	*ret = (unsigned int)v;
	return 0;
}

static int launch(const struct options *o)
{
	char *argv[6];
	size_t n = 0;

	if (geteuid() != 0) {
		(void)fputs(
			"certgated: must be started as root; it gives up what it does not need\n",
			stderr);
		return EXIT_FAILURE;
	}
	argv[n++] = (char *)(uintptr_t) "--config";
	argv[n++] = (char *)(uintptr_t)o->config;
	argv[n++] = (char *)(uintptr_t) "--socket";
	argv[n++] = (char *)(uintptr_t)o->socket;
	if (o->debug)
		argv[n++] = (char *)(uintptr_t) "--debug";
	cg_log_init("certgated", o->debug ? CG_LOG_DEBUG : CG_LOG_INFO, CG_LOG_TARGET_AUTO);
	return launcher_run(argv, n, o->handover);
}

static int run(const struct options *o)
{
	/* The launcher executes /proc/self/exe: whoever lists processes would see "exe". */
	(void)prctl(PR_SET_NAME, "certgated");
	/*
	 * The system's openssl.cnf can name code to load, which would run here before anything was given up. What is loaded into the process
	 * of a hardware key is said by that key's configuration, and not before it is unprivileged.
	 */
	if (o->role != ROLE_LAUNCHER && OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return EXIT_FAILURE;
	switch (o->role) {
	case ROLE_LAUNCHER: return launch(o);
	case ROLE_MAIN: return role_main(o);
	case ROLE_IKE: return role_ike(o);
	case ROLE_VERIFY: return role_verify(o);
	case ROLE_KEY: return role_key(o);
	case ROLE_VAULT: return role_vault(o);
	case ROLE_HSM: return role_hsm(o);
	case ROLE_FETCH: return role_fetch(o);
	case _ROLE_MAX: break;
	}
	return 2;
}

int main(int argc, char **argv)
{
	struct options o = {
		.config = CG_CONFIG_PATH, .socket = CONTROL_SOCKET_PATH, .role = ROLE_LAUNCHER};
	bool only_check = false;
	int c, r = 0;

	while ((c = getopt_long(argc, argv, "c:h", long_options, NULL)) >= 0) {
		switch (c) {
		case 'c': o.config = optarg; break;
		case OPT_FOREGROUND: break;
		case OPT_SOCKET: o.socket = optarg; break;
		case OPT_CHECK: only_check = true; break;
		case OPT_DEBUG: o.debug = true; break;
		case OPT_VERSION: (void)puts("certgated " CERTGATE_VERSION); return EXIT_SUCCESS;
		case OPT_ROLE: r = role_from_name(optarg, &o.role); break;
		case OPT_INDEX:
			r = number("--index", optarg, ROLE_WORKERS_MAX - 1, &o.index);
			break;
		case OPT_UID: r = number("--uid", optarg, UINT32_MAX - 1, &o.uid); break;
		case OPT_GID: r = number("--gid", optarg, UINT32_MAX - 1, &o.gid); break;
		case OPT_HANDOVER:
			r = number("--handover", optarg, ROLE_HANDOVER_MAX, &o.handover);
			break;
		case 'h': usage(stdout); return EXIT_SUCCESS;
		default: usage(stderr); return 2;
		}
		if (r < 0)
			return 2;
	}
	if (optind < argc) {
		(void)fprintf(stderr, "certgated: unexpected argument '%s'\n", argv[optind]);
		usage(stderr);
		return 2;
	}
	return only_check ? check(o.config) : run(&o);
}
