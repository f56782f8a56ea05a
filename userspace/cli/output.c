// SPDX-License-Identifier: Apache-2.0
/*
 * The implementation of output.h: JSON and figures for people. Called by the subcommands.
 */
#include "cli/output.h"

#include "base/str.h"

int out_json(struct cli *cli, const json_t *value)
{
	if (json_dumpf(value, cli->out, JSON_INDENT(2) | JSON_ENCODE_ANY) < 0 ||
	    fputc('\n', cli->out) == EOF)
		return cli_error(cli, NULL, "cannot write the output");
	return CLI_OK;
}

int out_json_line(struct cli *cli, const json_t *value)
{
	if (json_dumpf(value, cli->out, JSON_COMPACT | JSON_ENCODE_ANY) < 0 ||
	    fputc('\n', cli->out) == EOF || fflush(cli->out) == EOF)
		return cli_error(cli, NULL, "cannot write the output");
	return CLI_OK;
}

/* Length of the printable UTF-8 character at s; 0 if it is a control character or not valid (RFC 3629 section 4). */
static size_t utf8_char(const unsigned char *s)
{
	unsigned int c = s[0], min, n;

	if (c < 0x80)
		return c >= 0x20 && c != 0x7f;
	if (c >= 0xc2 && c <= 0xdf) {
		n = 1, min = 0xa0, c &= 0x1f; /* U+0080…U+009F are controls */
	} else if (c >= 0xe0 && c <= 0xef) {
		n = 2, min = 0x800, c &= 0x0f;
	} else if (c >= 0xf0 && c <= 0xf4) {
		n = 3, min = 0x10000, c &= 0x07;
	} else {
		return 0;
	}
	for (unsigned int i = 1; i <= n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < min || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	/* Marks that change the direction of text could make one name look like another. */
	if ((c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x2028 ||
	    c == 0x2029)
		return 0;
	return n + 1;
}

char *out_printable(const char *s)
{
	_cleanup_strbuf_ struct cg_strbuf b = {0};

	while (*s) {
		size_t n = utf8_char((const unsigned char *)s);
		char chunk[8] = {0};

		if (n) {
			memcpy(chunk, s, n);
			strbuf_add(&b, chunk);
			s += n;
		} else {
			strbuf_addf(&b, "\\x%02x", (unsigned char)*s++);
		}
	}
	return strbuf_take(&b);
}

char *out_bytes(uint64_t n, char out[OUT_TEXT])
{
	static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	uint64_t tenths = 0;
	size_t i = 0;

	for (; n >= 1024 && i + 1 < ARRAY_SIZE(names); i++) {
		tenths = (n % 1024) * 10 / 1024;
		n /= 1024;
	}
	if (i && n < 10)
		(void)snprintf(out, OUT_TEXT, "%llu.%llu %s", (unsigned long long)n,
			       (unsigned long long)tenths, names[i]);
	else
		(void)snprintf(out, OUT_TEXT, "%llu %s", (unsigned long long)n, names[i]);
	return out;
}

static void days_or_duration(int64_t seconds, char out[DURATION_SIZE])
{
	if (seconds >= 2 * 86400)
		(void)snprintf(out, DURATION_SIZE, "%lld days", (long long)(seconds / 86400));
	else
		(void)format_duration((usec_t)seconds * USEC_PER_SEC, out);
}

char *out_expiry(const char *timestamp, int64_t now, char out[OUT_TEXT])
{
	char text[DURATION_SIZE];
	int64_t t;

	if (parse_timestamp(timestamp, &t) < 0) {
		(void)snprintf(out, OUT_TEXT, "-");
		return out;
	}
	if (t < now) {
		days_or_duration(now - t, text);
		(void)snprintf(out, OUT_TEXT, "%.10s (EXPIRED %.20s ago)", timestamp, text);
	} else if (t - now >= 2 * 86400) {
		days_or_duration(t - now, text);
		(void)snprintf(out, OUT_TEXT, "%.10s (in %.20s)", timestamp, text);
	} else {
		days_or_duration(t - now, text);
		(void)snprintf(out, OUT_TEXT, "%.10s %.5s UTC (in %.20s)", timestamp,
			       timestamp + 11, text);
	}
	return out;
}

char *out_since(const char *timestamp, int64_t now, char out[OUT_TEXT])
{
	int64_t t;

	if (!timestamp || parse_timestamp(timestamp, &t) < 0)
		(void)snprintf(out, OUT_TEXT, "-");
	else
		(void)format_duration(t > now ? 0 : (usec_t)(now - t) * USEC_PER_SEC, out);
	return out;
}

char *out_until(const char *timestamp, int64_t now, char out[OUT_TEXT])
{
	int64_t t;

	if (!timestamp || parse_timestamp(timestamp, &t) < 0)
		(void)snprintf(out, OUT_TEXT, "-");
	else if (t <= now)
		(void)snprintf(out, OUT_TEXT, "now");
	else
		(void)format_duration((usec_t)(t - now) * USEC_PER_SEC, out);
	return out;
}

const char *json_str(const json_t *object, const char *key, const char *fallback)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : fallback;
}

uint64_t json_u64(const json_t *object, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(object, key));

	return v < 0 ? 0 : (uint64_t)v;
}
