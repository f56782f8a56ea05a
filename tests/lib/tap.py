# SPDX-License-Identifier: Apache-2.0
"""TAP for the lints: a result for each rule, with what breaks it."""
failed = count = 0


def result(what, wrong):
    global failed, count
    count += 1
    failed += bool(wrong)
    print(f"{'not ok' if wrong else 'ok'} {count} {what}")
    for line in wrong:
        print("# " + line)
