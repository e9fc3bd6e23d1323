"""Native links over TLS: both sides prove who they are, and a failed handshake says why."""
import pytest
import yaml
from harness.certificates import Authority
from harness.fake_service import FakeService
from harness.waiting import until


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "certificates")


@pytest.fixture
def linked(gateway, services, authority):
    """make(server context, tls keys): a gateway whose `message` service is ours, over TLS."""
    made = []

    def make(context, **tls):
        fake = FakeService(lambda call: call.reply_json(b'"pong"'), tls=context)
        made.append(fake)
        tls.setdefault("ca", str(authority.certificate))

        def config(it):
            listed = [dict(one) for one in it.config["services"]]
            for one in listed:
                if one["name"] == "message":
                    one["instances"] = [f"{tls.pop('host', '127.0.0.1')}:{fake.port}"]
                    one["tls"] = tls
                    one["connect_timeout"] = "10s"
            return {"services": listed}
        return fake, gateway(config=config, wait_for_services=False)

    yield make
    for one in made:
        one.stop()


def connected(here):
    return all(
        one["connected_loops"] == one["loops"] for one in here.json("/v1/upstreams")["instances"])


def down_message(here):
    return until(lambda: [one["MESSAGE"] for one in here.journal("SLUICE_SERVICE=message")
                          if " is down: " in one["MESSAGE"]])[0]


def test_a_link_with_certificates_on_both_sides(linked, authority):
    client = authority.issue("gateway", ["DNS:gateway.internal"], client=True)
    server = authority.issue("service", ["DNS:message.internal"])
    fake, here = linked(
        authority.server_context(server, clients=authority), server_name="message.internal", **client.listed)
    until(lambda: connected(here))
    alice = here.connect("alice")
    assert [alice.echo(f"{n}").data for n in range(20)] == ["pong"] * 20
    shown = {name for one in fake.peer_certificates for _, name in one["subjectAltName"]}
    assert shown == {"gateway.internal"}
    assert not fake.tls_problems
    assert here.metric("sluice_tls_certificate_expiry_timestamp_seconds", side="service", name="message") > 0


@pytest.mark.parametrize("host, names", [("127.0.0.1", ["IP:127.0.0.1"]), ("localhost", ["DNS:localhost"])])
def test_the_instance_itself_is_the_name_where_none_is_configured(linked, authority, host, names):
    _, here = linked(authority.server_context(authority.issue("service", names)), host=host)
    until(lambda: connected(here))
    assert here.connect("alice").echo().status == 0


@pytest.mark.parametrize("case, cause", [
    ("another authority", "the peer's certificate is not trusted or not valid now"),
    ("another name", "the peer's certificate is for another name"),
    ("our certificate is missing", "the peer refused the TLS connection"),
    ("no TLS at all", "the peer does not speak TLS"),
])
def test_a_link_that_tls_refuses_says_why(linked, authority, tmp_path, case, cause):
    # The address would be enough, whatever the name: see docs/tls.md.
    server = authority.issue("service", ["DNS:localhost"] if case == "another name" else ["IP:127.0.0.1"])
    context, tls = authority.server_context(server), {}
    if case == "another authority":
        tls["ca"] = str(Authority(tmp_path / "stranger").certificate)
    elif case == "another name":
        tls["server_name"] = "elsewhere.internal"
    elif case == "our certificate is missing":
        context = authority.server_context(server, clients=authority)
    else:
        context = None
    fake, here = linked(context, **tls)
    message = down_message(here)
    assert message.startswith(f"message 127.0.0.1:{fake.port} is down: tls_failed, 0 calls lost; {cause}"), message
    reply = here.connect("alice").echo()
    assert reply.status == 503 and reply.refusal["name"] == "service_unavailable"


def test_new_material_is_for_new_connections(linked, authority, tmp_path):
    stranger = Authority(tmp_path / "stranger")
    fake, here = linked(
        authority.server_context(authority.issue("service")), ca=str(stranger.certificate))
    assert "tls_failed" in down_message(here)
    # The right authority under the old name: the content is what counts.
    stranger.certificate.write_bytes(authority.certificate.read_bytes())
    here.reload("ok")
    until(lambda: connected(here))
    alice = here.connect("alice")
    assert alice.echo().status == 0
    links = len(fake.connections)
    for service in here.config["services"]:
        if service["name"] == "message":
            service["tls"]["server_name"] = "localhost"
    here.config_path.write_text(yaml.safe_dump(here.config, sort_keys=False))
    here.reload("ok")
    assert alice.echo().status == 0 and len(fake.connections) == links, "live links stay"
    fake.drop_links()
    until(lambda: connected(here) and len(fake.connections) == links)
    assert alice.echo().status == 0
