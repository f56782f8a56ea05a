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

struct names_pool {
	pthread_mutex_t lock; /* of all up to n_waiting */
	pthread_cond_t changed;
	struct ask_head waiting, answered;
	bool stop;
	unsigned int n_ready; /* threads that need no files any more */
	size_t n_waiting;
	pthread_t threads[THREADS_MAX];
	unsigned int n_threads;
	int pipe[2]; /* a byte for each answer wakes the event loop */
	struct event *woken;
};

/* What the main thread gives up when the process confines itself, but for the bounding set, which is each thread's own. */
static void drop_bounding_set(void)
{
	for (unsigned long i = 0; i < CAPABILITIES_MAX; i++)
		(void)prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
}

static void *run(void *userdata)
{
	struct names_pool *p = userdata;
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
		(void)pthread_mutex_unlock(&p->lock);
		a->answer.why = "";
		a->answer.error = names_find(a->name, a->family, a->answer.addresses,
					     NAMES_ANSWER_MAX, &a->answer.n, &a->answer.why);
		(void)pthread_mutex_lock(&p->lock);
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
	for (; r == 0 && p->n_threads < n; p->n_threads += r == 0)
		r = pthread_create(&p->threads[p->n_threads], &attr, run, p);
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
	r = pipe2(p->pipe, O_CLOEXEC | O_NONBLOCK) < 0 ? -errno : 0;
	if (r >= 0) {
		p->woken = event_new(base, p->pipe[0], EV_READ | EV_PERSIST, on_woken, p);
		r = p->woken && event_add(p->woken, NULL) == 0 ? 0 : -ENOMEM;
	}
	if (r >= 0)
		r = start_threads(p, MIN(threads, (unsigned int)THREADS_MAX));
	if (r >= 0)
		return p;
	(void)log_error_errno(r, "no thread for names");
	return names_pool_free(p);
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
