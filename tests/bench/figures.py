# SPDX-License-Identifier: Apache-2.0
"""What the bench measures and how its figures come about: the rows, the arithmetic, the lines and the table.

Nothing in here runs anything, so that tests/lint/bench_figures.py can test all of it.
"""

import statistics

PEERS = ["plain", "certgate", "xfrm", "wireguard"]


class Setup:
    """What lies between the gateways: outer family, encapsulation, algorithm, offloads of the outer links; and how packets come
    from c1: each when it is sent, or as many as there are in one interrupt."""

    def __init__(self, outer="4", encap="udp", algorithm="aes-gcm-256", offload="on", arrival="each"):
        self.outer, self.encap, self.algorithm, self.offload, self.arrival = outer, encap, algorithm, offload, arrival

    def words(self, peer):
        return "%s %s %s %s %s %s" % (peer, self.outer, self.encap, self.algorithm, self.offload, self.arrival)

    def key(self, peer):
        """What makes a difference to that peer: plain routing has no algorithm, WireGuard has its own."""
        if peer in ("plain", "wireguard"):
            return (peer, self.outer, self.offload, self.arrival)
        return (peer, self.outer, self.encap, self.algorithm, self.offload, self.arrival)


class Row:
    """One line of the table. `work` is what tests/bench/guest is told to do; `against` is the peer of the ratio.

    Rows without work are those of many SAs and of two CPUs, which have plans of their own. What waits as well as works has its
    idle time in its figure: `idle`.
    """

    def __init__(self, name, work, target, text, setup=None, against="xfrm", peers=None, unit="instructions a packet", idle=False):
        self.name, self.work, self.target, self.text = name, work, target, text
        self.setup = setup or Setup()
        self.against = against
        self.peers = peers or PEERS
        self.unit, self.idle = unit, idle

    def variants(self, peer):
        """The ways in which that peer can do this work, the best of which is its figure. The kernel's own ESP offload needs no
        hardware, but does nothing for what is in UDP."""
        return ["xfrm", "xfrm_offload"] if peer == "xfrm" and self.work == TCP and self.setup.encap == "none" else [peer]

    def reached(self, figures):
        """Compared as it is, not as it is printed; None if there is nothing to compare."""
        value = figures["certgate"].value if self.name == "cpu2" and "certgate" in figures else ratio(self, figures)
        if value is None or self.name == "cpu2" and "certgate" not in figures:
            return None
        return value >= self.target if self.name == "cpu2" else value <= self.target

    def goal(self):
        if self.name == "cpu2":
            return "certgate at least %.1f" % self.target
        return "at most %.2f of %s" % (self.target, self.against)


TCP = "tcp --flows 1"
UDP = "udp --count 1600 --burst 32"
# 64, 594 and 1400 bytes at 7:4:1
IMIX = "64,594,64,64,594,64,1400,64,594,64,594,64"
CHACHA = Setup(algorithm="chacha20-poly1305")
NO_WIREGUARD = ["plain", "certgate", "xfrm"]

ROWS = [
    Row("tcp-udp", TCP, 0.50, "one bulk TCP flow, ESP in UDP"),
    Row("tcp-raw", TCP, 0.60, "the same, raw ESP", Setup(encap="none"), peers=NO_WIREGUARD),
    Row("tcp8", "tcp --flows 8", 0.50, "eight TCP flows, ESP in UDP"),
    Row("tcp-v6", TCP, 0.50, "IPv6 in IPv6, ESP in UDP", Setup(outer="6")),
    Row("tcp-noseg", TCP, 0.70, "as tcp-udp, no UDP segmentation offload and no GRO on the outer links", Setup(offload="off")),
    Row("udp-64", UDP + " --flows 8 --sizes 64", 0.70, "UDP in short bursts, 64 bytes, 8 flows"),
    Row("udp-512", UDP + " --flows 8 --sizes 512", 0.70, "UDP in short bursts, 512 bytes, 8 flows"),
    Row("udp-1400", UDP + " --flows 8 --sizes 1400", 0.70, "UDP in short bursts, 1400 bytes, 8 flows"),
    Row("imix", UDP + " --flows 64 --sizes " + IMIX, 0.70, "UDP in short bursts, 64/594/1400 bytes at 7:4:1, 64 flows"),
    Row("udp-512-nic", UDP + " --flows 8 --sizes 512", 0.70, "as udp-512, a burst in one interrupt", Setup(arrival="bursts")),
    Row("imix-nic", UDP + " --flows 64 --sizes " + IMIX, 0.70, "as imix, a burst in one interrupt", Setup(arrival="bursts")),
    Row("sa-scale", None, 1.05, "1,000 of many SAs in use, to one SA in all, UDP, 512 bytes", against="one"),
    Row("sa-install", None, 0.50, "adding an SA pair with its tunnel and certificate binding, to states and policies by `ip -batch`",
        unit="instructions a pair"),
    Row("sa-memory", None, 0.60, "kernel memory of the same", unit="bytes a pair"),
    Row("revoke", None, 2.00, "revoking the issuer of many SAs, to that of one", against="one",
        unit="ns of guest time, idle included", idle=True),
    Row("cpu2", None, 1.50, "one TCP flow on two CPUs, speed to one CPU", unit="times as fast"),
    Row("ping", "ping --count 100", 1.00, "idle round trip", unit="instructions a round trip"),
    Row("wg-tcp-gcm", TCP, 0.60, "one bulk TCP flow, AES-GCM against WireGuard", against="wireguard"),
    Row("wg-udp-gcm", UDP + " --flows 8 --sizes 512", 0.80, "UDP, 512 bytes, AES-GCM against WireGuard", against="wireguard"),
    Row("wg-tcp-chacha", TCP, 0.90, "one bulk TCP flow, ChaCha20-Poly1305", CHACHA, against="wireguard"),
    Row("wg-udp-chacha", UDP + " --flows 8 --sizes 512", 0.90, "UDP, 512 bytes, ChaCha20-Poly1305", CHACHA, against="wireguard"),
]
BY_NAME = {row.name: row for row in ROWS}


SCALE_ROWS = ["sa-scale", "sa-install", "sa-memory", "revoke"]
# how often one SA's issuer is revoked: its time is mostly that of a grace period, which begins at any phase of a tick
REVOCATIONS = 32
# what a transfer of cpu2 lasts, in seconds
CPU_SECONDS = 5

def tcp_words(mib):
    """How much a TCP run moves: first until its windows are open, then measured."""
    return " --warm %d --bytes %d" % (max(2, mib // 4) << 20, mib << 20)


def plan(rows, peers, repeats, mib, variants=True):
    """The steps of tests/bench/guest: every set-up once, all that is measured with it in between. Without variants a peer does a
    row in the one way that it is named after."""
    setups = {}
    for peer in peers:
        for row in rows:
            if variants and peer not in row.peers or not row.work:
                continue
            for variant in row.variants(peer) if variants else [peer]:
                works = setups.setdefault(row.setup.key(variant), (row.setup.words(variant), {}))[1]
                works.setdefault(row.work, row.name)
    steps = []
    for words, works in setups.values():
        steps.append("peer " + words)
        steps += ["measure %s %d %s" % (name, repeats, work + (tcp_words(mib) if work.startswith("tcp") else ""))
                  for work, name in works.items()]
        steps.append("down")
    return steps


def scale_plan(pairs, peers, repeats):
    """The rows of many SAs."""
    return ["scale %d %d %d %s" % (pairs, repeats, REVOCATIONS, " ".join(peer for peer in peers if peer != "wireguard"))]


def cpu_plan(cpus, peers, repeats):
    """Transfers that take as long over every peer, named after the number of CPUs."""
    steps = []
    for peer in peers:
        if peer != "plain":
            steps += ["peer " + Setup().words(peer), "measure_long cpu2-%d %d %d %s" % (cpus, repeats, CPU_SECONDS, TCP), "down"]
    return steps


def address(network, number):
    """10.NETWORK.0.0 and so many addresses on."""
    number += network << 16
    return "10.%d.%d.%d" % (number >> 16, number >> 8 & 255, number & 255)


def xfrm_batch(gateway, pairs):
    """What tests/bench/sas.c adds, for `ip -batch`: two states and three policies a pair."""
    wan = {1: "192.0.2.1", 2: "192.0.2.2"}
    for number in range(pairs):
        near, far = address(32, number), address(64, number)
        for sender in (1, 2):
            spi = 0x10000000 * sender + number
            yield ("xfrm state add src %s dst %s proto esp spi 0x%x mode tunnel reqid %d flag esn replay-window 4096 "
                   "aead rfc4106(gcm(aes)) 0x%s 128 encap espinudp 4500 4500 0.0.0.0" % (
                       wan[sender], wan[3 - sender], spi, number + 1, spi.to_bytes(4, "little").hex() + "00" * 32))
        ours, theirs = (near, far) if gateway == 1 else (far, near)
        for direction in ("out", "in", "fwd"):
            out = direction == "out"
            yield "xfrm policy add src %s dst %s dir %s tmpl src %s dst %s proto esp mode tunnel reqid %d" % (
                ours if out else theirs, theirs if out else ours, direction,
                wan[gateway if out else 3 - gateway], wan[3 - gateway if out else gateway], number + 1)


def parse_raw(line):
    """("tcp-udp", "xfrm", {"elapsed": 1, ...}) of a line of tests/bench/guest; None if it is another line."""
    words = line.split()
    if len(words) < 5 or words[0] != "raw":
        return None
    values = {}
    for word in words[4:]:
        name, _, value = word.partition("=")
        values[name] = None if value == "-" else int(value)
    return words[1], words[2], values


def problems(name, peer, raw):
    """Why a measurement does not count, as a list of texts: every packet must have crossed, sealed, and only once. By the clock what
    was sent again is in the time it took."""
    found = []
    if raw["lost"] and not name.startswith("cpu2"):
        found.append("%d packets were lost or sent again" % raw["lost"])
    if peer == "plain" or raw["sealed"] is None:
        return found
    for name in ("sealed", "opened"):
        if raw[name] < raw["packets"]:
            found.append("only %d of %d packets were %s" % (raw[name], raw["packets"], name))
    if raw["dropped"]:
        found.append("%d packets were dropped" % raw["dropped"])
    return found


def per_unit(raw, idle=False):
    """Instructions a packet: the guest's clock without the time in which its CPU was idle, or with it."""
    return (raw["elapsed"] - (0 if idle else raw["idle"])) / raw["packets"]


class Figure:
    """Median of some values, or another figure of them, and their spread in per cent of it. `note` is said beside it."""

    def __init__(self, values, value=None):
        self.value, self.count, self.note = statistics.median(values) if value is None else value, len(values), ""
        self.spread = 100 * (max(values) - min(values)) / self.value if self.value else 0.0


def beyond(raws, plain, idle=False):
    """The figure of measurements beyond the median of plain routing."""
    base = statistics.median(map(per_unit, plain)) if plain else 0.0
    figure = Figure([per_unit(raw, idle) - base for raw in raws])
    if idle:
        figure.note = "of it %s instructions" % grouped(statistics.median(map(per_unit, raws)))
    return figure


def speedup(single, double):
    """How much faster the best of the runs on two CPUs is than the best on one, with the same of the medians."""
    single, double = ([per_unit(raw, True) for raw in raws] for raws in (single, double))
    best = min(single) / min(double)
    figure = Figure([best * min(double) / cost for cost in double], best)
    figure.note = "median %.2f" % (statistics.median(single) / statistics.median(double))
    return figure


def better(figures):
    """The figure of the cheapest of {variant: figure}, which says what the others came to."""
    name = min(figures, key=lambda variant: figures[variant].value)
    texts = {"xfrm": "without `esp4_offload`", "xfrm_offload": "with `esp4_offload`"}
    others = ["%s %s" % (texts[other], cell(figures[other])) for other in figures if other != name]
    if others or name != "xfrm" and name in texts:
        figures[name].note = ", ".join([texts[name]] + others)
    return figures[name]


class Results:
    """All measurements of one kernel, found again by set-up and work, as rows share them, or else by name."""

    def __init__(self):
        self.raws = {}

    @staticmethod
    def key(name, peer):
        row = BY_NAME.get(name)
        return (row.setup.key(peer), row.work) if row and row.work else (name, peer)

    def add(self, name, peer, raw):
        self.raws.setdefault(self.key(name, peer), []).append(raw)

    def get(self, name, peer):
        return self.raws.get(self.key(name, peer), [])

    def figures(self, row):
        """{peer: Figure} of a row, of the peers that were measured; "one" is certgate with one SA."""
        found = {}
        plain = self.get(row.name, "plain")
        for peer in row.peers[1:]:
            raws = {variant: self.get("sa-install" if row.name == "sa-memory" else row.name, variant) for variant in row.variants(peer)}
            single, double = self.get("cpu2-1", peer), self.get("cpu2-2", peer)
            if row.name == "cpu2" and single and double:
                found[peer] = speedup(single, double)
            elif row.name == "sa-memory" and raws[peer]:
                found[peer] = Figure([raw["bytes"] / raw["packets"] for raw in raws[peer]])
            elif any(raws.values()):
                found[peer] = better({variant: beyond(those, plain, row.idle) for variant, those in raws.items() if those})
        one = self.get(row.name + "-one", "certgate")
        if one:
            found["one"] = beyond(one, plain, row.idle)
        if plain:
            found["plain"] = beyond(plain, [])
        return found

    def shortest(self, names):
        """The seconds that the shortest measurement of these names took; None if there is none."""
        return min((raw["elapsed"] / 1e9 for (name, _), raws in self.raws.items() if name in names for raw in raws), default=None)


def number(figure):
    if not figure:
        return "-"
    return "%.2f" % figure.value if figure.value < 10 else "%.0f" % figure.value


def grouped(value):
    return "{:,.0f}".format(value)


def ratio(row, figures):
    ours, theirs = figures.get("certgate"), figures.get(row.against)
    return ours.value / theirs.value if ours and theirs and theirs.value > 0 else None


def beside(value, limit):
    """A number with two decimals, or with as many as it takes not to look as if it were on the other side of a limit."""
    for decimals in range(2, 9):
        text = "%.*f" % (decimals, value)
        if (float(text) > limit) == (value > limit) and (float(text) < limit) == (value < limit):
            break
    return text


def ratio_text(row, figures):
    r = ratio(row, figures)
    # the limit of cpu2 is not one of its ratio
    return "-" if r is None else "%.2f" % r if row.name == "cpu2" else beside(r, row.target)


def bench_line(kernel, row, figures):
    return "bench %s %s certgate=%s xfrm=%s wireguard=%s ratio=%s" % (
        kernel, row.name, number(figures.get("certgate")), number(figures.get("xfrm")),
        number(figures.get("wireguard")), ratio_text(row, figures))


def detail_line(row, figures):
    texts = ["%s %s ±%.1f %% of %d%s" % ("one SA" if peer == "one" else peer, number(figure), figure.spread / 2, figure.count,
                                         figure.note and " (%s)" % figure.note) for peer, figure in figures.items()]
    verdict = {True: "reached", False: "NOT REACHED", None: "not measured"}[row.reached(figures)]
    return "      %s: %s; to reach: %s: %s" % (row.unit, ", ".join(texts), row.goal(), verdict)


# ---------------------------------------------------------------------- the table of docs/performance.md

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def cell(figure, repeats=None):
    """A figure with its spread, the number of measurements where it is not that of the rest, and what is to be said of it."""
    if not figure:
        return "–"
    text = number(figure) if figure.value < 10 else grouped(figure.value)
    if figure.count > 1:
        text += " ±%.1f %%" % (figure.spread / 2)
    if repeats not in (None, figure.count):
        text += " of %d" % figure.count
    return text + (figure.note and ", %s" % figure.note)


def table(kernel, note, rows, repeats):
    """Markdown of [(row, {peer: figure})]."""
    lines = ["### Linux %s" % kernel, "", note, "",
             "| name | work | unit | plain | certgate | xfrm | WireGuard | ratio | to reach |", "|---|---|---|---|---|---|---|---|---|"]
    for row, found in rows:
        ours = cell(found.get("certgate"), repeats)
        if "one" in found:
            ours += " (one SA: %s)" % cell(found["one"], repeats)
        r = ratio_text(row, found)
        lines.append("| %s | %s | %s | %s | %s | %s | %s | %s | %s |" % (
            row.name, row.text, row.unit, cell(found.get("plain"), repeats), ours, cell(found.get("xfrm"), repeats),
            cell(found.get("wireguard"), repeats), "–" if r == "-" else "%s of %s" % (r, row.against),
            row.goal() + (", **not reached**" if row.reached(found) is False else "")))
    return "\n".join(lines)


def replace_tables(text, tables):
    """The page with new tables between its marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the page has no marks for the figures")
    return before + BEGIN + "\n\n" + "\n\n".join(tables) + "\n\n" + END + after
