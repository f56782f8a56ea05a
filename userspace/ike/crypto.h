/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IKEv2's use of symmetric cryptography, all of it done by OpenSSL: the PRF and
 * prf+ (RFC 7296 sections 2.13), the keys derived with them (2.14, 2.17, 2.18), and the
 * protection of messages (RFC 7296 section 3.14, RFC 5282, RFC 7634).
 *
 * Key structures are plain memory that the caller owns: no handle is kept in
 * them, so that a connection at rest costs little, and wiping is enough.
 */
#pragma once

#include "ike/const.h"
#include "ike/random.h"
#include "ike/wire.h"

#define IKE_PRF_LEN_MAX	  64
#define IKE_INTEG_KEY_MAX 64
#define IKE_ENCR_KEY_MAX  36 /* 256 bits and a 4-byte salt */
#define IKE_IV_MAX	  16
#define IKE_ICV_MAX	  32

/* --- properties of algorithms; NULL for what is not implemented --- */

struct ike_prf_info {
	uint16_t id;
	uint8_t len; /* of output, and preferred key length, in bytes */
	bool legacy; /* by explicit policy only */
};

struct ike_integ_info {
	uint16_t id;
	uint8_t key_len;
	uint8_t icv_len;
	bool legacy;
};

struct ike_encr_info {
	uint16_t id;
	uint16_t key_bits; /* as in the key length attribute; 0: must have none (RFC 7634) */
	uint8_t key_len;   /* without the salt */
	uint8_t salt_len;
	uint8_t iv_len;
	uint8_t block;	 /* plaintext is padded to a multiple of this */
	uint8_t icv_len; /* of the AEAD; 0: needs an integrity transform */
	bool aead;
};

const struct ike_prf_info *ike_prf_info(uint16_t id);
const struct ike_integ_info *ike_integ_info(uint16_t id);
const struct ike_encr_info *ike_encr_info(uint16_t id, uint16_t key_bits);

/* Is an encryption transform a combined-mode one, implemented or not? (section 3.3) */
bool ike_encr_is_aead(uint16_t id);

#define IKE_ADDKE_MAX 7 /* additional key exchanges of one SA (RFC 9370 section 2.2.1) */

/*
 * What was negotiated for one SA. Of an IKE SA: encr, prf, ke, and integ
 * unless the cipher is an AEAD. Of ESP: encr, integ unless AEAD, esn, and ke if
 * there was a key exchange of its own.
 */
struct ike_suite {
	uint8_t protocol; /* IKE_PROTOCOL_IKE or IKE_PROTOCOL_ESP */
	uint16_t encr;
	uint16_t key_bits;	       /* of encr; 0: fixed */
	uint16_t prf;		       /* IKE only */
	uint16_t integ;		       /* IKE_INTEG_NONE with an AEAD */
	uint16_t ke;		       /* IKE_KE_NONE: none */
	uint16_t esn;		       /* ESP only: enum ike_esn */
	uint16_t addke[IKE_ADDKE_MAX]; /* those that follow ke, in their order; IKE_KE_NONE: none */
};

/* The place of the next additional key exchange of a suite, from one on; IKE_ADDKE_MAX: none. */
size_t ike_suite_addke(const struct ike_suite *suite, size_t from);

/* --- prf and prf+ --- */

/*
 * prf(key, parts...) into ret, which has room for IKE_PRF_LEN_MAX bytes; the
 * length is that of ike_prf_info(). -EOPNOTSUPP: unknown prf; -EIO: OpenSSL failed.
 */
int ike_prf(uint16_t prf, struct ike_view key, const struct ike_view *parts, size_t n_parts,
	    uint8_t ret[IKE_PRF_LEN_MAX]);

/* prf+ (section 2.13): len bytes, at most 255 times the prf's length (-EINVAL). */
int ike_prf_plus(uint16_t prf, struct ike_view key, const struct ike_view *parts, size_t n_parts,
		 uint8_t *ret, size_t len);

/* --- protection of messages --- */

/* One direction's keys of an IKE SA. */
struct ike_cipher {
	uint16_t encr;
	uint16_t key_bits;
	uint16_t integ;
	/* AEAD: the IV of the next message sealed. A restored SA must continue above every value used. */
	uint64_t next_iv;
	uint8_t key[IKE_ENCR_KEY_MAX]; /* key and salt, as derived */
	uint8_t integ_key[IKE_INTEG_KEY_MAX];
};

size_t ike_cipher_iv_len(const struct ike_cipher *cipher);
size_t ike_cipher_icv_len(const struct ike_cipher *cipher);
size_t ike_cipher_block(const struct ike_cipher *cipher);

/*
 * Seals a message in place. msg holds aad_len bytes that are only authenticated, then
 * room for the IV, then text_len bytes of plaintext (padded; multiple of the block), then
 * room for the ICV. plain, if not NULL, is where the plaintext is instead.
 * random is used for the IV of CBC. -EOVERFLOW: the IVs of this key are used up; -EINVAL; -EIO.
 */
int ike_cipher_seal(struct ike_cipher *cipher, const struct ike_random *random, uint8_t *msg,
		    size_t aad_len, const uint8_t *plain, size_t text_len);

/*
 * Verifies msg (laid out as above, text_len derived from msg_len) and only then
 * decrypts it into ret (room for msg_len - aad_len bytes; may be the place of the ciphertext
 * in msg). -EBADMSG: not authentic, or lengths that cannot be; ret is then not
 * written (AEAD: wiped).
 */
int ike_cipher_open(const struct ike_cipher *cipher, const uint8_t *msg, size_t msg_len,
		    size_t aad_len, uint8_t *ret, size_t *ret_len);

void ike_cipher_wipe(struct ike_cipher *cipher);

/* --- key derivation --- */

/* The keys of one IKE SA, section 2.14. Wipe with ike_sa_keys_wipe(). */
struct ike_sa_keys {
	uint16_t prf;
	uint8_t prf_len;
	uint8_t sk_d[IKE_PRF_LEN_MAX];
	uint8_t sk_pi[IKE_PRF_LEN_MAX];
	uint8_t sk_pr[IKE_PRF_LEN_MAX];
	struct ike_cipher initiator; /* SK_ei, SK_ai: what the original initiator sends with */
	struct ike_cipher responder; /* SK_er, SK_ar */
};

struct ike_key_inputs {
	struct ike_view nonce_i; /* of the exchange's initiator */
	struct ike_view nonce_r;
	struct ike_view shared; /* g^ir; empty: no key exchange (Child SAs only) */
	struct ike_view
		more;	/* SK(1) | … | SK(n) of RFC 9370 section 2.2.4; empty: none followed */
	uint64_t spi_i; /* of the new IKE SA */
	uint64_t spi_r;
};

/* Of a new IKE SA, section 2.14: SKEYSEED = prf(Ni | Nr, g^ir). */
int ike_derive_ike(const struct ike_suite *suite, const struct ike_key_inputs *in,
		   struct ike_sa_keys *ret);

/*
 * Of the SA that replaces one (section 2.18): SKEYSEED = prf(SK_d old, g^ir | Ni | Nr | more) with
 * the prf of the old SA; everything else with that of the new suite. The same formula
 * serves the additional key exchanges of RFC 9370 section 2.2.2.
 */
int ike_derive_ike_rekey(const struct ike_suite *suite, const struct ike_sa_keys *old,
			 const struct ike_key_inputs *in, struct ike_sa_keys *ret);

void ike_sa_keys_wipe(struct ike_sa_keys *keys);

/* The keys of a Child SA (section 2.17), in the order of the exchange's initiator. */
struct ike_child_keymat {
	uint8_t encr_len;		  /* key and salt */
	uint8_t integ_len;		  /* 0 with an AEAD */
	uint8_t encr_i[IKE_ENCR_KEY_MAX]; /* initiator to responder */
	uint8_t integ_i[IKE_INTEG_KEY_MAX];
	uint8_t encr_r[IKE_ENCR_KEY_MAX]; /* responder to initiator */
	uint8_t integ_r[IKE_INTEG_KEY_MAX];
};

/* KEYMAT = prf+(SK_d, [g^ir |] Ni | Nr [| more]). suite: the ESP one. */
int ike_derive_child(const struct ike_suite *suite, const struct ike_sa_keys *ike,
		     const struct ike_key_inputs *in, struct ike_child_keymat *ret);

void ike_child_keymat_wipe(struct ike_child_keymat *keys);
