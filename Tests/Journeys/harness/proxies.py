"""Proxies in front of the gateway: real nginx and HAProxy with the configuration we ship, on free ports."""
import re
import shutil

from .processes import ROOT, Process
from .waiting import free_port, listens, until


def shipped(name, **ports):
    """A file of Config/ with other ports for its addresses: {"127.0.0.1:80": 4711}."""
    text = (ROOT / "Config" / name).read_text()
    for printed, real in ports.items():
        text, count = re.subn(rf"127\.0\.0\.1:{printed.removeprefix('port')}\b(?=[;\s])", f"127.0.0.1:{real}", text)
        assert count, f"Config/{name} has no {printed}"
    return text


def binary(name):
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    assert found, f"{name} is missing: run .ci/install test"
    return found


class Proxy(Process):
    """Stops by its own process id; its children go with it."""

    def __init__(self, name, command, folder):
        super().__init__(name, command, folder)
        until(lambda: (self.check_running() or True) and listens(self.http_port) and listens(self.tcp_port), 15,
              f"{name} listens")


class Nginx(Proxy):
    MAIN = """
daemon off;
user {user};
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
load_module {stream};
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/http.conf;
}}
stream {{ include {folder}/stream.conf; }}
"""
    STREAM = "/usr/lib/nginx/modules/ngx_stream_module.so"

    def __init__(self, folder, *, http, tcp):
        """http, tcp: ports of the gateway's listeners."""
        self.http_port, self.tcp_port = free_port(), free_port()
        folder.mkdir()
        (folder / "http.conf").write_text(shipped("nginx/sluice-http.conf", port80=self.http_port, port8080=http))
        (folder / "stream.conf").write_text(shipped("nginx/sluice-stream.conf", port7000=self.tcp_port, port7080=tcp))
        (folder / "nginx.conf").write_text(self.MAIN.format(folder=folder, stream=self.STREAM, user=folder.owner()))
        super().__init__("nginx", [
            binary("nginx"), "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"], folder)


class HAProxy(Proxy):
    def __init__(self, folder, *, http, tcp):
        self.http_port, self.tcp_port = free_port(), free_port()
        folder.mkdir()
        (folder / "haproxy.cfg").write_text(shipped(
            "haproxy/sluice.cfg", port80=self.http_port, port8080=http, port7000=self.tcp_port, port7080=tcp))
        super().__init__("haproxy", [binary("haproxy"), "-db", "-f", folder / "haproxy.cfg"], folder)
