/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines with keys, as Wireshark 4.0 names and orders what they consist of, and to whom they belong. Called by role_ike.c.
 */
#include "daemon/key_log.h"

#include <fcntl.h>
#include <openssl/crypto.h>

#include "base/file.h"
#include "base/hex.h"
#include "base/log.h"

struct key_log_conn {
	struct key_log_conn *next;
	uint32_t connection;
	usec_t until;
};

/* ---------------------------------------------------------------- text */

struct name {
	uint16_t id, key_bits; /* key_bits 0: whatever they are */
	const char *name;
};

static const char *find_name(const struct name *list, size_t n, uint16_t id, uint16_t key_bits)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i].id == id && (list[i].key_bits == 0 || list[i].key_bits == key_bits))
			return list[i].name;
	}
	return NULL;
}

static const struct name ike_encr[] = {
	{IKE_ENCR_AES_CBC, 128, "AES-CBC-128 [RFC3602]"},
	{IKE_ENCR_AES_CBC, 192, "AES-CBC-192 [RFC3602]"},
	{IKE_ENCR_AES_CBC, 256, "AES-CBC-256 [RFC3602]"},
	{IKE_ENCR_AES_GCM_16, 128, "AES-GCM-128 with 16 octet ICV [RFC5282]"},
	{IKE_ENCR_AES_GCM_16, 192, "AES-GCM-192 with 16 octet ICV [RFC5282]"},
	{IKE_ENCR_AES_GCM_16, 256, "AES-GCM-256 with 16 octet ICV [RFC5282]"},
};

static const struct name ike_integ[] = {
	{IKE_INTEG_NONE, 0, "NONE [RFC4306]"},
	{IKE_INTEG_HMAC_SHA1_96, 0, "HMAC_SHA1_96 [RFC2404]"},
	{IKE_INTEG_HMAC_SHA2_256_128, 0, "HMAC_SHA2_256_128 [RFC4868]"},
	{IKE_INTEG_HMAC_SHA2_384_192, 0, "HMAC_SHA2_384_192 [RFC4868]"},
	{IKE_INTEG_HMAC_SHA2_512_256, 0, "HMAC_SHA2_512_256 [RFC4868]"},
};

static const struct name esp_encr[] = {
	{IKE_ENCR_AES_CBC, 0, "AES-CBC [RFC3602]"},
	{IKE_ENCR_AES_GCM_16, 0, "AES-GCM with 16 octet ICV [RFC4106]"},
};

static const struct name esp_integ[] = {
	{IKE_INTEG_NONE, 0, "NULL"},
	{IKE_INTEG_HMAC_SHA1_96, 0, "HMAC-SHA-1-96 [RFC2404]"},
	{IKE_INTEG_HMAC_SHA2_256_128, 0, "HMAC-SHA-256-128 [RFC4868]"},
	{IKE_INTEG_HMAC_SHA2_384_192, 0, "HMAC-SHA-384-192 [RFC4868]"},
	{IKE_INTEG_HMAC_SHA2_512_256, 0, "HMAC-SHA-512-256 [RFC4868]"},
};

#define FIND(list, id, bits) find_name(list, ARRAY_SIZE(list), id, bits)

struct hex {
	char s[2 * PROTO_KEY_MAX + 1];
};

static struct hex *to_hex(const struct ike_blob *key, struct hex *ret)
{
	ret->s[0] = 0;
	if (key->size > 0 && key->size <= PROTO_KEY_MAX)
		(void)hex_encode(key->data, key->size, ret->s, sizeof(ret->s));
	return ret;
}

void key_log_ike(const struct ike_out_keys *k, char ret[KEY_LOG_LINE])
{
	const char *encr = FIND(ike_encr, k->suite.encr, k->suite.key_bits);
	const char *integ = FIND(ike_integ, k->suite.integ, 0);
	char suite[IKE_SUITE_TEXT];
	struct hex hex[4];

	if (!encr || !integ) {
		(void)snprintf(ret, KEY_LOG_LINE, "# %016jx,%016jx: no names for %s\n",
			       (uintmax_t)k->spi_i, (uintmax_t)k->spi_r,
			       ike_suite_format(&k->suite, suite, sizeof(suite)));
		return;
	}
	(void)snprintf(ret, KEY_LOG_LINE, "%016jx,%016jx,%s,%s,\"%s\",%s,%s,\"%s\"\n",
		       (uintmax_t)k->spi_i, (uintmax_t)k->spi_r, to_hex(&k->encr_i, &hex[0])->s,
		       to_hex(&k->encr_r, &hex[1])->s, encr, to_hex(&k->integ_i, &hex[2])->s,
		       to_hex(&k->integ_r, &hex[3])->s, integ);
	OPENSSL_cleanse(hex, sizeof(hex));
}

/*
 * One direction. Returns what it takes. From and to any address: SAs move (MOBIKE, NAT), and a capture may be from beyond a NAT; the SPI tells whose key it is.
 */
static size_t esp_line(sa_family_t family, uint32_t spi, const char *encr,
		       const struct ike_blob *encr_key, const char *integ,
		       const struct ike_blob *integ_key, char *ret, size_t size)
{
	struct hex hex[2];
	int n;

	n = snprintf(ret, size, "\"%s\",\"*\",\"*\",\"0x%08x\",\"%s\",\"0x%s\",\"%s\",\"0x%s\"\n",
		     family == AF_INET6 ? "IPv6" : "IPv4", spi, encr, to_hex(encr_key, &hex[0])->s,
		     integ, to_hex(integ_key, &hex[1])->s);
	OPENSSL_cleanse(hex, sizeof(hex));
	return n < 0 ? 0 : MIN((size_t)n, size - 1);
}

void key_log_esp(const struct ike_out_child_add *a, char ret[KEY_LOG_LINE])
{
	const char *encr = FIND(esp_encr, a->suite.encr, 0);
	const char *integ = FIND(esp_integ, a->suite.integ, 0);
	char suite[IKE_SUITE_TEXT];
	size_t n;

	if (!encr || !integ) {
		(void)snprintf(ret, KEY_LOG_LINE, "# %08x, %08x: no names for %s\n", a->spi_in,
			       a->spi_out, ike_suite_format(&a->suite, suite, sizeof(suite)));
		return;
	}
	n = esp_line(a->local.addr.family, a->spi_in, encr, &a->keys.encr_in, integ,
		     &a->keys.integ_in, ret, KEY_LOG_LINE);
	(void)esp_line(a->local.addr.family, a->spi_out, encr, &a->keys.encr_out, integ,
		       &a->keys.integ_out, ret + n, KEY_LOG_LINE - n);
}

/* ---------------------------------------------------------------- files */

static void close_files(struct key_log *l)
{
	for (size_t i = 0; i < ARRAY_SIZE(l->files); i++) {
		if (l->files[i] >= 0)
			(void)safe_close(l->files[i]);
		l->files[i] = -EBADF;
	}
}

int key_log_take(struct key_log *l, enum key_log_file which, int *fd)
{
	int high = fcntl(*fd, F_DUPFD_CLOEXEC, ROLE_FD_FREE);

	if (high < 0)
		return -errno;
	(void)safe_close(TAKE_FD(*fd));
	if (l->files[which] >= 0)
		(void)safe_close(l->files[which]);
	l->files[which] = high;
	return 0;
}

int key_log_set(struct key_log *l, uint32_t connection, usec_t until)
{
	struct key_log_conn **at = &l->list, *c;

	while (*at && (*at)->connection != connection)
		at = &(*at)->next;
	c = *at;
	if (until == 0) {
		if (c)
			*at = c->next;
		free(c);
		if (!l->list)
			close_files(l);
		return 0;
	}
	if (!c) {
		c = calloc(1, sizeof(*c));
		if (!c)
			return -ENOMEM;
		c->connection = connection;
		*at = c;
	}
	c->until = until;
	return 0;
}

static bool is_on(const struct key_log *l, usec_t now, uint32_t connection)
{
	for (const struct key_log_conn *c = l->list; c; c = c->next) {
		if (c->connection == connection)
			return now < c->until;
	}
	return false;
}

static void append(const struct key_log *l, enum key_log_file which, char line[KEY_LOG_LINE])
{
	int r = write_all(l->files[which], line, strlen(line));

	if (r < 0)
		(void)log_warning_errno(r, "keys cannot be written to the key log");
	OPENSSL_cleanse(line, KEY_LOG_LINE);
}

void key_log_keys(struct key_log *l, usec_t now, const struct ike_out_keys *k)
{
	char line[KEY_LOG_LINE];

	if (l->files[KEY_LOG_IKE] < 0 || !is_on(l, now, k->connection))
		return;
	key_log_ike(k, line);
	append(l, KEY_LOG_IKE, line);
}

void key_log_child(struct key_log *l, usec_t now, const struct ike_out_child_add *a)
{
	char line[KEY_LOG_LINE];

	if (l->files[KEY_LOG_ESP] < 0 || !is_on(l, now, a->connection))
		return;
	key_log_esp(a, line);
	append(l, KEY_LOG_ESP, line);
}

void key_log_tick(struct key_log *l, usec_t now)
{
	bool ended = false;

	for (struct key_log_conn **at = &l->list, *c; (c = *at);) {
		if (now < c->until) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		free(c);
		ended = true;
	}
	/* Files come before the first connection does. */
	if (ended && !l->list)
		close_files(l);
}

void key_log_done(struct key_log *l)
{
	key_log_tick(l, UINT64_MAX);
	close_files(l);
}
