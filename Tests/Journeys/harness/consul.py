"""A real Consul agent of one's own: it starts empty, and forgets everything when it is killed."""
import json
import os
import shutil
import signal
import urllib.error
import urllib.request
from pathlib import Path

from .processes import ROOT, Process
from .waiting import free_port, until


def binary():
    """What `.ci/install test` put in place, or what the machine has."""
    places = [os.environ.get("SLUICE_TEST_CONSUL"), shutil.which("consul"), ROOT / ".build-tools/consul"]
    return next((Path(place) for place in places if place and Path(place).exists()), None)


class Consul:
    """
    token: with it access is denied by default, and this is the token that may do everything.
    tls: a certificate and key to speak https with, on `tls_port`.
    """

    def __init__(self, folder, token=None, tls=None):
        self.folder, self.token, self.tls = folder, token, tls
        self.port, self.tls_port = free_port(), free_port()
        self._others = [free_port() for _ in range(4)]
        self._starts = 0
        self.process = None
        self.start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        self._starts += 1
        dns, server, lan, wan = self._others
        settings = "disable_update_check=true"
        if self.token:
            settings += (' acl { enabled=true default_policy="deny" tokens { master="%s" agent="%s" } }'
                         % (self.token, self.token))
        if self.tls:
            settings += (' ports { https=%d } cert_file="%s" key_file="%s"'
                         % (self.tls_port, self.tls.certificate, self.tls.key))
        self.process = Process(f"consul-{self._starts}", [
            binary(), "agent", *self._mode(), "-bind=127.0.0.1", "-client=127.0.0.1", f"-http-port={self.port}",
            f"-dns-port={dns}", "-grpc-port=-1", f"-server-port={server}", f"-serf-lan-port={lan}",
            f"-serf-wan-port={wan}", "-hcl", settings, "-log-level=warn"], self.folder)
        until(self._has_leader, 20, "Consul has a leader")

    def _mode(self):
        return ["-dev"]

    def _has_leader(self):
        self.process.check_running()
        # A service can be registered and seen: the agent's own node is known by then, too.
        return len(self.get("/v1/status/leader")) > 2 and self.get("/v1/health/service/consul?passing=true")

    def kill(self):
        """kill -9; what was registered is forgotten."""
        self.process.signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.kill()

    def _call(self, method, path, body=None):
        headers = {"X-Consul-Token": self.token} if self.token else {}
        request = urllib.request.Request(
            self.address + path, method=method, headers=headers,
            data=None if body is None else json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.read()

    def get(self, path):
        return json.loads(self._call("GET", path))

    def catalogue(self, name, port):
        """An instance on a node without an agent, which would put it back."""
        self._call("PUT", "/v1/catalog/register", {"Node": "elsewhere", "Address": "127.0.0.1", "Service": {
            "ID": str(port), "Service": name, "Address": "127.0.0.1", "Port": port}})

    def lose(self, name, *ports):
        """Takes such instances out of the catalogue in one step, so that no answer names some of them."""
        self._call("PUT", "/v1/txn", [
            {"Service": {"Verb": "delete", "Node": "elsewhere", "Service": {"ID": str(port), "Service": name}}}
            for port in ports])

    def register(self, name, port, *, id=None, tags=(), check=True, weight=1, address="127.0.0.1", meta=None):
        """check: Consul connects to the port every 100 ms, as a health check; or a check as Consul takes it."""
        service = {"ID": id or f"{name}-{port}", "Name": name, "Address": address, "Port": port, "Tags": list(tags),
                   "Weights": {"Passing": weight, "Warning": 1}, "Meta": meta or {}}
        if isinstance(check, dict):
            service["Check"] = check
        elif check:
            service["Check"] = {"TCP": f"{address}:{port}", "Interval": "100ms", "Timeout": "1s", "Status": "passing"}
        self._call("PUT", "/v1/agent/service/register", service)

    def deregister(self, id):
        self._call("PUT", f"/v1/agent/service/deregister/{id}")

    def instances(self, name):
        """Healthy ones."""
        return self.get(f"/v1/health/service/{name}?passing=true")


class ConsulServer(Consul):
    """One of three that make a cluster; `first` is the one that others join."""

    def __init__(self, folder, first=None):
        self._first = first
        super().__init__(folder)

    def _mode(self):
        join = [f"-retry-join=127.0.0.1:{self._first.lan_port}", "-retry-interval=1s"] if self._first else []
        return ["-server", "-bootstrap-expect=3", f"-data-dir={self.folder}/data", f"-node={self.folder.name}",
                "-hcl", "performance { raft_multiplier = 1 } leave_on_terminate = false", *join]

    @property
    def lan_port(self):
        return self._others[2]

    def _has_leader(self):
        # The last one to come makes the cluster: until then there is none to wait for.
        self.process.check_running()
        return True

    @staticmethod
    def three(folder):
        servers = []
        for n in range(3):
            own = folder / f"server{n}"
            own.mkdir()
            servers.append(ConsulServer(own, servers[0] if servers else None))
        for one in servers:
            until(lambda: Consul._has_leader(one), 60, "the cluster has a leader")
        return servers
