/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys in hardware as main sees them: which process `hsm` has which, when one is started and ended, what it is told, and how it goes. A key keeps its
 * process over reloads while it stands in the configuration as before; one that is not open, or did not fit its certificate, gets
 * another at the next load that reads the configuration, or whose file of the PIN has changed. Called by load.c, proc.c, apply.c, status.c.
 */
#include "daemon/hardware.h"

#include <fcntl.h>

#include "daemon/channel.h"
#include "daemon/conn.h"
#include "daemon/filewatch.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/load.h"
#include "daemon/proc.h"
#include "daemon/proto_hsm.h"
#include "pki/key.h"

struct slot {
	bool staging, in_force;
	bool again; /* of no use to the next load */
	struct proto_hsm_setup setup;
	char pin[CG_HARDWARE_PATH_MAX + 1];
	uint64_t pin_state; /* file_state() before it was read first */
	struct proto_hsm_state s;
	bool opened; /* by this process or one before it */
	bool told;   /* connections were told of the failure */
};

struct hardware {
	struct slot slots[CG_HARDWARE_MAX];
};

static const struct cg_hardware *hardware_of(const struct cg_connection *c)
{
	return c->enabled && c->hardware && c->hardware->store.text ? c->hardware : NULL;
}

bool hardware_has(const struct cg_connection *c)
{
	return hardware_of(c);
}

/* ---------------------------------------------------------------- which process */

static void copy(char *to, size_t size, const char *from)
{
	(void)snprintf(to, size, "%s", from ? from : "");
}

static void make_setup(const struct cg_hardware *h, struct proto_hsm_setup *p)
{
	memset(p, 0, sizeof(*p));
	copy(p->store, sizeof(p->store), h->store.text);
	copy(p->provider, sizeof(p->provider), h->provider);
	copy(p->engine, sizeof(p->engine), h->engine);
	copy(p->module, sizeof(p->module), h->module);
	p->n_groups = (uint32_t)h->n_groups;
	for (size_t i = 0; i < h->n_groups; i++)
		copy(p->groups[i], sizeof(p->groups[i]), h->groups[i]);
	p->n_environment = (uint32_t)h->n_environment;
	for (size_t i = 0; i < h->n_environment; i++)
		copy(p->environment[i], sizeof(p->environment[i]), h->environment[i]);
	p->access = h->access;
	p->pin = h->pin.text;
}

static bool is_equal(const struct slot *s, const struct proto_hsm_setup *p, const char *pin)
{
	const struct proto_hsm_setup *q = &s->setup;

	return streq(q->store, p->store) && streq(q->provider, p->provider) &&
	       streq(q->engine, p->engine) && streq(q->module, p->module) &&
	       q->n_groups == p->n_groups && memcmp(q->groups, p->groups, sizeof(q->groups)) == 0 &&
	       q->n_environment == p->n_environment &&
	       memcmp(q->environment, p->environment, sizeof(q->environment)) == 0 &&
	       q->access == p->access && q->pin == p->pin && streq(s->pin, pin ? pin : "");
}

/* The one of that key that is wanted by what is being loaded (staging), or in force. */
static struct slot *find(const struct gateway *g, const struct cg_hardware *h, bool staging)
{
	static struct proto_hsm_setup p;

	make_setup(h, &p);
	for (size_t i = 0; g->hardware && i < CG_HARDWARE_MAX; i++) {
		struct slot *s = &g->hardware->slots[i];

		if ((staging ? s->staging : s->in_force) && is_equal(s, &p, h->pin.text))
			return s;
	}
	return NULL;
}

static unsigned int index_of(const struct gateway *g, const struct slot *s)
{
	return (unsigned int)(s - g->hardware->slots);
}

static int open_pin(const char *path, char text[256])
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct pki_error err = {0};

	if (fd < 0) {
		(void)snprintf(text, 256, "found '%.100s', which cannot be opened: %s", path,
			       strerror(errno));
		return -EINVAL;
	}
	if (pki_key_check_permissions(fd, path, &err) < 0) {
		(void)snprintf(text, 256, "%.255s", err.text);
		return -EINVAL;
	}
	return TAKE_FD(fd);
}

void hardware_tell_hsm(struct gateway *g, struct proc *p)
{
	const struct slot *s = &g->hardware->slots[p->index];
	_cleanup_close_ int fd = -EBADF;
	struct msg_writer m;
	char text[256];

	msg_begin(&m, MSG_HSM_SETUP);
	proto_put_hsm_setup(&m, &s->setup);
	(void)channel_send(p->channel, &m, -EBADF);
	if (!s->setup.pin)
		return;
	fd = open_pin(s->pin, text);
	if (fd < 0) {
		log_error("%s", text);
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	msg_begin(&m, MSG_HSM_PIN);
	(void)channel_send(p->channel, &m, fd);
}

/* A process for a key that has none. -EUSERS: there are too many. */
static int begin(struct gateway *g, const struct cg_hardware *h, const struct proto_hsm_setup *p)
{
	for (unsigned int i = 0; i < CG_HARDWARE_MAX; i++) {
		struct slot *s = &g->hardware->slots[i];

		if (s->staging || s->in_force || !proc_is_free(g, ROLE_HSM, i))
			continue;
		*s = (struct slot){.staging = true, .s = {.index = i}};
		memcpy(&s->setup, p, sizeof(*p));
		copy(s->pin, sizeof(s->pin), h->pin.text);
		s->pin_state = file_state(&h->pin);
		return proc_want(g, ROLE_HSM, i);
	}
	return -EUSERS;
}

/* A PIN has few attempts: the same one is not tried again unless somebody asks for it. */
static bool goes_on(const struct slot *s, const struct cg_hardware *h, bool again)
{
	return (s->s.state == HSM_OPEN && !s->again) ||
	       (!again && s->pin_state == file_state(&h->pin));
}

static int want(struct gateway *g, const struct cg_hardware *h, bool again, struct cg_diags *diags)
{
	static struct proto_hsm_setup p;
	char text[256], key[CG_SOURCE_KEY_SIZE];
	int fd, r;

	if (find(g, h, true))
		return 0;
	make_setup(h, &p);
	for (size_t i = 0; i < CG_HARDWARE_MAX; i++) {
		struct slot *s = &g->hardware->slots[i];

		if (s->in_force && is_equal(s, &p, h->pin.text) && goes_on(s, h, again)) {
			s->staging = true;
			return 0;
		}
	}
	if (h->pin.text) {
		fd = open_pin(h->pin.text, text);
		if (fd < 0) {
			cg_diags_add(diags, CG_DIAG_ERROR, &h->pin.loc, cg_source_key(&h->pin, key),
				     NULL, "%s", text);
			return 0;
		}
		(void)safe_close(fd);
	}
	r = begin(g, h, &p);
	if (r == -EUSERS)
		cg_diags_add(diags, CG_DIAG_ERROR, &h->store.loc, cg_source_key(&h->store, key),
			     NULL, "found more than %d keys in hardware, those in force included",
			     CG_HARDWARE_MAX);
	return r == -EUSERS ? 0 : r;
}

int hardware_want(struct gateway *g, const struct cg_config *config, bool again,
		  struct cg_diags *diags)
{
	int r = 0;

	for (size_t i = 0; i < config->n_connections && r >= 0; i++) {
		const struct cg_hardware *h = hardware_of(&config->connections[i]);

		if (!h)
			continue;
		if (!g->hardware)
			g->hardware = calloc(1, sizeof(*g->hardware));
		r = g->hardware ? want(g, h, again, diags) : -ENOMEM;
	}
	return r;
}

int hardware_index(const struct gateway *g, const struct cg_connection *c)
{
	const struct cg_hardware *h = hardware_of(c);
	const struct slot *s = h ? find(g, h, true) : NULL;

	return s ? (int)index_of(g, s) : -ENOENT;
}

bool hardware_is_new(const struct gateway *g, const struct cg_connection *c)
{
	const struct cg_hardware *h = hardware_of(c);
	const struct slot *s = h ? find(g, h, true) : NULL;

	return s && !s->in_force;
}

void hardware_mismatch(struct gateway *g, const struct cg_connection *c)
{
	const struct cg_hardware *h = hardware_of(c);
	struct slot *s = h ? find(g, h, true) : NULL;

	if (s)
		s->again = true;
}

void hardware_loaded(struct gateway *g, bool good)
{
	for (unsigned int i = 0; g->hardware && i < CG_HARDWARE_MAX; i++) {
		struct slot *s = &g->hardware->slots[i];
		bool had = s->staging || s->in_force;

		if (good)
			s->in_force = s->staging;
		s->staging = false;
		if (had && !s->in_force)
			proc_unwant(g, ROLE_HSM, i);
	}
}

void hardware_stop(struct gateway *g)
{
	free(g->hardware);
	g->hardware = NULL;
}

/* ---------------------------------------------------------------- how it goes */

static bool uses(const struct conn *c, const struct slot *s)
{
	const struct cg_hardware *h = hardware_of(c->cfg);

	return h && find(c->g, h, false) == s;
}

/* What connections that were loaded without it wait for has come, or will not come. */
static void tell(struct gateway *g, struct slot *s)
{
	bool load = false;

	if (!s->in_force)
		return;
	for (size_t i = 0; i < g->n_conns; i++) {
		struct conn *c = g->conns[i];

		if (!uses(c, s))
			continue;
		if (s->s.state == HSM_FAILED && !s->told)
			history_add(g, c, IKE_WARNING, "hardware-failed", NULL, s->s.hint, "%s",
				    s->s.text);
		load = load || (s->s.state == HSM_OPEN && (c->n_certs == 0 || c->key_awaited));
	}
	s->told = s->s.state == HSM_FAILED;
	if (load)
		load_soon(g);
}

void hardware_on_state(struct gateway *g, const struct proto_hsm_state *p)
{
	struct slot *s = g->hardware ? &g->hardware->slots[p->index] : NULL;

	/* What is known of one that failed stays until there is another process. */
	if (!s || (s->s.state == HSM_FAILED && p->state == HSM_OPENING))
		return;
	s->s = *p;
	s->opened = s->opened || p->state == HSM_OPEN;
	tell(g, s);
}

bool hardware_hsm_lost(struct gateway *g, const struct proc *p)
{
	struct slot *s = &g->hardware->slots[p->index];

	/* A PIN has few attempts: what ended before the key was open is not tried again alone. */
	if (s->opened)
		return true;
	s->s = (struct proto_hsm_state){.index = p->index, .state = HSM_FAILED};
	copy(s->s.text, sizeof(s->s.text), "the process that was to open the key ended");
	copy(s->s.hint, sizeof(s->s.hint), "its log lines say more; 'certgate reload' tries again");
	tell(g, s);
	return false;
}

void hardware_applied(struct gateway *g)
{
	hardware_loaded(g, true);
	for (size_t i = 0; g->hardware && i < CG_HARDWARE_MAX; i++)
		tell(g, &g->hardware->slots[i]);
}

json_t *hardware_json(const struct conn *c)
{
	static const char *const states[] = {
		[HSM_OPENING] = "opening", [HSM_OPEN] = "open", [HSM_FAILED] = "failed"};
	const struct cg_hardware *h = hardware_of(c->cfg);
	const struct slot *s = h ? find(c->g, h, false) : NULL;
	json_t *o;

	if (!h)
		return NULL;
	o = json_pack("{s:s, s:s}", "store", h->store.text, "state",
		      states[s ? s->s.state : HSM_OPENING]);
	if (!o || !s)
		return o;
	if (s->s.text[0])
		(void)json_object_set_new(o, "text", json_string(s->s.text));
	if (s->s.hint[0])
		(void)json_object_set_new(o, "hint", json_string(s->s.hint));
	return o;
}
