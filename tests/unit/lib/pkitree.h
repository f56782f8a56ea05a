/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A root that is trusted and an intermediate below it. To be included once by a test program, whose state this is, through the header
 * that makes leaves below it.
 */
#ifndef CERTGATE_TESTS_PKITREE_H
#define CERTGATE_TESTS_PKITREE_H

#include "lib/pkitest.h"

static struct pkigen_cert *root, *ca;
static struct pki_trust *trust;

static inline void tree_make(const char *ca_subject)
{
	root = pkigen_root("CN=Root,O=Example");
	ca = pkigen_intermediate(root, ca_subject);
	trust = make_trust(root);
}

static inline int teardown(void **state)
{
	(void)state;
	pki_trust_free(trust);
	pkigen_done();
	return 0;
}

#endif
