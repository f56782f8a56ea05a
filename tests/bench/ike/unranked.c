/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In the place of ike_rank(): nobody knows whose a datagram is, so that all wait in one line. For a daemon that shows what ranks are worth
 * (tests/host/flood.sh); it is never installed.
 */
#include "ike/engine.h"

enum ike_rank __wrap_ike_rank(const struct ike_engine *e, const struct cg_endpoint *local,
			      const struct cg_endpoint *remote, const uint8_t *data, size_t size,
			      uint64_t *ret_lane);

enum ike_rank __wrap_ike_rank(const struct ike_engine *e _unused_,
			      const struct cg_endpoint *local _unused_,
			      const struct cg_endpoint *remote _unused_,
			      const uint8_t *data _unused_, size_t size _unused_,
			      uint64_t *ret_lane)
{
	static uint64_t last;

	*ret_lane = ++last; /* as long a line as there can be */
	return IKE_RANK_STRANGER;
}
