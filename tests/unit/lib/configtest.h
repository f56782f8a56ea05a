/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Short cuts for the tests of userspace/config: a configuration from text, and checks of what is said about it. Include it after
 * cmocka.
 */
#ifndef CERTGATE_TESTS_CONFIGTEST_H
#define CERTGATE_TESTS_CONFIGTEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "config/config.h"

/* A connection that is right, with its networks; %s are a name, an interface, and more lines of four blanks each. */
#define CONNECTION_HEAD       \
	"  - name: %s\n"      \
	"    interface: %s\n" \
	"    outbound_certificate: own.pfx\n"
#define INBOUND                            \
	"    inbound_certificate:\n"       \
	"      subject_name: gw.example\n" \
	"      chain: root.cer\n"
#define NETWORKS                            \
	"    local_networks: 10.1.0.0/16\n" \
	"    remote_networks: 10.2.0.0/16\n"
#define REMOTE "    remote_address: 192.0.2.1\n"

struct loaded {
	struct cg_diags diags;
	struct cg_config *config;
	int r;
};

static inline _unused_ void loaded_done(struct loaded *l)
{
	cg_diags_done(&l->diags);
	cg_config_free(l->config);
}
#define _cleanup_loaded_ _cleanup_(loaded_done)

static inline _unused_ struct loaded load_text_of(const char *text, size_t len)
{
	struct loaded l = {0};

	l.r = cg_config_parse(text, len, "/etc/certgate/test.yaml", &l.diags, &l.config);
	return l;
}

static inline _unused_ struct loaded load_text(const char *text)
{
	return load_text_of(text, strlen(text));
}

/* One connection "hq" on cg0 with everything it needs and these lines. */
static inline _unused_ struct loaded load_connection(const char *lines)
{
	_cleanup_free_ char *text = str_printf("connections:\n" CONNECTION_HEAD "%s", "hq", "cg0",
					       lines);

	return load_text(text);
}

/* One whose policy is this. */
static inline _unused_ struct loaded load_policy(const char *policy)
{
	_cleanup_free_ char *text = str_printf(
		"policies:\n  p: %s\nconnections:\n" CONNECTION_HEAD REMOTE INBOUND NETWORKS
		"    policy: p\n",
		policy, "hq", "cg0");

	return load_text(text);
}

/* All that was said, one finding a line with its hint in brackets. */
static inline _unused_ char *said(const struct loaded *l)
{
	_cleanup_strbuf_ struct cg_strbuf b = {0};

	for (size_t i = 0; i < l->diags.n; i++) {
		_cleanup_free_ char *s = cg_diag_format(&l->diags.items[i]);

		strbuf_add(&b, s);
		if (l->diags.items[i].hint)
			strbuf_addf(&b, " [%s]", l->diags.items[i].hint);
		strbuf_add(&b, "\n");
	}
	return strbuf_take(&b);
}

#define assert_good(l)                                              \
	do {                                                        \
		_cleanup_free_ char *_s = said(l);                  \
		if ((l)->r < 0 || !(l)->config)                     \
			fail_msg("not loaded: %d\n%s", (l)->r, _s); \
	} while (0)

/* It must be refused, and that must have been said. */
#define assert_refused(l, part)                                               \
	do {                                                                  \
		_cleanup_free_ char *_s = said(l);                            \
		if ((l)->r != -EINVAL || (l)->config || !(l)->diags.n_errors) \
			fail_msg("not refused: %d\n%s", (l)->r, _s);          \
		if (!strstr(_s, part))                                        \
			fail_msg("\"%s\" was not said, but:\n%s", part, _s);  \
	} while (0)

#define assert_said(l, part)                                                 \
	do {                                                                 \
		_cleanup_free_ char *_s = said(l);                           \
		if (!strstr(_s, part))                                       \
			fail_msg("\"%s\" was not said, but:\n%s", part, _s); \
	} while (0)

#endif
