# SPDX-License-Identifier: Apache-2.0
"""What the bench measures and how its figures come about: the rows, the arithmetic, the lines and the table.

Nothing in here runs anything, so that tests/lint/bench_figures.py can test all of it.
"""

import statistics

PEERS = ["plain", "certgate", "xfrm", "wireguard"]


class Setup:
    """What lies between the gateways: outer family, encapsulation, algorithm, offloads of the outer links."""

    def __init__(self, outer="4", encap="udp", algorithm="aes-gcm-256", offload="on"):
        self.outer, self.encap, self.algorithm, self.offload = outer, encap, algorithm, offload

    def words(self, peer):
        return "%s %s %s %s %s" % (peer, self.outer, self.encap, self.algorithm, self.offload)

    def key(self, peer):
        """What makes a difference to that peer: plain routing has no algorithm, WireGuard has its own."""
        if peer == "plain":
            return (peer, self.outer, self.offload)
        if peer == "wireguard":
            return (peer, self.outer, self.offload)
        return (peer, self.outer, self.encap, self.algorithm, self.offload)


class Row:
    """One line of the table. `work` is what tests/bench/guest is told to do; `against` is the peer of the ratio."""

    def __init__(self, name, work, target, text, setup=None, against="xfrm", peers=None, unit="instructions a packet"):
        self.name, self.work, self.target, self.text = name, work, target, text
        self.setup = setup or Setup()
        self.against = against
        self.peers = peers or PEERS
        self.unit = unit


TCP = "tcp --warm 2097152 --bytes 8388608"
UDP = "udp --count 3200 --burst 32"
# 64, 594 and 1400 bytes at 7:4:1
IMIX = "64,594,64,64,594,64,1400,64,594,64,594,64"
CHACHA = Setup(algorithm="chacha20-poly1305")
NO_WIREGUARD = ["plain", "certgate", "xfrm"]

ROWS = [
    Row("tcp-udp", TCP, 0.50, "one bulk TCP flow, ESP in UDP"),
    Row("tcp-raw", TCP, 0.60, "the same, raw ESP", Setup(encap="none"), peers=NO_WIREGUARD),
    Row("tcp8", TCP + " --flows 8", 0.50, "eight TCP flows, ESP in UDP"),
    Row("tcp-v6", TCP, 0.50, "IPv6 in IPv6, ESP in UDP", Setup(outer="6")),
    Row("tcp-noseg", TCP, 0.70, "as tcp-udp, no UDP segmentation offload and no GRO on the outer links", Setup(offload="off")),
    Row("udp-64", UDP + " --flows 8 --sizes 64", 0.70, "UDP in short bursts, 64 bytes, 8 flows"),
    Row("udp-512", UDP + " --flows 8 --sizes 512", 0.70, "UDP in short bursts, 512 bytes, 8 flows"),
    Row("udp-1400", UDP + " --flows 8 --sizes 1400", 0.70, "UDP in short bursts, 1400 bytes, 8 flows"),
    Row("imix", UDP + " --flows 64 --sizes " + IMIX, 0.70, "UDP in short bursts, 64/594/1400 bytes at 7:4:1, 64 flows"),
    Row("ping", "ping --count 100", 1.00, "idle round trip", unit="instructions a round trip"),
    Row("wg-tcp-gcm", TCP, 0.60, "one bulk TCP flow, AES-GCM against WireGuard", against="wireguard"),
    Row("wg-udp-gcm", UDP + " --flows 8 --sizes 512", 0.80, "UDP, 512 bytes, AES-GCM against WireGuard", against="wireguard"),
    Row("wg-tcp-chacha", TCP, 0.90, "one bulk TCP flow, ChaCha20-Poly1305", CHACHA, against="wireguard"),
    Row("wg-udp-chacha", UDP + " --flows 8 --sizes 512", 0.90, "UDP, 512 bytes, ChaCha20-Poly1305", CHACHA, against="wireguard"),
]
BY_NAME = {row.name: row for row in ROWS}


def plan(rows, peers, repeats):
    """The steps of tests/bench/guest: every set-up once, all that is measured with it in between."""
    setups = {}
    for peer in peers:
        for row in rows:
            if peer not in row.peers:
                continue
            words, works = setups.setdefault(row.setup.key(peer), (row.setup.words(peer), {}))
            works.setdefault(row.work, row.name)
    steps = []
    for words, works in setups.values():
        steps.append("peer " + words)
        steps += ["measure %s %d %s" % (name, repeats, work) for work, name in works.items()]
        steps.append("down")
    return steps


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


def problems(peer, raw):
    """Why a measurement does not count, as a list of texts: every packet must have crossed, sealed, and only once."""
    found = []
    if raw["lost"]:
        found.append("%d packets were lost or sent again" % raw["lost"])
    if peer == "plain":
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
        self.value = statistics.median(costs)
        self.spread = 100 * (max(costs) - min(costs)) / self.value if self.value else 0.0


class Results:
    """All measurements of one kernel, found again by set-up and work, as rows share them."""

    def __init__(self):
        self.raws = {}

    def add(self, row, peer, raw):
        self.raws.setdefault((row.setup.key(peer), row.work), []).append(raw)

    def get(self, row, peer):
        return self.raws.get((row.setup.key(peer), row.work), []) if peer in row.peers else []

    def figures(self, row):
        """{peer: Figure} of a row, of the peers that were measured."""
        plain = self.get(row, "plain")
        return {peer: Figure(self.get(row, peer), plain) for peer in PEERS[1:] if self.get(row, peer)}


def number(figure):
    return "%.0f" % figure.value if figure else "-"


def ratio(row, figures):
    ours, theirs = figures.get("certgate"), figures.get(row.against)
    return ours.value / theirs.value if ours and theirs and theirs.value > 0 else None


def bench_line(kernel, row, figures):
    r = ratio(row, figures)
    return "bench %s %s certgate=%s xfrm=%s wireguard=%s ratio=%s" % (
        kernel, row.name, number(figures.get("certgate")), number(figures.get("xfrm")),
        number(figures.get("wireguard")), "-" if r is None else "%.2f" % r)


def detail_line(row, figures):
    spreads = ", ".join("%s %.1f %%" % (peer, figure.spread) for peer, figure in figures.items())
    return "      %s; spread of the repeats: %s; to reach: %.2f of %s" % (row.unit, spreads, row.target, row.against)
