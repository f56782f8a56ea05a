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
        if peer == "plain":
            return (peer, self.outer, self.offload, self.arrival)
        if peer == "wireguard":
            return (peer, self.outer, self.offload, self.arrival)
        return (peer, self.outer, self.encap, self.algorithm, self.offload, self.arrival)


class Row:
    """One line of the table. `work` is what tests/bench/guest is told to do; `against` is the peer of the ratio.

    Rows without work are those of many SAs and of two CPUs, which have plans of their own.
    """

    def __init__(self, name, work, target, text, setup=None, against="xfrm", peers=None, unit="instructions a packet"):
        self.name, self.work, self.target, self.text = name, work, target, text
        self.setup = setup or Setup()
        self.against = against
        self.peers = peers or PEERS
        self.unit = unit

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
    Row("revoke", None, 2.00, "revoking the issuer of many SAs, to that of one", against="one", unit="instructions"),
    Row("cpu2", None, 1.50, "one TCP flow on two CPUs, speed to one CPU", unit="times as fast"),
    Row("ping", "ping --count 100", 1.00, "idle round trip", unit="instructions a round trip"),
    Row("wg-tcp-gcm", TCP, 0.60, "one bulk TCP flow, AES-GCM against WireGuard", against="wireguard"),
    Row("wg-udp-gcm", UDP + " --flows 8 --sizes 512", 0.80, "UDP, 512 bytes, AES-GCM against WireGuard", against="wireguard"),
    Row("wg-tcp-chacha", TCP, 0.90, "one bulk TCP flow, ChaCha20-Poly1305", CHACHA, against="wireguard"),
    Row("wg-udp-chacha", UDP + " --flows 8 --sizes 512", 0.90, "UDP, 512 bytes, ChaCha20-Poly1305", CHACHA, against="wireguard"),
]
BY_NAME = {row.name: row for row in ROWS}


SCALE_ROWS = ["sa-scale", "sa-install", "sa-memory", "revoke"]

def tcp_words(mib):
    """How much a TCP run moves: first until its windows are open, then measured."""
    return " --warm %d --bytes %d" % (max(2, mib // 4) << 20, mib << 20)


def plan(rows, peers, repeats, mib):
    """The steps of tests/bench/guest: every set-up once, all that is measured with it in between."""
    setups = {}
    for peer in peers:
        for row in rows:
            if peer not in row.peers or not row.work:
                continue
            words, works = setups.setdefault(row.setup.key(peer), (row.setup.words(peer), {}))
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
    return ["scale %d %d %s" % (pairs, repeats, " ".join(peer for peer in peers if peer != "wireguard"))]


def cpu_plan(cpus, peers, repeats, mib):
    """The same transfer over every peer, named after the number of CPUs."""
    steps = []
    for peer in peers:
        if peer != "plain":
            steps += ["peer " + Setup().words(peer), "measure cpu2-%d %d %s" % (cpus, repeats, TCP + tcp_words(mib)), "down"]
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


def per_unit(raw):
    """Instructions a packet: the guest's clock without the time in which its CPU was idle."""
    return (raw["elapsed"] - raw["idle"]) / raw["packets"]


class Figure:
    """Median of the repeats beyond the median of plain routing, and their spread in per cent of it."""

    def __init__(self, raws, plain):
        base = statistics.median(map(per_unit, plain)) if plain else 0.0
        costs = [per_unit(raw) - base for raw in raws]
        self.value, self.count = statistics.median(costs), len(costs)
        self.spread = 100 * (max(costs) - min(costs)) / self.value if self.value else 0.0


class Value:
    """A figure of another kind, with the spread of what it came from."""

    def __init__(self, values, value=None):
        self.value, self.count = statistics.median(values) if value is None else value, len(values)
        self.spread = 100 * (max(values) - min(values)) / self.value if self.value else 0.0


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
            raws = self.get("sa-install" if row.name == "sa-memory" else row.name, peer)
            single, double = self.get("cpu2-1", peer), self.get("cpu2-2", peer)
            if row.name == "cpu2" and single and double:
                best = min(raw["elapsed"] for raw in single) / min(raw["elapsed"] for raw in double)
                found[peer] = Value([raw["elapsed"] * best / min(r["elapsed"] for r in double) for raw in double], best)
            elif not raws:
                continue
            elif row.name == "sa-memory":
                found[peer] = Value([raw["bytes"] / raw["packets"] for raw in raws])
            else:
                found[peer] = Figure(raws, plain)
        one = self.get(row.name + "-one", "certgate")
        if one:
            found["one"] = Figure(one, plain)
        return found


def number(figure):
    if not figure:
        return "-"
    return "%.2f" % figure.value if figure.value < 10 else "%.0f" % figure.value


def ratio(row, figures):
    ours, theirs = figures.get("certgate"), figures.get(row.against)
    return ours.value / theirs.value if ours and theirs and theirs.value > 0 else None


def bench_line(kernel, row, figures):
    r = ratio(row, figures)
    return "bench %s %s certgate=%s xfrm=%s wireguard=%s ratio=%s" % (
        kernel, row.name, number(figures.get("certgate")), number(figures.get("xfrm")),
        number(figures.get("wireguard")), "-" if r is None else "%.2f" % r)


def detail_line(row, figures):
    text = ", ".join("%s %.1f %%" % (peer, figure.spread) for peer, figure in figures.items())
    one = "; with one SA: " + number(figures["one"]) if "one" in figures else ""
    return "      %s; spread of the repeats: %s; to reach: %s%s" % (row.unit, text, row.goal(), one)


# ---------------------------------------------------------------------- the table of docs/performance.md

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def cell(figure):
    if not figure:
        return "–"
    value = number(figure) if figure.value < 10 else "{:,.0f}".format(figure.value)
    return "%s ±%.1f %%" % (value, figure.spread / 2) if figure.count > 1 else value


def table(kernel, note, rows):
    """Markdown of [(row, {peer: figure})]."""
    lines = ["### Linux %s" % kernel, "", note, "",
             "| name | work | unit | certgate | xfrm | WireGuard | ratio | to reach |", "|---|---|---|---|---|---|---|---|"]
    for row, found in rows:
        r = ratio(row, found)
        ours = cell(found.get("certgate"))
        if "one" in found:
            ours += " (one SA: %s)" % cell(found["one"])
        lines.append("| %s | %s | %s | %s | %s | %s | %s | %s |" % (
            row.name, row.text, row.unit, ours, cell(found.get("xfrm")), cell(found.get("wireguard")),
            "–" if r is None else "%.2f of %s" % (r, row.against), row.goal()))
    return "\n".join(lines)


def replace_tables(text, tables):
    """The page with new tables between its marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the page has no marks for the figures")
    return before + BEGIN + "\n\n" + "\n\n".join(tables) + "\n\n" + END + after
