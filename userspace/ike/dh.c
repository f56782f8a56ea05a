// SPDX-License-Identifier: Apache-2.0
/*
 * Halves of key exchanges: what is the same for every method, by its entry in the table of dh_method.c. Owns no more than
 * each struct ike_dh. Called by the engine.
 */
#include "ike/dh.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "ike/dh_method.h"

const struct ike_dh_info *ike_dh_info(uint16_t method)
{
	const struct ike_dh_method *m = ike_dh_method_find(method);

	return m ? &m->info : NULL;
}

static struct ike_dh *dh_new(const struct ike_dh_method *m, bool answers, size_t secret_len)
{
	size_t public_len = answers ? m->info.responder_len : m->info.initiator_len;
	struct ike_dh *dh = calloc(1, sizeof(*dh) + secret_len + public_len);

	if (!dh)
		return NULL;
	dh->m = m;
	dh->answers = answers;
	dh->secret_len = (uint16_t)secret_len;
	dh->public_len = (uint16_t)public_len;
	return dh;
}

int ike_dh_begin(uint16_t method, const struct ike_random *random, struct ike_dh **ret)
{
	const struct ike_dh_method *m = ike_dh_method_find(method);
	struct ike_dh *dh;
	int err;

	if (!m)
		return -EOPNOTSUPP;
	dh = dh_new(m, /* answers= */ false, m->private_len);
	if (!dh)
		return -ENOMEM;
	err = m->ops->make(dh, random);
	if (err) {
		(void)ike_dh_free(dh);
		return err;
	}
	*ret = dh;
	return 0;
}

int ike_dh_answer(uint16_t method, const struct ike_random *random, struct ike_view peer,
		  struct ike_dh **ret)
{
	const struct ike_dh_method *m = ike_dh_method_find(method);
	struct ike_dh *dh;
	int err;

	if (!m)
		return -EOPNOTSUPP;
	if (peer.len != m->info.initiator_len)
		return -EBADMSG;
	dh = dh_new(m, /* answers= */ true,
		    m->ops->encapsulate ? m->info.shared_len : m->private_len);
	if (!dh)
		return -ENOMEM;
	err = m->ops->encapsulate ? m->ops->encapsulate(dh, random, peer)
				  : m->ops->make(dh, random);
	if (err) {
		(void)ike_dh_free(dh);
		return err;
	}
	*ret = dh;
	return 0;
}

size_t ike_dh_private(const struct ike_dh *dh, uint8_t ret[IKE_DH_PRIVATE_MAX])
{
	if (dh->answers)
		return 0;
	memcpy(ret, dh->bytes, dh->secret_len);
	return dh->secret_len;
}

/* Instead of randomness: a value that is known, wherever one of its length is drawn. */
struct known {
	struct ike_view value;
	bool fits;
};

static void fill_known(void *ctx, uint8_t *buf, size_t len)
{
	struct known *k = ctx;

	k->fits = len == k->value.len;
	if (k->fits)
		memcpy(buf, k->value.data, len);
	else
		memset(buf, 0, len);
}

int ike_dh_restore(uint16_t method, struct ike_view private, struct ike_dh **ret)
{
	struct known known = {.value = private};
	const struct ike_random random = {.fill = fill_known, .ctx = &known};
	struct ike_dh *dh;
	int err;

	err = ike_dh_begin(method, &random, &dh);
	if (err == -EOPNOTSUPP || err == -ENOMEM)
		return err;
	/* One that is out of range is not drawn. */
	if (err || !known.fits || memcmp(dh->bytes, private.data, private.len) != 0) {
		if (!err)
			(void)ike_dh_free(dh);
		return -EBADMSG;
	}
	*ret = dh;
	return 0;
}

uint16_t ike_dh_method(const struct ike_dh *dh)
{
	return dh->m->info.method;
}

struct ike_view ike_dh_public(const struct ike_dh *dh)
{
	return IKE_VIEW(dh->bytes + dh->secret_len, dh->public_len);
}

int ike_dh_shared(const struct ike_dh *dh, struct ike_view peer, uint8_t ret[IKE_DH_SHARED_MAX],
		  size_t *ret_len)
{
	const struct ike_dh_info *info = &dh->m->info;
	int err = 0;

	if (peer.len != (dh->answers ? info->initiator_len : info->responder_len))
		return -EBADMSG;
	if (dh->answers && dh->m->ops->encapsulate)
		memcpy(ret, dh->bytes, info->shared_len);
	else
		err = dh->m->ops->shared(dh, peer, ret);
	if (err) {
		OPENSSL_cleanse(ret, info->shared_len);
		return err;
	}
	*ret_len = info->shared_len;
	return 0;
}

struct ike_dh *ike_dh_free(struct ike_dh *dh)
{
	if (dh) {
		EVP_PKEY_free(dh->key);
		OPENSSL_cleanse(dh->bytes, dh->secret_len);
		free(dh);
	}
	return NULL;
}
