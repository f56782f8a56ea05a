/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate bindings from verdicts. Owns nothing. Called by the verify processes, which make
 * them, and by `main`, which checks what it is handed.
 */
#include "pki/binding.h"

#include "base/macro.h"

/* Copies text with a cut at a whole character, which "..." marks. */
static void copy_cut(char *to, size_t size, const char *from)
{
	size_t n = strlen(from);

	if (n < size) {
		(void)snprintf(to, size, "%s", from);
		return;
	}
	n = size - sizeof("...");
	while (n > 0 && ((unsigned char)from[n] & 0xc0) == 0x80)
		n--;
	(void)snprintf(to, size, "%.*s...", (int)n, from);
}

int pki_binding_from_verdict(const struct pki_verdict *verdict, const char *label,
			     struct pki_binding *ret)
{
	if (!verdict->valid || verdict->reason != PKI_OK || verdict->n_path == 0 ||
	    verdict->n_path > PKI_BINDING_LINKS_MAX)
		return -EPERM;
	if (strlen(label) >= PKI_BINDING_LABEL_MAX)
		return -ENAMETOOLONG;
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < verdict->n_path; i++) {
		memcpy(ret->links[i].cert, verdict->path[i]->sha256, PKI_SHA256_SIZE);
		memcpy(ret->links[i].spki, verdict->path[i]->spki_sha256, PKI_SHA256_SIZE);
	}
	ret->n_links = (uint32_t)verdict->n_path;
	ret->not_before = verdict->not_before;
	ret->not_after = verdict->not_after;
	copy_cut(ret->subject, sizeof(ret->subject), verdict->leaf->subject);
	memcpy(ret->label, label, strlen(label));
	return 0;
}

/* Ended by a NUL, and what pki_printable() would leave as it is. */
static bool clean(const char *text, size_t size)
{
	char copy[PKI_BINDING_SUBJECT_MAX];

	if (strnlen(text, size) == size)
		return false;
	memcpy(copy, text, size);
	pki_printable(copy);
	return streq(copy, text);
}

int pki_binding_check(const struct pki_binding *binding)
{
	static const struct pki_fingerprint none;

	if (binding->n_links == 0 || binding->n_links > PKI_BINDING_LINKS_MAX ||
	    binding->not_after < binding->not_before)
		return -EBADMSG;
	for (uint32_t i = 0; i < binding->n_links; i++)
		if (memcmp(binding->links[i].cert, none.cert, PKI_SHA256_SIZE) == 0 ||
		    memcmp(binding->links[i].spki, none.spki, PKI_SHA256_SIZE) == 0)
			return -EBADMSG;
	if (!clean(binding->subject, sizeof(binding->subject)) ||
	    !clean(binding->label, sizeof(binding->label)))
		return -EBADMSG;
	return 0;
}
