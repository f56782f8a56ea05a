/* SPDX-License-Identifier: GPL-2.0-only */
/* Published vectors are hex digits. */
#ifndef _CERTGATE_TESTS_HEX_H
#define _CERTGATE_TESTS_HEX_H

#include <linux/hex.h>
#include <linux/types.h>

/* Hex digits to bytes, spaces ignored; how many. */
static inline unsigned int unhex(u8 *to, const char *hex)
{
	unsigned int n = 0;

	for (; *hex; hex++) {
		if (*hex == ' ')
			continue;
		if (n % 2)
			to[n / 2] |= hex_to_bin(*hex);
		else
			to[n / 2] = hex_to_bin(*hex) << 4;
		n++;
	}
	return n / 2;
}

#endif
