"""Pages of other origins: who may connect and call, and what their browsers are told."""
import json

import pytest
from harness.waiting import until
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

ORIGINS = ["https://chat.example.com", "https://*.example.org"]
GOOD = ["https://chat.example.com", "https://a.example.org", "https://a.b.example.org"]
BAD = ["https://evil.com", "https://example.org", "http://a.example.org", "https://chat.example.com:444", "null",
       "https://chat.example.com.evil.com"]


def settings(origins=ORIGINS, **cors):
    return {"http": {"allowed_origins": origins, "cors": cors}}


def upgrade(here, origin):
    return connect(
        here.url, origin=origin, subprotocols=["sluice.v1.json"],
        additional_headers={"Authorization": f"Bearer {here.token('alice')}"})


def test_only_pages_on_the_list_may_connect(gateway):
    here = gateway(config=settings())
    for origin in [*GOOD, None]:
        with upgrade(here, origin) as client:
            assert json.loads(client.recv())["cmd"] == 1, origin
    for origin in BAD:
        with pytest.raises(InvalidStatus) as refused:
            upgrade(here, origin)
        assert refused.value.response.status_code == 403
        assert json.loads(refused.value.response.body)["name"] == "permission_denied"
    refusals = here.metric("sluice_requests_total", action="session.connect", outcome="refused")
    assert refusals == len(BAD)


def test_a_star_lets_every_page_in(gateway):
    here = gateway()
    for origin in BAD:
        with upgrade(here, origin) as client:
            assert json.loads(client.recv())["cmd"] == 1


def test_the_list_is_reloaded(gateway):
    here = gateway(config=settings(["https://old.example.com"]))
    with upgrade(here, "https://old.example.com") as client:
        assert client.recv()
    here.config["http"]["allowed_origins"] = ["https://new.example.com"]
    here.rewrite_config()
    here.reload()
    with upgrade(here, "https://new.example.com") as client:
        assert client.recv()
    with pytest.raises(InvalidStatus):
        upgrade(here, "https://old.example.com")


def preflight(here, origin, *more):
    return here.curl(
        "/v1/commands/echo", "-X", "OPTIONS", "-H", f"Origin: {origin}", "-H",
        "Access-Control-Request-Method: POST", "-H", "Access-Control-Request-Headers: authorization,content-type",
        *more)


@pytest.mark.parametrize("origin", GOOD)
def test_a_preflight_is_answered_for_pages_on_the_list(gateway, origin):
    here = gateway(config=settings(max_age="1h"))
    status, headers, _ = preflight(here, origin)
    assert status == 204
    assert headers["access-control-allow-origin"] == origin
    assert "POST" in headers["access-control-allow-methods"]
    assert "authorization" in headers["access-control-allow-headers"].lower()
    assert headers["access-control-max-age"] == "3600"
    assert headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in headers


@pytest.mark.parametrize("origin", BAD)
def test_other_pages_are_told_nothing_and_reach_nobody(gateway, origin):
    here = gateway(config=settings())
    status, headers, _ = preflight(here, origin)
    assert status == 403 and "access-control-allow-origin" not in headers
    assert headers["vary"] == "Origin"
    before = here.metric("sluice_upstream_requests_total")
    status, headers, _ = here.curl("/v1/login", "-H", f"Origin: {origin}", body='{"user":"alice","password":"x"}')
    assert status == 403 and "access-control-allow-origin" not in headers
    assert here.metric("sluice_upstream_requests_total") == before


def test_answers_and_refusals_can_be_read_by_pages_on_the_list(gateway):
    here = gateway(config=settings(credentials=True))
    bearer = f"Authorization: Bearer {here.token('alice')}"
    for headers, expected in (([bearer], 200), ([], 401)):
        status, answered, _ = here.curl(
            "/v1/commands/echo", *[part for one in headers for part in ("-H", one)], "-H", f"Origin: {GOOD[0]}", body="1")
        assert status == expected
        assert answered["access-control-allow-origin"] == GOOD[0]
        assert answered["access-control-allow-credentials"] == "true"
        assert "Retry-After" in answered["access-control-expose-headers"]
        assert answered["vary"] == "Origin"
    # A caller that is no page gets no such fields, but caches are told that they depend on it.
    status, answered, _ = here.curl("/v1/commands/echo", "-H", bearer, body="1")
    assert status == 200 and answered["vary"] == "Origin" and "access-control-allow-origin" not in answered


def test_any_page_is_told_so_without_its_name(gateway):
    here = gateway()
    status, headers, _ = preflight(here, "https://anywhere.example")
    assert status == 204 and headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in headers
    until(lambda: here.metric("sluice_connections", transport="http") == 0)
