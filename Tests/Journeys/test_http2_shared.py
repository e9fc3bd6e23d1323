"""One HTTP/2 connection for all clients: what one of them, or the service, does wrong costs the others nothing."""
import json
import signal
import threading

import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from harness.envelopes import ECHO
from harness.h2_services import (  # noqa: F401
    HEADS, backend, behind, beside, bearer, misbehave, outcomes, over_http2, statuses)
from harness.raw_http import RawHTTP
from harness.waiting import until

@pytest.mark.parametrize("field", ["\\" * 8_000, "~" * 15_000, "\U0001f600" * 1_700, "a" * 14_000], ids=lambda it: it[0])
def test_a_head_that_cannot_be_sent_is_refused_and_costs_nobody_else_an_answer(beside, field):
    with beside() as one, RawHTTP(one.here.port) as alice:
        head = f"GET /web/ HTTP/1.1\r\nHost: h\r\nX-A: {field}\r\n{bearer(one.here)}\r\n\r\n"
        alice.send(head.encode())
        status, headers, body = alice.response()
        assert (status, json.loads(body)["name"]) == (413, "too_large")
        assert one.here.metric("sluice_limit_exceeded_total", limit="max_header_bytes") == 1
        assert len(one.web.requests) == 1


@pytest.mark.parametrize("size, status", [(6_000, 0), (20_000, 413), (60_000, 413)])
def test_a_command_with_a_topic_that_is_no_field_is_refused_alone(beside, size, status):
    with beside() as one:
        assert one.here.connect("alice").request(ECHO, 1, topic="t" * size).status == status


def test_a_service_that_takes_less_says_so(beside):
    settings = {SettingCodes.MAX_HEADER_LIST_SIZE: 2_000}
    with beside(settings=settings) as one:
        alice = one.here.connect("alice")
        assert alice.request(ECHO, 1, topic="t" * 2_000).status == 413
        assert alice.request(ECHO, 1, topic="t" * 500).status == 0


def test_a_service_without_a_table_gets_every_field_written_out(beside):
    with beside(settings={SettingCodes.HEADER_TABLE_SIZE: 0}) as one, RawHTTP(one.here.port) as alice:
        fields = f"Accept: {'~' * 3_900}\r\n" * 3
        alice.send(f"GET /web/ HTTP/1.1\r\nHost: h\r\n{fields}{bearer(one.here)}\r\n\r\n".encode())
        assert alice.response()[0] == 413


@pytest.mark.parametrize("frame, status", [(16_384, 413), (32_768, 200)])
def test_a_head_is_as_long_as_the_longest_frame_the_service_takes(beside, frame, status):
    with beside(settings={SettingCodes.MAX_FRAME_SIZE: frame}) as one, RawHTTP(one.here.port) as alice:
        fields = "".join(f"X-{n}: {'~' * 4_500}\r\n" for n in range(3))
        alice.send(f"GET /web/ HTTP/1.1\r\nHost: h\r\n{fields}{bearer(one.here)}\r\n\r\n".encode())
        assert alice.response()[0] == status


@pytest.mark.parametrize("case", [*HEADS, "a body for HEAD", "a body for 304"])
def test_an_answer_that_cannot_be_relied_on_is_the_fault_of_its_stream(beside, case):
    def handle(request):
        if case == "a body for HEAD":
            request.answer(200, b"body")
        elif case == "a body for 304":
            request.answer(304, b"body")
        else:
            misbehave(request.connection, request.stream, case)
    with beside(handle) as one, RawHTTP(one.here.port) as alice:
        method = "HEAD" if "HEAD" in case else "GET"
        alice.send(f"{method} /web/ HTTP/1.1\r\nHost: h\r\n{bearer(one.here)}\r\n\r\n".encode())
        assert alice.head()[0] in (502, 200 if "HEAD" in case else 304 if "304" in case else 200)
        assert one.here.connect("alice").echo("x").status in (0, 502)


def test_requests_that_waited_for_a_stream_are_none_the_worse_for_a_bad_answer(over_http2, backend):
    web = backend(lambda request: misbehave(request.connection, request.stream, "no status") if request.body == b'"bad"' else request.echo(),
                  settings={SettingCodes.MAX_CONCURRENT_STREAMS: 1})
    client = over_http2(web.port, settings={"max_connections": 1}).connect("alice")
    for seq, word in enumerate(("bad", "good", "better"), 1):
        client.send(ECHO, word, seq=seq)
    assert outcomes(client, (1, 2, 3)) == [502, 0, 0]
    assert len(web.connections) == 1


# Refusals

def test_a_refusal_beside_a_long_stream_does_not_wait_for_its_end(beside):
    refused = []

    def handle(request):
        if not refused:
            refused.append(request.body)
            return request.reset(ErrorCodes.REFUSED_STREAM)
        request.echo()
    with beside(handle) as one:
        alice = one.here.connect("alice")
        assert statuses(alice, 5) == [0] * 5, "bob's request is still under way"
        assert len(refused) == 1


def test_a_service_is_asked_for_as_much_as_it_takes(over_http2, backend):
    """It allows 100 streams and takes ten: the others are refused, and asked again as those end."""
    running, most = [], 10

    def handle(request):
        if len(running) == most:
            return request.reset(ErrorCodes.REFUSED_STREAM)
        running.append(request)
        if len(running) == most or len(web.requests) > 90:
            go.set()

    def answer():
        while True:
            go.wait(30)
            with web.connections[0].lock:
                for request in running[:]:
                    running.remove(request)
                    request.echo()
                # Whoever comes alone has no tenth to wait for.
                if not running:
                    go.clear()
            idle.wait(0.05)
            go.set()
    go, idle = threading.Event(), threading.Event()
    web = backend(handle)
    client = over_http2(web.port).connect("alice")
    threading.Thread(target=answer, daemon=True).start()
    for seq in range(1, 51):
        client.send(ECHO, seq, seq=seq)
    assert outcomes(client, range(1, 51)) == [0] * 50
    assert len(web.requests) < 50 + 40 + 30, "no storm of streams that are refused"
    assert len(web.connections) == 1


def test_what_has_begun_to_answer_has_looked(behind, backend):
    def handle(request):
        request.answer(200, b"FIRST ", ends=False)
        request.connection.h2.close_connection(ErrorCodes.NO_ERROR, last_stream_id=0)
        request.connection.flush()
    web = backend(handle)
    here = behind(web.service())
    with RawHTTP(here.port) as client:
        client.send(f"DELETE /web/ HTTP/1.1\r\nHost: h\r\n{bearer(here)}\r\n\r\n".encode())
        all_of_it = client.until_closed()
        assert b"FIRST" in all_of_it and not all_of_it.endswith(b"0\r\n\r\n")
    assert len(web.requests) == 1


def test_instances_that_refuse_are_asked_once_each(over_http2, backend):
    refuse = lambda request: request.reset(ErrorCodes.REFUSED_STREAM)  # noqa: E731
    pair = backend(refuse), backend(refuse)
    here = over_http2(*(one.port for one in pair))
    assert here.connect("alice").echo().refusal["name"] == "service_unavailable"
    assert [len(one.requests) for one in pair] == [1, 1]


@pytest.mark.parametrize("turn", range(6))
def test_a_goaway_and_a_request_in_one_moment(behind, backend, turn):
    """The gateway stands still while both come: it has begun with the request when it hears that it is to go."""
    def handle(request):
        if request.target == "/web/hold":
            held.append(request)
        elif request.target == "/web/warm" or len(web.connections) == 2 and request.connection is web.connections[1]:
            request.echo()
        # Else it comes above the last stream that the first connection looks at.
    held = []
    web = backend(handle)
    here = behind(web.service())
    ask = f"GET /web/{{}} HTTP/1.1\r\nHost: h\r\n{bearer(here)}\r\n\r\n"
    with RawHTTP(here.port) as bob, RawHTTP(here.port) as alice:
        bob.send(ask.format("hold").encode())
        until(lambda: held, 5)
        alice.send(ask.format("warm").encode())
        assert alice.response()[0] == 200
        last = max(request.stream for request in web.requests)
        here.signal(signal.SIGSTOP)
        alice.send(ask.format("new").encode())
        with held[0].connection.lock:
            held[0].connection.socket.sendall(
                b"\x00\x00\x08\x07\x00" + bytes(4) + last.to_bytes(4, "big") + bytes(4))
        here.signal(signal.SIGCONT)
        assert alice.response()[0] == 200
        with held[0].connection.lock:
            held[0].answer(200, b"ok")
        assert bob.response()[0] == 200
    assert len(web.connections) == 2
