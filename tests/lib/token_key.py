#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Puts a key into the first slot of a PKCS#11 token as softhsm2-util does not.

    token_key.py MODULE PIN KEY.key LABEL               of P-256, as an object that is not private (CKA_PRIVATE), and its public key
    token_key.py MODULE PIN KEY.key LABEL MECHANISM...  of RSA, that makes nothing but these (CKA_ALLOWED_MECHANISMS, a number each)

SoftHSM2 keeps an object that is not private as it is, in its file and in memory; a private one it decrypts for each signature.
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
CKK_RSA, CKA_MODULUS, CKA_ALLOWED_MECHANISMS = 0, 0x120, 0x40000600
RSA_PARTS = range(CKA_MODULUS + 2, CKA_MODULUS + 9)  # public exponent to coefficient, in the order of RFC 8017 appendix A.1.2
NO, YES = b"\0", b"\1"
SLOTS = 16


class Attribute(ctypes.Structure):
    _fields_ = [("type", ctypes.c_ulong), ("value", ctypes.c_char_p), ("size", ctypes.c_ulong)]


def openssl(command, *arguments):
    return subprocess.run(["openssl", command, "-in", key, "-outform", "DER", *arguments], stdout=subprocess.PIPE, check=True).stdout


def call(name, *arguments):
    result = getattr(library, name)(*arguments)
    if result:
        sys.exit("%s: %#x" % (name, result))


def create(values):
    values = {CKA_TOKEN: YES, CKA_LABEL: label.encode(), CKA_ID: ident, **values}
    template = (Attribute * len(values))(*(Attribute(kind, value, len(value)) for kind, value in values.items()))
    call("C_CreateObject", session, template, number(len(values)), ctypes.byref(number()))


def create_p256():
    common = {CKA_KEY_TYPE: bytes(number(CKK_EC)), CKA_PRIVATE: NO, CKA_EC_PARAMS: P256}
    private = openssl("pkey")
    at = private.index(b"\x02\x01\x01\x04\x20") + 5  # ECPrivateKey, RFC 5915 section 3
    point = openssl("pkey", "-pubout")[-65:]
    create({**common, CKA_CLASS: bytes(number(CKO_PRIVATE_KEY)), CKA_SENSITIVE: NO, CKA_SIGN: YES, CKA_VALUE: private[at:at + 32]})
    create({**common, CKA_CLASS: bytes(number(CKO_PUBLIC_KEY)), CKA_VERIFY: YES, CKA_EC_POINT: b"\x04\x41" + point})


def integers(der):
    """Those of a SEQUENCE of nothing else, without their zeros in front."""
    found, at = [], 4  # of more than 255 octets
    while at < len(der):
        size, at = der[at + 1], at + 2
        if size > 127:
            size, at = int.from_bytes(der[at:at + size - 128], "big"), at + size - 128
        found.append(der[at:at + size].lstrip(b"\0"))
        at += size
    return found


def create_rsa():
    _, modulus, *parts = integers(openssl("rsa", "-traditional"))
    create({CKA_CLASS: bytes(number(CKO_PRIVATE_KEY)), CKA_KEY_TYPE: bytes(number(CKK_RSA)), CKA_PRIVATE: YES, CKA_SENSITIVE: YES, CKA_SIGN: YES,
            CKA_MODULUS: modulus, **dict(zip(RSA_PARTS, parts)),
            CKA_ALLOWED_MECHANISMS: b"".join(bytes(number(int(m, 0))) for m in mechanisms)})


module, pin, key, label, *mechanisms = sys.argv[1:]
library = ctypes.CDLL(module)
number = ctypes.c_ulong
ident = os.urandom(8)
count, slots, session = number(SLOTS), (number * SLOTS)(), number()
call("C_Initialize", None)
call("C_GetSlotList", ctypes.c_ubyte(1), slots, ctypes.byref(count))
call("C_OpenSession", number(slots[0]), number(CKF_RW_SERIAL), None, None, ctypes.byref(session))
call("C_Login", session, number(CKU_USER), pin.encode(), number(len(pin)))
if mechanisms:
    create_rsa()
else:
    create_p256()
call("C_Finalize", None)
