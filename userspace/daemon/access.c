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
