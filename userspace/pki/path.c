/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The search for paths. Owns nothing: certificates are borrowed from the trust and from what the
 * peer sent. Called by verify.c.
 */
#include "pki/path.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/macro.h"

static void pool_add(struct pki_paths *paths, struct pki_cert *cert, bool anchor, bool configured)
{
	/* The leaf at 0 counts too: it never is its own issuer. */
	for (size_t i = 0; i < paths->n_pool; i++)
		if (pki_cert_equal(paths->pool[i].cert, cert))
			return;
	if (paths->n_pool >= ARRAY_SIZE(paths->pool))
		return;
	paths->pool[paths->n_pool].cert = cert;
	paths->pool[paths->n_pool].anchor = anchor;
	paths->pool[paths->n_pool].configured = configured;
	paths->n_pool++;
}

static bool valid_at(const struct pki_cert *cert, int64_t at)
{
	return at >= cert->not_before && at <= cert->not_after;
}

/* A possible issuer of the last certificate of a path. */
struct candidate {
	uint8_t node;
	enum pki_fit fit;
};

/* Should `x` be tried before `y`? What names another key's certificate is rarely its issuer; of one key the current certificate is. */
static bool better(const struct pki_paths *paths, struct candidate x, struct candidate y,
		   int64_t at)
{
	uint8_t a = x.node, b = y.node;
	const struct pki_cert *ca = paths->pool[a].cert, *cb = paths->pool[b].cert;
	bool key_a = x.fit != PKI_FIT_OTHER_KEY, key_b = y.fit != PKI_FIT_OTHER_KEY;

	if (key_a != key_b)
		return key_a;
	if (valid_at(ca, at) != valid_at(cb, at))
		return valid_at(ca, at);
	if (paths->pool[a].anchor != paths->pool[b].anchor)
		return paths->pool[a].anchor;
	if (paths->pool[a].configured != paths->pool[b].configured)
		return paths->pool[a].configured;
	if (x.fit != y.fit)
		return x.fit > y.fit;
	if (ca->not_after != cb->not_after)
		return ca->not_after > cb->not_after;
	return a < b;
}

/* RFC 5280 section 6.1 wants no certificate twice in a path; the same name with the same key
 * twice is a loop as well. */
static bool in_path(const struct pki_paths *paths, const struct pki_path *path, uint8_t node)
{
	const struct pki_cert *cert = paths->pool[node].cert;

	for (uint8_t i = 0; i < path->n; i++) {
		const struct pki_cert *one = paths->pool[path->node[i]].cert;

		if (path->node[i] == node)
			return true;
		if (memcmp(one->spki_sha256, cert->spki_sha256, PKI_SHA256_SIZE) == 0 &&
		    X509_NAME_cmp(X509_get_subject_name(one->x509),
				  X509_get_subject_name(cert->x509)) == 0)
			return true;
	}
	return false;
}

/* Remembers the certificate furthest up that has no issuer. */
static void dead_end(struct pki_paths *paths, const struct pki_path *path,
		     const struct pki_cert *namesake)
{
	if (paths->stuck && path->n <= paths->stuck_depth)
		return;
	paths->stuck = paths->pool[path->node[path->n - 1]].cert;
	paths->stuck_depth = path->n;
	paths->stuck_namesake = namesake;
}

/* Is the certificate self-signed, as far as names and identifiers tell? Nothing is above it. */
static bool is_top(const struct pki_cert *cert)
{
	return X509_get_extension_flags(cert->x509) & EXFLAG_SS;
}

static bool issuer_named(const struct pki_paths *paths, size_t issuer, const struct pki_cert *cert)
{
	return X509_NAME_cmp(X509_get_subject_name(paths->pool[issuer].cert->x509),
			     X509_get_issuer_name(cert->x509)) == 0;
}

/* Can a path that ends in `node` be led on to an anchor within the length? */
static bool leads_on(const struct pki_paths *paths, const struct pki_path *path, uint8_t node)
{
	return !paths->distances ||
	       (paths->distance[node] > 0 && path->n + paths->distance[node] <= paths->length);
}

/* The issuers to try for the last of the path, the best first. */
static size_t find_candidates(struct pki_paths *paths, const struct pki_path *path, int64_t at,
			      struct candidate *candidates, const struct pki_cert **ret_namesake)
{
	uint8_t child = path->node[path->n - 1];
	const struct pki_cert *cert = paths->pool[child].cert;
	bool top = is_top(cert);
	size_t n = 0, to;

	for (size_t i = 1; i < paths->n_pool; i++) {
		struct candidate one;

		if (paths->steps++ >= PKI_STEPS_MAX) {
			paths->gave_up = true;
			return 0;
		}
		if (!issuer_named(paths, i, cert))
			continue;
		one.node = (uint8_t)i;
		one.fit = top ? PKI_FIT_NONE : pki_cert_issuer_fit(paths->pool[i].cert, cert);
		if (one.fit == PKI_FIT_NONE) {
			if (paths->pool[i].cert != cert)
				*ret_namesake = paths->pool[i].cert;
			continue;
		}
		if (in_path(paths, path, (uint8_t)i) || !leads_on(paths, path, (uint8_t)i))
			continue;
		for (to = n; to > 0 && better(paths, one, candidates[to - 1], at); to--)
			candidates[to] = candidates[to - 1];
		candidates[to] = one;
		n++;
	}
	return n;
}

/* Who could have issued whom, by name. */
static void find_edges(struct pki_paths *paths)
{
	for (size_t child = 1; child < paths->n_pool; child++) {
		const struct pki_cert *cert = paths->pool[child].cert;

		memset(paths->edge[child], 0, paths->n_pool);
		for (size_t i = 1; i < paths->n_pool && !is_top(cert); i++)
			paths->edge[child][i] = issuer_named(paths, i, cert) &&
						pki_cert_issuer_fit(paths->pool[i].cert, cert) !=
							PKI_FIT_NONE;
	}
}

/* How many certificates a path from each one to the nearest anchor has, itself included; 0: none
 * leads there. Round by round from the anchors down, without edges whose signature is bad. */
static void measure(struct pki_paths *paths)
{
	for (size_t i = 0; i < paths->n_pool; i++)
		paths->distance[i] = paths->pool[i].anchor ? 1 : 0;
	for (uint8_t round = 1; round < PKI_CHAIN_MAX; round++)
		for (size_t child = 1; child < paths->n_pool; child++)
			for (size_t i = 1; i < paths->n_pool && !paths->distance[child]; i++)
				if (paths->distance[i] == round && paths->edge[child][i] &&
				    paths->checked[child][i] != 2)
					paths->distance[child] = round + 1;
}

/* Records a path that has reached an anchor; in the second search only if its signatures are
 * good. */
static void reached(struct pki_paths *paths, const struct pki_path *path)
{
	uint8_t bad;
	int r;

	if (paths->distances && path->n != paths->length)
		return; /* it was looked at in its turn */
	r = paths->distances ? pki_paths_check(paths, path, &bad) : 0;
	if (r == -EBADMSG)
		measure(paths); /* without what has turned out to be no way */
	else if (r == 0 && paths->n_found < PKI_PATHS_MAX)
		paths->found[paths->n_found++] = *path;
	else
		paths->gave_up = true;
}

static void search(struct pki_paths *paths, struct pki_path *path, int64_t at)
{
	const struct pki_cert *namesake = NULL;
	struct candidate candidates[1 + PKI_POOL_MAX];
	size_t n = find_candidates(paths, path, at, candidates, &namesake);

	if (paths->gave_up)
		return;
	if (n == 0)
		dead_end(paths, path, namesake);
	if (n > 0 && path->n >= PKI_CHAIN_MAX) {
		paths->too_long = true;
		return;
	}
	for (size_t i = 0; i < n && !paths->gave_up; i++) {
		uint8_t node = candidates[i].node;

		if (!leads_on(paths, path, node)) /* any more */
			continue;
		path->node[path->n++] = node;
		if (paths->pool[node].anchor)
			reached(paths, path);
		else
			search(paths, path, at);
		path->n--;
	}
}

/* A pool that is too rich for a plain search, by design or by malice: again, without the ways
 * that lead nowhere and with signatures checked as paths are found, so that those that are only
 * guesses do not use up the room. The shortest paths first: among what a peer made up, long ones
 * are many and cost many signatures. What the plain search found stays if this one finds nothing. */
static void search_again(struct pki_paths *paths, int64_t at)
{
	struct pki_path path = {.n = 1};
	struct pki_path before[PKI_PATHS_MAX];
	size_t n_before = paths->n_found;

	memcpy(before, paths->found, sizeof(before));
	find_edges(paths);
	measure(paths);
	paths->distances = true;
	paths->gave_up = false;
	paths->n_found = 0;
	for (paths->length = 2; paths->length <= PKI_CHAIN_MAX && !paths->gave_up;
	     paths->length++) {
		paths->steps = 0;
		search(paths, &path, at);
	}
	if (paths->n_found == 0) {
		memcpy(paths->found, before, sizeof(before));
		paths->n_found = n_before;
	}
}

void pki_paths_find(struct pki_cert *leaf, const struct pki_trust *trust,
		    const struct pki_certs *untrusted, int64_t at, struct pki_paths *ret)
{
	struct pki_path path = {.n = 1};

	memset(ret, 0, offsetof(struct pki_paths, distance));
	pool_add(ret, leaf, false, false);
	for (size_t i = 0; i < trust->anchors.n; i++)
		pool_add(ret, trust->anchors.list[i], true, true);
	for (size_t i = 0; i < trust->helpers.n; i++)
		pool_add(ret, trust->helpers.list[i], false, true);
	for (size_t i = 0; i < untrusted->n; i++)
		pool_add(ret, untrusted->list[i], false, false);
	for (size_t i = 0; i < ret->n_pool; i++)
		memset(ret->checked[i], 0, ret->n_pool);
	search(ret, &path, at);
	if (ret->gave_up)
		search_again(ret, at);
	ERR_clear_error();
}

int pki_paths_check(struct pki_paths *paths, const struct pki_path *path, uint8_t *ret_at)
{
	for (uint8_t i = path->n - 1; i > 0; i--) {
		uint8_t issuer = path->node[i], child = path->node[i - 1];
		uint8_t *known = &paths->checked[child][issuer];

		if (*known == 0) {
			if (paths->signature_checks >= PKI_SIGNATURE_CHECKS_MAX)
				return -E2BIG;
			paths->signature_checks++;
			*known = X509_verify(paths->pool[child].cert->x509,
					     X509_get0_pubkey(paths->pool[issuer].cert->x509)) == 1
					 ? 1
					 : 2;
			ERR_clear_error();
		}
		if (*known == 2) {
			*ret_at = i - 1;
			return -EBADMSG;
		}
	}
	return 0;
}
