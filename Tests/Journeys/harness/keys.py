"""Keys of every kind, made by `cryptography`, and a JWKS source that can be told to fail."""
import http.server
import json
import threading

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

from . import tokens

CURVES = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}
SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
ALGORITHMS = (*SECRET_BYTES, "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", *CURVES, "EdDSA")


def make(algorithm, bits=2048):
    """A private key (or a secret) fit for an algorithm."""
    if algorithm in SECRET_BYTES:
        return b"0123456789abcdef" * (SECRET_BYTES[algorithm] // 16)
    if algorithm in CURVES:
        return ec.generate_private_key(CURVES[algorithm]())
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def public_pem(key) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def private_pem(key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def sign(key, algorithm, kid="main", user="alice", header=None, **more):
    """A token signed by PyJWT; claims as `tokens.token` makes them."""
    body = tokens.token(user, **more).split(".")[1]
    claims = json.loads(tokens.unbase64url(body))
    return jwt.encode(claims, key, algorithm, headers={"kid": kid, **(header or {})})


def jwk(key, algorithm, kid, **more):
    """A public key as a JWKS shows it."""
    made = json.loads(get_default_algorithms()[algorithm].to_jwk(key.public_key()))
    made.pop("key_ops", None)
    return {**made, "kid": kid, "use": "sig", "alg": algorithm, **more}


class KeySource:
    """Serves a JWKS on loopback. `answer` is (status, body, headers); None closes without a word."""

    def __init__(self, port):
        self.requests = 0
        self.answer = (200, b'{"keys":[]}', {})
        source = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                source.requests += 1
                if source.answer is None:
                    self.close_connection = True
                    return
                status, body, headers = source.answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{port}/jwks.json"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def show(self, *keys):
        self.answer = (200, json.dumps({"keys": keys}).encode(), {})

    def kill(self):
        self.server.shutdown()
        self.server.server_close()
