"""A service that notes when each call came, and answers at once, later, or when the journey says so."""
import threading
import time
from collections import Counter

from .fake_service import FakeService


class RecordingService(FakeService):
    """`asked`: the calls of clients, `arrived`: (monotonic time, cmd, seq, data) of each, both in their order. What the
    gateway asks of its own accord (presence) is answered at once and not noted.

    delay: seconds until a call is answered; None = the journey answers. `most_of` says for each command how many calls
    were under way at once, from the moment a call is read to the moment its answer is written.
    """

    def __init__(self, delay=0.0, **more):
        self.asked = []
        self.delay, self.arrived, self.under_way, self.most_of = delay, [], Counter(), Counter()
        self._count = threading.Lock()
        super().__init__(self._note, **more)

    def _note(self, call):
        cmd = call.envelope.cmd
        if not call.envelope.user_id:
            return call.reply_json(b"{}")
        with self._count:
            self.asked.append(call)
            self.arrived.append((time.monotonic(), cmd, call.envelope.seq, call.envelope.payload))
            self.under_way[cmd] += 1
            self.most_of[cmd] = max(self.most_of[cmd], self.under_way[cmd])
        if self.delay:
            threading.Timer(self.delay, self.finish, [call]).start()
        elif self.delay is not None:
            self.finish(call)
        return None

    def finish(self, call, status=0):
        """Answers with what came."""
        with self._count:
            self.under_way[call.envelope.cmd] -= 1
        try:
            call.reply_json(call.envelope.payload or b"null", status)
        except OSError:
            pass  # the link has gone with the gateway

    def times(self, cmd):
        return [when for when, found, _, _ in self.arrived if found == cmd]

    def sequence(self, cmd):
        return [seq for _, found, seq, _ in self.arrived if found == cmd]
