#!/usr/bin/env python3
"""The demo's services on the HTTP link, in Python: POST {base path}/{command name}.

    python3 http_service.py --listen 127.0.0.1:9201
    python3 http_service.py --listen 127.0.0.1:9201 --push-url http://127.0.0.1:9901/v1/push --push-token-file token

HTTP has no way back to the gateway, so pushes go to its admin listener. Ends on Ctrl-C or SIGTERM
after the requests under way are answered.
"""
import argparse
import asyncio
import json
import logging
import signal
import urllib.parse
import urllib.request
from pathlib import Path

from demo_commands import Demo

MAX_HEAD_BYTES, MAX_BODY_BYTES, MAX_CONNECTIONS = 16_384, 4 << 20, 1_024
IDLE_SECONDS, HEAD_SECONDS = 120, 10
JSON, BYTES = "application/json", "application/octet-stream"
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 413: "Content Too Large",
           422: "Unprocessable Content", 431: "Request Header Fields Too Large", 500: "Internal Server Error",
           501: "Not Implemented", 503: "Service Unavailable"}
log = logging.getLogger("http")


class Bad(Exception):
    """A request that cannot be answered; the connection closes after it."""

    def __init__(self, status, why):
        super().__init__(why)
        self.status = status


def read_head(head):
    """(method, path, headers) of a request's head. Names of headers in lower case."""
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    parts = first.split(" ")
    if len(parts) != 3 or parts[2] != "HTTP/1.1":
        raise Bad(400, "not HTTP/1.1")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.lower()
        if not colon or not name or name != name.strip() or name in headers and name in ("content-length", "host"):
            raise Bad(400, "a bad header line")
        headers[name] = value.strip(" \t")
    return parts[0], parts[1], headers


def body_length(headers):
    if "transfer-encoding" in headers:
        raise Bad(501, "bodies need a Content-Length")
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        raise Bad(400, "bad Content-Length")
    if int(length) > MAX_BODY_BYTES:
        raise Bad(413, "body too large")
    return int(length)


class CommandServer:
    """answer: `async def answer(name, headers, body, is_json) -> Reply`."""

    def __init__(self, answer, base_path):
        self.answer, self.base = answer, base_path.rstrip("/") + "/"
        self.connections = {}  # task -> True while a request is under way
        self.is_stopping = False

    async def serve(self, reader, writer):
        task = asyncio.current_task()
        if len(self.connections) >= MAX_CONNECTIONS:
            self.write(writer, 503, b'{"error":"too many connections"}', keep=False)
            writer.close()
            return
        self.connections[task] = False
        try:
            keep = True
            while keep and not self.is_stopping:
                keep = await self.serve_one(task, reader, writer)
        except Bad as bad:
            log.warning("refused: %s", bad)
            self.write(writer, bad.status, json.dumps({"error": str(bad)}).encode(), keep=False)
        except asyncio.LimitOverrunError:
            self.write(writer, 431, b'{"error":"head too large"}', keep=False)
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError, asyncio.CancelledError):
            pass  # the gateway closed an idle connection, or we do
        finally:
            del self.connections[task]
            writer.close()

    async def serve_one(self, task, reader, writer):
        async with asyncio.timeout(IDLE_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
        self.connections[task] = True
        method, path, headers = read_head(head)
        async with asyncio.timeout(HEAD_SECONDS):
            body = await reader.readexactly(body_length(headers))
        keep = headers.get("connection", "").lower() != "close"
        name = path.removeprefix(self.base)
        if method != "POST" or name == path:
            status = 404 if name == path else 405
            self.write(writer, status, b'{"error":"POST to a command"}', keep=keep)
        else:
            await self.command(name, headers, body, writer, keep)
        await writer.drain()
        self.connections[task] = False
        return keep

    async def command(self, name, headers, body, writer, keep):
        is_json = headers.get("content-type", JSON).partition(";")[0].strip().lower() == JSON
        left = headers.get("sluice-deadline-ms", "")
        try:
            async with asyncio.timeout(int(left) / 1000 if left.isdigit() else None):
                reply = await self.answer(name, headers, body, is_json)
        except TimeoutError:
            return self.write(writer, 503, b'{"error":"out of time"}', keep=keep)
        except Exception:
            log.exception("%s failed", name)
            return self.write(writer, 500, b'{"error":"the service failed"}', keep=keep)
        # Status 0 is 200; a status of the service's own travels in a header.
        own = f"Sluice-Status: {reply.status}\r\n" if reply.status else ""
        self.write(writer, 422 if reply.status else 200, reply.body, reply.is_json, own, keep=keep)

    @staticmethod
    def write(writer, status, body, is_json=True, more="", keep=True):
        writer.write((
            f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: {JSON if is_json else BYTES}\r\n"
            f"Content-Length: {len(body)}\r\n{more}{'' if keep else 'Connection: close' + chr(13) + chr(10)}\r\n"
        ).encode("latin-1") + body)

    async def stop(self, seconds=10.0):
        """Lets requests under way end; closes idle connections."""
        self.is_stopping = True
        for task, is_busy in self.connections.items():
            if not is_busy:
                task.cancel()
        if self.connections:
            await asyncio.wait(list(self.connections), timeout=seconds)
        for task in self.connections:
            task.cancel()
        if self.connections:
            await asyncio.wait(list(self.connections), timeout=1)


class AdminPush:
    """Pushes through `POST /v1/push` of the gateway's admin listener."""

    def __init__(self, url, token_file):
        self.url = url
        self.token = Path(token_file).read_text().strip() if token_file else ""

    async def __call__(self, cmd, payload, users):
        if not self.url:
            raise RuntimeError("no --push-url")
        # `data` is the payload as it is: parsed and written again it would be the same JSON.
        body = json.dumps({"users": users, "cmd": cmd, "class": "must", "data": json.loads(payload)}).encode()
        headers = {"Content-Type": JSON, "Authorization": f"Bearer {self.token}"}
        await asyncio.to_thread(self.post, urllib.request.Request(self.url, body, headers))

    @staticmethod
    def post(request):
        with urllib.request.urlopen(request, timeout=5) as answer:
            answer.read()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", default="127.0.0.1:9201", metavar="HOST:PORT")
    parser.add_argument("--base-path", default="/commands")
    parser.add_argument("--own-sessions", action="store_true", help="logins give session ids instead of JWTs")
    parser.add_argument("--push-url", default="", help="the gateway's admin listener, .../v1/push")
    parser.add_argument("--push-token-file", help="file with the admin listener's token")
    return parser.parse_args()


async def main():
    options = arguments()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    demo = Demo(AdminPush(options.push_url, options.push_token_file), own_sessions=options.own_sessions)

    async def answer(name, headers, body, is_json):
        # What is no visible ASCII comes as %XX.
        return await demo.answer(name, urllib.parse.unquote(headers.get("sluice-user", "")), body, is_json)

    server = CommandServer(answer, options.base_path)
    host, _, port = options.listen.rpartition(":")
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    listener = await asyncio.start_server(server.serve, host.strip("[]"), int(port), limit=MAX_HEAD_BYTES)
    print(f"listening on {host}:{listener.sockets[0].getsockname()[1]}", flush=True)
    await stop.wait()
    listener.close()
    await server.stop()


if __name__ == "__main__":
    asyncio.run(main())
