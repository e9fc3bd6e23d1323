"""Services that die, hang and talk nonsense: clients get the documented refusal in time."""
import signal
import time

import pytest
from harness import envelopes
from harness.clients import CODECS
from harness.fake_service import FakeService
from harness.load import Load
from harness.processes import Services
from harness.waiting import free_port, until


@pytest.fixture
def fake():
    made = []

    def make(answer=None):
        made.append(FakeService(answer))
        return made[-1]
    yield make
    for one in made:
        one.stop()


def split(services, message_port):
    """The demo services for everything but `message`."""
    return {"user": [services.port], "friend": [services.port], "message": [message_port]}


@pytest.mark.parametrize("codec", CODECS)
def test_without_a_service_requests_are_refused_at_once(gateway, services, codec):
    here = gateway(services=split(services, free_port()), wait_for_services=False, commands={"echo": {"timeout": "60s"}})
    until(lambda: sum(i["connected_loops"] == i["loops"] for i in here.json("/v1/upstreams")["instances"]) == 2)
    client = here.connect("alice", codec)
    began = time.monotonic()
    reply = client.echo(timeout=90)
    assert reply.status == 503 and reply.refusal["name"] == "service_unavailable", reply
    assert reply.refusal["temporary"] is True and time.monotonic() - began < 30, "not the command's 60 s"
    assert client.request(envelopes.FRIENDS, {}).status == 0, "other services are not concerned"
    assert here.get("/ready")[0] == 200, "a service that is down does not stop traffic to others"


def test_a_killed_service_fails_what_is_pending_and_serves_again_when_back(gateway, tmp_path, started):
    port = free_port()
    services = started(Services(tmp_path, port, "first"))
    here = gateway(services=port)
    load = Load(here, [f"user{n}" for n in range(10)], depth=8, pace=0.002)
    try:
        until(lambda: load.outcome.answered > 500)
        services.signal(signal.SIGSTOP)  # requests pile up in it
        until(lambda: here.json("/v1/state")["pending"] > 10)
        services.kill()
        until(lambda: load.outcome.replies.get(503, 0) > 10, 10, "pending and new requests are refused")
        back = started(Services(tmp_path, port, "second"))
        ok = load.outcome.replies.get(0, 0)
        until(lambda: load.outcome.replies.get(0, 0) > ok + 500, 10, "new requests succeed")
    finally:
        outcome = load.finish()
    back.check_running()
    assert not outcome.problems and not outcome.closed, (outcome.problems[:3], outcome.closed)
    assert outcome.answered == outcome.sent and set(outcome.replies) <= {0, 503, 504}, outcome.replies
    upstream = {e["SLUICE_EVENT"] for e in here.journal("SLUICE_EVENT=upstream")}
    assert upstream, "the journal tells of a service that went and came"


def test_a_service_killed_mid_flight_answers_pending_requests_with_503_at_once(gateway, services, fake):
    mute = fake()
    here = gateway(services=split(services, mute.port), commands={"echo": {"timeout": "60s"}})
    client = here.connect("alice", "protobuf", timeout=90)
    for seq in range(1, 21):
        client.send(envelopes.ECHO, seq=seq, payload=b"x")
    until(lambda: len(mute.calls) == 20)
    began = time.monotonic()
    mute.drop_links()
    replies = [client.receive() for _ in range(20)]
    assert {reply.status for reply in replies} == {503} and time.monotonic() - began < 30
    assert sorted(reply.seq for reply in replies) == list(range(1, 21))
    mute.answer = lambda call: envelopes.classes()["Envelope"](kind=1, payload=b"back").SerializeToString()
    until(lambda: client.echo().data == b"back", 10, "the link is back")


@pytest.mark.parametrize("codec", CODECS)
def test_a_service_that_does_not_answer_is_given_up_on_time_and_told(gateway, services, fake, codec):
    mute = fake()
    here = gateway(services=split(services, mute.port), commands={"echo": {"timeout": "300ms"}})
    client = here.connect("alice", codec)
    began = time.monotonic()
    reply = client.echo()
    took = time.monotonic() - began
    assert reply.status == 504 and reply.refusal["name"] == "timed_out" and reply.refusal["temporary"] is True
    assert 0.25 < took < 4.5, (took, "not the 5 s of other commands")
    until(lambda: len(mute.cancelled) == 1, what="the service is told to stop working on it")
    mute.calls[0].reply_json(b'"too late"')
    mute.answer = lambda call: call.reply_json(b'"in time"')
    assert client.request(envelopes.HISTORY, "hi").data == "in time", "an answer after the deadline reaches nobody"


def test_a_client_that_leaves_cancels_what_it_asked(gateway, services, fake):
    mute = fake()
    here = gateway(services=split(services, mute.port))
    client = here.connect("alice")
    for seq in range(1, 6):
        client.send(envelopes.ECHO, "x", seq=seq)
    until(lambda: len(mute.calls) == 5)
    client.close()
    until(lambda: len(mute.cancelled) == 5)
    here.check_empty()


def test_the_service_is_told_who_asks_and_how_long_it_has(gateway, services, fake):
    mute = fake()
    here = gateway(services=split(services, mute.port))
    client = here.connect("alice", "protobuf", query="device=phone-1")
    forged = envelopes.encode("protobuf", envelopes.ECHO, seq=5, payload=b"p", user_id="root", device="forged",
                              topic="room", key="once", trace="00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    client.send_raw(forged + b"\xa2\x06\x01x")  # field 100: unknown, but not the gateway's
    call = until(lambda: mute.calls and mute.calls[0])
    told = call.envelope
    assert (told.user_id, told.device, told.cmd, told.payload) == ("alice", "phone-1", 100, b"p")
    assert told.session == client.auth.data["session"] and told.client == "127.0.0.1"
    assert (told.topic, told.key) == ("room", "once") and 0 < told.deadline_ms <= 5000
    assert b"root" not in call.raw and b"forged" not in call.raw, "the client's own stamps are gone"
    call.reply(envelopes.classes()["Envelope"](kind=1, payload=b"ok").SerializeToString())
    assert client.reply(5).data == b"ok"


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("nonsense", [
    b"\xff\xff\xff\xff\xff", b"\x7a\x05ab"], ids=["no protobuf", "cut short"])
def test_an_answer_that_cannot_be_read_is_502_for_that_request_alone(gateway, services, fake, codec, nonsense):
    odd = fake(lambda call: nonsense)
    here = gateway(services=split(services, odd.port))
    client = here.connect("alice", codec)
    reply = client.echo()
    assert reply.status == 502 and reply.refusal["name"] == "bad_upstream_answer", reply
    odd.answer = lambda call: call.reply_json(b'{"fine":true}')
    assert client.echo().data == {"fine": True}


def test_json_from_a_service_is_checked_before_it_is_written_as_json(gateway, services, fake):
    odd = fake(lambda call: call.reply_json(b'{"cmd":1}, {"injected": true'))
    here = gateway(services=split(services, odd.port))
    reply = here.connect("alice", "json").echo()
    assert reply.status == 502 and reply.refusal["name"] == "bad_upstream_answer"


def test_a_service_that_breaks_the_framing_loses_its_link_and_gets_another(gateway, services, fake):
    odd = fake(lambda call: call.send_raw(b"\xff" * 64))
    here = gateway(services=split(services, odd.port))
    client = here.connect("alice")
    assert client.echo().status in (502, 503)
    odd.answer = lambda call: call.reply_json(b'"well again"')
    until(lambda: client.echo().data == "well again", 10)


def test_status_and_payload_of_a_service_pass_unchanged(gateway, services, fake):
    odd = fake(lambda call: call.reply_json(b'{"why":"quota"}', status=1234))
    here = gateway(services=split(services, odd.port))
    for codec in CODECS:
        reply = here.connect("alice", codec).echo()
        assert reply.status == 1234 and reply.refusal is None and reply.data == {"why": "quota"}


def test_answers_out_of_order_find_their_requests(gateway, services, fake):
    mute = fake()
    here = gateway(services=split(services, mute.port))
    client = here.connect("alice")
    for seq in range(1, 11):
        client.send(envelopes.ECHO, seq, seq=seq)
    calls = until(lambda: len(mute.calls) == 10 and list(mute.calls))
    for call in reversed(calls):
        call.reply_json(call.envelope.payload)
    assert [client.receive().seq for _ in range(10)] == list(range(10, 0, -1))


def test_a_service_pushes_to_a_user_and_to_all_and_learns_who_got_it(gateway, services, fake):
    mute = fake()
    here = gateway(services=split(services, mute.port))
    # Users without friends: presence would push to those.
    alice, phone, tablet = here.connect("dora", "protobuf"), here.connect("emil"), here.connect("emil")
    mute.push(2000, b'{"n":1}', users=["emil", "nobody"], stream=7)
    assert phone.push(2000).data == tablet.push(2000).data == {"n": 1}
    result = until(lambda: mute.push_results and mute.push_results[0])
    assert (result.delivered, result.offline) == (1, 1), result
    mute.push(2001, b'{"n":2}', everybody=True, delivery=2, stream=9)
    for client in (alice, phone, tablet):
        push = client.push(2001)
        assert push.data == {"n": 2} and push.delivery == "droppable"
    assert not [p for p in alice.pushes if p.cmd == 2000]
    until(lambda: here.metric("sluice_push_total", result="delivered") == 2 + 3)  # per connection


def test_ordered_commands_of_a_connection_stick_to_one_instance(gateway, services, fake):
    """Each of two instances serves some connections; none serves parts of one."""
    answer = lambda call: call.reply_json(b"1")
    one, two = fake(answer), fake(answer)
    here = gateway(services={"user": [services.port], "friend": [services.port], "message": [one.port, two.port]})
    for _ in range(24):
        client = here.connect("alice")
        before = len(one.calls), len(two.calls)
        for _ in range(5):
            assert client.request(envelopes.SEND, {"to": "bob", "text": "x"}).status == 0
        took = len(one.calls) - before[0], len(two.calls) - before[1]
        assert sorted(took) == [0, 5], took
    assert one.calls and two.calls
    client = here.connect("alice")
    before = len(one.calls), len(two.calls)
    for _ in range(10):
        client.request(envelopes.HISTORY, {"with": "bob"})
    assert min(len(one.calls) - before[0], len(two.calls) - before[1]) >= 3, "free ones go round"


def test_when_one_of_two_instances_dies_the_other_takes_over(gateway, services, fake):
    answer = lambda call: call.reply_json(b"1")
    one, two = fake(answer), fake(answer)
    here = gateway(services={"user": [services.port], "friend": [services.port], "message": [one.port, two.port]})
    clients = [here.connect("alice") for _ in range(8)]
    one.stop()
    until(lambda: any(i["connected_loops"] == 0 for i in here.json("/v1/upstreams")["instances"]))
    assert {client.echo().status for client in clients} == {0}
