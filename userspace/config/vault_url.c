// SPDX-License-Identifier: Apache-2.0
/*
 * Taking URLs of key vaults apart. Holds nothing. Called by the configuration's reader and by the process `vault`.
 */
#include "config/vault_url.h"

#include <ctype.h>
#include <stdarg.h>
#include <strings.h>

#include "base/str.h"

#define SCHEME "https://"

enum { HTTPS_PORT = 443, PART_MAX = 255 };

static const struct {
	const char *suffix, *resource;
} clouds[] = {
	{".vault.azure.net", "https://vault.azure.net"},
	{".vault.azure.cn", "https://vault.azure.cn"},
	{".vault.usgovcloudapi.net", "https://vault.usgovcloudapi.net"},
};

static int __attribute__((format(printf, 2, 3)))
wrong(char text[CG_VAULT_TEXT_MAX], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, CG_VAULT_TEXT_MAX, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

bool cg_vault_name_is_valid(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n > CG_VAULT_NAME_MAX)
		return false;
	for (; *s; s++) {
		if (!isalnum((unsigned char)*s) && *s != '-')
			return false;
	}
	return true;
}

bool cg_vault_version_is_valid(const char *s)
{
	if (strlen(s) != CG_VAULT_VERSION_LEN)
		return false;
	for (; *s; s++) {
		if (!isxdigit((unsigned char)*s))
			return false;
	}
	return true;
}

static bool host_is_valid(const char *s)
{
	size_t label = 0;

	for (; *s; s++) {
		if (*s == '.') {
			if (label == 0 || s[-1] == '-')
				return false;
			label = 0;
			continue;
		}
		if ((!isalnum((unsigned char)*s) && *s != '-') || (*s == '-' && label == 0) ||
		    ++label > 63)
			return false;
	}
	return label > 0 && s[-1] != '-';
}

static void lower(char *s)
{
	for (; *s; s++)
		*s = (char)tolower((unsigned char)*s);
}

/* What is before the first '/' of *p, or all of it; *p goes beyond the '/'. -EINVAL: longer than PART_MAX. */
static int next_part(const char **p, char part[PART_MAX + 1])
{
	size_t n = strcspn(*p, "/");

	if (n > PART_MAX)
		return -EINVAL;
	memcpy(part, *p, n);
	part[n] = '\0';
	*p += n;
	if (**p == '/')
		(*p)++;
	return 0;
}

static int parse_host(char *part, struct cg_vault_url *u, char text[CG_VAULT_TEXT_MAX])
{
	char *colon = strchr(part, ':');
	uint64_t port = HTTPS_PORT;

	if (strchr(part, '@'))
		return wrong(text, "it has a user's name in it");
	if (colon) {
		*colon++ = '\0';
		if (parse_uint(colon, 1, 65535, &port) < 0)
			return wrong(text, "its port is '%.20s'", colon);
	}
	if (strlen(part) > CG_VAULT_HOST_MAX || !host_is_valid(part))
		return wrong(text, "'%.100s' is not the name of a host", part);
	lower(part);
	(void)snprintf(u->host, sizeof(u->host), "%.*s", (int)CG_VAULT_HOST_MAX, part);
	u->port = (uint16_t)port;
	return 0;
}

int cg_vault_url_parse(const char *s, struct cg_vault_url *ret, char text[CG_VAULT_TEXT_MAX])
{
	struct cg_vault_url u = {0};
	char part[PART_MAX + 1];
	const char *p;
	int r;

	if (strncasecmp(s, SCHEME, strlen(SCHEME)) != 0)
		return wrong(text, "it does not begin with " SCHEME);
	if (strlen(s) >= CG_VAULT_URL_MAX)
		return wrong(text, "it is longer than %d characters", CG_VAULT_URL_MAX - 1);
	if (strpbrk(s, "?#"))
		return wrong(text, "it has a query or a fragment, which the daemon adds itself");
	p = s + strlen(SCHEME);
	if (next_part(&p, part) < 0)
		return wrong(text, "the name of its host is too long");
	r = parse_host(part, &u, text);
	if (r < 0)
		return r;
	if (next_part(&p, part) < 0 ||
	    (strcasecmp(part, "certificates") != 0 && strcasecmp(part, "secrets") != 0))
		return wrong(text, "'%.60s' is neither certificates nor secrets", part);
	u.certificate = tolower((unsigned char)part[0]) == 'c';
	if (next_part(&p, part) < 0 || !cg_vault_name_is_valid(part))
		return wrong(
			text,
			"'%.60s' is not the name of a certificate or secret (letters, digits and hyphens, 127 at most)",
			part);
	(void)snprintf(u.name, sizeof(u.name), "%.*s", (int)CG_VAULT_NAME_MAX, part);
	if (*p) {
		if (next_part(&p, part) < 0 || !cg_vault_version_is_valid(part))
			return wrong(text, "'%.60s' is not a version (32 hexadecimal digits)",
				     part);
		(void)snprintf(u.version, sizeof(u.version), "%.*s", (int)CG_VAULT_VERSION_LEN,
			       part);
		lower(u.version);
	}
	if (*p)
		return wrong(text, "there is something behind the version: '%.60s'", p);
	*ret = u;
	return 0;
}

const char *cg_vault_url_format(const struct cg_vault_url *u, char buf[CG_VAULT_URL_MAX])
{
	char port[8] = "";

	if (u->port != HTTPS_PORT)
		(void)snprintf(port, sizeof(port), ":%u", u->port);
	(void)snprintf(buf, CG_VAULT_URL_MAX, SCHEME "%s%s/%s/%s%s%s", u->host, port,
		       u->certificate ? "certificates" : "secrets", u->name,
		       u->version[0] ? "/" : "", u->version);
	return buf;
}

const char *cg_vault_resource(const struct cg_vault_url *u, const struct cg_vault_host *hosts,
			      size_t n_hosts, const char *other)
{
	for (size_t i = 0; i < ARRAY_SIZE(clouds) && u->port == HTTPS_PORT; i++) {
		const char *dot = strchr(u->host, '.');

		/* One label, then the cloud's name from its dot on. */
		if (dot && dot > u->host && streq(dot, clouds[i].suffix))
			return clouds[i].resource;
	}
	for (size_t i = 0; i < n_hosts; i++) {
		if (hosts[i].port == u->port && streq(hosts[i].name, u->host))
			return other;
	}
	return NULL;
}

int cg_vault_id_parse(const char *id, const struct cg_vault_url *u, const char *collection,
		      char ret_name[CG_VAULT_NAME_MAX + 1],
		      char ret_version[CG_VAULT_VERSION_LEN + 1])
{
	char text[CG_VAULT_TEXT_MAX], part[PART_MAX + 1], name[PART_MAX + 1];
	struct cg_vault_url at = {0};
	const char *p = id;

	if (strncasecmp(id, SCHEME, strlen(SCHEME)) != 0)
		return -EBADMSG;
	p += strlen(SCHEME);
	if (next_part(&p, part) < 0 || parse_host(part, &at, text) < 0 ||
	    !streq(at.host, u->host) || at.port != u->port)
		return -EBADMSG;
	if (next_part(&p, part) < 0 || strcasecmp(part, collection) != 0)
		return -EBADMSG;
	if (next_part(&p, name) < 0 || !cg_vault_name_is_valid(name))
		return -EBADMSG;
	if (next_part(&p, part) < 0 || !cg_vault_version_is_valid(part) || *p)
		return -EBADMSG;
	(void)snprintf(ret_name, CG_VAULT_NAME_MAX + 1, "%.*s", (int)CG_VAULT_NAME_MAX, name);
	(void)snprintf(ret_version, CG_VAULT_VERSION_LEN + 1, "%.*s", (int)CG_VAULT_VERSION_LEN,
		       part);
	lower(ret_version);
	return 0;
}
