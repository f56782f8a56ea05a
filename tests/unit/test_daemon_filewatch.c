// SPDX-License-Identifier: Apache-2.0
/*
 * Files of certificates, keys and lists that change: loaded once they have come to rest, each state of them once, whichever file it is; and told of
 * when they cannot be used.
 */
#include "lib/maintest.h"

#include "base/str.h"
#include "daemon/filewatch.h"
#include "daemon/load.h"
#include "daemon/proto_stage.h"

static struct {
	unsigned int starts;
	load_done_fn done;
	void *ctx;
} load;

/* ---------------------------------------------------------------- in the place of load.c */

int load_start(struct gateway *g _unused_, bool reread, load_done_fn done, void *ctx)
{
	assert_false(reread);
	load.starts++;
	load.done = done;
	load.ctx = ctx;
	return 0;
}

void load_on_staged_key(struct gateway *g _unused_, struct proc *p _unused_,
			const struct staged_key *s _unused_)
{
}

void load_on_staged_trust(struct gateway *g _unused_, struct proc *p _unused_,
			  const struct staged_trust *s _unused_)
{
}

void load_on_finding(struct gateway *g _unused_, struct proc *p _unused_,
		     const struct stage_finding *s _unused_)
{
}

void load_on_process(struct gateway *g _unused_, bool came _unused_)
{
}

void load_soon(struct gateway *g _unused_)
{
}

void load_due(struct gateway *g _unused_, load_done_fn done _unused_)
{
}

void load_free(struct load *l _unused_)
{
}

/* ---------------------------------------------------------------- a world with files */

enum { CERTIFICATE, KEY, PASSPHRASE, OWN_CHAIN, CHAIN, ANCHOR, CRL, PIN, VAULT_CA, FILES };

struct world {
	struct main_world *m;
	char dir[64];
	char *paths[FILES];
	struct cg_source chain[4];
	struct cg_hardware hardware;
	usec_t now;
};

static void put(const char *path, const char *text)
{
	_cleanup_free_ char *new = str_printf("%s.new", path);
	FILE *f = fopen(new, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(rename(new, path), 0);
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct cg_connection *c;

	assert_non_null(w);
	w->m = main_world_new();
	c = &w->m->cfg;
	(void)snprintf(w->dir, sizeof(w->dir), "/tmp/certgate-filewatch-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	for (unsigned int i = 0; i < FILES; i++) {
		w->paths[i] = str_printf("%s/%u", w->dir, i);
		put(w->paths[i], "as it was");
	}
	c->outbound_certificate.text = w->paths[CERTIFICATE];
	c->outbound_key.text = w->paths[KEY];
	c->outbound_passphrase.text = w->paths[PASSPHRASE];
	w->hardware.pin.text = w->paths[PIN];
	c->hardware = &w->hardware;
	w->m->config.gateway.vault.ca.text = w->paths[VAULT_CA];
	for (unsigned int i = 0; i < 4; i++)
		w->chain[i].text = w->paths[OWN_CHAIN + i];
	c->outbound_chain = &w->chain[0];
	c->inbound_chain = &w->chain[1];
	c->trust_anchors = &w->chain[2];
	c->crls = &w->chain[3];
	c->n_outbound_chain = c->n_inbound_chain = c->n_trust_anchors = c->n_crls = 1;
	w->m->config.gateway.watch_files_seconds = 10;
	w->m->g.loaded = true;
	w->m->c.files_loaded = w->m->c.files_seen = files_state(&w->m->config.gateway, c);
	w->now = 100 * USEC_PER_SEC;
	memset(&load, 0, sizeof(load));
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	for (unsigned int i = 0; i < FILES; i++) {
		(void)unlink(w->paths[i]);
		free(w->paths[i]);
	}
	(void)rmdir(w->dir);
	main_world_free(w->m);
	free(w);
	return 0;
}

/* A look, as long after the last one as was set. */
static void look(struct world *w)
{
	w->now += 10 * USEC_PER_SEC;
	filewatch_tick(&w->m->g, w->now);
}

/* What load.c notes of a connection that is loaded. */
static void loaded(struct world *w)
{
	w->m->c.files_loaded = w->m->c.files_seen = files_state(&w->m->config.gateway, &w->m->cfg);
}

static void any_of_them_is_loaded_when_it_rests(void **state)
{
	struct world *w = *state;

	look(w);
	look(w);
	assert_int_equal(load.starts, 0);
	for (unsigned int i = 0; i < VAULT_CA; i++) {
		put(w->paths[i], "as it is");
		look(w);
		if (load.starts != i)
			fail_msg("%u: loaded while it may be being written", i);
		look(w);
		if (load.starts != i + 1)
			fail_msg("%u: not loaded", i);
		main_world_said(w->m, "files-changed", "are loaded again");
		loaded(w);
		look(w);
		assert_int_equal(load.starts, i + 1);
	}
}

static void whom_its_vault_is_known_by_is_of_a_certificate_in_one(void **state)
{
	struct world *w = *state;

	put(w->paths[VAULT_CA], "of no concern");
	look(w);
	look(w);
	assert_int_equal(load.starts, 0);
	w->m->cfg.outbound_certificate.vault = true;
	loaded(w);
	put(w->paths[VAULT_CA], "as it is");
	look(w);
	assert_int_equal(load.starts, 0);
	look(w);
	assert_int_equal(load.starts, 1);
	main_world_said(w->m, "files-changed", "are loaded again");
}

static void what_is_still_written_to_waits(void **state)
{
	struct world *w = *state;

	for (unsigned int i = 0; i < 3; i++) {
		_cleanup_free_ char *text = str_printf("the first %u bytes", 100 * i);

		put(w->paths[CHAIN], text);
		look(w);
		assert_int_equal(load.starts, 0);
	}
	look(w);
	assert_int_equal(load.starts, 1);
}

static void what_was_refused_is_told_and_not_tried_again_as_it_is(void **state)
{
	struct world *w = *state;
	struct cg_diags diags = {0};

	put(w->paths[ANCHOR], "nonsense");
	look(w);
	look(w);
	assert_int_equal(load.starts, 1);
	cg_diags_add(&diags, CG_DIAG_ERROR, NULL, NULL, NULL, "no certificate in it");
	load.done(load.ctx, -EINVAL, &diags, NULL);
	cg_diags_done(&diags);
	main_world_said(w->m, "files-refused",
			"what was loaded before stays: no certificate in it");
	for (unsigned int i = 0; i < 5; i++)
		look(w);
	assert_int_equal(load.starts, 1);
	/* Another content is another matter. */
	put(w->paths[ANCHOR], "better");
	look(w);
	look(w);
	assert_int_equal(load.starts, 2);
}

static void one_that_is_gone_is_a_change_and_so_is_its_return(void **state)
{
	struct world *w = *state;

	assert_int_equal(unlink(w->paths[CRL]), 0);
	look(w);
	look(w);
	assert_int_equal(load.starts, 1);
	put(w->paths[CRL], "as it was");
	look(w);
	look(w);
	assert_int_equal(load.starts, 2);
}

static void nobody_looks_more_often_than_was_set_or_while_something_is_loaded(void **state)
{
	struct world *w = *state;

	look(w);
	put(w->paths[KEY], "as it is");
	for (unsigned int i = 0; i < 9; i++) {
		w->now += USEC_PER_SEC;
		filewatch_tick(&w->m->g, w->now);
	}
	assert_int_equal(w->m->c.files_seen, w->m->c.files_loaded);
	w->m->g.load_again = true;
	look(w);
	assert_int_equal(w->m->c.files_seen, w->m->c.files_loaded);
	w->m->g.load_again = false;
	w->m->config.gateway.watch_files_seconds = 0;
	look(w);
	look(w);
	assert_int_equal(load.starts, 0);
	w->m->config.gateway.watch_files_seconds = 10;
	look(w);
	look(w);
	assert_int_equal(load.starts, 1);
}

/* It may be what the file was repaired for. */
static void while_a_load_waits_since_it_failed_they_look(void **state)
{
	struct world *w = *state;

	w->m->g.load_again = true;
	w->m->g.load_failures = 1;
	put(w->paths[KEY], "whole");
	look(w);
	look(w);
	assert_int_equal(load.starts, 1);
	w->m->g.load_again = false;
	w->m->g.load_failures = 0;
}

/* A vault's has no file; its URL is not looked for among them. */
static void what_is_in_a_vault_is_no_file(void **state)
{
	struct world *w = *state;

	w->m->cfg.outbound_certificate.vault = true;
	loaded(w);
	put(w->paths[CERTIFICATE], "as it is");
	look(w);
	look(w);
	assert_int_equal(load.starts, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(any_of_them_is_loaded_when_it_rests, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(
			whom_its_vault_is_known_by_is_of_a_certificate_in_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_still_written_to_waits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_was_refused_is_told_and_not_tried_again_as_it_is, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_that_is_gone_is_a_change_and_so_is_its_return,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			nobody_looks_more_often_than_was_set_or_while_something_is_loaded, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(while_a_load_waits_since_it_failed_they_look,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_in_a_vault_is_no_file, set_up, tear_down),
	};

	cg_log_set_level(CG_LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
