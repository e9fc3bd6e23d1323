"""A server of our own that speaks the part of Nacos's open API, version 1, that the gateway uses.

No real Nacos can be had here. What keeps this one honest is that the official Python client works against it
(test_nacos.py): paths, parameters and answers are those it sends and expects.
"""
import json
import socket
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

INSTANCE = "/nacos/v1/ns/instance"


class Nacos:
    def __init__(self, port=0, user=None, password=None, token_seconds=18_000):
        self.user, self.password, self.token_seconds = user, password, token_seconds
        self.instances = {}  # (namespace, group@@service, cluster, ip, port) -> dict
        self.tokens = {}  # token -> when it ends
        self.requests = []  # (method, path, parameters)
        self.logins = 0
        self.cache_millis = 500
        self.connections = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                outer.connections.append(self.connection)

            def handle_any(self):
                split = urllib.parse.urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                both = [*urllib.parse.parse_qsl(split.query), *urllib.parse.parse_qsl(body)]
                status, answer = outer._answer(self.command, split.path, dict(both))
                data = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json" if not isinstance(answer, str) else "text/plain")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            do_GET = do_POST = do_PUT = do_DELETE = handle_any

            def log_message(self, *arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}"

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        # Those that are kept between two requests would be answered all the same.
        for one in self.connections:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    # Answers

    def _answer(self, method, path, given):
        self.requests.append((method, path, given))
        if path == "/nacos/v1/auth/login" and method == "POST":
            return self._login(given)
        if self.user and self.tokens.get(given.get("accessToken"), 0) < time.monotonic():
            return 403, {"status": 403, "error": "Forbidden", "message": "token invalid!", "path": path}
        work = {("POST", INSTANCE): self._register, ("DELETE", INSTANCE): self._remove, ("PUT", INSTANCE): self._register,
                ("GET", INSTANCE + "/list"): self._list, ("PUT", INSTANCE + "/beat"): self._beat}.get((method, path))
        return work(given) if work else (404, "not found")

    def _login(self, given):
        if (given.get("username"), given.get("password")) != (self.user, self.password):
            return 403, "unknown user!"
        self.logins += 1
        token = f"token-{self.logins}-of-nacos"
        self.tokens[token] = time.monotonic() + self.token_seconds
        return 200, {"accessToken": token, "tokenTtl": self.token_seconds, "globalAdmin": True, "username": self.user}

    @staticmethod
    def _key(given):
        service = given["serviceName"]
        if "@@" not in service:
            service = f"{given.get('groupName') or 'DEFAULT_GROUP'}@@{service}"
        return (given.get("namespaceId") or "public", service, given.get("clusterName") or "DEFAULT",
                given["ip"], int(given["port"]))

    def _register(self, given):
        metadata = given.get("metadata") or "{}"
        self.instances[self._key(given)] = {
            "weight": float(given.get("weight") or 1), "enabled": given.get("enabled", "true").lower() != "false",
            "metadata": json.loads(metadata), "beat": time.monotonic()}
        return 200, "ok"

    def _remove(self, given):
        self.instances.pop(self._key(given), None)
        return 200, "ok"

    def _beat(self, given):
        beat = json.loads(given.get("beat") or "{}")
        place = {**given, "ip": given.get("ip") or beat["ip"], "port": given.get("port") or beat["port"],
                 "clusterName": given.get("clusterName") or beat.get("cluster")}
        found = self.instances.get(self._key(place))
        if found is None:
            return 200, {"code": 20404, "clientBeatInterval": 5000, "lightBeatEnabled": True}
        found["beat"] = time.monotonic()
        return 200, {"code": 10200, "clientBeatInterval": 5000, "lightBeatEnabled": True}

    def _list(self, given):
        namespace = given.get("namespaceId") or "public"
        service = given["serviceName"]
        if "@@" not in service:
            service = f"{given.get('groupName') or 'DEFAULT_GROUP'}@@{service}"
        clusters = [name for name in (given.get("clusters") or "").split(",") if name]
        hosts = []
        for (space, name, cluster, ip, port), one in list(self.instances.items()):
            if (space, name) != (namespace, service) or clusters and cluster not in clusters:
                continue
            limit = float(one["metadata"].get("preserved.heart.beat.timeout", 15_000)) / 1000
            healthy = time.monotonic() - one["beat"] < limit
            if given.get("healthyOnly", "").lower() == "true" and not healthy:
                continue
            hosts.append({
                "instanceId": f"{ip}#{port}#{cluster}#{name}", "ip": ip, "port": port, "weight": one["weight"],
                "healthy": healthy, "enabled": one["enabled"], "ephemeral": True, "clusterName": cluster,
                "serviceName": name, "metadata": one["metadata"], "valid": healthy, "marked": False,
                "instanceHeartBeatInterval": 5000, "instanceHeartBeatTimeOut": 15000, "ipDeleteTimeout": 30000})
        return 200, {"name": service, "groupName": service.split("@@")[0], "clusters": given.get("clusters", ""),
                     "cacheMillis": self.cache_millis, "hosts": hosts, "lastRefTime": int(time.time() * 1000),
                     "checksum": "", "allIPs": False, "reachProtectionThreshold": False, "valid": True}
