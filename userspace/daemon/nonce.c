/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring of issued nonces. Owned by a verify worker; holds nothing secret.
 */
#include "daemon/nonce.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "base/macro.h"

struct nonce_table {
	uint64_t prefix; /* the worker's number in the highest byte */
	uint64_t next;
	struct ike_nonce slots[NONCE_TABLE_SIZE]; /* token 0: empty */
};

int nonce_table_new(unsigned int worker, struct nonce_table **ret)
{
	struct nonce_table *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->prefix = (uint64_t)worker << 56;
	*ret = t;
	return 0;
}

struct nonce_table *nonce_table_free(struct nonce_table *t)
{
	free(t);
	return NULL;
}

int nonce_issue(struct nonce_table *t, struct ike_nonce *ret)
{
	uint64_t number = t->next + 1;
	struct ike_nonce *slot = &t->slots[number % NONCE_TABLE_SIZE];
	uint8_t data[IKE_NONCE_SIZE];

	if (RAND_bytes(data, sizeof(data)) != 1)
		return -EIO;
	t->next = number;
	memcpy(slot->data, data, sizeof(data));
	slot->token = t->prefix | number;
	*ret = *slot;
	return 0;
}

int nonce_use(struct nonce_table *t, uint64_t token, const uint8_t *nonce, size_t len)
{
	struct ike_nonce *slot = &t->slots[(token & (UINT64_MAX >> 8)) % NONCE_TABLE_SIZE];

	if ((token & (UINT64_MAX >> 8)) == 0 || slot->token != token || len != IKE_NONCE_SIZE ||
	    CRYPTO_memcmp(slot->data, nonce, len) != 0)
		return -ENOENT;
	*slot = (struct ike_nonce){0};
	return 0;
}
