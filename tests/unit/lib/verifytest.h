/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of verdicts: a root that is trusted, an intermediate below it, and leaves as a test wants them. To be included once, and
 * first, by a test program, whose state this is.
 */
#ifndef CERTGATE_TESTS_VERIFYTEST_H
#define CERTGATE_TESTS_VERIFYTEST_H

#include "lib/pkitree.h"

static inline int setup(void **state)
{
	(void)state;
	tree_make("CN=Issuing CA,O=Example");
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
