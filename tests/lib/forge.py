# SPDX-License-Identifier: Apache-2.0
"""forge.py FRAMES KEY SPI SEQ FOLDER: authentic ESP packets with contents of our choice. FRAMES: a file of `probe.py record` with a
ping through a tunnel with AES-GCM; KEY: its key and salt in hex. Writes FOLDER/NAME for `probe.py inject`, numbered from SEQ upward,
and prints the names.
"""

import os
import pickle
import struct
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from probe import Frame, load

frames, key, spi, seq, folder = sys.argv[1:]
key, spi = bytes.fromhex(key), bytes.fromhex(spi)
recorded = load(frames)[0]


def unseal(frame):
    """The plaintext of a recorded frame, its trailer cut off."""
    esp = bytes(frame.data[frame.esp : frame.end])
    text = AESGCM(key[:-4]).decrypt(key[-4:] + esp[8:16], esp[16:], esp[:8])
    return text[: len(text) - 2 - text[-2]]


def trailer(payload, next_header, fill=None, count=None):
    """Payload, padding to a multiple of 4, its length, next header."""
    pad = -(len(payload) + 2) % 4
    fill = bytes(range(1, pad + 1)) if fill is None else fill
    return payload + fill + bytes([len(fill) if count is None else count, next_header])


def seal(number, text):
    frame = Frame(recorded.data)
    head, iv = spi + struct.pack("!I", number), struct.pack("!Q", number)
    esp = head + iv + AESGCM(key[:-4]).encrypt(key[-4:] + iv, text, head)
    frame.resize(len(esp) - (frame.end - frame.esp))
    frame.data[frame.esp : frame.end] = esp
    return bytes(frame.data)


inner = unseal(recorded)
contents = {
    "ping": trailer(inner, 4),
    "padded-flow": trailer(inner + bytes(300), 4),
    "most-padding": trailer(inner, 4, bytes(range(1, 1 + 252 + -(len(inner) + 2) % 4))),
    "dummy": trailer(os.urandom(200), 59),
    "dummy-empty": trailer(b"", 59),
    "transport-udp": trailer(inner[20:], 17),
    "other-version": trailer(inner, 41),
    "no-version": trailer(b"\0" + inner[1:], 4),
    "longer-than-payload": trailer(inner[:2] + struct.pack("!H", len(inner) + 1) + inner[4:], 4),
    "shorter-than-header": trailer(inner[:2] + struct.pack("!H", 19) + inner[4:], 4),
    "header-too-short": trailer(b"\x44" + inner[1:], 4),
    "options-beyond-end": trailer(b"\x4f" + inner[1:2] + struct.pack("!H", 40) + inner[4:40], 4),
    "cut-header": trailer(inner[:10], 4),
    "cut-header-6": trailer(b"\x60" + bytes(20), 41),
    "empty": trailer(b"", 4),
    "wrong-padding": trailer(inner, 4, bytes((2, 1)) + bytes(-len(inner) % 4)),
    "padding-beyond-start": trailer(inner, 4, count=255),
}
for number, (name, text) in enumerate(contents.items(), int(seq)):
    with open(os.path.join(folder, name), "wb") as file:
        pickle.dump([seal(number, text)], file)
    print(name)
