"""The admin interface as an operator uses it: curl, by token or by Unix socket."""
import json
import subprocess

TOKEN = "journeys-admin-token-0123456789"


def settings(folder):
    """`admin.socket` and `admin.token_file` for a gateway's configuration."""
    path = folder / "admin.token"
    path.write_text(TOKEN + "\n")
    path.chmod(0o600)
    return {"socket": str(folder / "admin.sock"), "token_file": str(path)}


class Admin:
    """Calls of one gateway. `by` is "token" or "socket"."""

    def __init__(self, gateway, by="token"):
        self.gateway, self.by = gateway, by
        gateway.secrets.add(TOKEN)
        if by == "socket":
            self.way = ["--unix-socket", gateway.config["admin"]["socket"]]
            self.base = "http://localhost"
        else:
            self.way = []
            self.base = f"http://127.0.0.1:{gateway.admin_port}"

    def send(self, method, path, body=None, *, headers=None, data=None, way=None, before=()):
        """(status, parsed body). `headers` replaces those that open a call."""
        if headers is None:
            headers = ["Content-Type: application/json"]
            if self.by == "token":
                headers.append(f"Authorization: Bearer {TOKEN}")
        command = [*before, "curl", "-sS", "-w", "\n%{http_code}", "--max-time", "15", "-X", method,
                   *(self.way if way is None else way)]
        for header in headers:
            command += ["-H", header]
        if data is None and body is not None:
            data = json.dumps(body)
        if data is not None:
            command += ["--data-binary", "@-"]
            if not any(header.lower().startswith("content-type") for header in headers):
                command += ["-H", "Content-Type:"]
        made = subprocess.run(
            [*command, self.base + path], input=(data or "").encode(), capture_output=True, check=True)
        text, _, status = made.stdout.decode().rpartition("\n")
        return int(status), json.loads(text)

    def ok(self, method, path, body=None, status=200):
        found, answer = self.send(method, path, body)
        assert found == status, (found, answer)
        return answer

    def push(self, **body):
        return self.ok("POST", "/v1/push", body)

    def connections(self, user):
        return self.ok("GET", f"/v1/users/{user}/connections")["connections"]

    def kick(self, user, query=""):
        return self.ok("DELETE", f"/v1/users/{user}/connections{query}")["kicked"]
