// SPDX-License-Identifier: GPL-2.0-only
/*
 * Netlink requests about certificate bindings and fingerprints: checks what
 * userspace asks for, and tells what there is. cert.c does the rest.
 */
#include <linux/slab.h>
#include "cert.h"
#include "netlink.h"

/* The attributes a spec's hashes came from, for messages about them. */
struct sources {
	const struct nlattr *attr[2 * CERTGATE_MAX_CHAIN];
};

static int add_hash(struct cg_binding_spec *spec, struct sources *src, unsigned int i,
		    const struct nlattr *attr, struct netlink_ext_ack *extack)
{
	unsigned int j;

	for (j = 0; j < i; j++) {
		if (memcmp(spec->hashes[j], nla_data(attr), CERTGATE_HASH_SIZE))
			continue;
		NL_SET_ERR_MSG_ATTR(extack, attr, "a certificate or key is twice in the chain");
		return -EINVAL;
	}
	spec->hashes[i] = nla_data(attr);
	src->attr[i] = attr;
	return 0;
}

static int parse_chain(struct genl_info *info, struct cg_binding_spec *spec, struct sources *src)
{
	struct nlattr *tb[CERTGATE_A_LINK_MAX + 1];
	const struct nlattr *nest;
	int rem, err;

	nlmsg_for_each_attr(nest, info->nlhdr, GENL_HDRLEN, rem) {
		if (nla_type(nest) != CERTGATE_A_CERT_LINK)
			continue;
		if (spec->n_certs == CERTGATE_MAX_CHAIN) {
			NL_SET_ERR_MSG_ATTR(info->extack, nest,
					    "more certificates than a chain may have");
			return -E2BIG;
		}
		err = nla_parse_nested(tb, CERTGATE_A_LINK_MAX, nest, cg_link_policy, info->extack);
		if (err)
			return err;
		if (!tb[CERTGATE_A_LINK_CERT] || !tb[CERTGATE_A_LINK_SPKI]) {
			NL_SET_ERR_MSG_ATTR(info->extack, nest,
					    "a link needs the hash of the certificate and of its key");
			return -EINVAL;
		}
		err = add_hash(spec, src, 2 * spec->n_certs, tb[CERTGATE_A_LINK_CERT],
			       info->extack);
		if (!err)
			err = add_hash(spec, src, 2 * spec->n_certs + 1,
				       tb[CERTGATE_A_LINK_SPKI], info->extack);
		if (err)
			return err;
		spec->n_certs++;
	}
	return 0;
}

/* Everything but the strings, which are allocated last. 0 or an error with extack. */
static int parse_spec(struct genl_info *info, struct cg_binding_spec *spec, struct sources *src)
{
	const struct nlattr *not_after = info->attrs[CERTGATE_A_CERT_NOT_AFTER];

	if (GENL_REQ_ATTR_CHECK(info, CERTGATE_A_CERT_LINK) ||
	    GENL_REQ_ATTR_CHECK(info, CERTGATE_A_CERT_SUBJECT) ||
	    GENL_REQ_ATTR_CHECK(info, CERTGATE_A_CERT_NOT_BEFORE) ||
	    GENL_REQ_ATTR_CHECK(info, CERTGATE_A_CERT_NOT_AFTER)) {
		GENL_SET_ERR_MSG(info, "a binding needs a chain, a subject and a window");
		return -EINVAL;
	}
	spec->not_before = nla_get_s64(info->attrs[CERTGATE_A_CERT_NOT_BEFORE]);
	spec->not_after = nla_get_s64(not_after);
	if (spec->not_after < spec->not_before) {
		NL_SET_ERR_MSG_ATTR(info->extack, not_after,
				    "the validity window ends before it starts");
		return -EINVAL;
	}
	if (!nla_len(info->attrs[CERTGATE_A_CERT_SUBJECT]) ||
	    !*(char *)nla_data(info->attrs[CERTGATE_A_CERT_SUBJECT])) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[CERTGATE_A_CERT_SUBJECT],
				    "the subject is empty");
		return -EINVAL;
	}
	return parse_chain(info, spec, src);
}

static void explain_refusal(struct genl_info *info, int err, const struct nlattr *bad_hash)
{
	switch (err) {
	case -EKEYREJECTED:
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[CERTGATE_A_CERT_NOT_BEFORE],
				    "the chain is not valid yet");
		break;
	case -EKEYEXPIRED:
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[CERTGATE_A_CERT_NOT_AFTER],
				    "the chain has expired");
		break;
	case -EKEYREVOKED:
		if (nla_type(bad_hash) == CERTGATE_A_LINK_CERT)
			NL_SET_ERR_MSG_ATTR(info->extack, bad_hash,
					    "a certificate of the chain is revoked");
		else
			NL_SET_ERR_MSG_ATTR(info->extack, bad_hash,
					    "a public key of the chain is revoked");
		break;
	case -ENOSPC:
		GENL_SET_ERR_MSG(info, "the namespace holds as many bindings as it may");
		break;
	}
}

int cg_cert_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cg_net *cgn = cg_net(genl_info_net(info));
	struct cg_binding_spec spec = {};
	struct sk_buff *reply = NULL;
	struct sources src = {};
	unsigned int bad_hash = 0;
	struct cg_binding *b;
	void *hdr;
	int err;

	err = parse_spec(info, &spec, &src);
	if (err)
		return err;

	err = -ENOMEM;
	spec.subject = nla_strdup(info->attrs[CERTGATE_A_CERT_SUBJECT], GFP_KERNEL_ACCOUNT);
	if (!spec.subject)
		goto out_free;
	if (info->attrs[CERTGATE_A_CERT_LABEL]) {
		spec.label = nla_strdup(info->attrs[CERTGATE_A_CERT_LABEL], GFP_KERNEL_ACCOUNT);
		if (!spec.label)
			goto out_free;
	}
	/* the answer first: a binding whose ID cannot be told must not be made */
	reply = cg_reply_new(info, NLMSG_DEFAULT_SIZE, &hdr);
	if (!reply)
		goto out_free;

	mutex_lock(&cgn->lock);
	b = cg_binding_new(cgn, &spec, &bad_hash);
	if (!IS_ERR(b)) {
		cgn->change_seq++;
		nla_put_u32(reply, CERTGATE_A_CERT_ID, b->id);
	}
	mutex_unlock(&cgn->lock);
	if (IS_ERR(b)) {
		err = PTR_ERR(b);
		explain_refusal(info, err, src.attr[bad_hash]);
		goto out_free;
	}
	genlmsg_end(reply, hdr);
	return genlmsg_reply(reply, info);

out_free:
	nlmsg_free(reply);
	kfree(spec.subject);
	kfree(spec.label);
	return err;
}

static struct cg_binding *find_by_attr(struct genl_info *info, struct cg_net *cgn)
{
	const struct nlattr *id = info->attrs[CERTGATE_A_CERT_ID];
	struct cg_binding *b = cg_binding_find(cgn, nla_get_u32(id));

	if (!b)
		NL_SET_ERR_MSG_ATTR(info->extack, id, "no such certificate binding");
	return b;
}

int cg_cert_del_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cg_net *cgn = cg_net(genl_info_net(info));
	struct cg_binding *b;
	int err = 0;

	if (GENL_REQ_ATTR_CHECK(info, CERTGATE_A_CERT_ID))
		return -EINVAL;
	mutex_lock(&cgn->lock);
	b = find_by_attr(info, cgn);
	if (!b) {
		err = -ENOENT;
	} else if (b->n_sas) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[CERTGATE_A_CERT_ID],
				    "SAs refer to the binding");
		err = -EBUSY;
	} else {
		cg_binding_destroy(b);
		cgn->change_seq++;
	}
	mutex_unlock(&cgn->lock);
	return err;
}

static int put_links(struct sk_buff *skb, const struct cg_binding *b)
{
	unsigned int i;

	for (i = 0; i < b->n_certs; i++) {
		struct nlattr *nest = nla_nest_start(skb, CERTGATE_A_CERT_LINK);

		if (!nest ||
		    nla_put(skb, CERTGATE_A_LINK_CERT, CERTGATE_HASH_SIZE,
			    b->links[2 * i].fp->hash) ||
		    nla_put(skb, CERTGATE_A_LINK_SPKI, CERTGATE_HASH_SIZE,
			    b->links[2 * i + 1].fp->hash))
			return -EMSGSIZE;
		nla_nest_end(skb, nest);
	}
	return 0;
}

/* Under cg_net.lock. -EMSGSIZE: @skb is full. */
static int cert_put_all(struct sk_buff *skb, struct cg_binding *b)
{
	struct cg_stats stats = {};

	/* what a look at the clock would stop is not told to be valid */
	if (!cg_binding_alive(b))
		cg_binding_expire(b);
	cg_totals_add(&b->counters, &stats);
	if (nla_put_u32(skb, CERTGATE_A_CERT_ID, b->id) ||
	    nla_put_string(skb, CERTGATE_A_CERT_SUBJECT, b->subject) ||
	    nla_put_s64(skb, CERTGATE_A_CERT_NOT_BEFORE, b->not_before, CERTGATE_A_CERT_PAD) ||
	    nla_put_s64(skb, CERTGATE_A_CERT_NOT_AFTER, b->not_after, CERTGATE_A_CERT_PAD) ||
	    nla_put_u32(skb, CERTGATE_A_CERT_STATE, READ_ONCE(b->state)) ||
	    nla_put_u32(skb, CERTGATE_A_CERT_SA_COUNT, b->n_sas))
		return -EMSGSIZE;
	if (b->label && nla_put_string(skb, CERTGATE_A_CERT_LABEL, b->label))
		return -EMSGSIZE;
	return put_links(skb, b) ?: cg_stats_put(skb, CERTGATE_A_CERT_STATS, &stats);
}

int cg_cert_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cg_net *cgn = cg_net(genl_info_net(info));
	struct cg_binding *b;
	struct sk_buff *reply;
	void *hdr;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, CERTGATE_A_CERT_ID))
		return -EINVAL;
	reply = cg_reply_new(info, NLMSG_DEFAULT_SIZE, &hdr);
	if (!reply)
		return -ENOMEM;
	mutex_lock(&cgn->lock);
	b = find_by_attr(info, cgn);
	err = b ? cert_put_all(reply, b) : -ENOENT;
	mutex_unlock(&cgn->lock);
	if (err) {
		nlmsg_free(reply);
		return err;
	}
	genlmsg_end(reply, hdr);
	return genlmsg_reply(reply, info);
}

int cg_cert_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct cg_net *cgn = cg_net(sock_net(skb->sk));
	struct cg_binding *b;
	unsigned long id;
	int err = 0;

	mutex_lock(&cgn->lock);
	cb->seq = cgn->change_seq;
	xa_for_each_start(&cgn->bindings, id, b, cb->args[0]) {
		void *hdr = cg_dump_put(skb, cb, CERTGATE_CMD_CERT_GET);

		err = hdr ? cert_put_all(skb, b) : -EMSGSIZE;
		if (!cg_dump_done(skb, cb, hdr, id, err))
			break;
	}
	mutex_unlock(&cgn->lock);
	return skb->len ?: err;
}

int cg_cert_revoke_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cg_net *cgn = cg_net(genl_info_net(info));
	const struct nlattr *hash = info->attrs[CERTGATE_A_CERT_FINGERPRINT];
	struct sk_buff *reply;
	u32 bindings, sas;
	void *hdr;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, CERTGATE_A_CERT_FINGERPRINT))
		return -EINVAL;
	reply = cg_reply_new(info, NLMSG_DEFAULT_SIZE, &hdr);
	if (!reply)
		return -ENOMEM;

	mutex_lock(&cgn->lock);
	err = cg_fingerprint_revoke(cgn, nla_data(hash), &bindings, &sas);
	if (!err)
		cgn->change_seq++;
	mutex_unlock(&cgn->lock);
	if (err) {
		if (err == -ENOSPC)
			NL_SET_ERR_MSG_ATTR(info->extack, hash,
					    "as many fingerprints are revoked as may be");
		nlmsg_free(reply);
		return err;
	}
	cg_fingerprint_revoke_wait(cgn);

	nla_put_u32(reply, CERTGATE_A_CERT_BINDING_COUNT, bindings);
	nla_put_u32(reply, CERTGATE_A_CERT_SA_COUNT, sas);
	genlmsg_end(reply, hdr);
	return genlmsg_reply(reply, info);
}

int cg_cert_unrevoke_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cg_net *cgn = cg_net(genl_info_net(info));
	const struct nlattr *hash = info->attrs[CERTGATE_A_CERT_FINGERPRINT];
	int err;

	if (GENL_REQ_ATTR_CHECK(info, CERTGATE_A_CERT_FINGERPRINT))
		return -EINVAL;
	mutex_lock(&cgn->lock);
	err = cg_fingerprint_unrevoke(cgn, nla_data(hash));
	if (!err)
		cgn->change_seq++;
	mutex_unlock(&cgn->lock);
	if (err)
		NL_SET_ERR_MSG_ATTR(info->extack, hash, "the fingerprint is not revoked");
	return err;
}

/* Under cg_net.lock. -EMSGSIZE: @skb is full. */
static int fingerprint_put_all(struct sk_buff *skb, struct cg_fingerprint *fp)
{
	struct cg_stats stats = {};
	u32 sas;

	cg_fingerprint_sum(fp, &stats, &sas);
	if (nla_put(skb, CERTGATE_A_FINGERPRINT_HASH, CERTGATE_HASH_SIZE, fp->hash) ||
	    nla_put_u32(skb, CERTGATE_A_FINGERPRINT_BINDING_COUNT, fp->users) ||
	    nla_put_u32(skb, CERTGATE_A_FINGERPRINT_SA_COUNT, sas))
		return -EMSGSIZE;
	if (fp->revoked && nla_put_flag(skb, CERTGATE_A_FINGERPRINT_REVOKED))
		return -EMSGSIZE;
	return cg_stats_put(skb, CERTGATE_A_FINGERPRINT_STATS, &stats);
}

int cg_fingerprint_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct cg_net *cgn = cg_net(genl_info_net(info));
	const struct nlattr *hash = info->attrs[CERTGATE_A_FINGERPRINT_HASH];
	struct cg_fingerprint *fp;
	struct sk_buff *reply;
	void *hdr;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, CERTGATE_A_FINGERPRINT_HASH))
		return -EINVAL;
	reply = cg_reply_new(info, NLMSG_DEFAULT_SIZE, &hdr);
	if (!reply)
		return -ENOMEM;
	mutex_lock(&cgn->lock);
	fp = cg_fingerprint_find(cgn, nla_data(hash));
	err = fp ? fingerprint_put_all(reply, fp) : -ENOENT;
	mutex_unlock(&cgn->lock);
	if (err) {
		if (err == -ENOENT)
			NL_SET_ERR_MSG_ATTR(info->extack, hash, "no such fingerprint");
		nlmsg_free(reply);
		return err;
	}
	genlmsg_end(reply, hdr);
	return genlmsg_reply(reply, info);
}

int cg_fingerprint_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct cg_net *cgn = cg_net(sock_net(skb->sk));
	struct cg_fingerprint *fp;
	unsigned long id;
	int err = 0;

	mutex_lock(&cgn->lock);
	cb->seq = cgn->change_seq;
	xa_for_each_start(&cgn->fingerprint_ids, id, fp, cb->args[0]) {
		void *hdr = cg_dump_put(skb, cb, CERTGATE_CMD_FINGERPRINT_GET);

		err = hdr ? fingerprint_put_all(skb, fp) : -EMSGSIZE;
		if (!cg_dump_done(skb, cb, hdr, id, err))
			break;
	}
	mutex_unlock(&cgn->lock);
	return skb->len ?: err;
}
