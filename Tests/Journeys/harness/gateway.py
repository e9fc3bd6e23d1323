"""A gateway of one's own: config and policy written per journey, started, watched and checked at its end."""
import json
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import yaml

from . import seen, tokens
from .clients import Client, RawWebSocket
from .processes import SLUICE, Process, sluice
from .tcp import StrictTCPClient
from .waiting import free_port, until

POLICY = {
    "apiVersion": "sluice/v1",
    "kind": "PolicySet",
    "metadata": {"name": "journeys", "version": "1"},
    "descriptors": {
        "user": "token.sub", "plan": "token.plan", "peer": "connection.address/32,/64",
        "room": "message.topic", "login": "login.user",
    },
    "permissions": {
        "default": "deny",
        "rules": [
            {"name": "anyone-may-log-in", "effect": "permit", "principal": {"anonymous": True},
             "action": ["auth.login"]},
            {"name": "members-may-talk", "effect": "permit", "principal": {"roles": ["member"]},
             "action": ["session.connect", "auth.refresh", "echo", "message.*", "friend.*", "user.*"]},
        ],
    },
}

COMMANDS = [
    # id, name, service, from, timeout, ordered, retry_safe, max_bytes
    (100, "echo", "message", "client", "5s", True, True, 65536),
    (1001, "message.send", "message", "client", "5s", True, False, 16384),
    (1002, "message.history", "message", "client", "5s", False, True, 4096),
    (1003, "message.deliver", "message", "push", "5s", True, False, 65536),
    (1101, "friend.list", "friend", "client", "5s", False, True, 4096),
    (1201, "user.profile", "user", "client", "5s", False, True, 4096),
    (1301, "user.presence", "user", "gateway", "5s", True, True, 65536),
    (1302, "user.login", "user", "gateway", "5s", False, False, 65536),
]
COMMAND_KEYS = ("id", "name", "service", "from", "timeout", "ordered", "retry_safe", "max_bytes")


def policy(*limits, rules=(), **replace):
    """The journeys' policy with these rate limits and further permission rules."""
    made = json.loads(json.dumps(POLICY))
    if limits:
        made["rate_limits"] = list(limits)
    made["permissions"]["rules"] += list(rules)
    made.update(replace)
    return made


def limit(name, count, per, *, burst=None, actions=("echo",), key=("user",), **more):
    made = {"name": name, "match": {"action": list(actions)}, "key": list(key), "algorithm": "token_bucket",
            "limit": count, "per": per, **more}
    if burst is not None:
        made["burst"] = burst
    return made


class Gateway(Process):
    def __init__(self, folder: Path, *, services=None, rules=None, limits=None, journald=None, loops=2,
                 journal="auto", commands=None, command="run", config=None, drain="5s", env=None,
                 admin=None, unit=None):
        """
        services: port of the demo services, or a dict {service: [ports]}; None = nobody listens there.
        rules: the policy as a dict, or as text; limits: keys under `limits:`; commands: {name: {key: value}};
        admin: keys under `admin:`; unit: the systemd unit journald takes it for.
        config: top keys that replace ours, or a function that makes them of this gateway (its ports, its folder).
        """
        self.folder = folder
        self.port, self.tcp_port, self.admin_port = free_port(), free_port(), free_port()
        self.journald = journald
        self.clients = []
        self.secrets = {tokens.SECRET.decode(), "wonderland", "builder", "singer"}
        self.key_path = folder / "main.key"
        self.key_path.write_bytes(tokens.SECRET)
        self.key_path.chmod(0o600)
        self.policies = folder / "policies"
        self.policies.mkdir()
        self.write_policy(rules if rules is not None else policy())
        self.config_path = folder / "sluice.yaml"
        self.config = self._config(services, limits or {}, loops, journal, commands or {}, drain)
        self.config["admin"].update(admin or {})
        self.config.update(config(self) if callable(config) else config or {})
        self.rewrite_config()
        argv = [SLUICE, command, "--config", self.config_path, "--policies", self.policies]
        if journald:
            argv = journald.inside_unit(unit, *argv) if unit else journald.inside(*argv)
        self.began = time.time()
        super().__init__("gateway", argv, folder, env)

    def _config(self, services, limits, loops, journal, commands, drain):
        if not isinstance(services, dict):
            port = services or free_port()
            services = {name: [port] for name in ("user", "message", "friend")}
        listed = [
            {"name": name, "link": "native", "instances": [f"127.0.0.1:{port}" for port in ports],
             "connect_timeout": "1s", "backoff": {"min": "20ms", "max": "200ms"}}
            for name, ports in services.items()]
        table = [dict(zip(COMMAND_KEYS, row)) | commands.get(row[1], {}) for row in COMMANDS]
        return {
            "listeners": [
                {"name": "main", "address": "127.0.0.1", "port": self.port},
                {"name": "tcp", "protocol": "tcp", "address": "127.0.0.1", "port": self.tcp_port},
            ],
            "admin": {"address": "127.0.0.1", "port": self.admin_port},
            "loops": loops,
            "pid_file": str(self.folder / "sluice.pid"),
            "identity": {
                "keys": [{"kid": "main", "algorithm": "HS256", "secret_file": str(self.key_path)}],
                "issuer": "sluice", "audience": "sluice", "leeway": "0s",
                "issue": {"key": "main", "ttl": "15m", "refresh_ttl": "30d", "claims": ["roles", "plan"]},
            },
            "services": listed,
            "commands": table,
            "telemetry": {"journal": journal},
            "limits": limits,
            "drain": {"deadline": drain},
        }

    # Life

    def started(self, services=True):
        """Waits until it takes traffic, and until every service has a connected instance."""
        until(self._ready, 20, "the gateway is ready")
        if services:
            until(self._upstreams_up, 20, "every service is connected")
        return self

    def _ready(self):
        self.check_running()
        return self.get("/ready")[0] == 200

    def _upstreams_up(self):
        self.check_running()
        instances = self.json("/v1/upstreams")["instances"]
        services = {service["name"] for service in self.config["services"]}
        return services <= {one["service"] for one in instances} and all(
            one["connected_loops"] == one["loops"] for one in instances)

    def write_policy(self, rules):
        text = rules if isinstance(rules, str) else yaml.safe_dump(rules, sort_keys=False)
        # Written beside and moved over, so that a reload never reads half a file.
        draft = self.folder / "policy.draft"
        draft.write_text(text)
        draft.rename(self.policies / "main.yaml")

    def rewrite_config(self):
        """Puts `config` as it is now into the file."""
        # Through JSON: a value used twice would become an anchor, which the gateway refuses.
        self.config_path.write_text(yaml.safe_dump(json.loads(json.dumps(self.config)), sort_keys=False))

    def reloads(self):
        """Reloads finished so far, by result."""
        return {
            dict(labels)["result"]: value for (family, labels), value in self.metrics().items()
            if family == "sluice_policy_reloads_total"}

    def reload(self, result="ok"):
        """SIGHUP, and waits until one more reload has ended with `result`."""
        before = self.reloads().get(result, 0)
        self.signal(signal.SIGHUP)
        until(lambda: self.reloads().get(result, 0) > before, 15, f"a reload ends with {result}")

    def reload_command(self, *arguments):
        return sluice("reload", "--config", self.config_path, *arguments)

    # Clients

    @property
    def url(self):
        return f"ws://127.0.0.1:{self.port}/ws"

    def token(self, user="alice", **more):
        made = tokens.token(user, **more)
        self.secrets.add(made)
        return made

    def connect(self, user="alice", codec="json", **more):
        """A connected and authenticated client."""
        token = more.pop("token", None) or self.token(user, **more.pop("claims", {}))
        client = Client(self.url, codec, token=token, **more)
        self.clients.append(client)
        return client

    def stranger(self, codec="json", **more):
        """A connection without a token."""
        client = Client(self.url, codec, **more)
        self.clients.append(client)
        return client

    def tcp(self, user=None, codec="json", **more):
        """A client on the TCP port, authenticated where a user is named."""
        token = more.pop("token", None) or (self.token(user) if user else None)
        address = more.pop("address", ("127.0.0.1", self.tcp_port))
        client = StrictTCPClient(address, codec, token=token, **more)
        self.clients.append(client)
        return client

    def raw(self, user=None, **more):
        """A bare WebSocket, authenticated by query where a user is named."""
        path = f"/ws?token={self.token(user)}" if user else "/ws"
        return RawWebSocket(self.port, path, **more)

    def curl(self, path, *arguments, port=None, body=None):
        """An HTTP request with curl: (status, headers, body)."""
        command = ["curl", "-sS", "-i", "--max-time", "15", *map(str, arguments)]
        if body is not None:
            command += ["-H", "Content-Type: application/json", "--data-binary", body]
        made = subprocess.run(
            [*command, f"http://127.0.0.1:{port or self.port}{path}"], capture_output=True)
        if made.returncode:
            raise ConnectionError(f"curl ended with {made.returncode}: {made.stderr.decode(errors='replace')}")
        head, _, content = made.stdout.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {}
        for line in lines[1:]:
            key, _, value = line.partition(":")
            headers[key.lower()] = value.strip()
        return int(lines[0].split()[1]), headers, content

    def log_in(self, user, password):
        """POST /v1/login with curl; the token becomes a secret that must show nowhere."""
        self.secrets.add(password)
        status, _, content = self.curl(
            "/v1/login", body=json.dumps({"user": user, "password": password}))
        answer = json.loads(content)
        assert status == 200, (status, content)
        self.secrets |= {answer["token"], answer["refresh_token"]}
        return answer

    # Operator

    def get(self, path, accept=None):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.admin_port}{path}", headers={"Accept": accept} if accept else {})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.read().decode(), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), error.headers

    def json(self, path):
        status, text, _ = self.get(path)
        assert status == 200, (status, text)
        return json.loads(text)

    def metrics(self):
        """{(family, sorted label pairs): value} of one scrape."""
        page = self.get("/metrics")[1]
        seen.note_page(page)
        return parse_metrics(page)

    def metric(self, family, **labels):
        """Sum of all series of a family that carry these labels."""
        return sum(
            value for (name, pairs), value in self.metrics().items()
            if name == family and labels.items() <= dict(pairs).items())

    def journal(self, *matches):
        """This process's entries in the journal."""
        found = self.journald.entries(f"_PID={self.pid}", *matches)
        # In a whole run another gateway had the same process id before.
        return [entry for entry in found if int(entry["__REALTIME_TIMESTAMP"]) >= self.began * 1_000_000]

    # The end

    def leftovers(self):
        """What /v1/state still holds: connections, users, pending calls and the like."""
        return {name: count for name, count in self.json("/v1/state").items() if count != 0}

    def check_empty(self):
        def empty():
            left = self.leftovers()
            assert not left, left
            return True
        until(empty, 10, "every map is empty")

    def check_secrets(self):
        """No token, password or key in anything an operator may read."""
        places = {"standard error": self.errors(), "standard output": self.output()}
        if self.is_running:
            places["/metrics"] = self.get("/metrics")[1]
            places["/v1/state"] = self.get("/v1/state")[1]
            places["/v1/policy"] = self.get("/v1/policy")[1]
        if self.journald:
            places["the journal"] = self.journald.export(f"_PID={self.pid}").decode(errors="replace")
            seen.note_export(places["the journal"])
        for place, text in places.items():
            for secret in self.secrets:
                assert secret not in text, f"{place} shows a secret: ...{secret[-6:]}"
                signature = secret.rsplit(".", 1)[-1] if secret.count(".") == 2 else ""
                assert not signature or signature not in text, f"{place} shows a token's signature"

    def finish(self):
        """Closes clients, checks that nothing is left over or was shown, and stops."""
        for client in self.clients:
            client.close()
        if not self.is_running:
            return
        self.metrics()
        try:
            self.check_empty()
        finally:
            code = self.stop(15)
        self.check_secrets()
        assert code == 0, f"the gateway ended with {code}: {self.errors()[-2000:]}"


SAMPLE = re.compile(r'^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def parse_metrics(text):
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            sample = SAMPLE.match(line)
            assert sample, f"not a sample: {line}"
            name, labels, value = sample.groups()
            found[name, tuple(sorted(LABEL.findall(labels or "")))] = float(value)
    return found
