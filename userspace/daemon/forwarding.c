/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does the kernel forward? Where it does not, a tunnel is up and nothing passes between it and the networks behind the gateway. Looked at when an SA is
 * installed (child.c), every few seconds (role_main.c), and before status is told (ops.c); it is an administrator's to change.
 */
#include "daemon/forwarding.h"

#include "base/file.h"
#include "daemon/conn.h"
#include "daemon/gateway.h"
#include "daemon/history.h"
#include "daemon/net.h"

/* Of the network namespace of whoever reads. */
static const char sysctls[] = "/proc/sys/net";

static const struct family {
	unsigned int bit;
	const char *name, *sysctl;
	const char *file; /* for all devices */
	const char *
		device; /* for one, if each has a say of its own: after this its name, then "forwarding" */
} families[] = {
	{FORWARDING_IPV4, "IPv4", "net.ipv4.ip_forward", "ipv4/ip_forward", "ipv4/conf"},
	{FORWARDING_IPV6, "IPv6", "net.ipv6.conf.all.forwarding", "ipv6/conf/all/forwarding", NULL},
};

/* Whether there is such a setting, and it says no. */
static bool says_no(const char *path)
{
	_cleanup_free_ char *text = NULL;

	return file_read(path, 16, &text, NULL) >= 0 && text[0] == '0';
}

unsigned int forwarding_off(const char *root, const char *device)
{
	unsigned int off = 0;
	char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", root, families[i].file);
		if (!says_no(path))
			continue;
		/* What comes out of the tunnel is forwarded if its device says so. */
		if (device && families[i].device) {
			(void)snprintf(path, sizeof(path), "%s/%s/%s/forwarding", root,
				       families[i].device, device);
			if (!says_no(path))
				continue;
		}
		off |= families[i].bit;
	}
	return off;
}

unsigned int forwarding_needed(const struct cg_connection *cfg)
{
	unsigned int needed = 0;

	for (size_t i = 0; i < cfg->n_children; i++) {
		const struct cg_child_config *child = &cfg->children[i];

		for (size_t j = 0; j < child->n_local; j++) {
			const struct cg_range *r = &child->local[j].range;
			bool own = cg_addr_equal(&r->first, &r->last) && address_is_own(&r->first);
			unsigned int bit = r->first.family == AF_INET6 ? FORWARDING_IPV6
								       : FORWARDING_IPV4;

			if (!own)
				needed |= bit;
		}
	}
	return needed;
}

static void text_of(const struct family *f, char text[FORWARDING_TEXT], char hint[FORWARDING_TEXT])
{
	(void)snprintf(
		text, FORWARDING_TEXT,
		"%s forwarding is off: nothing passes between the tunnel and the networks behind this gateway",
		f->name);
	(void)snprintf(hint, FORWARDING_TEXT,
		       "sysctl -w %s=1; a file in /etc/sysctl.d makes it last", f->sysctl);
}

void forwarding_set(struct conn *c, unsigned int off)
{
	char text[FORWARDING_TEXT], hint[FORWARDING_TEXT];

	if (off != 0)
		off &= forwarding_needed(c->cfg);
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		const struct family *f = &families[i];

		if (!((off ^ c->forwarding_off) & f->bit))
			continue;
		text_of(f, text, hint);
		if (off & f->bit)
			history_note(c->g, c, IKE_WARNING, "forwarding-off", NULL, hint, "%s",
				     text);
		else
			history_note(c->g, c, IKE_NOTICE, "forwarding-on", NULL, NULL,
				     "%s forwarding is on", f->name);
	}
	c->forwarding_off = off;
}

/* general: what is off for all devices. Most gateways have nothing off, and then nothing is asked of each device. */
static void look(struct conn *c, unsigned int general)
{
	if (LIST_EMPTY(&c->children))
		return;
	forwarding_set(c, general != 0 ? forwarding_off(sysctls, c->cfg->interface.name) : 0);
}

void forwarding_look(struct conn *c)
{
	look(c, forwarding_off(sysctls, NULL));
}

void forwarding_tick(struct gateway *g)
{
	unsigned int general = forwarding_off(sysctls, NULL);

	for (size_t i = 0; i < g->n_conns; i++)
		look(g->conns[i], general);
}

json_t *forwarding_json(const struct conn *c)
{
	char text[FORWARDING_TEXT], hint[FORWARDING_TEXT];
	json_t *a = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(families) && a; i++) {
		if (LIST_EMPTY(&c->children) || !(c->forwarding_off & families[i].bit))
			continue;
		text_of(&families[i], text, hint);
		(void)json_array_append_new(a,
					    json_pack("{s:s, s:s, s:s}", "code", "forwarding-off",
						      "text", text, "hint", hint));
	}
	return a;
}
