/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of the engine's events. Called by main for each report. tests/lint/events.py holds the table to what the engine and verify say.
 */
#include "daemon/engine_events.h"

#include "base/str.h"
#include "pki/verify.h"

static const char *const of_engine[] = {
	"auth-failed",
	"bad-key-exchange",
	"binding-dead",
	"child-bad-answer",
	"child-dead",
	"child-deleted-by-peer",
	"child-established",
	"child-install-failed",
	"child-limit",
	"child-narrowed",
	"child-no-proposal",
	"child-refused",
	"child-rekeyed",
	"child-single-pair",
	"child-ts-unacceptable",
	"child-unknown-to-peer",
	"deleted-by-peer",
	"followup-bad-answer",
	"followup-lost",
	"followup-refused",
	"followup-timeout",
	"half-open-limit",
	"half-open-timeout",
	"ike-established",
	"ike-rekey-bad-answer",
	"ike-rekey-fallback",
	"ike-rekey-refused",
	"ike-rekeyed",
	"internal-error",
	"internal-timeout",
	"invalid-message-id",
	"invalid-syntax",
	"malformed-message",
	"move-refused",
	"moved",
	"no-connection",
	"no-proposal-chosen",
	"not-reachable",
	"other-version",
	"peer-dead",
	"peer-moved",
	"peer-refused",
	"peer-silent",
	"peer-waits",
	"reauth-asked",
	"reauth-overdue",
	"restore-refused",
	"retransmit-timeout",
	"sign-failed",
	"trust-changed",
	"unusable-answer",
};

/* Beside those of pki_reason_name(). */
static const char *const of_verify[] = {
	"auth-method",	      "auth-octets", "auth-signature", "clock-implausible",
	"identity-malformed", "internal",    "no-certificate", "nonce",
};

bool engine_event_known(const char *event)
{
	for (size_t i = 0; i < ARRAY_SIZE(of_engine); i++) {
		if (streq(event, of_engine[i]))
			return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(of_verify); i++) {
		if (streq(event, of_verify[i]))
			return true;
	}
	for (int i = PKI_OK + 1; i < _PKI_REASON_MAX; i++) {
		if (streq(event, pki_reason_name((enum pki_reason)i)))
			return true;
	}
	return false;
}
