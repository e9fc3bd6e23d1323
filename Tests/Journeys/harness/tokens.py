"""JWTs made by hand (RFC 7515, 7519), good ones and bad ones."""
import base64
import hashlib
import hmac
import json
import time

SECRET = b"journeys-secret-journeys-secret-1234567890"
OTHER_SECRET = b"somebody-elses-secret-somebody-elses-12345"


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unbase64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def compact(value) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def token(user="alice", *, secret=SECRET, header=None, expires_in=600, without=(), **claims):
    """A token of `user`; `header` and `claims` replace or add, `without` leaves claims out."""
    now = int(time.time())
    body = {
        "iss": "sluice", "aud": "sluice", "sub": user, "roles": ["member"], "plan": "free",
        "iat": now, "exp": now + expires_in, **claims,
    }
    for name in without:
        body.pop(name, None)
    head = {"alg": "HS256", "typ": "JWT", "kid": "main", **(header or {})}
    head = {key: value for key, value in head.items() if value is not None}
    signed = f"{base64url(compact(head))}.{base64url(compact(body))}"
    if head.get("alg") == "none":
        return signed + "."
    return f"{signed}.{base64url(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def tampered():
    """A good token whose claims were changed after signing."""
    head, _, signature = token("alice").split(".")
    _, body, _ = token("bob").split(".")
    return f"{head}.{body}.{signature}"


def bad_tokens():
    """name -> a token no gateway may take."""
    return {
        "garbage": "not-a-token",
        "wrong_signature": token(secret=OTHER_SECRET),
        "tampered_claims": tampered(),
        "expired": token(expires_in=-60),
        "alg_none": token(header={"alg": "none"}),
        "other_algorithm": token(header={"alg": "HS512"}),
        "unknown_kid": token(header={"kid": "nobody"}),
        "not_yet_valid": token(nbf=int(time.time()) + 600),
        "wrong_issuer": token(iss="somebody"),
        "wrong_audience": token(aud="somebody"),
        "no_subject": token(without=["sub"]),
        "refresh_token": token(use="refresh"),
    }
