"""Requests that two servers could read differently: each is refused, its connection closes, and no service sees any
of it, neither the request nor what is hidden in or behind it."""
import json
import re

import pytest
from harness.gateway import Gateway
from harness.processes import Services
from harness.raw_http import RawHTTP, RecordingBackend
from harness.waiting import free_port

PATH = "/v1/commands/echo"
END = b"\r\n\r\n"

# Body with which `echo` would be called, and a whole request hidden behind the one the case is about.
BODY = b'"smuggled"'
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n"


def request(*fields, line=f"POST {PATH} HTTP/1.1", host="Host: gateway", body=b""):
    """A request with the token in place of TOKEN; fields are taken as they are, without their line end."""
    lines = [line, *([host] if host else []), "Authorization: Bearer TOKEN", *fields]
    return b"\r\n".join(one if isinstance(one, bytes) else one.encode() for one in lines) + END + body


def chunked(body, *fields):
    return request("Transfer-Encoding: chunked", *fields, body=body)


LENGTH = f"Content-Length: {len(BODY)}"
CHUNK = b"a\r\n" + BODY + b"\r\n"
LAST = b"0\r\n\r\n"

CASES = {
    # Content-Length
    "two lengths that differ": request(LENGTH, "Content-Length: 0", body=BODY + HIDDEN),
    "two lengths that agree": request(LENGTH, LENGTH, body=BODY + HIDDEN),
    "length as a list": request("Content-Length: 10, 10", body=BODY + HIDDEN),
    "length as a list that differs": request("Content-Length: 10, 0", body=BODY + HIDDEN),
    "length with a plus": request("Content-Length: +10", body=BODY + HIDDEN),
    "length with a minus": request("Content-Length: -10", body=BODY + HIDDEN),
    "length in hexadecimal": request("Content-Length: 0xa", body=BODY + HIDDEN),
    "length with an underscore": request("Content-Length: 1_0", body=BODY + HIDDEN),
    "length with a point": request("Content-Length: 10.0", body=BODY + HIDDEN),
    "length with an exponent": request("Content-Length: 1e1", body=BODY + HIDDEN),
    "length with a blank inside": request("Content-Length: 1 0", body=BODY + HIDDEN),
    "length in Arabic digits": request("Content-Length: \u0661\u0660", body=BODY + HIDDEN),
    "length in full-width digits": request("Content-Length: \uff11\uff10", body=BODY + HIDDEN),
    "length without a number": request("Content-Length:", body=BODY + HIDDEN),
    "length of a word": request("Content-Length: ten", body=BODY + HIDDEN),
    "length beyond 64 bits": request("Content-Length: 18446744073709551626", body=BODY + HIDDEN),
    "length in quotes": request('Content-Length: "10"', body=BODY + HIDDEN),
    "length with an underscore in its name": request("Content_Length: 0", LENGTH, body=BODY + HIDDEN),
    # Transfer-Encoding
    "length and chunks": request(LENGTH, "Transfer-Encoding: chunked", body=LAST + HIDDEN),
    "chunks and length": request("Transfer-Encoding: chunked", "Content-Length: 4", body=CHUNK + LAST + HIDDEN),
    "length 0 and chunks": request("Content-Length: 0", "Transfer-Encoding: chunked", body=CHUNK + LAST),
    "identity": request("Transfer-Encoding: identity", LENGTH, body=BODY + HIDDEN),
    "identity alone": request("Transfer-Encoding: identity", body=BODY + HIDDEN),
    "gzip, chunked": request("Transfer-Encoding: gzip, chunked", body=CHUNK + LAST + HIDDEN),
    "chunked, identity": request("Transfer-Encoding: chunked, identity", body=CHUNK + LAST + HIDDEN),
    "chunked twice in one field": request("Transfer-Encoding: chunked, chunked", body=CHUNK + LAST + HIDDEN),
    "chunked twice in two fields": chunked(CHUNK + LAST + HIDDEN, "Transfer-Encoding: chunked"),
    "chunked and nonsense": chunked(CHUNK + LAST + HIDDEN, "Transfer-Encoding: x"),
    "xchunked": request("Transfer-Encoding: xchunked", body=CHUNK + LAST + HIDDEN),
    "chunked in quotes": request('Transfer-Encoding: "chunked"', body=CHUNK + LAST + HIDDEN),
    "chunked with a parameter": request("Transfer-Encoding: chunked;q=1", body=CHUNK + LAST + HIDDEN),
    "chunked behind a vertical tab": request(b"Transfer-Encoding: \x0bchunked", body=CHUNK + LAST + HIDDEN),
    "transfer encoding without a value": request("Transfer-Encoding:", LENGTH, body=BODY + HIDDEN),
    "chunks in HTTP/1.0": request(
        "Transfer-Encoding: chunked", line=f"POST {PATH} HTTP/1.0", body=CHUNK + LAST + HIDDEN),
    "underscore in transfer_encoding": request("Transfer_Encoding: chunked", LENGTH, body=BODY + HIDDEN),
    # Chunks
    "chunk size with 0x": chunked(b"0xa\r\n" + BODY + b"\r\n" + LAST + HIDDEN),
    "chunk size with a plus": chunked(b"+a\r\n" + BODY + b"\r\n" + LAST + HIDDEN),
    "chunk size with a minus": chunked(b"-1\r\n" + BODY + b"\r\n" + LAST + HIDDEN),
    "chunk size with a blank in front": chunked(b" a\r\n" + BODY + b"\r\n" + LAST + HIDDEN),
    "chunk size with a blank behind": chunked(b"a \r\n" + BODY + b"\r\n" + LAST + HIDDEN),
    "chunk size with an underscore": chunked(b"0_a\r\n" + BODY + b"\r\n" + LAST + HIDDEN),
    "chunk size that overflows": chunked(b"1000000000000000a\r\n" + BODY + b"\r\n" + LAST + HIDDEN),
    "chunk without a size": chunked(b"\r\n" + BODY + b"\r\n" + LAST + HIDDEN),
    "chunk size of letters": chunked(b"zz\r\n" + BODY + b"\r\n" + LAST + HIDDEN),
    "chunk size ended by LF": chunked(b"a\n" + BODY + b"\r\n" + LAST + HIDDEN),
    "chunk size ended by CR": chunked(b"a\r" + BODY + b"\r\n" + LAST + HIDDEN),
    "chunk ended by LF": chunked(b"a\r\n" + BODY + b"\n" + LAST + HIDDEN),
    "chunk ended by CR and a letter": chunked(b"a\r\n" + BODY + b"\rx" + LAST + HIDDEN),
    "chunk longer than its size": chunked(b"9\r\n" + BODY + b"\r\n" + LAST + HIDDEN),
    "chunk shorter than its size": chunked(b"b\r\n" + BODY + b"\r\n" + LAST + HIDDEN),
    "last chunk ended by LF": chunked(CHUNK + b"0\n\n" + HIDDEN),
    "last chunk ended by LF and CRLF": chunked(CHUNK + b"0\n\r\n" + HIDDEN),
    "extension with LF": chunked(b"a;x=\n\r\n" + BODY + b"\r\n" + LAST + HIDDEN),
    "extension with a control character": chunked(b"a;x=\x01\r\n" + BODY + b"\r\n" + LAST + HIDDEN),
    "extension with CR": chunked(b"a;x\r=y\r\n" + BODY + b"\r\n" + LAST + HIDDEN),
    "extension without end": chunked(b"a;" + b"x" * 5_000),
    "trailer with a length": chunked(CHUNK + b"0\r\nContent-Length: 5\r\n\r\n" + HIDDEN),
    "trailer with a transfer encoding": chunked(CHUNK + b"0\r\nTransfer-Encoding: chunked\r\n\r\n" + HIDDEN),
    "trailer with a fold": chunked(CHUNK + b"0\r\nX: y\r\n z\r\n\r\n" + HIDDEN),
    "trailer without a colon": chunked(CHUNK + b"0\r\nGET /hidden HTTP/1.1\r\n\r\n"),
    "trailer that never ends": chunked(CHUNK + b"0\r\nX: " + b"y" * 40_000),
    # Lines and field names
    "folded field": request(LENGTH, "X: a", " Content-Length: 0", body=BODY + HIDDEN),
    "folded transfer encoding": request("Transfer-Encoding:", "\tchunked", body=CHUNK + LAST + HIDDEN),
    "fold in front of the first field": request(LENGTH, host=" Host: gateway", body=BODY + HIDDEN),
    "bare LF between fields": request(LENGTH + "\nX: y", body=BODY + HIDDEN),
    "bare LF hides a length": request("X: y\nContent-Length: 0", LENGTH, body=BODY + HIDDEN),
    "bare LF everywhere": request(LENGTH, body=BODY).replace(b"\r\n", b"\n"),
    "bare LF at the end of the head": request(LENGTH)[:-2] + b"\n" + BODY + HIDDEN,
    "bare CR in a value": request(LENGTH, "X: a\rContent-Length: 0", body=BODY + HIDDEN),
    "bare CR behind a value": request(LENGTH + "\r", body=BODY + HIDDEN),
    "NUL in a value": request(LENGTH, b"X: a\x00b", body=BODY + HIDDEN),
    "NUL in a name": request(LENGTH, b"X\x00: a", body=BODY + HIDDEN),
    "blank before the colon": request("Content-Length : 10", body=BODY + HIDDEN),
    "tab before the colon": request("Transfer-Encoding\t: chunked", body=CHUNK + LAST + HIDDEN),
    "name with a blank": request(LENGTH, "X Y: a", body=BODY + HIDDEN),
    "name with a bracket": request(LENGTH, "X[0]: a", body=BODY + HIDDEN),
    "name beyond ASCII": request(LENGTH, "Content-L\u00e9ngth: 0", body=BODY + HIDDEN),
    "name that is empty": request(LENGTH, ": a", body=BODY + HIDDEN),
    "line without a colon": request(LENGTH, "Content-Length", body=BODY + HIDDEN),
    "value that is not UTF-8": request(LENGTH, b"X: \xff\xfe", body=BODY + HIDDEN),
    "DEL in a value": request(LENGTH, b"X: a\x7f", body=BODY + HIDDEN),
    # Request line
    "two blanks behind the method": request(LENGTH, line=f"POST  {PATH} HTTP/1.1", body=BODY + HIDDEN),
    "two blanks behind the target": request(LENGTH, line=f"POST {PATH}  HTTP/1.1", body=BODY + HIDDEN),
    "blank in the target": request(LENGTH, line=f"POST {PATH} x HTTP/1.1", body=BODY + HIDDEN),
    "tab for a blank": request(LENGTH, line=f"POST\t{PATH} HTTP/1.1", body=BODY + HIDDEN),
    "blank behind the version": request(LENGTH, line=f"POST {PATH} HTTP/1.1 ", body=BODY + HIDDEN),
    "blank in front of the method": request(LENGTH, line=f" POST {PATH} HTTP/1.1", body=BODY + HIDDEN),
    "target beyond ASCII": request(LENGTH, line=f"POST {PATH}\u00e9 HTTP/1.1", body=BODY + HIDDEN),
    "target with a fragment": request(LENGTH, line=f"POST {PATH}#x HTTP/1.1", body=BODY + HIDDEN),
    "target without a slash": request(LENGTH, line=f"POST {PATH[1:]} HTTP/1.1", body=BODY + HIDDEN),
    "target with dot segments": request(LENGTH, line=f"POST /x/..{PATH} HTTP/1.1", body=BODY + HIDDEN),
    "target with encoded dot segments": request(LENGTH, line=f"POST /x/%2e%2E{PATH} HTTP/1.1", body=BODY + HIDDEN),
    "target with an encoded slash behind dots": request(
        LENGTH, line=f"POST /x/..%2f{PATH} HTTP/1.1", body=BODY + HIDDEN),
    "target with a backslash": request(LENGTH, line="POST /x\\..\\v1 HTTP/1.1", body=BODY + HIDDEN),
    "target with an encoded NUL": request(LENGTH, line=f"POST {PATH}%00 HTTP/1.1", body=BODY + HIDDEN),
    "target with half an escape": request(LENGTH, line=f"POST {PATH}%2 HTTP/1.1", body=BODY + HIDDEN),
    "HTTP/0.9": f"GET {PATH}\r\n".encode() + HIDDEN,
    "HTTP/2.0": request(LENGTH, line=f"POST {PATH} HTTP/2.0", body=BODY + HIDDEN),
    "HTTP/1.2": request(LENGTH, line=f"POST {PATH} HTTP/1.2", body=BODY + HIDDEN),
    "http/1.1 in lower case": request(LENGTH, line=f"POST {PATH} http/1.1", body=BODY + HIDDEN),
    "HTTP/01.1": request(LENGTH, line=f"POST {PATH} HTTP/01.1", body=BODY + HIDDEN),
    "preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + HIDDEN,
    "method that is no token": request(LENGTH, line=f"PO(ST {PATH} HTTP/1.1", body=BODY + HIDDEN),
    "CONNECT": request(line="CONNECT backend:80 HTTP/1.1", host="Host: backend:80", body=HIDDEN),
    "CONNECT of a path": request(line=f"CONNECT {PATH} HTTP/1.1", body=HIDDEN),
    "TRACE": request(line=f"TRACE {PATH} HTTP/1.1", body=HIDDEN),
    "asterisk of a POST": request(LENGTH, line="POST * HTTP/1.1", body=BODY + HIDDEN),
    "two empty lines in front": b"\r\n\r\n" + request(LENGTH, body=BODY + HIDDEN),
    # Host
    "no host": request(LENGTH, host=None, body=BODY + HIDDEN),
    "two hosts": request(LENGTH, "Host: other", body=BODY + HIDDEN),
    "two hosts that agree": request(LENGTH, "Host: gateway", body=BODY + HIDDEN),
    "empty host": request(LENGTH, host="Host:", body=BODY + HIDDEN),
    "host with a path": request(LENGTH, host="Host: gateway/x", body=BODY + HIDDEN),
    "host with a user": request(LENGTH, host="Host: a@gateway", body=BODY + HIDDEN),
    "host with a blank": request(LENGTH, host="Host: gate way", body=BODY + HIDDEN),
    "host as a list": request(LENGTH, host="Host: a, b", body=BODY + HIDDEN),
    "host with a port of letters": request(LENGTH, host="Host: gateway:http", body=BODY + HIDDEN),
    "host with a port too large": request(LENGTH, host="Host: gateway:65536", body=BODY + HIDDEN),
    "absolute target of another host": request(LENGTH, line=f"POST http://other{PATH} HTTP/1.1", body=BODY + HIDDEN),
    "absolute target with a user": request(
        LENGTH, line=f"POST http://gateway@other{PATH} HTTP/1.1", body=BODY + HIDDEN),
    "absolute target of another scheme": request(
        LENGTH, line=f"POST gopher://gateway{PATH} HTTP/1.1", body=BODY + HIDDEN),
    # Size
    "head over its limit": request(LENGTH, "X: " + "y" * 20_000, body=BODY + HIDDEN),
    "too many fields": request(LENGTH, *[f"X{number}: y" for number in range(120)], body=BODY + HIDDEN),
    # Expectations and upgrades
    "expectation that is not known": request(LENGTH, "Expect: 200-ok", body=BODY + HIDDEN),
    "upgrade with a body": request(
        LENGTH, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", line="GET /ws HTTP/1.1", body=BODY + HIDDEN),
}
assert len(CASES) >= 60


@pytest.fixture(scope="module")
def backend():
    """The service behind `echo`: it speaks HTTP, and keeps every byte it hears."""
    made = RecordingBackend()
    yield made
    made.close()


@pytest.fixture(scope="module")
def here(tmp_path_factory, backend):
    """One gateway for all of them."""
    folder = tmp_path_factory.mktemp("smuggling")
    services = Services(folder, free_port())

    def config(one):
        native = [service for service in one.config["services"] if service["name"] != "message"]
        spoken = {"name": "message", "link": "http", "instances": [f"127.0.0.1:{backend.port}"]}
        return {"services": [*native, spoken]}
    one = Gateway(folder, services=services.port, loops=1, journal="stderr", config=config)
    try:
        yield one.started()
        one.finish()
    finally:
        one.kill()
        services.kill()


def valid(here, client):
    client.send(request(LENGTH, body=BODY).replace(b"TOKEN", here.token("alice").encode()))
    status, _, body = client.response()
    assert status == 200 and json.loads(body) == "smuggled", (status, body)


@pytest.mark.parametrize("name", CASES)
def test_what_is_ambiguous_is_refused_and_reaches_nobody(here, backend, name):
    before = len(backend.requests)
    refused = here.metric("sluice_http_violations_total")
    with RawHTTP(here.port) as client:
        valid(here, client)  # the connection itself is good
        client.send(CASES[name].replace(b"TOKEN", here.token("alice").encode()))
        answers = client.until_closed()
    assert answers.startswith(b"HTTP/1.1 "), answers
    status = int(answers.split(b" ")[1])
    assert status in (400, 417, 431, 505), answers
    assert len(re.findall(rb"HTTP/1\.1 \d{3}", answers)) == 1, "what is behind it was answered too"
    assert b"Connection: close\r\n" in answers and b"application/problem+json" in answers
    assert here.metric("sluice_http_violations_total") == refused + 1
    with RawHTTP(here.port) as client:
        valid(here, client)
    # The valid request behind it has come back from the service: whatever went before it has arrived there, too.
    assert [body for _, body in backend.requests[before:]] == [BODY, BODY], "only the two valid requests got through"
    assert b"hidden" not in backend.heard


@pytest.mark.parametrize("name", ["length with a plus", "chunk size with 0x", "bare LF between fields"])
def test_the_verdict_is_the_same_when_the_bytes_come_one_by_one(here, backend, name):
    before = len(backend.requests)
    with RawHTTP(here.port) as client:
        for byte in CASES[name].replace(b"TOKEN", here.token("alice").encode()):
            try:
                client.send(bytes([byte]))
            except (BrokenPipeError, ConnectionResetError):
                break  # refused before its end
        assert client.until_closed().startswith(b"HTTP/1.1 400 ")
    assert len(backend.requests) == before


@pytest.mark.parametrize("good", [
    request(LENGTH, body=BODY),
    b"\r\n" + request(LENGTH, body=BODY),  # one empty line in front is forgiven
    request("content-length:10", body=BODY),
    request("Content-Length: \t10\t ", body=BODY),
    request("Content-Length: 0000000010", body=BODY),
    chunked(CHUNK + LAST),
    chunked(b"5;a=b;c\r\n" + BODY[:5] + b"\r\n05\r\n" + BODY[5:] + b"\r\n" + LAST),
    chunked(CHUNK + b"0\r\nX-Checksum: 1\r\n\r\n"),
    request("Transfer-Encoding: Chunked", body=CHUNK + LAST),
    request(LENGTH, line=f"POST http://gateway{PATH} HTTP/1.1", body=BODY),
    request(LENGTH, host="Host: [::1]:8080", body=BODY),
    request(LENGTH, "X: caf\u00e9", body=BODY),
    request(LENGTH, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk", body=BODY),
], ids=range(13))
def test_what_is_right_gets_through(here, good):
    with RawHTTP(here.port) as client:
        for _ in range(2):  # and leaves the connection where the next request begins
            client.send(good.replace(b"TOKEN", here.token("alice").encode()))
            status, _, body = client.response()
            assert status == 200 and json.loads(body) == "smuggled", (status, body)
