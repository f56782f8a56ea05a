#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Puts a P-256 key into a PKCS#11 token as an object that is not private (CKA_PRIVATE), which softhsm2-util does not, and its public key.

    token_key.py MODULE PIN KEY.key LABEL

SoftHSM2 keeps such a key as it is, in its file and in memory; a private one it decrypts for each signature. Into the first slot.
"""
import ctypes
import os
import subprocess
import sys

P256 = bytes.fromhex("06082a8648ce3d030107")  # CKA_EC_PARAMS: its OID
CKF_RW_SERIAL = 6
CKU_USER = 1
CKO_PUBLIC_KEY, CKO_PRIVATE_KEY, CKK_EC = 2, 3, 3
CKA_CLASS, CKA_TOKEN, CKA_PRIVATE, CKA_LABEL, CKA_VALUE, CKA_KEY_TYPE, CKA_ID, CKA_SENSITIVE, CKA_SIGN, CKA_VERIFY, CKA_EC_PARAMS, CKA_EC_POINT = \
    0x0, 0x1, 0x2, 0x3, 0x11, 0x100, 0x102, 0x103, 0x108, 0x10a, 0x180, 0x181
NO, YES = b"\0", b"\1"
SLOTS = 16


class Attribute(ctypes.Structure):
    _fields_ = [("type", ctypes.c_ulong), ("value", ctypes.c_char_p), ("size", ctypes.c_ulong)]


def openssl(*arguments):
    return subprocess.run(["openssl", "pkey", "-outform", "DER", *arguments], stdout=subprocess.PIPE, check=True).stdout


def call(name, *arguments):
    result = getattr(library, name)(*arguments)
    if result:
        sys.exit("%s: %#x" % (name, result))


def create(values):
    values = {CKA_KEY_TYPE: bytes(number(CKK_EC)), CKA_TOKEN: YES, CKA_PRIVATE: NO, CKA_LABEL: label.encode(), CKA_ID: ident, CKA_EC_PARAMS: P256, **values}
    template = (Attribute * len(values))(*(Attribute(kind, value, len(value)) for kind, value in values.items()))
    call("C_CreateObject", session, template, number(len(values)), ctypes.byref(number()))


module, pin, key, label = sys.argv[1:]
library = ctypes.CDLL(module)
number = ctypes.c_ulong
ident = os.urandom(8)
private = openssl("-in", key)
at = private.index(b"\x02\x01\x01\x04\x20") + 5  # ECPrivateKey, RFC 5915 section 3
point = openssl("-in", key, "-pubout")[-65:]
count, slots, session = number(SLOTS), (number * SLOTS)(), number()
call("C_Initialize", None)
call("C_GetSlotList", ctypes.c_ubyte(1), slots, ctypes.byref(count))
call("C_OpenSession", number(slots[0]), number(CKF_RW_SERIAL), None, None, ctypes.byref(session))
call("C_Login", session, number(CKU_USER), pin.encode(), number(len(pin)))
create({CKA_CLASS: bytes(number(CKO_PRIVATE_KEY)), CKA_SENSITIVE: NO, CKA_SIGN: YES, CKA_VALUE: private[at:at + 32]})
create({CKA_CLASS: bytes(number(CKO_PUBLIC_KEY)), CKA_VERIFY: YES, CKA_EC_POINT: b"\x04\x41" + point})
call("C_Finalize", None)
