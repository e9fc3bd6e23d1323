"""The service `group`: four instances told by the DNS, each well until a journey says otherwise."""
from .fake_service import FakeService
from .gateway import COMMAND_KEYS
from .name_server import NameServer

LIST = 1401
COMMAND = dict(zip(COMMAND_KEYS, (LIST, "group.list", "group", "client", "2s", False, True, 4096)))
NAME, HOST = "_group._tcp.example", "host.example"


def well(call):
    """The service's own answer; what the gateway asks of its own accord is answered too."""
    call.reply_json(b"[]")


def nonsense(_):
    """An answer that is no envelope."""
    return b"\xff" * 5


class Groups:
    def __init__(self):
        self.instances = [FakeService(well) for _ in range(4)]
        self.server = NameServer()
        self.known_to_dns(4)

    def known_to_dns(self, count):
        """The DNS names the first so many of them, for a second at a time."""
        self.server.records = [(HOST, "a", "127.0.0.1", 1), *(
            (NAME, "srv", (1, 1, one.port, HOST), 1) for one in self.instances[:count])]

    def answer(self, how):
        """All of them, from now on, pings too."""
        for one in self.instances:
            one.answer, one.answers_pings = how, True

    @property
    def service(self):
        """How a gateway calls them: what hangs or answers badly is soon out, and few calls are sent twice."""
        return {
            "name": "group", "link": "native", "connect_timeout": "1s", "backoff": {"min": "20ms", "max": "200ms"},
            "discovery": {"dns": {"name": NAME, "type": "srv"}},
            "health": {
                "check": {"kind": "ping", "interval": "500ms", "timeout": "250ms", "unhealthy": 2, "healthy": 1},
                "outliers": {"consecutive_errors": 3, "ejection": "3s"}},
            "retry": {"attempts": 2, "budget": 0.01, "per_try_timeout": "200ms"}}

    def stop(self):
        for one in (*self.instances, self.server):
            one.stop()
