"""nginx and HAProxy before two gateways, with the configuration we ship, on free ports."""
from .processes import Process
from .proxies import Nginx, binary, shipped
from .waiting import free_port, listens, until


class Balancer(Process):
    """Ports: `http` and `tcp` go round, `http_by_address` and `tcp_by_address` by the client's address."""

    def __init__(self, name, command, folder, ports):
        self.http, self.http_by_address, self.tcp, self.tcp_by_address = ports
        super().__init__(name, command, folder)
        until(lambda: (self.check_running() or True) and all(listens(port) for port in ports), 15, f"{name} listens")

    @staticmethod
    def ports():
        return [free_port() for _ in range(4)]


def http_ports(ports, gateways):
    return {"port80": ports[0], "port81": ports[1], "port8080": gateways[0].port, "port8081": gateways[1].port}


def tcp_ports(ports, gateways):
    return {"port7000": ports[2], "port7001": ports[3], "port7080": gateways[0].tcp_port,
            "port7081": gateways[1].tcp_port}


def nginx(folder, gateways):
    folder.mkdir()
    ports = Balancer.ports()
    (folder / "http.conf").write_text(shipped("nginx/sluice-gateways.conf", **http_ports(ports, gateways)))
    (folder / "stream.conf").write_text(shipped("nginx/sluice-gateways-stream.conf", **tcp_ports(ports, gateways)))
    (folder / "nginx.conf").write_text(Nginx.MAIN.format(folder=folder, stream=Nginx.STREAM, user=folder.owner()))
    return Balancer("nginx", [
        binary("nginx"), "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"], folder, ports)


def haproxy(folder, gateways):
    folder.mkdir()
    ports = Balancer.ports()
    (folder / "haproxy.cfg").write_text(shipped(
        "haproxy/sluice-gateways.cfg", **http_ports(ports, gateways), **tcp_ports(ports, gateways)))
    return Balancer("haproxy", [binary("haproxy"), "-db", "-f", folder / "haproxy.cfg"], folder, ports)
