/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection of a configuration that is being loaded: its files opened and shown to `key` and to every verify worker, what these say of it taken, and what is to
 * become of it if it cannot be used. Works for load.c, which owns the load; called by it, and with the answers of key and verify.
 */
#include "daemon/load_stage.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/str.h"
#include "daemon/channel.h"
#include "daemon/conn.h"
#include "daemon/credentials.h"
#include "daemon/filewatch.h"
#include "daemon/gateway.h"
#include "daemon/hardware.h"
#include "daemon/proc.h"
#include "daemon/proto_stage.h"
#include "pki/key.h"

/* The one that was staged before: most connections have much in common with it. */
static const struct conn *before(const struct load *l)
{
	return l->at > 0 ? l->conns[l->at - 1] : NULL;
}

/* ---------------------------------------------------------------- messages */

static void tell(struct channel *c, enum msg_type type, const struct stage_ref *ref)
{
	struct msg_writer m;

	msg_begin(&m, type);
	proto_put_stage_ref(&m, ref);
	(void)channel_send(c, &m, -EBADF);
}

void load_tell_all(struct load *l, enum msg_type type)
{
	const struct stage_ref ref = {.generation = l->generation};

	tell(proc_channel(l->g, ROLE_KEY, 0), type, &ref);
	for (unsigned int i = 0; i < l->g->n_verifiers; i++)
		tell(proc_channel(l->g, ROLE_VERIFY, i), type, &ref);
}

/* ---------------------------------------------------------------- files */

/* Want of memory or descriptors says nothing of a connection, and passes. */
static void note_error(struct load *l, int error)
{
	l->short_of_room |= error == -ENOMEM || error == -EMFILE || error == -ENFILE;
}

void load_failed(struct load *l, const struct conn *c, int error)
{
	note_error(l, error);
	if (error != -EINVAL)
		cg_diags_add(&l->diags, CG_DIAG_ERROR, &c->cfg->loc, NULL, NULL,
			     "the connection cannot be loaded: %s", strerror(-error));
}

static int complain(struct load *l, const struct cg_source *s, const char *hint, const char *text)
{
	char key[CG_SOURCE_KEY_SIZE];

	cg_diags_add(&l->diags, CG_DIAG_ERROR, &s->loc, cg_source_key(s, key), hint, "%s", text);
	return -EINVAL;
}

static int open_source(struct load *l, const struct cg_source *s, bool secret, int *ret)
{
	_cleanup_close_ int fd = -EBADF;
	struct pki_error err = {0};
	struct stat st;
	char text[512];

	fd = open(s->text, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0) {
		note_error(l, -errno);
		(void)snprintf(text, sizeof(text), "found '%s', which cannot be opened: %s",
			       s->text, strerror(errno));
		return complain(
			l, s,
			errno == EACCES
				? "it must belong to root, and not be below /home or /root, which the unit hides: /etc/certgate is the place"
			: errno == ENOENT
				? "if it is in /tmp: the unit gives the daemon one of its own; /etc/certgate is the place"
				: NULL,
			text);
	}
	if (!S_ISREG(st.st_mode)) {
		(void)snprintf(text, sizeof(text), "found '%s', which is no regular file", s->text);
		return complain(l, s, NULL, text);
	}
	if (secret && pki_key_check_permissions(fd, s->text, &err) < 0)
		return complain(l, s, NULL, err.text);
	*ret = TAKE_FD(fd);
	return 0;
}

static int send_file(struct load *l, struct channel *const *to, size_t n_to, enum stage_part part,
		     const struct cg_source *s, bool secret)
{
	static struct stage_file f;
	_cleanup_close_ int fd = -EBADF;
	int r;

	if (!s->text)
		return 0;
	r = open_source(l, s, secret, &fd);
	if (r < 0)
		return r;
	f = (struct stage_file){.ref = {l->generation, l->conns[l->at]->id}, .part = part};
	(void)snprintf(f.name, sizeof(f.name), "%s", s->text);
	for (size_t i = 0; i < n_to && r >= 0; i++) {
		struct msg_writer m;

		msg_begin(&m, MSG_STAGE_FILE);
		proto_put_stage_file(&m, &f);
		r = channel_send(to[i], &m, fd);
	}
	return r;
}

/* ---------------------------------------------------------------- one connection */

static void report_error(struct load *l, const struct cg_connection *c, enum stage_part part,
			 const char *text, const char *hint)
{
	const struct cg_source *s = &c->outbound_certificate;
	const struct cg_location *loc = NULL;
	char key[CG_SOURCE_KEY_SIZE];

	switch (part) {
	case STAGE_CERTIFICATE: break;
	case STAGE_PRIVATE_KEY:
		s = hardware_has(c)	   ? &c->hardware->store
		    : c->outbound_key.text ? &c->outbound_key
					   : s;
		break;
	case STAGE_PASSPHRASE: s = c->outbound_passphrase.text ? &c->outbound_passphrase : s; break;
	case STAGE_CHAIN: s = c->n_inbound_chain > 0 ? &c->inbound_chain[0] : s; break;
	case STAGE_ANCHOR: s = c->n_trust_anchors > 0 ? &c->trust_anchors[0] : s; break;
	case STAGE_CRL:
		/* Texts about a file begin with its name. */
		for (size_t i = 0; i < c->n_crls; i++) {
			if (i == 0 || str_starts_with(text, c->crls[i].text))
				s = &c->crls[i];
		}
		break;
	case STAGE_SUBJECT:
		loc = &c->subject_name_loc;
		(void)snprintf(key, sizeof(key), "connections[%s].inbound_certificate.subject_name",
			       c->name);
		break;
	case STAGE_IDENTITY:
		loc = l->waiting > 0 ? &c->remote_identity_loc : &c->local_identity_loc;
		(void)snprintf(key, sizeof(key), "connections[%s].%s_identity", c->name,
			       l->waiting > 0 ? "remote" : "local");
		break;
	case _STAGE_PART_MAX: break;
	}
	cg_diags_add(&l->diags, CG_DIAG_ERROR, loc ? loc : &s->loc,
		     loc ? key : cg_source_key(s, key), hint, "%s", text);
}

int load_stage_key(struct load *l)
{
	struct conn *conn = l->conns[l->at];
	const struct cg_connection *c = conn->cfg;
	struct channel *key = proc_channel(l->g, ROLE_KEY, 0);
	static struct stage_key s;
	struct msg_writer m;
	bool one_file = !c->outbound_key.text && !hardware_has(c),
	     vault = c->outbound_certificate.vault;
	int r = 0, e, hsm = hardware_index(l->g, c);

	/* Before they are opened: what changes from here on is a change. */
	conn->files_loaded = conn->files_seen = files_state(&l->config->gateway, c);
	s = (struct stage_key){.ref = {l->generation, conn->id},
			       .rsa_sha1 = c->allow_sha1_signatures};
	(void)snprintf(s.name, sizeof(s.name), "%s", c->name);
	(void)snprintf(s.local_identity, sizeof(s.local_identity), "%s", c->local_identity);
	if (hsm >= 0)
		s.hsm = (uint32_t)hsm + 1;
	if (vault)
		(void)snprintf(s.vault, sizeof(s.vault), "%s", c->outbound_certificate.text);
	msg_begin(&m, MSG_STAGE_KEY);
	proto_put_stage_key(&m, &s);
	r = channel_send(key, &m, -EBADF);
	if (r < 0)
		return r;
	/* All that is wrong is said at once. */
	if (!vault)
		r = send_file(l, &key, 1, STAGE_CERTIFICATE, &c->outbound_certificate, one_file);
	e = send_file(l, &key, 1, STAGE_PRIVATE_KEY, &c->outbound_key, true);
	r = r < 0 ? r : e;
	e = send_file(l, &key, 1, STAGE_PASSPHRASE, &c->outbound_passphrase, true);
	r = r < 0 ? r : e;
	for (size_t i = 0; i < c->n_outbound_chain; i++) {
		e = send_file(l, &key, 1, STAGE_CHAIN, &c->outbound_chain[i], false);
		r = r < 0 ? r : e;
	}
	if (r < 0)
		return r;
	tell(key, MSG_STAGE_END, &s.ref);
	return 0;
}

static enum pki_revocation_mode map_revocation(enum cg_revocation r)
{
	switch (r) {
	case CG_REVOCATION_WHEN_AVAILABLE: return PKI_REVOCATION_WHEN_AVAILABLE;
	case CG_REVOCATION_REQUIRED: return PKI_REVOCATION_REQUIRED;
	case CG_REVOCATION_OFF: return PKI_REVOCATION_OFF;
	}
	return PKI_REVOCATION_REQUIRED;
}

int load_stage_trust(struct load *l)
{
	struct conn *conn = l->conns[l->at];
	const struct cg_connection *c = conn->cfg;
	struct channel *verifiers[ROLE_WORKERS_MAX] = {0};
	const unsigned int n = l->g->n_verifiers;
	static struct stage_trust s;
	int r = 0, e;

	s = (struct stage_trust){.ref = {l->generation, conn->id},
				 .rsa_sha1 = c->allow_sha1_signatures,
				 .revocation = map_revocation(c->revocation),
				 .revocation_grace = c->revocation_grace_seconds,
				 .fetch = l->config->gateway.fetch.enabled};
	(void)snprintf(s.name, sizeof(s.name), "%s", c->name);
	(void)snprintf(s.subject_name, sizeof(s.subject_name), "%s", c->subject_name);
	(void)snprintf(s.remote_identity, sizeof(s.remote_identity), "%s", c->remote_identity);
	s.local_id = (struct ike_blob){conn->local_id, conn->local_id_len};
	for (unsigned int i = 0; i < n; i++) {
		struct msg_writer m;

		verifiers[i] = proc_channel(l->g, ROLE_VERIFY, i);
		msg_begin(&m, MSG_STAGE_TRUST);
		proto_put_stage_trust(&m, &s);
		e = channel_send(verifiers[i], &m, -EBADF);
		r = r < 0 ? r : e;
	}
	for (size_t i = 0; i < c->n_inbound_chain; i++) {
		e = send_file(l, verifiers, n, STAGE_CHAIN, &c->inbound_chain[i], false);
		r = r < 0 ? r : e;
	}
	for (size_t i = 0; i < c->n_trust_anchors; i++) {
		e = send_file(l, verifiers, n, STAGE_ANCHOR, &c->trust_anchors[i], false);
		r = r < 0 ? r : e;
	}
	for (size_t i = 0; i < c->n_crls && c->revocation != CG_REVOCATION_OFF; i++) {
		e = send_file(l, verifiers, n, STAGE_CRL, &c->crls[i], false);
		r = r < 0 ? r : e;
	}
	if (r < 0)
		return r;
	l->waiting = n;
	l->answered = l->refused = false;
	for (unsigned int i = 0; i < n; i++)
		tell(verifiers[i], MSG_STAGE_END, &s.ref);
	return 0;
}

/*
 * Whether what is wrong with a connection is its own affair: there is nothing to go back to at the start, and where what is in force is loaded
 * again its files are what they were, and time alone is against them. Where a process knows nothing of what was in force there is nothing to go back
 * to either, once whoever writes to a file had a while to end: all others would wait for this one.
 */
bool load_stands_alone(const struct load *l, const struct conn *c)
{
	const struct gateway *g = l->g;
	const struct conn *old = conn_find_name(g, c->cfg->name);

	if (l->own_config)
		return false;
	return !g->loaded || (g->load_bare && g->load_failures > 0) ||
	       (old && (old->refusal || old->files_loaded == c->files_loaded));
}

/* One worker took what another did not, or otherwise. Tunnels are watched by what was in force before, by whichever they are watched. */
static void have_all_refuse(struct load *l, const struct conn *c)
{
	const struct stage_ref ref = {.generation = l->generation, .connection = c->id};

	for (unsigned int i = 0; i < l->g->n_verifiers; i++)
		tell(proc_channel(l->g, ROLE_VERIFY, i), MSG_STAGE_REFUSE, &ref);
}

/* It is loaded without what is wrong with it, so that it is there, and says why nothing comes of it. */
static void refuse_connection(struct load *l, struct conn *c)
{
	const struct conn *old = conn_find_name(l->g, c->cfg->name);
	const struct cg_diag *why = NULL;
	int r = 0;

	for (size_t i = l->items_before; i < l->diags.n && !why; i++) {
		if (l->diags.items[i].severity == CG_DIAG_ERROR)
			why = &l->diags.items[i];
	}
	l->forgiven += l->diags.n_errors - l->errors_before;
	l->n_refused++;
	if (l->answered && l->refused)
		have_all_refuse(l, c);
	/*
	 * What is up lives on by what it was made with, until its certificates end; verify watches it by that (trust_lists.h). Whether it is up is seen
	 * when it is put in force: others are staged meanwhile.
	 */
	if (!old)
		credentials_drop_own(c);
	else {
		r = c->n_certs == 0 ? credentials_copy_own(c, old) : 0;
		if (r >= 0 && (!l->answered || l->refused))
			r = credentials_copy_peer(c, old);
	}
	if (r < 0 || str_replace(&c->refusal, why ? why->text : "see the log") < 0 ||
	    str_replace(&c->refusal_hint, why ? why->hint : NULL) < 0)
		cg_diags_add(&l->diags, CG_DIAG_ERROR, &c->cfg->loc, NULL, NULL, "out of memory");
}

void load_leave_connection(struct load *l)
{
	struct conn *c = l->conns[l->at];

	if (l->diags.n_errors > l->errors_before && load_stands_alone(l, c))
		refuse_connection(l, c);
	l->at++;
}

static void next_connection(struct load *l)
{
	load_leave_connection(l);
	load_stage_next(l);
}

/* r: how it went so far. */
static void go_on_with_trust(struct load *l, struct conn *c, int r)
{
	if (r >= 0)
		r = load_stage_trust(l);
	if (r >= 0)
		return;
	load_failed(l, c, r);
	next_connection(l);
}

/*
 * Nothing has come from the vault, or the key in hardware is not open, and others must not suffer for it: the connection is loaded with what
 * it has from before (the process `key` may be another since), or to wait without a certificate.
 */
static void await(struct load *l, struct conn *c, const struct staged_key *s)
{
	bool hardware = hardware_has(c->cfg);
	const struct cg_source *source = hardware ? &c->cfg->hardware->store
						  : &c->cfg->outbound_certificate;
	const struct conn *old = conn_find_name(l->g, c->cfg->name);
	char key[CG_SOURCE_KEY_SIZE];
	int r = 0;

	c->key_awaited = hardware;
	cg_diags_add(&l->diags, CG_DIAG_WARNING, &source->loc, cg_source_key(source, key),
		     s->hint[0] ? s->hint : NULL, "%s", s->text);
	if (old && old->n_certs > 0 &&
	    (hardware
		     ? hardware_has(old->cfg) && streq(old->cfg->hardware->store.text, source->text)
		     : old->cfg->outbound_certificate.vault &&
			       streq(old->cfg->outbound_certificate.text, source->text)))
		r = credentials_copy_own(c, old);
	go_on_with_trust(l, c, r);
}

void load_on_staged_key(struct gateway *g, struct proc *p _unused_, const struct staged_key *s)
{
	struct load *l = g->load;
	struct conn *c;
	int r;

	if (!l || !l->begun || l->at >= l->n || s->ref.generation != l->generation ||
	    s->ref.connection != l->conns[l->at]->id || l->waiting > 0)
		return;
	c = l->conns[l->at];
	if (s->error < 0 && (!s->awaited || (l->own_config && g->loaded &&
					     (s->permanent || hardware_is_new(g, c->cfg))))) {
		note_error(l, s->error);
		report_error(l, c->cfg, s->part, s->text, s->hint[0] ? s->hint : NULL);
		if (s->part == STAGE_PRIVATE_KEY)
			hardware_mismatch(g, c->cfg);
		if (load_stands_alone(l, c))
			go_on_with_trust(l, c, 0);
		else
			next_connection(l);
		return;
	}
	if (s->error < 0) {
		await(l, c, s);
		return;
	}
	r = credentials_set_own(c, before(l), s);
	go_on_with_trust(l, c, r);
}

void load_on_staged_trust(struct gateway *g, struct proc *p _unused_, const struct staged_trust *s)
{
	struct load *l = g->load;
	struct conn *c;

	if (!l || !l->begun || l->at >= l->n || s->ref.generation != l->generation ||
	    s->ref.connection != l->conns[l->at]->id || l->waiting == 0)
		return;
	c = l->conns[l->at];
	note_error(l, s->error);
	/* All workers say the same, unless a file was written to while one after the other read it. The first word of its kind is taken. */
	if (s->error < 0 && !l->refused) {
		l->refused = true;
		report_error(l, c->cfg, s->part, s->text, NULL);
	} else if (s->error >= 0 && !l->answered) {
		l->answered = true;
		if (credentials_set_peer(c, before(l), s) < 0) {
			l->refused = true;
			note_error(l, -ENOMEM);
			cg_diags_add(&l->diags, CG_DIAG_ERROR, &c->cfg->loc, NULL, NULL,
				     "out of memory");
		}
	} else if (s->error >= 0 && !l->refused &&
		   memcmp(c->trust_digest, s->digest, sizeof(c->trust_digest)) != 0) {
		l->refused = true;
		report_error(l, c->cfg, STAGE_CHAIN,
			     "the peer's certificates changed while they were read",
			     "reload again; replace files with a rename, which is never half done");
	}
	if (--l->waiting == 0)
		next_connection(l);
}

void load_on_finding(struct gateway *g, struct proc *p, const struct stage_finding *s)
{
	struct load *l = g->load;
	const struct cg_connection *c;
	const struct cg_source *at;
	char key[CG_SOURCE_KEY_SIZE];

	if (!l || !l->begun || l->at >= l->n || s->ref.generation != l->generation ||
	    s->ref.connection != l->conns[l->at]->id || (p->role == ROLE_VERIFY && p->index != 0) ||
	    s->finding.severity == PKI_NOTE)
		return;
	c = l->conns[l->at]->cfg;
	at = p->role == ROLE_VERIFY && c->n_inbound_chain > 0 ? &c->inbound_chain[0]
							      : &c->outbound_certificate;
	cg_diags_add(&l->diags, s->finding.severity == PKI_ERROR ? CG_DIAG_ERROR : CG_DIAG_WARNING,
		     &at->loc, cg_source_key(at, key), s->finding.wanted, "%s: %s (%s)",
		     s->finding.where, s->finding.found, pki_rule_name(s->finding.rule));
}
