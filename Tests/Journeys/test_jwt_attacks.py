"""Tokens made to deceive, by an independent library or by hand: all refused, each for one reason."""
import hashlib
import hmac
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from harness import envelopes, keys, tokens
from harness.tokens import base64url, compact

NAMED = ("HS256", "RS256", "PS384", "ES256", "ES384", "EdDSA")


@pytest.fixture(scope="module")
def pairs():
    """kid -> (algorithm, key); the gateway holds public halves."""
    made = {name.lower(): (name, keys.make(name)) for name in NAMED if name != "HS256"}
    made["main"] = ("HS256", tokens.SECRET)
    return made


@pytest.fixture
def guarded(gateway, tmp_path, pairs):
    """A gateway with a key of each kind."""
    listed = []
    for kid, (algorithm, key) in pairs.items():
        path = tmp_path / f"{kid}.key"
        path.write_bytes(key if isinstance(key, bytes) else keys.public_pem(key))
        path.chmod(0o600)
        kind = "secret_file" if isinstance(key, bytes) else "public_key_file"
        listed.append({"kid": kid, "algorithm": algorithm, kind: str(path)})
    return gateway(config={"identity": {
        "keys": listed, "issuer": "sluice", "audience": "sluice", "leeway": "0s", "issue": {"key": "main"}}})


def forge(header, claims=None, sign=None, body=None):
    """A token by hand: header and claims as they stand, `sign` makes the signature's bytes."""
    head = header if isinstance(header, bytes) else compact(header)
    body = body if body is not None else compact(claims if claims is not None else good_claims())
    signed = f"{base64url(head)}.{base64url(body)}"
    mac = hmac.new(tokens.SECRET, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64url(sign(signed.encode()) if sign else mac)}"


def good_claims(**more):
    now = int(time.time())
    return {"iss": "sluice", "aud": "sluice", "sub": "alice", "roles": ["member"], "iat": now - 1,
            "exp": now + 600, **more}


def hs(digest, secret):
    return lambda signed: hmac.new(secret, signed, digest).digest()


MAIN = {"alg": "HS256", "kid": "main"}


def attacks(pairs):
    """(name, token, reason) of every attack."""
    yield from unsigned()
    yield from confused(pairs)
    yield from injected()
    yield from embedded(pairs)
    yield from claimed()
    yield from misspelled()
    yield from mis_signed(pairs)


def unsigned():
    body = base64url(compact(good_claims()))
    for spelling in ("none", "None", "NONE", "nOnE", "none ", ""):
        for kid in ({"kid": "main"}, {}):
            head = base64url(compact({"alg": spelling, **kid}))
            yield f"alg {spelling!r} unsigned", f"{head}.{body}.", "algorithm_not_allowed"
    yield "alg none signed", forge({"alg": "none", "kid": "main"}), "algorithm_not_allowed"
    yield "no alg", forge({"kid": "main"}), "malformed"
    yield "alg null", forge({"alg": None, "kid": "main"}), "malformed"
    yield "alg list", forge({"alg": ["HS256"], "kid": "main"}), "malformed"


def confused(pairs):
    """A public key as the secret of an HMAC, and algorithms of another key, size or padding."""
    for kid, (algorithm, key) in pairs.items():
        if kid == "main":
            continue
        pem = keys.public_pem(key)
        for secret in (pem, pem.strip(), pem + b"\n"):
            yield f"{algorithm} as HS256 secret", forge(
                {"alg": "HS256", "kid": kid}, sign=hs(hashlib.sha256, secret)), "algorithm_not_allowed"
            yield f"{algorithm} as main's secret", forge(MAIN, sign=hs(hashlib.sha256, secret)), "bad_signature"
    yield "HS512 with main", keys.sign(tokens.SECRET + bytes(32), "HS512"), "algorithm_not_allowed"
    yield "HS384 by the right secret", forge(
        {"alg": "HS384", "kid": "main"}, sign=hs(hashlib.sha384, tokens.SECRET)), "algorithm_not_allowed"
    rs, es = pairs["rs256"][1], pairs["es256"][1]
    yield "RS512 with the RS256 key", keys.sign(rs, "RS512", "rs256"), "algorithm_not_allowed"
    yield "PS256 with the RS256 key", keys.sign(rs, "PS256", "rs256"), "algorithm_not_allowed"
    yield "PS384 with the RS256 key", keys.sign(rs, "PS384", "rs256"), "algorithm_not_allowed"
    yield "PS384's kid, RS256's key", keys.sign(rs, "PS384", "ps384"), "bad_signature"
    yield "ES256 named ES384", keys.sign(es, "ES256", "es384"), "algorithm_not_allowed"
    yield "RS256 with somebody's key", keys.sign(keys.make("RS256"), "RS256", "rs256"), "bad_signature"
    yield "EdDSA with somebody's key", keys.sign(keys.make("EdDSA"), "EdDSA", "eddsa"), "bad_signature"
    for name in ("hs256", "HS256 ", "RS256\x00", "A128KW", "dir", "ES256K", "ML-DSA-44"):
        yield f"alg {name!r}", forge({"alg": name, "kid": "main"}), "algorithm_not_allowed"


def injected():
    for kid in ("../../../../dev/null", "/dev/null", "main'--", "' UNION SELECT 'x", "main\x00", "", " ", "*",
                "https://evil.example/key", "$(id)", "main\n", "MAIN"):
        for secret in (b"", bytes(32), tokens.SECRET):
            yield f"kid {kid!r}", forge({"alg": "HS256", "kid": kid}, sign=hs(hashlib.sha256, secret)), "unknown_key"
    for kid in (["main"], {"main": 1}, 0, None, True):
        yield f"kid {kid!r}", forge({"alg": "HS256", "kid": kid}), "malformed"
    yield "unknown kid", keys.sign(tokens.SECRET, "HS256", "nobody"), "unknown_key"
    yield "no kid, several keys", forge({"alg": "HS256"}), "unknown_key"


def embedded(pairs):
    """A key that comes with the token is the sender's word about himself."""
    own = keys.make("RS256")
    shown = keys.jwk(own, "RS256", "rs256")
    for name, value in {"jwk": shown, "jku": "https://evil.example/jwks", "x5u": "https://evil.example/cert",
                        "x5c": ["MIIB"], "x5t": "AAAA"}.items():
        yield f"header {name}", keys.sign(own, "RS256", "rs256", header={name: value}), "bad_signature"
    for crit in (["b64"], ["exp"], [], "b64", None):
        yield f"crit {crit!r}", forge({**MAIN, "crit": crit, "b64": False}), "malformed"


def claimed():
    now = int(time.time())
    wrong = {
        "expired": [{"exp": now - 1}, {"exp": 0}, {"exp": -1}, {"exp": now - 0.5}],
        "not_yet_valid": [{"nbf": now + 600}, {"iat": now + 600}, {"nbf": now + 600.5}],
        "wrong_issuer": [{"iss": "somebody"}, {"iss": ""}, {"iss": "Sluice"}],
        "wrong_audience": [{"aud": "somebody"}, {"aud": []}, {"aud": ["somebody", "sluice "]}],
        "wrong_use": [{"use": "refresh"}, {"use": "id"}, {"use": None}, {"use": ["access"]}],
        "no_subject": [{"sub": ""}, {"sub": None}, {"sub": 1}, {"sub": ["alice"]}],
        "malformed": [
            {"exp": str(now + 600)}, {"exp": None}, {"exp": True}, {"exp": [now + 600]}, {"nbf": "0"}, {"iat": {}},
            {"exp": 1e300}, {"iss": ["sluice"]}, {"aud": 1}, {"aud": [1]}, {"roles": 1}, {"roles": [1]}, {"jti": 7},
            {"sub": "alice\n"}, {"sub": "a\x00"}],
    }
    for reason, changes in wrong.items():
        for change in changes:
            yield f"claims {change!r}", forge(MAIN, good_claims(**change)), reason
    for name, reason in (("iss", "wrong_issuer"), ("aud", "wrong_audience"), ("sub", "no_subject")):
        claims = good_claims()
        del claims[name]
        yield f"no {name}", forge(MAIN, claims), reason
    whole = compact(good_claims()).decode()
    for extra in ('"sub":"root"', '"s\\u0075b":"root"', '"exp":9999999999', '"x":{"a":1,"a":2}'):
        yield f"twice: {extra}", forge(MAIN, body=f"{whole[:-1]},{extra}}}".encode()), "malformed"
    for number in ("NaN", "Infinity", "-Infinity", "1e999", "0x7fffffff", "01", "1.", "+1"):
        yield f"exp {number}", forge(MAIN, body=f'{whole[:-1]},"x":{number}}}'.encode()), "malformed"
    for body in (b"[]", b'"alice"', b"1", b"null", b"", b"{", b"{}{}", b"\xff\xfe", b'{"sub":"\xff"}', b"{'sub':'a'}"):
        yield f"claims are {body!r}", forge(MAIN, body=body), "malformed"


def misspelled():
    good = forge(MAIN)
    head, body, signature = good.split(".")
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = last[last.index(signature[-1]) ^ 1]
    yield "other spelling of the last bits", f"{head}.{body}.{signature[:-1]}{other}", "malformed"
    yield "padding", f"{head}.{body}.{signature}=", "malformed"
    yield "padded header", f"{head}=.{body}.{signature}", "malformed"
    yield "line end", f"{good}\n", "malformed"
    yield "space inside", f"{head}. {body}.{signature}", "bad_signature"
    yield "not base64url", f"{head}.{body}.{signature[:-2]}+/", "malformed"
    yield "truncated", cut(good), "bad_signature"
    yield "truncated in a letter", good[:-10], "malformed"
    yield "no signature", f"{head}.{body}.", "bad_signature"
    yield "two parts", f"{head}.{body}", "malformed"
    yield "four parts", f"{good}.{signature}", "malformed"
    yield "five parts, as of JWE", f"{head}..{body}.{signature}.{signature}", "malformed"
    yield "dots", "..", "malformed"
    yield "header is a list", forge(b"[]"), "malformed"
    yield "header twice alg", forge(b'{"alg":"none","alg":"HS256","kid":"main"}'), "malformed"
    yield "nested", forge({**MAIN, "cty": "JWT"}, body=good.encode()), "malformed"
    yield "huge", forge(MAIN, good_claims(x="a" * 9000)), "too_large"
    yield "deep", forge(MAIN, body=b'{"sub":"a","x":' + b"[" * 64 + b"]" * 64 + b"}"), "malformed"


def mis_signed(pairs):
    es, size = pairs["es256"][1], 32
    head = {"alg": "ES256", "kid": "es256"}
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    for name, raw in {
        "r = s = 0": bytes(64), "r = s = n": order.to_bytes(size, "big") * 2, "r = 0": bytes(size) + bytes(31) + b"\x01",
        "63 bytes": bytes(63), "65 bytes": bytes(65), "empty": b"", "96 bytes": bytes(96),
    }.items():
        yield f"ES256 {name}", forge(head, sign=lambda _, raw=raw: raw), "bad_signature"
    yield "ES256 in DER", forge(head, sign=lambda signed: es.sign(signed, ec.ECDSA(hashes.SHA256()))), "bad_signature"
    whole = keys.sign(es, "ES256", "es256")
    yield "ES256 claims changed", forged_claims(whole), "bad_signature"
    for kid in ("rs256", "ps384", "es384", "eddsa"):
        algorithm, key = pairs[kid]
        whole = keys.sign(key, algorithm, kid)
        yield f"{algorithm} claims changed", forged_claims(whole), "bad_signature"
        yield f"{algorithm} cut", cut(whole), "bad_signature"
        yield f"{algorithm} all zero", forge({"alg": algorithm, "kid": kid}, sign=lambda _: bytes(256)), "bad_signature"
    eddsa = pairs["eddsa"][1]
    yield "EdDSA with S + L", malleable(keys.sign(eddsa, "EdDSA", "eddsa")), "bad_signature"


def cut(token):
    """Half of the signature, whole bytes."""
    signed, signature = token.rsplit(".", 1)
    return f"{signed}.{signature[: len(signature) // 8 * 4]}"


def forged_claims(token):
    head, _, signature = token.split(".")
    return f"{head}.{base64url(compact(good_claims(sub='root')))}.{signature}"


def malleable(token):
    """The same Ed25519 signature with another S (RFC 8032 section 5.1.7 refuses it)."""
    head, body, signature = token.split(".")
    raw = tokens.unbase64url(signature)
    order = 2**252 + 27742317777372353535851937790883648493
    scalar = int.from_bytes(raw[32:], "little") + order
    return f"{head}.{body}.{base64url(raw[:32] + scalar.to_bytes(32, 'little'))}"


def test_every_attack_is_refused_for_its_own_reason(guarded, pairs):
    here = guarded
    wrong, expected, count = [], {}, 0
    for name, token, reason in attacks(pairs):
        here.secrets.add(token) if len(token) > 40 else None
        raw = here.raw(headers=[f"Authorization: Bearer {token}"]) if token.isprintable() else None
        if raw:
            status = raw.status
            raw.close()
        else:
            client = here.stranger()
            status = client.authenticate(token).status
            assert client.closed()[0] == 4500, name
        answered = {dict(labels)["result"]: value for (family, labels), value in here.metrics().items()
                    if family == "sluice_auth_total" and value}
        found = {label for label, value in _sum(here).items() if value != expected.get(label, 0)}
        expected = _sum(here)
        if status != 401 or found != {reason}:
            wrong.append((name, status, found, reason))
        assert "ok" not in answered, name
        count += 1
    assert not wrong, wrong
    assert count > 150
    assert here.metric("sluice_sessions") == 0


def _sum(here):
    sums = {}
    for (family, labels), value in here.metrics().items():
        if family == "sluice_auth_total":
            label = dict(labels)["result"]
            sums[label] = sums.get(label, 0) + value
    return {label: value for label, value in sums.items() if value}


def test_the_same_keys_open_the_door_to_good_tokens(guarded, pairs):
    """What makes the attacks a test: the gateway takes these."""
    for kid, (algorithm, key) in pairs.items():
        token = keys.sign(key, algorithm, kid)
        guarded.secrets.add(token)
        assert guarded.connect(token=token).echo(algorithm).status == 0, algorithm
    assert guarded.metric("sluice_auth_total", result="ok") == len(pairs)


@pytest.mark.parametrize("algorithm", keys.ALGORITHMS)
def test_every_algorithm_verifies_what_pyjwt_signs_and_signs_what_pyjwt_verifies(gateway, tmp_path, algorithm):
    key = keys.make(algorithm)
    path = tmp_path / "issue.key"
    path.write_bytes(key if isinstance(key, bytes) else keys.private_pem(key))
    path.chmod(0o600)
    kind = "secret_file" if isinstance(key, bytes) else "private_key_file"
    here = gateway(config={"identity": {
        "keys": [{"kid": "k", "algorithm": algorithm, kind: str(path)}], "issuer": "sluice", "audience": "sluice"}})
    token = keys.sign(key, algorithm, "k")
    here.secrets.add(token)
    client = here.connect(token=token)
    assert client.request(envelopes.REFRESH, {"token": token}).status == 0
    issued = here.log_in("alice", "wonderland")
    public = key if isinstance(key, bytes) else key.public_key()
    claims = jwt.decode(issued["token"], public, [algorithm], audience="sluice", issuer="sluice")
    assert claims["sub"] == "alice"
    status, _, body = here.curl("/v1/refresh", body=json.dumps({"refresh_token": issued["refresh_token"]}))
    again = json.loads(body)
    here.secrets |= {again["token"], again["refresh_token"]}
    assert status == 200 and jwt.decode(again["token"], public, [algorithm], audience="sluice")["sub"] == "alice"
