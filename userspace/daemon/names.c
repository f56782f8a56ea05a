/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The resolver without files. Owns the lines of /etc/hosts, which stay as they are once threads ask. Called by `fetch`.
 */
#include "daemon/names.h"

#include <netdb.h>
#include <resolv.h>
#include <strings.h>

#include "base/file.h"
#include "base/log.h"

struct host {
	struct host *next;
	struct cg_addr addr;
	char name[];
};

static struct host *hosts, **hosts_end = &hosts;

static const char *const files[] = {"/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf",
				    "/etc/gai.conf"};

const char *names_file(size_t i)
{
	return i < ARRAY_SIZE(files) ? files[i] : NULL;
}

void names_end(void)
{
	struct host *h;

	while ((h = hosts)) {
		hosts = h->next;
		free(h);
	}
	hosts_end = &hosts;
}

static void add_host(const struct cg_addr *addr, const char *name, size_t len)
{
	struct host *h = calloc(1, sizeof(*h) + len + 1);

	if (!h)
		return;
	h->addr = *addr;
	memcpy(h->name, name, len);
	*hosts_end = h;
	hosts_end = &h->next;
}

/* "ADDRESS NAME...", without what follows a '#'. */
static void take_line(const char *line, size_t len)
{
	static const char blank[] = " \t\r";
	char text[CG_ADDR_SIZE];
	struct cg_addr addr;
	bool first = true;

	for (const char *p = line, *end = line + strcspn(line, "#\n"); p < end && p < line + len;) {
		size_t word;

		p += strspn(p, blank);
		word = strcspn(p, " \t\r#\n");
		if (p >= end || word == 0)
			return;
		if (first) {
			if (word >= sizeof(text))
				return;
			memcpy(text, p, word);
			text[word] = '\0';
			if (cg_addr_parse(text, &addr) < 0)
				return;
			first = false;
		} else
			add_host(&addr, p, word);
		p += word;
	}
}

void names_set_hosts(const char *text)
{
	names_end();
	while (*text) {
		size_t len = strcspn(text, "\n");

		take_line(text, len);
		text += len + (text[len] == '\n');
	}
}

void names_begin(void)
{
	_cleanup_free_ char *text = NULL;
	struct addrinfo *list = NULL;

	if (file_read(files[0], NAMES_HOSTS_MAX, &text, NULL) >= 0)
		names_set_hosts(text);
	/* The resolver's configuration is read by asking it for something that it need not ask anyone for. */
	if (getaddrinfo("localhost", NULL, NULL, &list) == 0)
		freeaddrinfo(list);
	names_begin_thread();
}

void names_begin_thread(void)
{
	if (res_init() != 0) {
		log_warning("/etc/resolv.conf cannot be read");
		return;
	}
	/* A file that is out of sight would be taken for one that is gone. */
	_res.options |= RES_NORELOAD;
	/*
	 * Over TCP the C library waits without end for whoever takes the connection and says nothing. A truncated answer counts as far as it goes, and
	 * EDNS0 (RFC 6891) makes room for more addresses than are looked at.
	 */
	_res.options |= RES_IGNTC | RES_USE_EDNS0;
	_res.options &= ~(unsigned long)RES_USEVC;
	/* Threads are few, and a name that nobody answers for has one meanwhile. */
	_res.retrans = 2;
	_res.retry = 2;
}

static void add(const struct cg_addr *a, struct cg_addr *ret, size_t max, size_t *n)
{
	for (size_t i = 0; i < *n; i++) {
		if (cg_addr_equal(&ret[i], a))
			return;
	}
	if (*n < max)
		ret[(*n)++] = *a;
}

int names_find(const char *name, int family, struct cg_addr *ret, size_t max, size_t *ret_n,
	       const char **ret_why)
{
	const struct addrinfo hints = {
		.ai_family = family, .ai_socktype = SOCK_DGRAM, .ai_flags = AI_ADDRCONFIG};
	struct addrinfo *list = NULL;
	struct cg_endpoint e;
	int r;

	*ret_n = 0;
	for (const struct host *h = hosts; h; h = h->next) {
		if ((family == AF_UNSPEC || h->addr.family == family) &&
		    strcasecmp(h->name, name) == 0)
			add(&h->addr, ret, max, ret_n);
	}
	if (*ret_n > 0)
		return 0;
	r = getaddrinfo(name, NULL, &hints, &list);
	if (r != 0) {
		*ret_why = gai_strerror(r);
		return -EHOSTUNREACH;
	}
	for (const struct addrinfo *a = list; a; a = a->ai_next) {
		if (cg_endpoint_from_sockaddr(a->ai_addr, a->ai_addrlen, &e) >= 0)
			add(&e.addr, ret, max, ret_n);
	}
	freeaddrinfo(list);
	if (*ret_n > 0)
		return 0;
	*ret_why = "the name has no address";
	return -EHOSTUNREACH;
}
