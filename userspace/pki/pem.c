/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PEM armour. Owns nothing; the text is the caller's. Called by the loaders of certificates
 * (load.c) and keys (key.c).
 */
#include "pki/pem.h"

#include "base/hex.h"
#include "base/macro.h"
#include "pki/cert.h"

#define BEGIN  "-----BEGIN "
#define END    "-----END "
#define DASHES "-----"

/* The end of the line at `s` (its newline, or the end of the text). */
static const char *line_end(const char *s, const char *end)
{
	const char *nl = memchr(s, '\n', (size_t)(end - s));

	return nl ? nl : end;
}

static bool line_starts(const char *s, const char *end, const char *with)
{
	size_t n = strlen(with);

	return (size_t)(end - s) >= n && memcmp(s, with, n) == 0;
}

void pki_pem_init(struct pki_pem *pem, const uint8_t *data, size_t len)
{
	memset(pem, 0, sizeof(*pem));
	/* the byte order mark that some editors write */
	if (len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) {
		data += 3;
		len -= 3;
	}
	pem->at = (const char *)data;
	pem->end = pem->at + len;
	pem->line_at = 1;
}

bool pki_pem_probe(const uint8_t *data, size_t len)
{
	return memmem(data, len, BEGIN, strlen(BEGIN)) != NULL;
}

static void advance(struct pki_pem *pem, const char *eol)
{
	pem->at = eol < pem->end ? eol + 1 : pem->end;
	pem->line_at++;
}

/* The label of "-----BEGIN label-----" in `label`. */
static int parse_label(const char *s, const char *eol, const char *prefix, char *label)
{
	const char *from = s + strlen(prefix);
	size_t n;

	while (eol > from && (eol[-1] == '\r' || eol[-1] == ' ' || eol[-1] == '\t'))
		eol--;
	if ((size_t)(eol - from) <= strlen(DASHES) ||
	    memcmp(eol - strlen(DASHES), DASHES, strlen(DASHES)) != 0)
		return -EBADMSG;
	n = (size_t)(eol - from) - strlen(DASHES);
	if (n >= PKI_PEM_LABEL_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)from[i] < 0x20 || (unsigned char)from[i] > 0x7e)
			return -EBADMSG;
	memcpy(label, from, n);
	label[n] = '\0';
	return 0;
}

int pki_pem_next(struct pki_pem *pem, const char *name, struct pki_error *err)
{
	while (pem->at < pem->end) {
		const char *eol = line_end(pem->at, pem->end);

		if (!line_starts(pem->at, pem->end, BEGIN)) {
			advance(pem, eol);
			continue;
		}
		pem->line = pem->line_at;
		pem->text = pem->at;
		if (parse_label(pem->at, eol, BEGIN, pem->label) < 0)
			return pki_fail(err, -EBADMSG,
					"%s, line %u: this BEGIN line is not well-formed", name,
					pem->line);
		advance(pem, eol);
		pem->body = pem->at;
		while (pem->at < pem->end) {
			char label[PKI_PEM_LABEL_MAX];

			eol = line_end(pem->at, pem->end);
			if (line_starts(pem->at, pem->end, BEGIN))
				break;
			if (line_starts(pem->at, pem->end, END)) {
				if (parse_label(pem->at, eol, END, label) < 0 ||
				    !streq(label, pem->label))
					return pki_fail(
						err, -EBADMSG,
						"%s, line %u: this END line does not belong to BEGIN %s of line %u",
						name, pem->line_at, pem->label, pem->line);
				pem->body_len = (size_t)(pem->at - pem->body);
				advance(pem, eol);
				pem->text_len = (size_t)(pem->at - pem->text);
				return 1;
			}
			advance(pem, eol);
		}
		return pki_fail(err, -EBADMSG,
				"%s, line %u: the block \"%s\" has no END line; the file was cut?",
				name, pem->line, pem->label);
	}
	return 0;
}

int pki_pem_decode(const struct pki_pem *pem, const char *name, struct pki_error *err,
		   uint8_t **ret, size_t *ret_len)
{
	size_t size = pem->body_len / 4 * 3 + 3, len;
	uint8_t *data = malloc(size);

	if (!data)
		return pki_fail(err, -ENOMEM, "%s: out of memory", name);
	if (base64_decode(pem->body, pem->body_len, data, size, &len) < 0) {
		pki_file_free(data, size);
		return pki_fail(err, -EBADMSG,
				"%s, line %u: the block \"%s\" holds something that is not Base64",
				name, pem->line, pem->label);
	}
	*ret = data;
	*ret_len = len;
	return 0;
}
