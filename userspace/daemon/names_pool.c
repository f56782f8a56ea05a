/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that wait for a thread, threads, and answers that wait for the event loop. Owns all of them. Called by role_fetch.c and fetch_http.c.
 */
#include "daemon/names_pool.h"

#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/queue.h>

#include "base/log.h"
#include "base/time.h"
#include "daemon/names.h"

enum { THREADS_MAX = 16, STACK_SIZE = 512 * 1024, CAPABILITIES_MAX = 64 };

struct names_ask {
	TAILQ_ENTRY(names_ask)
	queue; /* of those that wait, or that are answered; in neither while a thread has it */
	names_done_fn done; /* NULL: forgotten. The event loop's, as ctx is */
	void *ctx;
	bool taken; /* by a thread */
	int family;
	struct names_answer answer;
	char name[NI_MAXHOST];
};

TAILQ_HEAD(ask_head, names_ask);

/* What a thread looks for; under the lock. */
struct looking {
	struct names_pool *p;
	struct names_ask *a; /* NULL: nothing */
	usec_t since;
};

struct names_pool {
	pthread_mutex_t lock; /* of all up to n_waiting */
	pthread_cond_t changed;
	struct ask_head waiting, answered;
	bool stop;
	unsigned int n_ready; /* threads that need no files any more */
	size_t n_waiting;
	struct looking looking[THREADS_MAX];
	pthread_t threads[THREADS_MAX];
	unsigned int n_threads;
	int pipe[2];		    /* a byte for each answer wakes the event loop */
	struct event *woken, *look; /* look: after those that take long */
	usec_t patience;
	names_stuck_fn stuck; /* may be NULL */
	void *ctx;
};

/* What the main thread gives up when the process confines itself, but for the bounding set, which is each thread's own. */
static void drop_bounding_set(void)
{
	for (unsigned long i = 0; i < CAPABILITIES_MAX; i++)
		(void)prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
}

static void *run(void *userdata)
{
	struct looking *l = userdata;
	struct names_pool *p = l->p;
	struct names_ask *a;

	drop_bounding_set();
	names_begin_thread();
	(void)pthread_mutex_lock(&p->lock);
	p->n_ready++;
	(void)pthread_cond_broadcast(&p->changed);
	while (!p->stop) {
		a = TAILQ_FIRST(&p->waiting);
		if (!a) {
			(void)pthread_cond_wait(&p->changed, &p->lock);
			continue;
		}
		TAILQ_REMOVE(&p->waiting, a, queue);
		p->n_waiting--;
		a->taken = true;
		l->a = a;
		l->since = now_boottime();
		(void)pthread_mutex_unlock(&p->lock);
		a->answer.why = "";
		a->answer.error = names_find(a->name, a->family, a->answer.addresses,
					     NAMES_ANSWER_MAX, &a->answer.n, &a->answer.why);
		(void)pthread_mutex_lock(&p->lock);
		l->a = NULL;
		TAILQ_INSERT_TAIL(&p->answered, a, queue);
		/* A full pipe wakes just as well. */
		if (write(p->pipe[1], "", 1) < 0 && errno != EAGAIN)
			p->stop = true;
	}
	(void)pthread_mutex_unlock(&p->lock);
	return NULL;
}

static void on_woken(evutil_socket_t fd, short what _unused_, void *userdata)
{
	struct names_pool *p = userdata;
	struct names_ask *a;
	char bytes[64];

	while (read(fd, bytes, sizeof(bytes)) == sizeof(bytes))
		;
	for (;;) {
		(void)pthread_mutex_lock(&p->lock);
		a = TAILQ_FIRST(&p->answered);
		if (a)
			TAILQ_REMOVE(&p->answered, a, queue);
		(void)pthread_mutex_unlock(&p->lock);
		if (!a)
			return;
		if (a->done)
			a->done(a->ctx, &a->answer);
		free(a);
	}
}

/* One that a thread has had for too long, and somebody waits for; NULL: none is left. How many threads are at work, and stuck. */
static struct names_ask *find_late(struct names_pool *p, usec_t now, unsigned int *ret_busy,
				   unsigned int *ret_stuck)
{
	struct names_ask *late = NULL;

	*ret_busy = *ret_stuck = 0;
	(void)pthread_mutex_lock(&p->lock);
	for (unsigned int i = 0; i < p->n_threads; i++) {
		const struct looking *l = &p->looking[i];

		if (!l->a)
			continue;
		(*ret_busy)++;
		*ret_stuck += usec_sub(now, l->since) >= 2 * p->patience;
		if (l->a->done && usec_sub(now, l->since) >= p->patience)
			late = l->a;
	}
	(void)pthread_mutex_unlock(&p->lock);
	return late;
}

static void look_soon(struct names_pool *p)
{
	const usec_t in = p->patience / 4;
	const struct timeval tv = {.tv_sec = (time_t)(in / USEC_PER_SEC),
				   .tv_usec = (suseconds_t)(in % USEC_PER_SEC)};

	if (!evtimer_pending(p->look, NULL))
		(void)event_add(p->look, &tv);
}

static void on_look(evutil_socket_t fd _unused_, short what _unused_, void *userdata)
{
	static const struct names_answer none = {.error = -EHOSTUNREACH,
						 .why = "no answer came in time"};
	struct names_pool *p = userdata;
	const usec_t now = now_boottime();
	unsigned int busy, stuck;
	struct names_ask *a;
	bool waiting;

	/* Its memory is the thread's until that is done: what is here frees it afterwards. */
	while ((a = find_late(p, now, &busy, &stuck))) {
		names_done_fn done = a->done;

		a->done = NULL;
		done(a->ctx, &none);
	}
	(void)pthread_mutex_lock(&p->lock);
	waiting = !TAILQ_EMPTY(&p->waiting);
	(void)pthread_mutex_unlock(&p->lock);
	if (busy > 0 || waiting)
		look_soon(p);
	if (stuck == p->n_threads && p->stuck)
		p->stuck(p->ctx);
}

/* Signals are the main thread's. */
static int start_threads(struct names_pool *p, unsigned int n)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int r;

	r = pthread_attr_init(&attr);
	if (r != 0)
		return -r;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_attr_setstacksize(&attr, STACK_SIZE);
	for (; r == 0 && p->n_threads < n; p->n_threads += r == 0) {
		p->looking[p->n_threads].p = p;
		r = pthread_create(&p->threads[p->n_threads], &attr, run,
				   &p->looking[p->n_threads]);
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attr);
	(void)pthread_mutex_lock(&p->lock);
	while (p->n_ready < p->n_threads)
		(void)pthread_cond_wait(&p->changed, &p->lock);
	(void)pthread_mutex_unlock(&p->lock);
	return -r;
}

struct names_pool *names_pool_new(struct event_base *base, unsigned int threads)
{
	struct names_pool *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return log_oom(), NULL;
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_cond_init(&p->changed, NULL);
	TAILQ_INIT(&p->waiting);
	TAILQ_INIT(&p->answered);
	p->pipe[0] = p->pipe[1] = -EBADF;
	p->patience = NAMES_PATIENCE_SECONDS * USEC_PER_SEC;
	r = pipe2(p->pipe, O_CLOEXEC | O_NONBLOCK) < 0 ? -errno : 0;
	if (r >= 0) {
		p->woken = event_new(base, p->pipe[0], EV_READ | EV_PERSIST, on_woken, p);
		p->look = evtimer_new(base, on_look, p);
		r = p->look && p->woken && event_add(p->woken, NULL) == 0 ? 0 : -ENOMEM;
	}
	if (r >= 0)
		r = start_threads(p, MIN(threads, (unsigned int)THREADS_MAX));
	if (r >= 0)
		return p;
	(void)log_error_errno(r, "no thread for names");
	return names_pool_free(p);
}

void names_pool_set_patience(struct names_pool *p, usec_t patience, names_stuck_fn stuck, void *ctx)
{
	p->patience = patience;
	p->stuck = stuck;
	p->ctx = ctx;
}

struct names_pool *names_pool_free(struct names_pool *p)
{
	struct names_ask *a;

	if (!p)
		return NULL;
	(void)pthread_mutex_lock(&p->lock);
	p->stop = true;
	(void)pthread_cond_broadcast(&p->changed);
	(void)pthread_mutex_unlock(&p->lock);
	for (unsigned int i = 0; i < p->n_threads; i++)
		(void)pthread_join(p->threads[i], NULL);
	while ((a = TAILQ_FIRST(&p->waiting))) {
		TAILQ_REMOVE(&p->waiting, a, queue);
		free(a);
	}
	while ((a = TAILQ_FIRST(&p->answered))) {
		TAILQ_REMOVE(&p->answered, a, queue);
		free(a);
	}
	if (p->woken)
		event_free(p->woken);
	if (p->look)
		event_free(p->look);
	(void)safe_close(p->pipe[0]);
	(void)safe_close(p->pipe[1]);
	(void)pthread_cond_destroy(&p->changed);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
	return NULL;
}

int names_pool_ask(struct names_pool *p, const char *name, int family, names_done_fn done,
		   void *ctx, struct names_ask **ret)
{
	struct names_ask *a;
	bool full;

	if (strlen(name) >= sizeof(a->name))
		return -ENAMETOOLONG;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->done = done;
	a->ctx = ctx;
	a->family = family;
	memcpy(a->name, name, strlen(name) + 1);
	(void)pthread_mutex_lock(&p->lock);
	full = p->n_waiting >= NAMES_WAITING_MAX;
	if (!full) {
		TAILQ_INSERT_TAIL(&p->waiting, a, queue);
		p->n_waiting++;
		(void)pthread_cond_signal(&p->changed);
	}
	(void)pthread_mutex_unlock(&p->lock);
	if (full) {
		free(a);
		return -ENOBUFS;
	}
	look_soon(p);
	if (ret)
		*ret = a;
	return 0;
}

void names_pool_forget(struct names_pool *p, struct names_ask *a)
{
	bool taken;

	a->done = NULL;
	(void)pthread_mutex_lock(&p->lock);
	taken = a->taken;
	if (!taken) {
		TAILQ_REMOVE(&p->waiting, a, queue);
		p->n_waiting--;
	}
	(void)pthread_mutex_unlock(&p->lock);
	/* Otherwise it is freed when it comes. */
	if (!taken)
		free(a);
}
