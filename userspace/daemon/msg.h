/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between the processes: one datagram of a sequenced-packet socket each, or several in one (channel.h), a type and its fields. The table
 * below is the whole protocol: who may send what to whom, and with how many descriptors. Fields are written and read one by one, in host
 * order, every length checked; a reader that ran out stays failed, and whoever gets such a message from a process trusted
 * less treats it as that process's fault (channel.h).
 *
 * What is in a message type's body is said by its pair of functions in proto_*.h.
 */
#ifndef CERTGATE_DAEMON_MSG_H
#define CERTGATE_DAEMON_MSG_H

#include "base/addr.h"
#include "daemon/role.h"

#define MSG_SIZE_MAX ((size_t)256 * 1024)

/* clang-format off */
/* X(name, from, to, descriptors) */
#define MSG_TABLE(X)                                                                               \
	/* the launcher and main */                                                                \
	X(SPAWN,           ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_LAUNCHER), 1)                    \
	X(KILL,            ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_LAUNCHER), 0)                    \
	X(SPAWNED,         ROLE_BIT(ROLE_LAUNCHER), ROLE_BIT(ROLE_MAIN),     0)                    \
	X(EXITED,          ROLE_BIT(ROLE_LAUNCHER), ROLE_BIT(ROLE_MAIN),     0)                    \
	X(SIGNAL,          ROLE_BIT(ROLE_LAUNCHER), ROLE_BIT(ROLE_MAIN),     0)                    \
	/* a planned restart: descriptors for the next main, and the word */                       \
	X(HANDOVER,        ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_LAUNCHER), 1)                    \
	X(RESTART,         ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_LAUNCHER), 0)                    \
	/* main and everyone */                                                                    \
	X(READY,           MSG_WORKERS,             ROLE_BIT(ROLE_MAIN),     0)                    \
	X(ATTACH,          ROLE_BIT(ROLE_MAIN),     MSG_WORKERS,             1)                    \
	X(COMPLAINT,       MSG_STAGED,              ROLE_BIT(ROLE_MAIN),     0)                    \
	X(LOG_LEVEL,       ROLE_BIT(ROLE_MAIN),     MSG_WORKERS,             0)                    \
	/* main with key and verify: a configuration, first aside, then in force */                \
	X(STAGE_BEGIN,     ROLE_BIT(ROLE_MAIN),     MSG_STAGED,              0)                    \
	X(STAGE_KEY,       ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_KEY),      0)                    \
	X(STAGE_VAULT,     ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_KEY),      0)                    \
	X(STAGE_TRUST,     ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_VERIFY),   0)                    \
	X(STAGE_FILE,      ROLE_BIT(ROLE_MAIN),     MSG_STAGED,              1)                    \
	X(STAGE_END,       ROLE_BIT(ROLE_MAIN),     MSG_STAGED,              0)                    \
	X(STAGE_REFUSE,    ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_VERIFY),   0)                    \
	X(STAGE_COMMIT,    ROLE_BIT(ROLE_MAIN),     MSG_STAGED,              0)                    \
	X(STAGE_ABORT,     ROLE_BIT(ROLE_MAIN),     MSG_STAGED,              0)                    \
	X(STAGED_KEY,      ROLE_BIT(ROLE_KEY),      ROLE_BIT(ROLE_MAIN),     0)                    \
	X(STAGED_TRUST,    ROLE_BIT(ROLE_VERIFY),   ROLE_BIT(ROLE_MAIN),     0)                    \
	X(STAGE_FINDING,   MSG_STAGED,              ROLE_BIT(ROLE_MAIN),     0)                    \
	/* verify's verdicts */                                                                    \
	X(BINDING,         ROLE_BIT(ROLE_VERIFY),   ROLE_BIT(ROLE_MAIN),     0)                    \
	X(NONCES_GET,      ROLE_BIT(ROLE_IKE),      ROLE_BIT(ROLE_VERIFY),   0)                    \
	X(NONCES,          ROLE_BIT(ROLE_VERIFY),   ROLE_BIT(ROLE_IKE),      0)                    \
	X(VERIFY,          ROLE_BIT(ROLE_IKE),      ROLE_BIT(ROLE_VERIFY),   0)                    \
	X(VERDICT,         ROLE_BIT(ROLE_VERIFY),   ROLE_BIT(ROLE_IKE),      0)                    \
	/* key's signatures */                                                                     \
	X(SIGN,            ROLE_BIT(ROLE_IKE),      ROLE_BIT(ROLE_KEY),      0)                    \
	X(SIGNED,          ROLE_BIT(ROLE_KEY),      ROLE_BIT(ROLE_IKE),      0)                    \
	/* main tells ike */                                                                       \
	X(ENGINE,          ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      0)                    \
	X(SOCKET,          ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      1)                    \
	X(SOCKET_CLOSE,    ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      0)                    \
	X(CONN_BEGIN,      ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      0)                    \
	X(CONN_CERT,       ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      0)                    \
	X(CONN_CHILD,      ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      0)                    \
	X(CONN_END,        ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      0)                    \
	X(CONN_REMOVE,     ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      0)                    \
	X(CONN_RESOLVED,   ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      0)                    \
	X(CONN_UP,         ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      0)                    \
	X(CONN_DOWN,       ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      0)                    \
	X(CONN_AGAIN,      ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      0)                    \
	X(SHUTDOWN,        ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      0)                    \
	X(CHILD_EXPECTED,  ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      0)                    \
	X(CHILD_ADDED,     ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      0)                    \
	X(CHILD_SOFT,      ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      0)                    \
	X(CHILD_DEAD,      ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      0)                    \
	X(CHILD_TRAFFIC,   ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      0)                    \
	X(CHILD_MOVED,     ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      0)                    \
	X(UNKNOWN_SPI,     ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      0)                    \
	X(ACQUIRE,         ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      0)                    \
	X(BINDING_DEAD,    ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      0)                    \
	X(STATUS_GET,      ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      0)                    \
	X(KEY_LOG_FILE,    ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      1)                    \
	X(KEY_LOG,         ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      0)                    \
	X(HEARTBEAT,       ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      0)                    \
	/* ike asks and tells main */                                                              \
	X(CHILD_EXPECT,    ROLE_BIT(ROLE_IKE),      ROLE_BIT(ROLE_MAIN),     0)                    \
	X(CHILD_ADD,       ROLE_BIT(ROLE_IKE),      ROLE_BIT(ROLE_MAIN),     0)                    \
	X(CHILD_DEL,       ROLE_BIT(ROLE_IKE),      ROLE_BIT(ROLE_MAIN),     0)                    \
	X(CHILD_ACTIVATE,  ROLE_BIT(ROLE_IKE),      ROLE_BIT(ROLE_MAIN),     0)                    \
	X(CHILD_MOVE,      ROLE_BIT(ROLE_IKE),      ROLE_BIT(ROLE_MAIN),     0)                    \
	X(BINDING_PLACE,   ROLE_BIT(ROLE_IKE),      ROLE_BIT(ROLE_MAIN),     0)                    \
	X(BINDING_RELEASE, ROLE_BIT(ROLE_IKE),      ROLE_BIT(ROLE_MAIN),     0)                    \
	X(REPORT,          ROLE_BIT(ROLE_IKE),      ROLE_BIT(ROLE_MAIN),     0)                    \
	X(STATUS_SA,       ROLE_BIT(ROLE_IKE),      ROLE_BIT(ROLE_MAIN),     0)                    \
	X(STATUS_CHILD,    ROLE_BIT(ROLE_IKE),      ROLE_BIT(ROLE_MAIN),     0)                    \
	X(STATUS_WAIT,     ROLE_BIT(ROLE_IKE),      ROLE_BIT(ROLE_MAIN),     0)                    \
	X(STATUS_END,      ROLE_BIT(ROLE_IKE),      ROLE_BIT(ROLE_MAIN),     0)                    \
	X(IDLE,            ROLE_BIT(ROLE_IKE),      ROLE_BIT(ROLE_MAIN),     0)                    \
	X(ALIVE,           ROLE_BIT(ROLE_IKE),      ROLE_BIT(ROLE_MAIN),     0)                    \
	/* a planned restart: ike writes itself down; the next one is told what lives, and goes on */ \
	X(SAVE,            ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      0)                    \
	X(SAVED,           ROLE_BIT(ROLE_IKE),      ROLE_BIT(ROLE_MAIN),     1)                    \
	X(SAVE_FAILED,     ROLE_BIT(ROLE_IKE),      ROLE_BIT(ROLE_MAIN),     0)                    \
	X(LIVE_BINDING,    ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      0)                    \
	X(LIVE_CHILD,      ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      0)                    \
	X(RESTORE,         ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      1)                    \
	X(GOES_ON,         ROLE_BIT(ROLE_IKE),      ROLE_BIT(ROLE_MAIN),     0)                    \
	X(RESTORED,        ROLE_BIT(ROLE_IKE),      ROLE_BIT(ROLE_MAIN),     0)                    \
	/* and the paths that verify watches go along */                                           \
	X(WATCH_GET,       ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_VERIFY),   0)                    \
	X(WATCHED,         ROLE_BIT(ROLE_VERIFY),   ROLE_BIT(ROLE_MAIN),     0)                    \
	X(WATCHED_ALL,     ROLE_BIT(ROLE_VERIFY),   ROLE_BIT(ROLE_MAIN),     0)                    \
	X(WATCH,           ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_VERIFY),   0)                    \
	/* what is revoked, and what is known of the paths of bindings */                          \
	X(REVOKED,         ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_VERIFY),   0)                    \
	X(UNREVOKED,       ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_VERIFY),   0)                    \
	X(SEEN_REVOKED,    ROLE_BIT(ROLE_VERIFY),   ROLE_BIT(ROLE_MAIN),     0)                    \
	X(PATH_STATE,      ROLE_BIT(ROLE_VERIFY),   ROLE_BIT(ROLE_MAIN),     0)                    \
	X(BINDING_GONE,    ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_VERIFY),   0)                    \
	/* lists and OCSP answers: verify wants them, fetch gets them */                           \
	X(NEWS_WANT,       ROLE_BIT(ROLE_VERIFY),   ROLE_BIT(ROLE_MAIN),     0)                    \
	X(NEWS,            ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_VERIFY),   1)                    \
	X(NEWS_FAILED,     ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_VERIFY),   0)                    \
	X(NEWS_TAKEN,      ROLE_BIT(ROLE_VERIFY),   ROLE_BIT(ROLE_MAIN),     0)                    \
	X(NEWS_SETUP,      ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_VERIFY),   0)                    \
	X(FETCH_SETUP,     ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_FETCH),    0)                    \
	X(FETCH,           ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_FETCH),    0)                    \
	X(FETCHED,         ROLE_BIT(ROLE_FETCH),    ROLE_BIT(ROLE_MAIN),     1)                    \
	X(FETCH_FAILED,    ROLE_BIT(ROLE_FETCH),    ROLE_BIT(ROLE_MAIN),     0)                    \
	/* our own chains, and what is known of them: verify asks for OCSP answers, ike sends them to peers */ \
	X(OWN_CHAIN,       ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_VERIFY),   0)                    \
	X(OWN_ANSWERS,     ROLE_BIT(ROLE_VERIFY),   ROLE_BIT(ROLE_MAIN),     0)                    \
	X(CONN_OCSP,       ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_IKE),      0)                    \
	/* key vaults: key asks, vault speaks with them, main says which and hears how it goes */    \
	X(VAULT_SETUP,     ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_VAULT),    0)                    \
	X(VAULT_CA,        ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_VAULT),    1)                    \
	X(VAULT_RESOLVE,   ROLE_BIT(ROLE_VAULT),    ROLE_BIT(ROLE_MAIN),     0)                    \
	X(VAULT_RESOLVED,  ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_VAULT),    0)                    \
	X(VAULT_GET,       ROLE_BIT(ROLE_KEY),      ROLE_BIT(ROLE_VAULT),    0)                    \
	X(VAULT_SIGN,      ROLE_BIT(ROLE_KEY),      ROLE_BIT(ROLE_VAULT),    0)                    \
	X(VAULT_GOT,       ROLE_BIT(ROLE_VAULT),    ROLE_BIT(ROLE_KEY),      0)                    \
	X(VAULT_SIGNED,    ROLE_BIT(ROLE_VAULT),    ROLE_BIT(ROLE_KEY),      0)                    \
	X(VAULT_FAILED,    ROLE_BIT(ROLE_VAULT),    ROLE_BIT(ROLE_KEY),      0)                    \
	X(VAULT_STATE,     ROLE_BIT(ROLE_KEY),      ROLE_BIT(ROLE_MAIN),     0)                    \
	/* keys in hardware: main says which, key has them sign */                                 \
	X(HSM_SETUP,       ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_HSM),      0)                    \
	X(HSM_PIN,         ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_HSM),      1)                    \
	X(HSM_OPENED,      ROLE_BIT(ROLE_HSM),      ROLE_BIT(ROLE_KEY),      0)                    \
	X(HSM_REFUSED,     ROLE_BIT(ROLE_HSM),      ROLE_BIT(ROLE_KEY),      0)                    \
	X(HSM_SIGN,        ROLE_BIT(ROLE_KEY),      ROLE_BIT(ROLE_HSM),      0)                    \
	X(HSM_SIGNED,      ROLE_BIT(ROLE_HSM),      ROLE_BIT(ROLE_KEY),      0)                    \
	X(HSM_STATE,       ROLE_BIT(ROLE_KEY),      ROLE_BIT(ROLE_MAIN),     0)                    \
	/* names and addresses */                                                                  \
	X(RESOLVE,         ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_FETCH),    0)                    \
	X(RESOLVED,        ROLE_BIT(ROLE_FETCH),    ROLE_BIT(ROLE_MAIN),     0)                    \
	/* rules have changed: what becomes of the path of a binding */                            \
	X(PATH_JUDGED,     ROLE_BIT(ROLE_VERIFY),   ROLE_BIT(ROLE_MAIN),     0)                    \
	/* the newest lists that files brought */                                                  \
	X(LIST_SEEN,       ROLE_BIT(ROLE_VERIFY),   ROLE_BIT(ROLE_MAIN),     0)                    \
	X(LIST_MARK,       ROLE_BIT(ROLE_MAIN),     ROLE_BIT(ROLE_VERIFY),   0)                    \
	/* no message: what a datagram with several begins with, each of which comes behind its length (u32) */ \
	X(SEVERAL,         0,                       0,                       0)
/* clang-format on */

#define MSG_STAGED (ROLE_BIT(ROLE_KEY) | ROLE_BIT(ROLE_VERIFY))
#define MSG_WORKERS                                                                    \
	(MSG_STAGED | ROLE_BIT(ROLE_IKE) | ROLE_BIT(ROLE_VAULT) | ROLE_BIT(ROLE_HSM) | \
	 ROLE_BIT(ROLE_FETCH))

enum msg_type {
	MSG_NONE,
#define MSG_ENUM(name, from, to, fds) MSG_##name,
	MSG_TABLE(MSG_ENUM)
#undef MSG_ENUM
		_MSG_MAX,
};

/* "SPAWN", …; "?" for a number that is none. */
const char *msg_name(unsigned int type);
/* Whether the table lets `from` send this to `to`, with n_fds descriptors. */
bool msg_allowed(unsigned int type, enum role from, enum role to, unsigned int n_fds);

/* ---------------------------------------------------------------- writing */

/* The process has one buffer: a message is finished (sent or given up) before another is begun. */
struct msg_writer {
	uint8_t *buf;
	size_t len;
	bool failed; /* did not fit; sending it fails */
};

void msg_begin(struct msg_writer *w, enum msg_type type);
/* Wipes and gives the buffer back; channel_send() does so itself. */
void msg_end(struct msg_writer *w);

void msg_put_u8(struct msg_writer *w, uint8_t v);
void msg_put_u16(struct msg_writer *w, uint16_t v);
void msg_put_u32(struct msg_writer *w, uint32_t v);
void msg_put_u64(struct msg_writer *w, uint64_t v);
void msg_put_i64(struct msg_writer *w, int64_t v);
void msg_put_bool(struct msg_writer *w, bool v);
/* Bytes whose number both sides know. */
void msg_put_fixed(struct msg_writer *w, const void *data, size_t len);
/* A length and that many bytes. */
void msg_put_blob(struct msg_writer *w, const void *data, size_t len);
/* NULL is written as "". */
void msg_put_str(struct msg_writer *w, const char *s);
void msg_put_addr(struct msg_writer *w, const struct cg_addr *a);
void msg_put_endpoint(struct msg_writer *w, const struct cg_endpoint *e);

/* ---------------------------------------------------------------- reading */

struct msg_reader {
	const uint8_t *p;
	size_t left;
	bool failed; /* ran out, or a value was out of bounds; everything read after that is zero */
};

/* The type of a datagram and a reader on its body. -EBADMSG: too short, or no type of the table. */
int msg_open(const uint8_t *data, size_t len, enum msg_type *ret_type, struct msg_reader *ret);
/* Whether it is a datagram with several. */
bool msg_is_several(const uint8_t *data, size_t len);
/* Whether all was there and nothing is left. */
bool msg_done(const struct msg_reader *r);
/* Marks the message ill-formed. */
void msg_reject(struct msg_reader *r);

uint8_t msg_get_u8(struct msg_reader *r);
uint16_t msg_get_u16(struct msg_reader *r);
uint32_t msg_get_u32(struct msg_reader *r);
uint64_t msg_get_u64(struct msg_reader *r);
int64_t msg_get_i64(struct msg_reader *r);
bool msg_get_bool(struct msg_reader *r); /* 0 or 1, nothing else */
/* A value of an enumeration 0 … max. */
unsigned int msg_get_enum(struct msg_reader *r, unsigned int max);
/* A count of at most max. */
uint32_t msg_get_count(struct msg_reader *r, uint32_t max);
void msg_get_fixed(struct msg_reader *r, void *out, size_t len);
/* Points into the message. At most max bytes; NULL and 0 if failed. */
const uint8_t *msg_get_blob(struct msg_reader *r, size_t max, size_t *ret_len);
/* Into out, which has room for size bytes with the NUL. No NUL may be inside. Control characters and what is no UTF-8 become '?'. */
void msg_get_str(struct msg_reader *r, char *out, size_t size);
void msg_get_addr(struct msg_reader *r, struct cg_addr *ret);
void msg_get_endpoint(struct msg_reader *r, struct cg_endpoint *ret);

#endif
