"""The service's side of Sluice's native link (docs/native-link.md), on Python's standard library alone.

    async def answer(call):                     # call: an Envelope
        return Answer(call.payload, is_json=call.is_json)

    server = LinkServer(answer, node="echo-1")
    await server.start("127.0.0.1", 9101)       # ssl=context for TLS
    ...
    await server.stop()                         # goaway, finish what is under way, close

Calls run at once and are answered as they end, in any order. `push` sends to clients at any time.
"""
import asyncio
import logging
import struct
from dataclasses import dataclass

HELLO, CALL, REPLY, PUSH, PUSH_RESULT, CANCEL, PING, GOAWAY = range(1, 9)
IS_ANSWER = 1  # flag of a ping
MUST, LATEST, DROPPABLE = range(3)  # classes of a push

HEAD = struct.Struct("!IBBHI")  # length of what follows it, kind, flags, zero, stream
log = logging.getLogger("sluice.link")


class LinkBroken(Exception):
    """The gateway broke the protocol; the link closes."""


class PushFailed(Exception):
    """Nobody can say whether the push arrived: no gateway is connected, or it went."""


# Protobuf, as far as the link needs it: numbers (wire type 0) and bytes (wire type 2).

def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value) if value else b""


def text(field, value):
    if isinstance(value, str):
        value = value.encode()
    return varint(field << 3 | 2) + varint(len(value)) + value if value else b""


def fields(data):
    """Yields (field, value) of a message: an int or bytes. Fields of fixed size are left out."""
    at, end = 0, len(data)

    def read_varint():
        nonlocal at
        value = shift = 0
        while True:
            if at >= end or shift > 63:
                raise LinkBroken("a number has no end")
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & 0xFFFF_FFFF_FFFF_FFFF
            shift += 7

    while at < end:
        tag = read_varint()
        field, wire = tag >> 3, tag & 7
        if wire == 0:
            yield field, read_varint()
            continue
        size = {1: 8, 5: 4}.get(wire)
        if wire == 2:
            size = read_varint()
        if size is None or field == 0 or at + size > end:
            raise LinkBroken("not a protobuf message")
        if wire == 2:
            yield field, bytes(data[at:at + size])
        at += size


@dataclass(slots=True)
class Envelope:
    """A call. Fields a service seldom needs (version, kind, ...) are not kept."""
    cmd: int = 0
    seq: int = 0
    format: int = 0
    topic: str = ""
    deadline_ms: int = 0  # time left to answer; 0 = not known
    trace: str = ""
    key: str = ""  # idempotency key of the client
    payload: bytes = b""
    user_id: str = ""  # proven by the gateway; "" = the gateway's own call
    session: str = ""
    device: str = ""
    client: str = ""  # the client's address

    @property
    def is_json(self):
        return self.format == 1

    NAMES = {2: "cmd", 3: "seq", 6: "format", 7: "topic", 8: "deadline_ms", 9: "trace", 10: "key",
             15: "payload", 32: "user_id", 33: "session", 34: "device", 35: "client"}
    NUMBERS = {2, 3, 6, 8}

    @classmethod
    def read(cls, data):
        made = cls()
        for field, value in fields(data):
            name = cls.NAMES.get(field)
            if name is None:
                continue
            if isinstance(value, int) != (field in cls.NUMBERS):
                raise LinkBroken(f"field {field} has the wrong type")
            # The last value counts where a field is there twice.
            if field not in cls.NUMBERS and name != "payload":
                value = value.decode("utf-8", "strict")
            setattr(made, name, value)
        return made


@dataclass(slots=True)
class Answer:
    """What a call comes to. Status 0, or the service's own from 1000 on."""
    payload: bytes = b""
    status: int = 0
    is_json: bool = True

    def envelope(self, call):
        return (number(2, call.cmd) + number(3, call.seq) + number(4, self.status) + number(5, 1)
                + number(6, int(self.is_json)) + text(15, self.payload))


@dataclass(slots=True)
class PushResult:
    delivered: int = 0  # connections
    queued: int = 0
    offline: int = 0  # users with no connection


class Link:
    """One connection from a gateway: one of its event loops."""

    def __init__(self, server, reader, writer):
        self.server, self.reader, self.writer = server, reader, writer
        self.node = None  # the gateway's name, once it has said hello
        self.calls = {}  # stream -> task
        self.pushes = {}  # stream -> future of its result
        self.last_push = 0
        self.is_leaving = False  # the gateway said goaway
        self.task = asyncio.current_task()

    def send(self, kind, stream=0, body=b"", flags=0):
        if not self.writer.is_closing():
            self.writer.write(HEAD.pack(8 + len(body), kind, flags, 0, stream) + body)

    async def run(self):
        try:
            self.send(HELLO, 0, number(1, 1) + text(2, self.server.node))
            while True:
                head = await self.reader.readexactly(HEAD.size)
                length, kind, flags, zero, stream = HEAD.unpack(head)
                if not 8 <= length <= self.server.max_frame_bytes or zero:
                    raise LinkBroken(f"a frame of {length} bytes, reserved {zero}")
                self.take(kind, flags, stream, await self.reader.readexactly(length - 8))
                # A gateway that does not read its answers is not read from either.
                await self.writer.drain()
                while len(self.calls) >= self.server.max_calls:
                    await asyncio.wait(list(self.calls.values()), return_when=asyncio.FIRST_COMPLETED)
        except (asyncio.IncompleteReadError, ConnectionError):
            log.info("link of %s ended", self.node)
        except (LinkBroken, UnicodeDecodeError) as broken:
            log.error("link of %s closed: %s", self.node, broken)
        finally:
            self.close()

    def take(self, kind, flags, stream, body):
        if kind == HELLO and self.node is None:
            said = dict(fields(body))
            if said.get(1) != 1:
                raise LinkBroken(f"version {said.get(1)} of the link")
            self.node = said.get(2, b"").decode()
            log.info("link of %s", self.node)
        elif self.node is None:
            raise LinkBroken("no hello")
        elif kind == CALL:
            self.calls[stream] = asyncio.create_task(self.answer(stream, Envelope.read(body)))
        elif kind == CANCEL:
            if task := self.calls.get(stream):
                task.cancel()
        elif kind == PING and not flags & IS_ANSWER and len(body) <= 125:
            self.send(PING, stream, body, IS_ANSWER)
        elif kind == PUSH_RESULT:
            said = dict(fields(body))
            waiting = self.pushes.pop(stream, None)
            if waiting and not waiting.done():
                waiting.set_result(PushResult(said.get(1, 0), said.get(2, 0), said.get(3, 0)))
        elif kind == GOAWAY:
            self.is_leaving = True
        elif kind != PING:
            raise LinkBroken(f"a frame of kind {kind}")

    async def answer(self, stream, call):
        try:
            async with asyncio.timeout(call.deadline_ms / 1000 or None):
                answer = await self.server.handler(call)
            body = answer.envelope(call)
            if len(body) + 8 > self.server.max_frame_bytes:
                raise ValueError(f"an answer of {len(body)} bytes to command {call.cmd}")
        except asyncio.CancelledError:
            return  # nobody waits for this answer any more
        except TimeoutError:
            log.warning("command %d ran out of time", call.cmd)
            return
        except Exception:
            log.exception("command %d failed", call.cmd)
            body = Answer(b'{"error":"the service failed"}', 1500).envelope(call)
        finally:
            self.calls.pop(stream, None)
        self.send(REPLY, stream, body)

    def push(self, body):
        self.last_push = self.last_push % 0xFFFF_FFFF + 1
        waiting = self.pushes[self.last_push] = asyncio.get_running_loop().create_future()
        self.send(PUSH, self.last_push, body)
        return waiting

    def close(self):
        self.server.links.discard(self)
        for task in list(self.calls.values()):
            task.cancel()
        for waiting in self.pushes.values():
            if not waiting.done():
                waiting.set_exception(PushFailed("the link ended"))
                waiting.exception()  # whoever waits hears of it; nobody need wait
        self.pushes.clear()
        self.writer.close()


class LinkServer:
    """Listens for gateways.

    handler: `async def handler(call: Envelope) -> Answer`. What it raises is logged and told to the
        client as status 1500.
    max_calls: calls of one link that run at once; beyond them the link is not read.
    """

    def __init__(self, handler, *, node="python", max_calls=1024, max_frame_bytes=4 << 20):
        self.handler, self.node = handler, node
        self.max_calls, self.max_frame_bytes = max_calls, max_frame_bytes
        self.links = set()
        self.listener = None

    async def start(self, host, port, ssl=None):
        """Listens; returns the port."""
        self.listener = await asyncio.start_server(self._accept, host, port, ssl=ssl)
        return self.listener.sockets[0].getsockname()[1]

    async def _accept(self, reader, writer):
        link = Link(self, reader, writer)
        self.links.add(link)
        await link.run()

    async def push(self, cmd, payload, *, users=(), sessions=(), everybody=False, delivery=MUST,
                   ttl_ms=0, is_json=True, seconds=5.0):
        """Sends a push to clients and returns how many got it. Name users, sessions (16 bytes each) or all.

        Every gateway is told once, over one of its links.
        """
        inner = number(2, cmd) + number(5, 2) + number(6, int(is_json)) + text(15, payload)
        body = (b"".join(text(1, user) for user in users) + b"".join(text(2, one) for one in sessions)
                + number(3, int(everybody)) + number(4, delivery) + number(5, ttl_ms) + text(15, inner))
        gateways = {link.node: link for link in self.links if link.node is not None and not link.is_leaving}
        if not gateways:
            raise PushFailed("no gateway is connected")
        total = PushResult()
        async with asyncio.timeout(seconds):
            for result in await asyncio.gather(*(link.push(body) for link in gateways.values())):
                total.delivered += result.delivered
                total.queued += result.queued
                total.offline += result.offline
        return total

    async def stop(self, seconds=10.0):
        """Takes no new calls, answers those under way, and closes every link."""
        if self.listener:
            self.listener.close()
        for link in self.links:
            link.send(GOAWAY, 0, text(1, "stops"))
        under_way = [task for link in self.links for task in link.calls.values()]
        if under_way:
            await asyncio.wait(under_way, timeout=seconds)
        ending = [link.task for link in self.links]
        for link in list(self.links):
            link.close()
        if ending:
            await asyncio.wait(ending, timeout=1)
