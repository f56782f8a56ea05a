/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What subcommands print: JSON as it is, and numbers, times and foreign text for people. Holds no state.
 */
#ifndef CERTGATE_CLI_OUTPUT_H
#define CERTGATE_CLI_OUTPUT_H

#include "cli/cli.h"

/* Prints a JSON value, indented, with a newline. CLI_OK, or CLI_FAILED if the output cannot be written. */
int out_json(struct cli *cli, const json_t *value);
/* On one line, flushed: for streams of events. */
int out_json_line(struct cli *cli, const json_t *value);

/* A new string in which control characters and bytes that are not UTF-8 are \xNN: a peer chose the text. NULL if out of memory. */
char *out_printable(const char *s);

#define OUT_TEXT 64
/* "1023 B", "1.5 KiB", "12 MiB". Returns out. */
char *out_bytes(uint64_t n, char out[OUT_TEXT]);
/* "2027-01-31 (in 70 days)", "2026-11-01 (EXPIRED 21 days ago)", "2026-11-22 18:00 UTC (in 1h59m)". now in seconds. Returns out. */
char *out_expiry(const char *timestamp, int64_t now, char out[OUT_TEXT]);
/* Time from then to now, "3h12m"; "-" if the timestamp cannot be read. Returns out. */
char *out_since(const char *timestamp, int64_t now, char out[OUT_TEXT]);
/* Time from now to then; "now" if it has passed. */
char *out_until(const char *timestamp, int64_t now, char out[OUT_TEXT]);

/* The string at key, or fallback. Borrowed. */
const char *json_str(const json_t *object, const char *key, const char *fallback);
uint64_t json_u64(const json_t *object, const char *key);

#endif
