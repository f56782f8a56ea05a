/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Steps of order.c and queue.c that are rare and that nothing else tells of: events of tracefs, for
 * tests, and for whoever wants to know why bursts are shared or are not. A lane is told from others
 * by its address, hashed.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM certgate

#if !defined(_CERTGATE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _CERTGATE_TRACE_H

#include <linux/tracepoint.h>

/* Before @lane has a list, CPU @whom has to say that its queues are empty; -1: all of them. */
TRACE_EVENT(certgate_lane_asks,
	    TP_PROTO(const void *lane, int whom),
	    TP_ARGS(lane, whom),
	    TP_STRUCT__entry(__field(const void *, lane) __field(int, whom)),
	    TP_fast_assign(__entry->lane = lane; __entry->whom = whom;),
	    TP_printk("lane=%p whom=%d", __entry->lane, __entry->whom)
);

/* @lane, which had no list, has this CPU's. */
TRACE_EVENT(certgate_lane_listed,
	    TP_PROTO(const void *lane),
	    TP_ARGS(lane),
	    TP_STRUCT__entry(__field(const void *, lane)),
	    TP_fast_assign(__entry->lane = lane;),
	    TP_printk("lane=%p", __entry->lane)
);

/* CPU @home is back, and its NAPI, which was polled on this one meanwhile, goes there. */
TRACE_EVENT(certgate_napi_goes_home,
	    TP_PROTO(unsigned int home),
	    TP_ARGS(home),
	    TP_STRUCT__entry(__field(unsigned int, home)),
	    TP_fast_assign(__entry->home = home;),
	    TP_printk("home=%u", __entry->home)
);

#endif

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
