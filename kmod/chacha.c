// SPDX-License-Identifier: GPL-2.0-only
/*
 * ChaCha20-Poly1305 for ESP (RFC 7634), put together of its two parts as RFC 8439 section
 * 2.8 says. The crypto API's own rfc7539esp() makes a request of each step, nine a packet,
 * most of them for a few bytes, and walks a scatterlist for each; here a packet is in one
 * piece, and its ends are arranged so that both parts get as much as there is at once.
 * Always synchronous.
 */
#include <linux/slab.h>
#include <crypto/algapi.h>
#include "chacha.h"

static struct cg_chacha_op *chacha_op(struct cg_op *op)
{
	return container_of(op, struct cg_chacha_op, op);
}

static void begin(const struct cg_esp *esp, struct cg_op *op, crypto_completion_t done)
{
	struct cg_chacha_op *c = chacha_op(op);

	memset(&c->secret, 0, sizeof(c->secret));
	esp->chacha->parts->begin(esp->chacha, c);
}

/* Encipher or decipher the packet, which has been started with. */
static int crypt(const struct cg_chacha *k, struct cg_chacha_op *c, u8 *packet, unsigned int len)
{
	const u8 *second = c->secret.first + CHACHA_BLOCK_SIZE;
	u8 *data = packet + CG_CHACHA_HEADER;

	if (len <= CHACHA_BLOCK_SIZE) {
		crypto_xor(data, second, len);
		return 0;
	}
	crypto_xor(data, second, CHACHA_BLOCK_SIZE);
	return k->parts->go_on(k, c, packet, data + CHACHA_BLOCK_SIZE, len - CHACHA_BLOCK_SIZE);
}

/*
 * What Poly1305 says of the packet, to @ret_icv. Header and IV are as long as the additional data
 * (RFC 7634 section 2.1) is with its padding, and the lengths as an ICV, so these
 * take the others' place: then what is hashed is in one piece, but where the payload's last
 * block has to be padded. What was in the ICV's place is lost.
 */
static int authenticate(const struct cg_esp *esp, struct cg_chacha_op *c, u64 seq, u8 *packet,
			unsigned int len, u8 *ret_icv)
{
	unsigned int rest = len % POLY1305_BLOCK_SIZE, whole = CG_CHACHA_HEADER + len - rest;
	u8 *lengths = packet + CG_CHACHA_HEADER + len;
	u8 header[CG_CHACHA_HEADER], last[2 * POLY1305_BLOCK_SIZE];
	int err;

	memcpy(header, packet, sizeof(header));
	if (esp->esn)
		put_unaligned_be64(seq, packet + 4);
	else
		memset(packet + 8, 0, 4);
	memset(packet + 12, 0, 4);
	if (rest) {
		memset(last, 0, POLY1305_BLOCK_SIZE);
		memcpy(last, packet + whole, rest);
		lengths = last + POLY1305_BLOCK_SIZE;
	} else {
		whole += POLY1305_BLOCK_SIZE;
	}
	put_unaligned_le64(esp->esn ? 12 : 8, lengths);
	put_unaligned_le64(len, lengths + 8);

	err = esp->chacha->parts->mac(esp->chacha, c, packet, whole, rest ? last : NULL, ret_icv);
	memcpy(packet, header, sizeof(header));
	return err;
}

static int seal(const struct cg_esp *esp, struct cg_op *op, u64 seq, u8 *packet, unsigned int len)
{
	struct cg_chacha_op *c = chacha_op(op);
	const struct cg_chacha *k = esp->chacha;
	int err;

	err = k->parts->start(k, c, packet);
	if (!err)
		err = crypt(k, c, packet, len);
	if (!err)
		err = authenticate(esp, c, seq, packet, len, packet + CG_CHACHA_HEADER + len);
	memzero_explicit(&c->secret, sizeof(c->secret));
	return err;
}

static int open(const struct cg_esp *esp, struct cg_op *op, u64 seq, u8 *packet, unsigned int len)
{
	struct cg_chacha_op *c = chacha_op(op);
	u8 received[POLY1305_DIGEST_SIZE], icv[POLY1305_DIGEST_SIZE];
	u8 *end = packet + CG_CHACHA_HEADER + len;
	const struct cg_chacha *k = esp->chacha;
	int err;

	memcpy(received, end, sizeof(received));
	err = k->parts->start(k, c, packet);
	if (!err)
		err = authenticate(esp, c, seq, packet, len, icv);
	memcpy(end, received, sizeof(received));
	if (!err && crypto_memneq(icv, received, sizeof(icv)))
		err = -EBADMSG;
	if (!err)
		err = crypt(k, c, packet, len);
	memzero_explicit(&c->secret, sizeof(c->secret));
	return err;
}

static void release(struct cg_esp *esp)
{
	esp->chacha->parts->release(esp->chacha);
	kfree_sensitive(esp->chacha);
	esp->chacha = NULL;
}

static const struct cg_cipher chacha_cipher = {
	.begin = begin,
	.seal = seal,
	.open = open,
	.release = release,
};

bool cg_chacha_init(struct cg_esp *esp, cg_chacha_source *source, const u8 *key)
{
	struct cg_chacha *k = kzalloc(sizeof(*k), GFP_KERNEL_ACCOUNT);

	if (!k)
		return false;
	if (!source(k, key)) {
		kfree_sensitive(k);
		return false;
	}
	memcpy(k->salt, key + CHACHA_KEY_SIZE, sizeof(k->salt));
	esp->chacha = k;
	esp->op_size = k->parts->op_size(k);
	esp->cipher = &chacha_cipher;
	return true;
}

void cg_chacha_by_parts(struct cg_esp *esp, const u8 *key)
{
	struct cg_esp aead = *esp;

	if (cg_aead_is_async(esp))
		return;
	if (cg_chacha_init(esp, cg_chacha_library, key) || cg_chacha_init(esp, cg_chacha_api, key))
		aead.cipher->release(&aead);
}
