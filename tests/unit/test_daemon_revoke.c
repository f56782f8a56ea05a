// SPDX-License-Identifier: Apache-2.0
/*
 * Revoking by hand where the kernel takes it and where it does not, and taking back what it alone holds: what the operator is told is so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/binding.h"
#include "daemon/conn.h"
#include "daemon/fetching.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/proc.h"
#include "daemon/proto_revocation.h"
#include "daemon/revoke.h"
#include "daemon/revoked_file.h"
#include "daemon/revoked_set.h"
#include "kernel/kernel.h"
#include "lib/dirtest.h"

static const uint8_t hash[PKI_SHA256_SIZE] = {1, 2, 3};

static struct world {
	struct gateway g;
	struct cg_config config;
	int kernel; /* what it answers */
	unsigned int revoked, unrevoked, stopped, died, told;
} w;

int cgk_revoke(struct cgk *k _unused_, const uint8_t h[CERTGATE_HASH_SIZE] _unused_,
	       uint32_t *ret_bindings, uint32_t *ret_sas)
{
	w.revoked++;
	*ret_bindings = w.kernel < 0 ? 0 : 1;
	*ret_sas = w.kernel < 0 ? 0 : 2;
	return w.kernel;
}

int cgk_unrevoke(struct cgk *k _unused_, const uint8_t h[CERTGATE_HASH_SIZE] _unused_)
{
	w.unrevoked++;
	return w.kernel;
}

const char *cgk_error(const struct cgk *k _unused_)
{
	return "no room";
}

void bindings_revoked(struct gateway *g _unused_, const uint8_t h[CERTGATE_HASH_SIZE] _unused_,
		      const char *text _unused_, bool in_kernel)
{
	if (in_kernel)
		w.died++;
	else
		w.stopped++;
}

struct channel *proc_channel(struct gateway *g _unused_, enum role role _unused_,
			     unsigned int index _unused_)
{
	return NULL;
}

struct conn *conn_find(const struct gateway *g _unused_, uint32_t id _unused_)
{
	return NULL;
}

json_t *fetching_json(struct gateway *g _unused_)
{
	return json_array();
}

void history_note(struct gateway *g _unused_, struct conn *conn _unused_,
		  enum ike_severity severity _unused_, const char *code _unused_,
		  const struct cg_endpoint *remote _unused_, const char *hint _unused_,
		  const char *fmt _unused_, ...)
{
	w.told++;
}

static int begin(void **state _unused_)
{
	memset(&w, 0, sizeof(w));
	w.config.gateway.state_dir = dir;
	w.g.config = &w.config;
	w.g.k = (struct cgk *)&w; /* it is there; the functions above are all that look at it */
	return revoke_start(&w.g);
}

static int end(void **state _unused_)
{
	char path[64];

	revoke_stop(&w.g);
	(void)snprintf(path, sizeof(path), "%s/revoked", dir);
	return unlink(path);
}

/* The error of an answer, NULL if it is none; the answer is freed. */
static const char *error_of(json_t *answer)
{
	static char text[512];
	const char *error = json_string_value(json_object_get(answer, "error"));

	if (!error)
		error = json_string_value(
			json_object_get(json_object_get(answer, "error"), "message"));
	(void)snprintf(text, sizeof(text), "%s", error ? error : "");
	json_decref(answer);
	return error ? text : NULL;
}

static void what_the_kernel_takes_is_done(void **state _unused_)
{
	assert_null(error_of(revoke_by_hand(&w.g, hash, "CN=x", "stolen", "root")));
	assert_int_equal(w.died, 1);
	assert_int_equal(w.stopped, 0);
	assert_non_null(revoked_set_find(&w.g.revoked, hash));
	assert_null(error_of(unrevoke_by_hand(&w.g, hash, "root")));
	assert_int_equal(w.unrevoked, 1);
	assert_null(revoked_set_find(&w.g.revoked, hash));
}

static void what_it_does_not_take_is_no_success_and_stops_all_the_same(void **state _unused_)
{
	const char *error;

	w.kernel = -ENOSPC;
	error = error_of(revoke_by_hand(&w.g, hash, "CN=x", "stolen", "root"));
	assert_non_null(error);
	assert_non_null(strstr(error, "the kernel did not take it"));
	/* The SAs are deleted, and nobody is let in any more. */
	assert_int_equal(w.stopped, 1);
	assert_int_equal(w.died, 0);
	assert_non_null(revoked_set_find(&w.g.revoked, hash));
}

static void what_was_seen_is_told_to_be_stopped_by_us(void **state _unused_)
{
	static struct proto_seen_revoked s;

	memcpy(s.hash, hash, sizeof(s.hash));
	s.by = REVOKED_BY_CRL;
	s.not_after = INT64_MAX;
	w.kernel = -ENOSPC;
	revoke_seen(&w.g, &s);
	assert_int_equal(w.stopped, 1);
	assert_int_equal(w.told, 2);
	/* None has no end. */
	assert_true(revoked_set_find(&w.g.revoked, hash)->not_after < (int64_t)1 << 34);
}

static void what_the_kernel_alone_holds_can_be_taken_back(void **state _unused_)
{
	assert_null(error_of(unrevoke_by_hand(&w.g, hash, "root")));
	assert_int_equal(w.unrevoked, 1);
	assert_int_equal(w.told, 1);
	w.kernel = -ENOENT;
	assert_non_null(strstr(error_of(unrevoke_by_hand(&w.g, hash, "root")), "not revoked"));
	w.kernel = -EIO;
	assert_non_null(
		strstr(error_of(unrevoke_by_hand(&w.g, hash, "root")), "does not take it back"));
	w.g.k = NULL;
	assert_non_null(strstr(error_of(unrevoke_by_hand(&w.g, hash, "root")), "not revoked"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_the_kernel_takes_is_done, begin, end),
		cmocka_unit_test_setup_teardown(
			what_it_does_not_take_is_no_success_and_stops_all_the_same, begin, end),
		cmocka_unit_test_setup_teardown(what_was_seen_is_told_to_be_stopped_by_us, begin,
						end),
		cmocka_unit_test_setup_teardown(what_the_kernel_alone_holds_can_be_taken_back,
						begin, end),
	};

	return cmocka_run_group_tests(tests, make_dir, end_dir);
}
