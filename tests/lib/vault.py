#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A double of the instance metadata service and of a key vault: what they answer, over real HTTP and TLS, with faults on demand.

vault.py DIR METADATA_ADDRESS METADATA_PORT VAULT_ADDRESS VAULT_PORT TLS_CERT TLS_KEY

DIR/NAME/ is a certificate: cert.pem, chain.pem, key.pem, version (32 hexadecimal digits), and, if its key may leave, exportable.
NAME may be a symbolic link, which is followed once a request. DIR/NAME/fault and, for all names, DIR/fault, if they are there, have lines "WHAT STATUS [CODE]": WHAT is token, certificates,
secrets or keys; STATUS is one of HTTP (CODE of 429: seconds to wait), or slow, truncated, oversized, nonsense, disabled, expired, or
redirect (CODE: where to). DIR/log gets a line a request."""
import base64
import http.server
import json
import os
import re
import ssl
import subprocess
import sys
import threading
import time

top, meta_address, meta_port, address, port, tls_cert, tls_key = sys.argv[1:]
TOKEN = "eyJ0eXAi.token.of-this-machine"
HASHES = {"256": "sha256", "384": "sha384", "512": "sha512"}
FIELD = {"256": 32, "384": 48, "512": 66}


def read(*path):
    with open(os.path.join(top, *path), "rb") as f:
        return f.read()


def run(*args, data=None):
    return subprocess.run(args, input=data, stdout=subprocess.PIPE, check=True).stdout


def der_integer(data, at):
    length = data[at + 1]
    return int.from_bytes(data[at + 2:at + 2 + length], "big"), at + 2 + length


def sign(where, alg, digest):
    args = ["openssl", "pkeyutl", "-sign", "-inkey", os.path.join(where, "key.pem"), "-pkeyopt", "digest:" + HASHES[alg[2:]]]
    if alg[:2] == "PS":
        args += ["-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:digest"]
    out = run(*args, data=digest)
    if alg[:2] == "ES":  # r | s
        r, at = der_integer(out, 3 if out[1] & 0x80 else 2)
        s, _ = der_integer(out, at)
        out = r.to_bytes(FIELD[alg[2:]], "big") + s.to_bytes(FIELD[alg[2:]], "big")
    return out


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20
    attributes = {"enabled": True}

    def log_message(self, *args):
        pass

    def note(self, text):
        with open(os.path.join(top, "log"), "a") as f:
            f.write(text + "\n")

    def send(self, status, body, headers=()):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.note(f"{self.command} {self.path} {status}")
        self.send_response(status)
        for key, value in headers:
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def fault(self, what, name="."):
        """True: the request was answered, badly."""
        lines = []
        for path in ("fault",), (name, "fault"):
            if os.path.exists(os.path.join(top, *path)):
                lines += read(*path).decode().splitlines()
        self.attributes = {"enabled": True}
        for words in map(str.split, lines):
            if not words or words[0] != what:
                continue
            kind, code = words[1], words[2] if len(words) > 2 else "Fault"
            if kind == "slow":
                time.sleep(15)
                return False
            if kind == "truncated":
                self.note(f"{self.command} {self.path} truncated")
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b'{"value": "')
                self.close_connection = True
            elif kind == "oversized":
                self.send(200, b'{"value": "' + b"A" * 300000 + b'"}')
            elif kind == "redirect":
                self.send(302, b"", [("Location", code)])
            elif kind == "nonsense":
                self.send(200, b"<html>not what you think</html>")
            elif kind == "disabled":
                self.attributes = {"enabled": False}
                return False
            elif kind == "expired":
                self.attributes = {"enabled": True, "exp": int(time.time()) - 3600}
                return False
            else:
                self.send(int(kind), {"error": {"code": code, "message": "on demand", "innererror": {"code": code}}},
                          [("Retry-After", code)] if kind == "429" else [])
            return True
        return False


class Metadata(Handler):
    def do_GET(self):
        if self.headers.get("Metadata") != "true" or not self.path.startswith("/metadata/identity/oauth2/token?api-version=2018-02-01&resource="):
            self.send(400, {"error": "invalid_request", "error_description": "Required metadata header not specified"})
        elif not self.fault("token"):
            now = int(time.time())
            self.send(200, {"access_token": TOKEN, "expires_in": "3599", "expires_on": str(now + 3599), "token_type": "Bearer"})


class Vault(Handler):
    def names(self):
        m = re.fullmatch(r"/(certificates|secrets|keys)/([0-9A-Za-z-]+)(?:/([0-9a-f]{32}))?(/sign)?\?api-version=[0-9.]+", self.path)
        if self.headers.get("Authorization") != "Bearer " + TOKEN:
            self.send(401, {"error": {"code": "Unauthorized", "message": "AKV10022: Invalid audience"}})
            return None
        if not m or not os.path.isdir(os.path.join(top, m[2])):
            self.send(404, {"error": {"code": "NotFound", "message": "not found in this key vault"}})
            return None
        return None if self.fault(m[1], m[2]) else m

    def id(self, collection, name, where):
        host = self.headers["Host"]
        return f"https://{host}/{collection}/{name}/" + read(where, "version").decode().strip()

    def do_GET(self):
        m = self.names()
        if not m:
            return
        name, where = m[2], os.path.realpath(os.path.join(top, m[2]))
        exportable = os.path.exists(os.path.join(where, "exportable"))
        if m[1] == "certificates":
            cer = b"".join(line for line in read(where, "cert.pem").splitlines() if b"-----" not in line)
            self.send(200, {"id": self.id("certificates", name, where), "kid": self.id("keys", name, where), "sid": self.id("secrets", name, where),
                            "cer": cer.decode(), "attributes": self.attributes,
                            "policy": {"key_props": {"exportable": exportable}}})
        elif m[1] == "secrets":
            pem = (read(where, "key.pem") if exportable else b"") + read(where, "cert.pem") + read(where, "chain.pem")
            kind, value = "application/x-pem-file", pem.decode()
            if exportable and not os.path.exists(os.path.join(where, "pem")):
                pfx = run("openssl", "pkcs12", "-export", "-passout", "pass:", data=pem)
                kind, value = "application/x-pkcs12", base64.b64encode(pfx).decode()
            self.send(200, {"id": self.id("secrets", name, where), "contentType": kind, "value": value, "attributes": self.attributes})
        else:
            self.send(405, {"error": {"code": "BadMethod", "message": ""}})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        m = self.names()
        if not m:
            return
        o = json.loads(body)
        digest = base64.urlsafe_b64decode(o["value"] + "==")
        where = os.path.realpath(os.path.join(top, m[2]))
        self.send(200, {"kid": self.id("keys", m[2], where), "value": base64url(sign(where, o["alg"], digest))})


def serve(where, handler, tls):
    server = http.server.ThreadingHTTPServer(where, handler)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls_cert, tls_key)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()


serve((meta_address, int(meta_port)), Metadata, False)
serve((address, int(port)), Vault, True)
with open(os.path.join(top, "ready"), "w"):
    pass
threading.Event().wait()
