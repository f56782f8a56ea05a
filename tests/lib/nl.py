# SPDX-License-Identifier: Apache-2.0
"""The certgate netlink family for tests: raw messages, right ones and wrong ones.

Constants come from include/uapi/linux/certgate.h, by their names without the
prefix CERTGATE_. Nothing here knows what is allowed: that is what tests find out.
"""

import errno
import os
import re
import socket
import struct

HEADER = os.path.join(os.path.dirname(__file__), "../../include/uapi/linux/certgate.h")

NETLINK_GENERIC = 16
SOL_NETLINK = 270
NETLINK_ADD_MEMBERSHIP = 1
NETLINK_CAP_ACK = 10
NETLINK_EXT_ACK = 11
NLM_F_REQUEST, NLM_F_MULTI, NLM_F_ACK, NLM_F_DUMP_INTR, NLM_F_DUMP = 1, 2, 4, 0x10, 0x300
NLM_F_CAPPED, NLM_F_ACK_TLVS = 0x100, 0x200
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLA_F_NESTED = 1 << 15
GENL_ID_CTRL = 16


def constants():
    """Every name of the header's enums and plain #defines with its value."""
    with open(HEADER, encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    names = {}
    for name, value in re.findall(r"#define\s+CERTGATE_(\w+)\s+(\d+)", text):
        names[name] = int(value)
    for body in re.findall(r"enum certgate_\w+ \{(.*?)\}", text, flags=re.S):
        value = -1
        for entry in filter(None, (e.strip() for e in body.split(","))):
            name, _, expression = (part.strip() for part in entry.partition("="))
            if "- 1" in expression:
                continue  # the _MAX ones
            value = eval(expression) if expression else value + 1  # pylint: disable=eval-used
            names[re.sub(r"^_*CERTGATE_", lambda m: "__" if m[0].startswith("_") else "", name)] = value
    return names


C = constants()


def attr(kind, payload=b"", length=None):
    """One attribute; kind is a number or a name like "SA_SPI". length lies about its size."""
    if isinstance(kind, str):
        kind = C["A_" + kind]
    if isinstance(payload, list):
        kind, payload = kind | NLA_F_NESTED, b"".join(payload)
    raw = struct.pack("=HH", len(payload) + 4 if length is None else length, kind) + payload
    return raw + bytes(-len(raw) % 4)


def u8(kind, value):
    return attr(kind, struct.pack("=B", value))


def u16(kind, value):
    return attr(kind, struct.pack("=H", value))


def u32(kind, value):
    return attr(kind, struct.pack("=I", value))


def u64(kind, value):
    return attr(kind, struct.pack("=Q", value))


def s64(kind, value):
    return attr(kind, struct.pack("=q", value))


def be16(kind, value):
    return attr(kind, struct.pack(">H", value))


def be32(kind, value):
    return attr(kind, struct.pack(">I", value))


def text(kind, value):
    return attr(kind, value.encode() + b"\0")


def parse(raw):
    """Attributes as a list of (type, payload), nested flag removed."""
    found = []
    while len(raw) >= 4:
        length, kind = struct.unpack_from("=HH", raw)
        if length < 4 or length > len(raw):
            raise ValueError("a broken attribute in an answer")
        found.append((kind & 0x3FFF, raw[4:length]))
        raw = raw[(length + 3) & ~3 :]
    return found


def get(raw, kind):
    """The first attribute of a kind like "SA_ID", None if there is none."""
    for found, payload in parse(raw):
        if found == C["A_" + kind]:
            return payload
    return None


def number(raw, kind):
    payload = get(raw, kind)
    return None if payload is None else int.from_bytes(payload, "little")


class Answer:
    """What came back: error (0 or a positive errno), message, attribute, messages, raw bytes."""

    def __init__(self):
        self.error = 0
        self.message = None
        self.offset = None
        self.missing = None
        self.messages = []
        self.raw = b""
        self.interrupted = False

    def __str__(self):
        name = errno.errorcode.get(self.error, self.error) if self.error else "0"
        return "%s (%s) offset %s missing %s" % (name, self.message, self.offset, self.missing)


class Family:
    """A socket and the family's number."""

    def __init__(self, cap_ack=False, bufsize=32768):
        self.bufsize = bufsize
        self.seq = 0
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_GENERIC)
        self.sock.bind((0, 0))
        self.sock.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        self.sock.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, int(cap_ack))
        self.sock.settimeout(20)
        answer = self.talk(GENL_ID_CTRL, 3, attr(2, b"certgate\0"))
        if answer.error:
            raise OSError(answer.error, "no family certgate")
        attributes = dict(parse(answer.messages[0]))
        self.id = struct.unpack("=H", attributes[1])[0]
        group = dict(parse(parse(attributes[7])[0][1]))
        self.group = struct.unpack("=I", group[2])[0]

    def message(self, kind, cmd, payload, flags=NLM_F_ACK):
        self.seq += 1
        body = struct.pack("=BBH", cmd, 1, 0) + payload
        return struct.pack("=IHHII", 16 + len(body), kind, flags | NLM_F_REQUEST, self.seq, 0) + body

    def talk(self, kind, cmd, payload=b"", flags=NLM_F_ACK):
        self.sock.send(self.message(kind, cmd, payload, flags))
        return self.receive()

    def do(self, cmd, *attributes):
        return self.talk(self.id, C["CMD_" + cmd], b"".join(attributes))

    def dump(self, cmd, *attributes):
        return self.talk(self.id, C["CMD_" + cmd], b"".join(attributes), NLM_F_DUMP)

    def receive(self):
        """To the end of one exchange."""
        answer = Answer()
        while True:
            raw = self.sock.recv(self.bufsize)
            answer.raw += raw
            while raw:
                length, kind, flags, seq, _ = struct.unpack_from("=IHHII", raw)
                message, raw = raw[:length], raw[(length + 3) & ~3 :]
                if seq != self.seq:
                    continue
                answer.interrupted |= bool(flags & NLM_F_DUMP_INTR)
                if kind in (NLMSG_ERROR, NLMSG_DONE):
                    self.ended(answer, message, kind, flags)
                    return answer
                answer.messages.append(message[20:])

    @staticmethod
    def ended(answer, message, kind, flags):
        answer.error = -struct.unpack_from("=i", message, 16)[0] if len(message) >= 20 else 0
        if not flags & NLM_F_ACK_TLVS:
            return
        skip = 20
        if kind == NLMSG_ERROR:
            echoed = struct.unpack_from("=I", message, 20)[0]
            skip += 16 if flags & NLM_F_CAPPED or not answer.error else (echoed + 3) & ~3
        for kind_, payload in parse(message[skip:]):
            if kind_ == 1:
                answer.message = payload.rstrip(b"\0").decode()
            elif kind_ == 2:
                answer.offset = struct.unpack("=I", payload)[0]
            elif kind_ == 5:
                answer.missing = struct.unpack("=I", payload)[0]

    def join(self):
        self.sock.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, self.group)


class Ktap:
    """Results of a Python test in the kernel's test protocol."""

    def __init__(self, planned):
        print("KTAP version 1\n1..%d" % planned, flush=True)
        self.count = 0
        self.failed = 0

    def result(self, what, good, detail=""):
        self.count += 1
        self.failed += not good
        print("%s %d %s" % ("ok" if good else "not ok", self.count, what))
        if not good and detail:
            for line in str(detail).splitlines():
                print("# " + line)
        print(end="", flush=True)

    def end(self):
        raise SystemExit(1 if self.failed else 0)
