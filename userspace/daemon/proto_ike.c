/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing and reading the messages between main and ike. Holds no state.
 */
#include "daemon/proto_ike.h"

static void put_ts(struct msg_writer *w, const struct ike_ts *ts, size_t n)
{
	msg_put_u32(w, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		msg_put_u8(w, ts[i].addr_len);
		msg_put_u8(w, ts[i].protocol);
		msg_put_u16(w, ts[i].port_start);
		msg_put_u16(w, ts[i].port_end);
		msg_put_fixed(w, ts[i].start, ts[i].addr_len);
		msg_put_fixed(w, ts[i].end, ts[i].addr_len);
	}
}

static size_t get_ts(struct msg_reader *r, struct ike_ts ts[PROTO_TS_MAX])
{
	size_t n = msg_get_count(r, PROTO_TS_MAX);

	for (size_t i = 0; i < n; i++) {
		ts[i] = (struct ike_ts){0};
		ts[i].addr_len = msg_get_u8(r);
		if (ts[i].addr_len != 4 && ts[i].addr_len != 16) {
			msg_reject(r);
			return 0;
		}
		ts[i].protocol = msg_get_u8(r);
		ts[i].port_start = msg_get_u16(r);
		ts[i].port_end = msg_get_u16(r);
		msg_get_fixed(r, ts[i].start, ts[i].addr_len);
		msg_get_fixed(r, ts[i].end, ts[i].addr_len);
		if (memcmp(ts[i].start, ts[i].end, ts[i].addr_len) > 0)
			msg_reject(r);
	}
	return r->failed ? 0 : n;
}

static void put_suite(struct msg_writer *w, const struct ike_suite *s)
{
	msg_put_u8(w, s->protocol);
	msg_put_u16(w, s->encr);
	msg_put_u16(w, s->key_bits);
	msg_put_u16(w, s->prf);
	msg_put_u16(w, s->integ);
	msg_put_u16(w, s->ke);
	msg_put_u16(w, s->esn);
	for (size_t i = 0; i < IKE_ADDKE_MAX; i++)
		msg_put_u16(w, s->addke[i]);
}

static void get_suite(struct msg_reader *r, struct ike_suite *s)
{
	s->protocol = msg_get_u8(r);
	s->encr = msg_get_u16(r);
	s->key_bits = msg_get_u16(r);
	s->prf = msg_get_u16(r);
	s->integ = msg_get_u16(r);
	s->ke = msg_get_u16(r);
	s->esn = msg_get_u16(r);
	for (size_t i = 0; i < IKE_ADDKE_MAX; i++)
		s->addke[i] = msg_get_u16(r);
}

void proto_put_engine(struct msg_writer *w, const struct ike_engine_config *c)
{
	msg_put_u32(w, c->half_open_cookie);
	msg_put_u32(w, c->half_open_limit);
	msg_put_u32(w, c->half_open_per_net);
	msg_put_u8(w, c->retransmit_tries);
	msg_put_u64(w, c->retransmit_first);
	msg_put_bool(w, c->hold);
}

void proto_get_engine(struct msg_reader *r, struct ike_engine_config *ret)
{
	*ret = (struct ike_engine_config){0};
	ret->half_open_cookie = msg_get_u32(r);
	ret->half_open_limit = msg_get_u32(r);
	ret->half_open_per_net = msg_get_u32(r);
	ret->retransmit_tries = msg_get_u8(r);
	ret->retransmit_first = msg_get_u64(r);
	ret->hold = msg_get_bool(r);
}

void proto_put_socket(struct msg_writer *w, const struct proto_socket *s)
{
	msg_put_endpoint(w, &s->local);
	msg_put_u32(w, s->mark);
	msg_put_bool(w, s->marker);
}

void proto_get_socket(struct msg_reader *r, struct proto_socket *ret)
{
	msg_get_endpoint(r, &ret->local);
	ret->mark = msg_get_u32(r);
	ret->marker = msg_get_bool(r);
}

static void put_policy(struct msg_writer *w, const struct ike_policy *p)
{
	msg_put_u8(w, p->protocol);
	msg_put_u32(w, (uint32_t)p->n);
	for (size_t i = 0; i < p->n; i++) {
		const struct ike_policy_proposal *prop = &p->proposals[i];

		msg_put_u32(w, (uint32_t)prop->n);
		for (size_t j = 0; j < prop->n; j++) {
			msg_put_u8(w, prop->transforms[j].type);
			msg_put_u16(w, prop->transforms[j].id);
			msg_put_u16(w, prop->transforms[j].key_bits);
			msg_put_bool(w, prop->transforms[j].accept_only);
		}
	}
}

static void get_policy(struct msg_reader *r, struct ike_policy *p)
{
	memset(p, 0, sizeof(*p));
	p->protocol = msg_get_u8(r);
	p->n = msg_get_count(r, IKE_POLICY_PROPOSALS);
	for (size_t i = 0; i < p->n; i++) {
		struct ike_policy_proposal *prop = &p->proposals[i];

		prop->n = msg_get_count(r, IKE_POLICY_TRANSFORMS);
		for (size_t j = 0; j < prop->n; j++) {
			prop->transforms[j].type = msg_get_u8(r);
			prop->transforms[j].id = msg_get_u16(r);
			prop->transforms[j].key_bits = msg_get_u16(r);
			prop->transforms[j].accept_only = msg_get_bool(r);
		}
	}
}

void proto_put_conn(struct msg_writer *w, const struct ike_connection_config *c)
{
	msg_put_u32(w, c->id);
	msg_put_str(w, c->name);
	msg_put_u8(w, (uint8_t)c->mode);
	msg_put_u8(w, (uint8_t)c->start);
	msg_put_endpoint(w, &c->local);
	msg_put_addr(w, &c->source);
	msg_put_endpoint(w, &c->remote);
	msg_put_bool(w, c->remote_named);
	msg_put_u32(w, c->mark);
	msg_put_u8(w, (uint8_t)c->encap);
	msg_put_blob(w, c->local_id.data, c->local_id.size);
	msg_put_blob(w, c->local_identity.data, c->local_identity.size);
	msg_put_blob(w, c->remote_id.data, c->remote_id.size);
	msg_put_blob(w, c->auth_methods.data, c->auth_methods.size);
	msg_put_u32(w, (uint32_t)c->n_anchor_hashes);
	for (size_t i = 0; i < c->n_anchor_hashes; i++)
		msg_put_fixed(w, c->anchor_hashes[i], 20);
	msg_put_fixed(w, c->trust, sizeof(c->trust));
	put_policy(w, c->ike_policy);
	put_policy(w, c->esp_policy);
	msg_put_u64(w, c->ike_lifetime);
	msg_put_u64(w, c->child_lifetime);
	msg_put_u64(w, c->child_bytes);
	msg_put_u64(w, c->child_packets);
	msg_put_u32(w, c->dpd_delay);
	msg_put_u32(w, c->dpd_timeout);
	msg_put_u32(w, c->nat_keepalive);
	msg_put_u32(w, c->reauth_margin);
	msg_put_u16(w, c->fragment_size);
	msg_put_bool(w, c->fragmentation);
	msg_put_bool(w, c->ask_ocsp);
	msg_put_bool(w, c->allow_sha1_signatures);
	msg_put_bool(w, c->no_initial_contact);
	msg_put_bool(w, c->childless);
	msg_put_bool(w, c->mobike);
	msg_put_bool(w, c->enabled);
}

void proto_get_conn(struct msg_reader *r, struct proto_conn *ret)
{
	struct ike_connection_config *c = &ret->c;

	memset(ret, 0, sizeof(*ret));
	c->id = msg_get_u32(r);
	msg_get_str(r, c->name, sizeof(c->name));
	c->mode = (enum ike_mode)msg_get_enum(r, IKE_MODE_RESPONDER_ONLY);
	c->start = (enum ike_start)msg_get_enum(r, IKE_START_MANUAL);
	msg_get_endpoint(r, &c->local);
	msg_get_addr(r, &c->source);
	msg_get_endpoint(r, &c->remote);
	c->remote_named = msg_get_bool(r);
	c->mark = msg_get_u32(r);
	c->encap = (enum ike_encap)msg_get_enum(r, IKE_ENCAP_RAW);
	c->local_id.data = msg_get_blob(r, 4096, &c->local_id.size);
	c->local_identity.data = msg_get_blob(r, IKE_MAX_IDENTITY_TEXT, &c->local_identity.size);
	c->remote_id.data = msg_get_blob(r, 4096, &c->remote_id.size);
	c->auth_methods.data = msg_get_blob(r, IKE_MAX_AUTH_METHODS, &c->auth_methods.size);
	c->n_anchor_hashes = msg_get_count(r, IKE_MAX_ANCHOR_HASHES);
	c->anchor_hashes = (const uint8_t(*)[20])(const void *)r->p;
	for (size_t i = 0; i < c->n_anchor_hashes; i++) {
		uint8_t skip[20];

		msg_get_fixed(r, skip, sizeof(skip));
	}
	msg_get_fixed(r, c->trust, sizeof(c->trust));
	get_policy(r, &ret->ike);
	get_policy(r, &ret->esp);
	c->ike_policy = &ret->ike;
	c->esp_policy = &ret->esp;
	c->ike_lifetime = msg_get_u64(r);
	c->child_lifetime = msg_get_u64(r);
	c->child_bytes = msg_get_u64(r);
	c->child_packets = msg_get_u64(r);
	c->dpd_delay = msg_get_u32(r);
	c->dpd_timeout = msg_get_u32(r);
	c->nat_keepalive = msg_get_u32(r);
	c->reauth_margin = msg_get_u32(r);
	c->fragment_size = msg_get_u16(r);
	c->fragmentation = msg_get_bool(r);
	c->ask_ocsp = msg_get_bool(r);
	c->allow_sha1_signatures = msg_get_bool(r);
	c->no_initial_contact = msg_get_bool(r);
	c->childless = msg_get_bool(r);
	c->mobike = msg_get_bool(r);
	c->enabled = msg_get_bool(r);
}

void proto_put_child_config(struct msg_writer *w, const struct ike_child_config *c)
{
	msg_put_str(w, c->name);
	put_ts(w, c->local_ts, c->n_local_ts);
	put_ts(w, c->remote_ts, c->n_remote_ts);
}

void proto_get_child_config(struct msg_reader *r, struct proto_child_config *ret)
{
	ret->c = (struct ike_child_config){.local_ts = ret->local, .remote_ts = ret->remote};
	msg_get_str(r, ret->c.name, sizeof(ret->c.name));
	ret->c.n_local_ts = get_ts(r, ret->local);
	ret->c.n_remote_ts = get_ts(r, ret->remote);
}

void proto_put_expect(struct msg_writer *w, const struct ike_out_expect *x)
{
	msg_put_u64(w, x->request);
	msg_put_u32(w, x->connection);
	msg_put_u32(w, x->child_index);
	msg_put_u32(w, x->spi_in);
	msg_put_bool(w, x->gone);
}

void proto_get_expect(struct msg_reader *r, struct ike_out_expect *ret)
{
	*ret = (struct ike_out_expect){0};
	ret->request = msg_get_u64(r);
	ret->connection = msg_get_u32(r);
	ret->child_index = msg_get_u32(r);
	ret->spi_in = msg_get_u32(r);
	ret->gone = msg_get_bool(r);
}

void proto_put_child_add(struct msg_writer *w, const struct ike_out_child_add *a)
{
	msg_put_u64(w, a->request);
	msg_put_u64(w, a->child);
	msg_put_u64(w, a->replaces);
	msg_put_u32(w, a->connection);
	msg_put_u32(w, a->child_index);
	msg_put_u64(w, a->binding);
	msg_put_u32(w, a->spi_in);
	msg_put_u32(w, a->spi_out);
	put_suite(w, &a->suite);
	msg_put_blob(w, a->keys.encr_in.data, a->keys.encr_in.size);
	msg_put_blob(w, a->keys.encr_out.data, a->keys.encr_out.size);
	msg_put_blob(w, a->keys.integ_in.data, a->keys.integ_in.size);
	msg_put_blob(w, a->keys.integ_out.data, a->keys.integ_out.size);
	put_ts(w, a->local_ts, a->n_local_ts);
	put_ts(w, a->remote_ts, a->n_remote_ts);
	msg_put_endpoint(w, &a->local);
	msg_put_endpoint(w, &a->remote);
	msg_put_bool(w, a->udp);
	msg_put_bool(w, a->follow);
	msg_put_bool(w, a->activate_on_use);
	msg_put_bool(w, a->standby);
	msg_put_u64(w, a->lifetime);
	msg_put_u64(w, a->soft_lifetime);
	msg_put_u64(w, a->bytes);
	msg_put_u64(w, a->soft_bytes);
	msg_put_u64(w, a->packets);
	msg_put_u64(w, a->soft_packets);
}

static struct ike_blob get_key(struct msg_reader *r, uint8_t out[PROTO_KEY_MAX])
{
	struct ike_blob b;
	const uint8_t *p = msg_get_blob(r, PROTO_KEY_MAX, &b.size);

	if (p && b.size > 0)
		memcpy(out, p, b.size);
	b.data = out;
	return b;
}

void proto_get_child_add(struct msg_reader *r, struct proto_child_add *ret)
{
	struct ike_out_child_add *a = &ret->a;

	memset(a, 0, sizeof(*a));
	a->request = msg_get_u64(r);
	a->child = msg_get_u64(r);
	a->replaces = msg_get_u64(r);
	a->connection = msg_get_u32(r);
	a->child_index = msg_get_u32(r);
	a->binding = msg_get_u64(r);
	a->spi_in = msg_get_u32(r);
	a->spi_out = msg_get_u32(r);
	get_suite(r, &a->suite);
	a->keys.encr_in = get_key(r, ret->keys[0]);
	a->keys.encr_out = get_key(r, ret->keys[1]);
	a->keys.integ_in = get_key(r, ret->keys[2]);
	a->keys.integ_out = get_key(r, ret->keys[3]);
	a->local_ts = ret->local;
	a->remote_ts = ret->remote;
	a->n_local_ts = get_ts(r, ret->local);
	a->n_remote_ts = get_ts(r, ret->remote);
	msg_get_endpoint(r, &a->local);
	msg_get_endpoint(r, &a->remote);
	a->udp = msg_get_bool(r);
	a->follow = msg_get_bool(r);
	a->activate_on_use = msg_get_bool(r);
	a->standby = msg_get_bool(r);
	a->lifetime = msg_get_u64(r);
	a->soft_lifetime = msg_get_u64(r);
	a->bytes = msg_get_u64(r);
	a->soft_bytes = msg_get_u64(r);
	a->packets = msg_get_u64(r);
	a->soft_packets = msg_get_u64(r);
}

void proto_put_child_added(struct msg_writer *w, uint64_t request, int error, const char *text)
{
	msg_put_u64(w, request);
	msg_put_u32(w, (uint32_t)error);
	msg_put_str(w, text);
}

void proto_get_child_added(struct msg_reader *r, uint64_t *ret_request, int *ret_error,
			   char text[IKE_TEXT_SIZE])
{
	*ret_request = msg_get_u64(r);
	*ret_error = (int)msg_get_u32(r);
	msg_get_str(r, text, IKE_TEXT_SIZE);
}

void proto_put_child(struct msg_writer *w, const struct ike_out_child *c)
{
	msg_put_u64(w, c->child);
	msg_put_u32(w, c->connection);
	msg_put_endpoint(w, &c->local);
	msg_put_endpoint(w, &c->remote);
	msg_put_bool(w, c->udp);
	msg_put_bool(w, c->follow);
	msg_put_bool(w, c->outbound_only);
}

void proto_get_child(struct msg_reader *r, struct ike_out_child *ret)
{
	*ret = (struct ike_out_child){0};
	ret->child = msg_get_u64(r);
	ret->connection = msg_get_u32(r);
	msg_get_endpoint(r, &ret->local);
	msg_get_endpoint(r, &ret->remote);
	ret->udp = msg_get_bool(r);
	ret->follow = msg_get_bool(r);
	ret->outbound_only = msg_get_bool(r);
}

void proto_put_report(struct msg_writer *w, const struct ike_out_report *rep)
{
	msg_put_u32(w, rep->connection);
	msg_put_bool(w, rep->claimed);
	msg_put_u8(w, (uint8_t)rep->severity);
	msg_put_str(w, rep->event);
	msg_put_endpoint(w, &rep->remote);
	msg_put_str(w, rep->text);
	msg_put_str(w, rep->hint);
}

void proto_get_report(struct msg_reader *r, struct proto_report *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->r.connection = msg_get_u32(r);
	ret->r.claimed = msg_get_bool(r);
	ret->r.severity = (enum ike_severity)msg_get_enum(r, IKE_ERROR);
	msg_get_str(r, ret->event, sizeof(ret->event));
	ret->r.event = ret->event;
	msg_get_endpoint(r, &ret->r.remote);
	msg_get_str(r, ret->text, sizeof(ret->text));
	ret->r.text = ret->text;
	msg_get_str(r, ret->hint, sizeof(ret->hint));
	ret->r.hint = ret->hint;
}

void proto_put_sa_status(struct msg_writer *w, uint32_t request, const struct ike_sa_status *s)
{
	msg_put_u32(w, request);
	msg_put_u32(w, s->connection);
	msg_put_u8(w, (uint8_t)s->state);
	msg_put_bool(w, s->initiator);
	msg_put_u64(w, s->spi_i);
	msg_put_u64(w, s->spi_r);
	msg_put_endpoint(w, &s->local);
	msg_put_endpoint(w, &s->remote);
	msg_put_bool(w, s->nat_local);
	msg_put_bool(w, s->nat_remote);
	msg_put_bool(w, s->fragmentation);
	msg_put_bool(w, s->udp);
	put_suite(w, &s->suite);
	msg_put_u64(w, s->binding);
	msg_put_str(w, s->peer_subject);
	msg_put_u64(w, s->established);
	msg_put_u64(w, s->rekey_at);
	msg_put_u64(w, s->reauth_at);
}

void proto_get_sa_status(struct msg_reader *r, struct proto_sa_status *ret)
{
	struct ike_sa_status *s = &ret->s;

	memset(ret, 0, sizeof(*ret));
	ret->request = msg_get_u32(r);
	s->connection = msg_get_u32(r);
	s->state = (enum ike_state)msg_get_enum(r, IKE_STATE_CLOSING);
	s->initiator = msg_get_bool(r);
	s->spi_i = msg_get_u64(r);
	s->spi_r = msg_get_u64(r);
	msg_get_endpoint(r, &s->local);
	msg_get_endpoint(r, &s->remote);
	s->nat_local = msg_get_bool(r);
	s->nat_remote = msg_get_bool(r);
	s->fragmentation = msg_get_bool(r);
	s->udp = msg_get_bool(r);
	get_suite(r, &s->suite);
	s->binding = msg_get_u64(r);
	msg_get_str(r, ret->peer_subject, sizeof(ret->peer_subject));
	s->peer_subject = ret->peer_subject;
	s->established = msg_get_u64(r);
	s->rekey_at = msg_get_u64(r);
	s->reauth_at = msg_get_u64(r);
}

void proto_put_child_status(struct msg_writer *w, uint32_t request,
			    const struct ike_child_status *s)
{
	msg_put_u32(w, request);
	msg_put_u64(w, s->child);
	msg_put_u32(w, s->index);
	msg_put_str(w, s->name);
	msg_put_bool(w, s->up);
	msg_put_bool(w, s->rekeying);
	put_suite(w, &s->suite);
	msg_put_u32(w, s->spi_in);
	msg_put_u32(w, s->spi_out);
	put_ts(w, s->local_ts, s->n_local_ts);
	put_ts(w, s->remote_ts, s->n_remote_ts);
	msg_put_u64(w, s->established);
	msg_put_u64(w, s->rekey_at);
}

void proto_get_child_status(struct msg_reader *r, struct proto_child_status *ret)
{
	struct ike_child_status *s = &ret->s;

	memset(s, 0, sizeof(*s));
	ret->request = msg_get_u32(r);
	s->child = msg_get_u64(r);
	s->index = msg_get_u32(r);
	msg_get_str(r, ret->name, sizeof(ret->name));
	s->name = ret->name;
	s->up = msg_get_bool(r);
	s->rekeying = msg_get_bool(r);
	get_suite(r, &s->suite);
	s->spi_in = msg_get_u32(r);
	s->spi_out = msg_get_u32(r);
	s->local_ts = ret->local;
	s->remote_ts = ret->remote;
	s->n_local_ts = get_ts(r, ret->local);
	s->n_remote_ts = get_ts(r, ret->remote);
	s->established = msg_get_u64(r);
	s->rekey_at = msg_get_u64(r);
}

void proto_put_status_end(struct msg_writer *w, uint32_t request, const struct ike_counters *c)
{
	msg_put_u32(w, request);
#define PUT(name) msg_put_u64(w, c->name);
	IKE_COUNTERS(PUT)
#undef PUT
}

void proto_get_status_end(struct msg_reader *r, uint32_t *ret_request, struct ike_counters *ret)
{
	*ret_request = msg_get_u32(r);
#define GET(name) ret->name = msg_get_u64(r);
	IKE_COUNTERS(GET)
#undef GET
}
