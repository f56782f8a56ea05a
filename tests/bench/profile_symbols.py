# SPDX-License-Identifier: Apache-2.0
"""From what count.so wrote down and the guest's /proc/kallsyms to instructions by symbol."""

import bisect


def read_symbols(lines):
    """Sorted [(address, name, module)] of the code in /proc/kallsyms."""
    symbols = []
    for line in lines:
        words = line.split()
        if len(words) >= 3 and words[1] in "tTwW":
            symbols.append((int(words[0], 16), words[2], words[3].strip("[]") if len(words) > 3 else "kernel"))
    symbols.sort(key=lambda symbol: symbol[0])
    return symbols


def by_symbol(lines, symbols):
    """{(name, module): instructions}; all programs together are one."""
    addresses = [symbol[0] for symbol in symbols]
    counts = {}
    for line in lines:
        address, executed = line.split()
        address = int(address, 16)
        key = ("(programs)", "user")
        if address >> 63:
            at = bisect.bisect_right(addresses, address) - 1
            key = symbols[at][1:] if at >= 0 else ("(unknown)", "kernel")
        counts[key] = counts.get(key, 0) + int(executed)
    return counts


def text(counts, packets, top=60):
    """A table: instructions a packet by module, then by symbol."""
    modules = {}
    for (_, module), count in counts.items():
        modules[module] = modules.get(module, 0) + count
    total = sum(counts.values())
    out = ["%10.1f  all" % (total / packets), ""]
    for module, count in sorted(modules.items(), key=lambda item: -item[1]):
        if count * 1000 >= total:
            out.append("%10.1f  %4.1f %%  [%s]" % (count / packets, 100 * count / total, module))
    out.append("")
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    for (name, module), count in ranked[:top]:
        out.append("%10.1f  %4.1f %%  %s%s" % (
            count / packets, 100 * count / total, name, "" if module in ("kernel", "user") else " [%s]" % module))
    rest = sum(count for _, count in ranked[top:])
    if rest:
        out.append("%10.1f  %4.1f %%  (%d others)" % (rest / packets, 100 * rest / total, len(ranked) - top))
    return "\n".join(out)
