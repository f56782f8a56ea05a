/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of verdicts: a root that is trusted, an intermediate below it, and leaves as a test wants them. To be included once, and
 * first, by a test program, whose state this is.
 */
#ifndef CERTGATE_TESTS_VERIFYTEST_H
#define CERTGATE_TESTS_VERIFYTEST_H

#include "lib/pkitest.h"

static struct pkigen_cert *root, *ca;
static struct pki_trust *trust;

static inline int setup(void **state)
{
	(void)state;
	root = pkigen_root("CN=Root,O=Example");
	ca = pkigen_intermediate(root, "CN=Issuing CA,O=Example");
	trust = make_trust(root);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	pki_trust_free(trust);
	pkigen_done();
	return 0;
}

/* A leaf below the intermediate, made to `spec`. */
static inline struct pkigen_cert *leaf_of(struct pkigen_spec spec)
{
	if (!spec.subject)
		spec.subject = "CN=gw.example,O=Example";
	return pkigen_make(&spec, ca);
}

#define check_spec(check, ...) \
	check_leaf(check, trust, leaf_of((struct pkigen_spec){__VA_ARGS__}), ca)

#endif
