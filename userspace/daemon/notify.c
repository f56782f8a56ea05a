/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service manager: ready, reloading, stopping, a line of status, and the watchdog's pulse. Silent where there is none.
 */
#include "daemon/notify.h"

#include <systemd/sd-daemon.h>

#include "daemon/child.h"
#include "daemon/conn.h"
#include "daemon/gateway.h"

void notify_state(const char *state)
{
	(void)sd_notify(0, state);
}

void notify_status(struct gateway *g)
{
	size_t up = 0, refused = 0;
	char text[64] = "";

	for (size_t i = 0; i < g->n_conns; i++) {
		up += conn_children_up(g->conns[i]) == g->conns[i]->cfg->n_children;
		refused += g->conns[i]->refusal != NULL;
	}
	if (refused > 0)
		(void)snprintf(text, sizeof(text), ", %zu refused ('certgate status')", refused);
	(void)sd_notifyf(0, "STATUS=%zu of %zu connections are up%s", up, g->n_conns, text);
}

static void on_pulse(evutil_socket_t fd _unused_, short what _unused_, void *userdata _unused_)
{
	(void)sd_notify(0, "WATCHDOG=1");
}

int notify_watchdog_start(struct gateway *g)
{
	uint64_t usec;
	struct timeval tv;

	if (sd_watchdog_enabled(0, &usec) <= 0)
		return 0;
	usec /= 3;
	tv = (struct timeval){.tv_sec = (time_t)(usec / USEC_PER_SEC),
			      .tv_usec = (suseconds_t)(usec % USEC_PER_SEC)};
	g->watchdog = event_new(g->base, -1, EV_PERSIST, on_pulse, g);
	if (!g->watchdog || event_add(g->watchdog, &tv) < 0)
		return -ENOMEM;
	return 0;
}
