/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Roles by user and group. Called by main: once at the start to look names up, then for every client of the control socket.
 */
#include "daemon/access.h"

#include <grp.h>
#include <pwd.h>

static bool look_up(const struct cg_role_member *from, struct access_member *to)
{
	const struct passwd *pw;
	const struct group *gr;

	if (from->group) {
		gr = getgrnam(from->name);
		if (gr)
			to->id = gr->gr_gid;
		return gr;
	}
	pw = getpwnam(from->name);
	if (pw)
		to->id = pw->pw_uid;
	return pw;
}

int access_load(const struct cg_gateway *gw, struct access_list *ret)
{
	*ret = (struct access_list){
		.members = calloc(MAX(gw->n_roles, (size_t)1), sizeof(*ret->members))};
	if (!ret->members)
		return -ENOMEM;
	for (size_t i = 0; i < gw->n_roles; i++) {
		const struct cg_role_member *from = &gw->roles[i];
		struct access_member m = {.role = from->role, .group = from->group};

		if (!look_up(from, &m)) {
			log_warning("%s:%u: there is no %s '%s', nobody gets the role %s by it",
				    from->loc.file ? from->loc.file : "-", from->loc.line,
				    from->group ? "group" : "user", from->name,
				    cg_role_to_string(from->role));
			continue;
		}
		(void)snprintf(m.name, sizeof(m.name), "%s", from->name);
		ret->members[ret->n++] = m;
	}
	return 0;
}

void access_done(struct access_list *l)
{
	free(l->members);
	*l = (struct access_list){0};
}

static bool is_member(const struct access_member *m, uid_t uid, gid_t gid, const gid_t *groups,
		      size_t n_groups)
{
	if (!m->group)
		return m->id == uid;
	if (m->id == gid)
		return true;
	for (size_t i = 0; i < n_groups; i++) {
		if (m->id == groups[i])
			return true;
	}
	return false;
}

enum cg_role access_of(const struct access_list *l, uid_t uid, gid_t gid, const gid_t *groups,
		       size_t n_groups, const struct access_member **ret_member)
{
	const struct access_member *best = NULL;

	if (ret_member)
		*ret_member = NULL;
	if (uid == 0)
		return CG_ROLE_ADMINISTRATOR;
	for (size_t i = 0; i < l->n; i++) {
		if ((!best || l->members[i].role > best->role) &&
		    is_member(&l->members[i], uid, gid, groups, n_groups))
			best = &l->members[i];
	}
	if (ret_member)
		*ret_member = best;
	return best ? best->role : CG_ROLE_NONE;
}

enum cg_role access_needed(const char *operation)
{
	static const struct {
		const char *name;
		enum cg_role role;
	} table[] = {
#define ACCESS_ENTRY(name, role) {#name, CG_ROLE_##role},
		ACCESS_TABLE(ACCESS_ENTRY)
#undef ACCESS_ENTRY
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (streq(table[i].name, operation))
			return table[i].role;
	}
	return CG_ROLE_NONE;
}

static bool is_over(const struct access_limit *u, usec_t now)
{
	return usec_sub(now, u->limit.begin) >= ACCESS_LIMIT_SECONDS * USEC_PER_SEC;
}

static struct access_limit *place_of(struct access_limits *l, uid_t uid, usec_t now)
{
	struct access_limit *free_one = NULL;

	for (size_t i = 0; i < ACCESS_LIMITS - 1; i++) {
		struct access_limit *u = &l->users[i];

		if (u->limit.begin != 0 && u->uid == uid)
			return u;
		if (!free_one && (u->limit.begin == 0 || (is_over(u, now) && u->left_out == 0)))
			free_one = u;
	}
	if (!free_one)
		return &l->users[ACCESS_LIMITS - 1];
	*free_one = (struct access_limit){.uid = uid};
	return free_one;
}

bool access_limit_pass(struct access_limits *l, uid_t uid, usec_t now)
{
	struct access_limit *u = place_of(l, uid, now);

	u->limit.interval = ACCESS_LIMIT_SECONDS * USEC_PER_SEC;
	u->limit.burst = ACCESS_LIMIT_BURST;
	if (ratelimit_pass(&u->limit, now, NULL))
		return true;
	u->left_out++;
	return false;
}

unsigned int access_limit_left_out(struct access_limits *l, usec_t now, uid_t *ret_uid,
				   bool *ret_shared)
{
	for (size_t i = 0; i < ACCESS_LIMITS; i++) {
		struct access_limit *u = &l->users[i];
		unsigned int n = u->left_out;

		if (n == 0 || !is_over(u, now))
			continue;
		*ret_uid = u->uid;
		*ret_shared = i == ACCESS_LIMITS - 1;
		*u = (struct access_limit){0};
		return n;
	}
	return 0;
}
