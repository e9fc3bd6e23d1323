"""HTTP services that speak HTTP/2: one of our own, down to the frame, and the real nginx and HAProxy."""
import signal
import socket
import ssl

from .h2_server import H2Connection, H2Server
from .processes import Process
from .proxies import binary
from .waiting import free_port, listens, until


class Request:
    def __init__(self, fields, body, connection, stream):
        self.fields, self.body, self.connection, self.stream = fields, body, connection, stream
        self.headers = dict(fields)
        self.target, self.method = self.headers[":path"], self.headers[":method"]

    def __getitem__(self, name):
        return self.headers.get(name)

    def answer(self, status=200, body=b"", *, ends=True, trailers=None, **headers):
        """As much of the body as the windows allow; the rest is up to the journey."""
        told = self.connection.h2
        fields = [(name.replace("_", "-").lower(), str(value)) for name, value in headers.items()]
        told.send_headers(self.stream, [(":status", str(status)), *fields], end_stream=ends and not body and not trailers)
        for start in range(0, len(body), 16_384):
            is_last = start + 16_384 >= len(body)
            told.send_data(self.stream, body[start:start + 16_384], end_stream=ends and is_last and not trailers)
        if trailers:
            told.send_headers(self.stream, trailers, end_stream=True)
        self.connection.flush()

    def echo(self):
        self.answer(200, self.body, content_type=self["content-type"] or "text/plain")

    def reset(self, code):
        self.connection.h2.reset_stream(self.stream, code)
        self.connection.flush()


class Connection(H2Connection):
    def hear(self, event):
        super().hear(event)
        if self.server.hears:
            self.server.hears(self, event)

    def ended(self, stream):
        request = Request(self.heads[stream], self.bodies[stream], self, stream)
        self.server.requests.append(request)
        self.server.handle(request)


class H2Backend(H2Server):
    """handle(request) answers, hears(connection, event) is told of everything; both run with the connection's lock."""

    connection = Connection

    def __init__(self, handle=Request.echo, *, hears=None, **more):
        self.requests, self.hears = [], hears
        super().__init__(handle, **more)

    def service(self, name="web", **more):
        """Its entry under `services:`."""
        return {"name": name, "link": "http", "http2": True, "instances": [f"127.0.0.1:{self.port}"],
                "backoff": {"min": "20ms", "max": "100ms"}, "connect_timeout": "5s", **more}


def offering(context, *protocols):
    """A server's TLS context that knows these protocols (ALPN)."""
    context.set_alpn_protocols(list(protocols))
    return context


class NginxService(Process):
    """nginx as an HTTP/2 service: with a certificate by ALPN, else in the clear from the first byte.

    behind: the port of the HTTP/1.1 server that answers; None = every answer is `says`. protocol: "" is HTTP/1.1.
    """

    MAIN = """
daemon off;
user {user};
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 512; }}
http {{
    log_format short "$connection $server_protocol";
    access_log {folder}/access.log short;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} {protocol};
        keepalive_requests 100000000;
        {certificate}
        location / {{ {answer} }}
    }}
}}
"""

    def __init__(self, folder, behind=None, pair=None, *, protocol="http2", says=""):
        self.port = free_port()
        self.folder = folder
        folder.mkdir()
        certificate = f"ssl_certificate {pair.certificate}; ssl_certificate_key {pair.key};" if pair else ""
        answer = f"proxy_pass http://127.0.0.1:{behind}; proxy_http_version 1.1;" if behind else f'return 200 "{says}";'
        (folder / "nginx.conf").write_text(self.MAIN.format(
            folder=folder, user=folder.owner(), port=self.port, protocol=("ssl " if pair else "") + protocol,
            certificate=certificate, answer=answer))
        super().__init__("nginx", [
            binary("nginx"), "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"], folder)
        until(lambda: (self.check_running() or True) and listens(self.port), 15, "nginx listens")

    def kill(self):
        """Killed, it would leave its workers behind."""
        self.stop()

    def _noted(self, place):
        return {line.split(" ")[place] for line in (self.folder / "access.log").read_text().splitlines()}

    def protocols(self):
        """Of the requests so far, as nginx noted them."""
        return self._noted(1)

    def connections(self):
        """How many have had a request."""
        return len(self._noted(0))

    def reload(self):
        """New workers; the old ones say GOAWAY and end."""
        self.process.send_signal(signal.SIGHUP)


class HAProxyService(Process):
    """HAProxy as an HTTP/2 service in the clear."""

    MAIN = """
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend in
    bind 127.0.0.1:{port} proto h2
    default_backend out
backend out
    server one 127.0.0.1:{behind}
"""

    def __init__(self, folder, behind):
        self.port = free_port()
        folder.mkdir()
        (folder / "haproxy.cfg").write_text(self.MAIN.format(port=self.port, behind=behind))
        super().__init__("haproxy", [binary("haproxy"), "-db", "-f", folder / "haproxy.cfg"], folder)
        until(lambda: (self.check_running() or True) and listens(self.port), 15, "HAProxy listens")


def chosen_protocol(port):
    """What a TLS server chooses of h2 and HTTP/1.1."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection(("127.0.0.1", port)) as plain, context.wrap_socket(plain) as made:
        return made.selected_alpn_protocol()
