#!/usr/bin/env python3
"""A chat client in one screen: log in, connect, send, print what comes.

    python3 chat.py http://127.0.0.1:8080 bob builder                  # listens until Ctrl-C
    python3 chat.py http://127.0.0.1:8080 alice wonderland bob "hi"    # sends one message and ends
    python3 chat.py tcp://127.0.0.1:7080 alice wonderland bob "hi"     # the same over TCP

Over http:// it logs in by HTTP and talks over WebSocket, which needs the package `websockets`; over tcp://
it does both on one connection, with the standard library. Speaks the JSON form of docs/protocol.md.
"""
import asyncio
import contextlib
import json
import sys
import urllib.error
import urllib.parse
import urllib.request

AUTH, PING, LOGIN, PRESENCE, CLOSE, SEND, DELIVER = 1, 2, 5, 12, 13, 1001, 1003


class TCP:
    """Envelopes with four bytes of length before each."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def send(self, text):
        body = text.encode()
        self.writer.write(len(body).to_bytes(4, "big") + body)
        await self.writer.drain()

    async def recv(self):
        return await self.reader.readexactly(int.from_bytes(await self.reader.readexactly(4), "big"))

    async def __aiter__(self):
        while True:
            yield await self.recv()

    async def ask(self, cmd, data):
        """A request before anything else is under way; ends the program when it is refused."""
        await self.send(json.dumps({"cmd": cmd, "seq": 1, "data": data}))
        reply = json.loads(await self.recv())
        if reply["status"]:
            sys.exit(f"login refused: {reply['refusal']['name']}: {reply['refusal']['message']}")
        return reply["data"]


@contextlib.asynccontextmanager
async def over_tcp(url, user, password):
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    with contextlib.closing(writer):
        connection = TCP(reader, writer)
        token = (await connection.ask(LOGIN, {"user": user, "password": password}))["token"]
        yield connection, (await connection.ask(AUTH, {"token": token}))["session"]


@contextlib.asynccontextmanager
async def over_websocket(url, user, password):
    import websockets
    body = json.dumps({"user": user, "password": password}).encode()
    request = urllib.request.Request(url.geturl() + "/v1/login", body, {"Content-Type": "application/json"})
    try:
        token = json.load(urllib.request.urlopen(request, timeout=10))["token"]
    except urllib.error.HTTPError as error:
        problem = json.load(error)
        sys.exit(f"login refused: {problem['name']}: {problem['detail']}")
    address = url.geturl().replace("http", "ws", 1) + "/ws"
    async with websockets.connect(address, subprotocols=["sluice.v1.json", "bearer." + token]) as socket:
        try:
            yield socket, json.loads(await socket.recv())["data"]["session"]
        except websockets.ConnectionClosed as closed:
            sys.exit(f"closed: {closed.rcvd.code if closed.rcvd else 'no close frame'} {closed.rcvd.reason if closed.rcvd else ''}")


def show(envelope):
    data = envelope.get("data") or {}
    if "refusal" in envelope:
        no = envelope["refusal"]
        print(f"refused: {no['name']} by rule {no.get('rule', '-')}, again in {no.get('retry_after_ms', 0)} ms")
    elif envelope["cmd"] == DELIVER:
        print(f"{data['from']}: {data['text']}")
    elif envelope["cmd"] == PRESENCE:
        print(f"{data['user']} is {'online' if data['online'] else 'offline'}")
    elif envelope["cmd"] == SEND:
        print(f"sent, id {data['id']}")
    elif envelope["cmd"] == CLOSE:
        sys.exit(f"closed: {data['code']} {data['reason']}")
    sys.stdout.flush()


async def main(base, user, password, to=None, text=None):
    url = urllib.parse.urlsplit(base)
    async with (over_tcp if url.scheme == "tcp" else over_websocket)(url, user, password) as (connection, session):
        print("connected, session", session, flush=True)
        if to:
            await connection.send(json.dumps({"cmd": SEND, "seq": 2, "data": {"to": to, "text": text}}))
        async for frame in connection:
            envelope = json.loads(frame)
            if envelope["cmd"] == PING:  # over TCP the gateway asks for a sign of life
                await connection.send(json.dumps({"cmd": PING}))
            show(envelope)
            if to and envelope.get("seq") == 2 and not envelope.get("push"):
                return


if __name__ == "__main__":
    if len(sys.argv) not in (4, 6):
        sys.exit(__doc__)
    try:
        asyncio.run(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        pass
    except (asyncio.IncompleteReadError, ConnectionError):
        sys.exit("closed: no word from the gateway")
