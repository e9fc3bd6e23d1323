"""A day of two gateways, from calm to drain: what happens, in order. Each event returns when its alert fires."""
import contextlib
import resource
import signal
import time

from . import envelopes, groups, tokens
from .clients import Client
from .gateway import limit, policy
from .keys import sign
from .load import Load
from .raw_http import RawHTTP
from .tcp import StrictTCPClient
from .traffic import GONE, Beside, Newcomers, Traffic
from .waiting import until

GUESTS = {"name": "guests-only-read", "effect": "deny", "principal": {"claims": {"plan": ["guest"]}},
          "action": ["message.send"]}
GROUPS = {"name": "members-see-groups", "effect": "permit", "principal": {"roles": ["member"]}, "action": ["group.list"]}
SHADOW_LIMIT = limit("planned-limit", 1, "1s", burst=1, shadow=True)
SHADOW_RULES = [
    {"name": "planned-deny", "effect": "deny", "action": ["user.profile"], "shadow": True},
    {"name": "planned-permit", "effect": "permit", "principal": {"roles": ["member"]}, "action": ["unknown"],
     "shadow": True}]


def rules(version=1, shadow=True, max_keys=4):
    return policy(
        # Another version alone is no other policy: something must differ.
        limit("send-per-user", 20 * version, "1s", burst=20, actions=["message.send"]),
        limit("history-evenly", 2, "1s", burst=1, actions=["message.history"], on_limit="delay", max_delay="1s"),
        limit("profile-drop", 2, "1s", burst=2, actions=["user.profile"], on_limit="drop"),
        limit("logins", 1, "30s", burst=1, actions=["auth.login"], key=["peer"],
              ban={"after": 2, "within": "60s", "for": "5s"}),
        # A bucket that takes a year to be as good as new is not forgotten within the day.
        limit("friends-a-year", 100_000, "365d", burst=100_000, actions=["friend.list"], max_keys=max_keys),
        *([SHADOW_LIMIT] if shadow else []), rules=[GUESTS, GROUPS, *(SHADOW_RULES if shadow else [])],
        metadata={"name": "day", "version": str(version)},
        logging={"budget_per_second": 20_000, "reserve_per_second": 500})


class Day:
    """gateways: the first has all listeners, the second is plain; server: Prometheus; friend, groups: services that may be
    mistreated; registry: the Consul that knows the gateways and the service user."""

    def __init__(self, gateways, server, friend, groups, registry, admin, signer, authority, journald):
        self.first, self.second = gateways
        self.server, self.friend, self.admin, self.journald = server, friend, admin, journald
        self.groups, self.registry = groups, registry
        self.signer, self.authority = signer, authority
        self.begin = time.time()
        self.marks, self.going, self.askers = [], [], []

    def mark(self, text):
        self.marks.append((time.time(), text))

    def fires(self, alert, severity="warning"):
        until(lambda: (alert, severity) in self.server.firing(), 120, f"{alert} ({severity}) fires", every=0.1)

    # What goes on all day

    def open(self):
        self.askers = [self.asker(one) for one in (self.first, self.second)]
        self.going = [
            Traffic(self.first, 1), Traffic(self.second, 2), Newcomers(self.first, list(tokens.bad_tokens().values())),
            *self.askers, Beside(self.at_the_other_doors, 0.25), Beside(self.wrong_bytes, 0.5), Beside(self.operator, 1.0)]
        self.mark("traffic over all doors")
        until(lambda: (self.server.value("sum(sluice_requests_total)") or 0) > 600, 120, "the day is under way")

    def close(self):
        for one in reversed(self.going):
            one.stop()
        self.going = []

    def asker(self, gateway):
        """A client that asks for groups, whatever the answer is."""
        client = gateway.connect("carol")
        return Beside(lambda: client.request(groups.LIST, {}), 0.05)

    def at_the_other_doors(self):
        """TLS and PROXY, each well and badly; tokens of the key source."""
        with contextlib.suppress(*GONE):
            with Client(f"wss://localhost:{self.first.tls_port}/ws", token=self.first.token("dora"),
                        ssl=self.authority.client_context()) as client:
                client.echo()
            for first in (b"PROXY TCP4 192.0.2.7 192.0.2.1 1234 80\r\n", b"nobody at all\r\n"):
                with StrictTCPClient(("127.0.0.1", self.first.proxied_port), first=first, timeout=2) as client:
                    client.authenticate(self.first.token("dora"))
            signed = sign(self.signer, "RS256", "rotating", "dora", jti=str(time.monotonic_ns()))
            self.first.secrets.add(signed)
            with Client(self.first.url, token=signed) as client:
                client.echo()

    def wrong_bytes(self):
        for port, words in ((self.first.port, b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
                            (self.first.tls_port, b"this is not TLS\r\n\r\n")):
            with contextlib.suppress(OSError):
                raw = RawHTTP(port, seconds=2)
                raw.send(words)
                raw.until_closed()
                raw.socket.close()
        with contextlib.suppress(*GONE):
            with Client(self.first.url, token=self.first.token("emil")) as client:
                client.send(envelopes.ECHO, "x" * 100_000, seq=1)
                client.closed(2)

    def operator(self):
        self.admin.push(users=["alice", "bob", "nobody"], cmd=2000, data={"n": 1})

    # What happens

    def refusals(self):
        """A client sends as fast as it can."""
        client = self.first.connect("bob")
        self.mark("a client sends far too much")
        storm = Beside(lambda: client.request(envelopes.SEND, {"to": "emil", "text": "x"}), 0.0)
        self.fires("RefusalRatioHigh")
        storm.stop()
        client.close()

    def many_keys(self):
        self.mark("more users than max_keys")
        for number in range(8):
            with self.first.connect(f"user{number}") as client:
                client.request(envelopes.FRIENDS, {})
        self.fires("KeysOverflow")

    def broken_reload(self):
        self.mark("a reload is rejected, then put right")
        self.first.write_policy("apiVersion: sluice/v1\nkind: PolicySet\nrate_limits: [{name: half}]\n")
        self.first.reload("rejected")
        self.fires("PolicyReloadFailed")
        self.first.write_policy(rules())
        self.first.reload("unchanged")

    def half_a_rollout(self):
        self.mark("a new policy on one gateway alone")
        self.first.write_policy(rules(2))
        self.first.reload("ok")
        self.fires("PolicyDiffersBetweenNodes")
        self.second.write_policy(rules(2))
        self.second.reload("ok")

    def slow_service(self):
        self.mark("a service takes 1.5 s")
        self.friend.delay = 1.5
        client = self.first.connect("emil")
        for seq in range(1, 121):
            client.send(envelopes.FRIENDS, {}, seq=1000 + seq)
        self.fires("LatencyHigh")
        self.friend.delay = 0.02
        client.close()

    def lost_instances(self, instances, start):
        self.mark("one instance of a service dies")
        instances[0].kill()
        self.fires("UpstreamDown")
        self.mark("and the other one too")
        instances[1].kill()
        self.fires("UpstreamDown", "critical")
        self.fires("ErrorBudgetBurn", "critical")
        self.fires("ErrorBudgetBurn", "warning")
        self.mark("both are back")
        for one in instances:
            start(one.port)

    def registries_fail(self, register):
        """register: tells a Consul that knows nothing."""
        self.mark("Consul dies, the DNS forgets instances")
        self.registry.kill()
        self.groups.known_to_dns(1)
        self.fires("DiscoveryDown")
        self.fires("RegistrationLost")
        self.registry.start()
        register()

    def services_fail(self):
        self.mark("an instance hangs")
        self.groups.instances[0].answer = None
        for figure in ('sluice_upstream_ejections_total{reason="consecutive_errors"}',
                       'sluice_upstream_retries_total{reason="per_try_timeout"}'):
            until(lambda: self.server.value(f"sum({figure})"), 20, figure)
        self.groups.instances[0].answers_pings = False
        # Each loop of each gateway finds it out for itself.
        until(lambda: self.server.value('sum(sluice_upstream_instances{state="unhealthy"})') == 4, 20, "its checks fail")
        self.mark("services answer nonsense")
        self.groups.answer(groups.nonsense)
        was, self.friend.answer = self.friend.answer, groups.nonsense
        client = self.first.connect("bob")
        storm = Beside(lambda: client.request(groups.LIST, {}), 0.005)
        self.fires("BreakerOpen", "critical")
        self.fires("RetryBudgetExhausted")
        storm.stop()
        client.close()
        self.friend.answer = was
        self.groups.answer(groups.well)
        self.fires("DiscoveryHeldBack")
        self.mark("services and DNS are well again")
        self.groups.known_to_dns(4)

    def journald_limits(self):
        self.mark("a unit writes more than journald lets it")
        load = Load(self.second, [f"user{number}" for number in range(20)], depth=4)
        try:
            self.fires("JournaldSuppressing")
        finally:
            load.finish()

    def journald_stalls(self):
        self.mark("journald stands still")
        load = Load(self.first, [f"user{number}" for number in range(20)], depth=2)
        lost = self.first.metric("sluice_log_dropped_total")
        try:
            self.journald.pause()
            until(lambda: self.first.metric("sluice_log_dropped_total") > lost, 60, "entries are lost")
        finally:
            self.journald.go_on()
            load.finish()
        self.fires("LogDrops")

    def starved(self):
        """The second gateway gets a quarter of a processor, in slices, as under a CPU quota."""
        self.mark("a gateway gets too little CPU")
        end = time.monotonic() + 120
        while ("LoopLag", "warning") not in self.server.firing():
            assert time.monotonic() < end, f"LoopLag does not fire: {self.server.query('sluice_loop_lag_seconds')}"
            for number, seconds in ((signal.SIGSTOP, 0.18), (signal.SIGCONT, 0.06)):
                self.second.signal(number)
                slice_end = time.monotonic() + seconds
                until(lambda: time.monotonic() > slice_end, 5, every=0.005)

    def few_descriptors(self):
        self.mark("descriptors run short")
        old = resource.prlimit(self.second.pid, resource.RLIMIT_NOFILE)
        used = int(self.second.metric("process_open_fds"))
        resource.prlimit(self.second.pid, resource.RLIMIT_NOFILE, (used * 10 // 9, old[1]))
        self.fires("DescriptorsNearLimit")
        resource.prlimit(self.second.pid, resource.RLIMIT_NOFILE, old)

    def slow_reader(self):
        self.mark("a client does not read")
        slow = self.first.raw("frank", subprotocol="sluice.v1.json", receive_buffer=4096)
        slow.frame()

        def grows(name):
            self.admin.push(users=["frank"], cmd=2000, data={"text": "x" * 30_000})
            return self.first.metric(name) > 0
        until(lambda: grows("sluice_outbound_queue_bytes"), 60, "pushes wait for it", every=0)
        until(lambda: self.server.value("sum(sluice_outbound_queue_bytes)"), 10, "Prometheus sees them wait")
        until(lambda: grows("sluice_slow_consumers_total"), 60, "the slow client is closed", every=0)
        slow.socket.close()

    def end_of_shadow(self):
        self.mark("shadow rules go")
        for one in (self.first, self.second):
            one.write_policy(rules(3, shadow=False, max_keys=1000))
            one.reload("ok")

    def drain(self):
        self.mark("a gateway drains")
        self.going[0].expect_the_end()
        self.askers[0].stop()
        self.admin.ok("POST", "/v1/drain", {}, status=202)
        until(lambda: self.server.value('sum(sluice_connections_closed_total{reason="drain"})'), 20, "clients are let go")

