#!/usr/bin/env python3
"""The demo's services on the gRPC link, in Python with grpcio.

    pip install grpcio==1.85.1 grpcio-tools==1.85.1
    python3 grpc_service.py --listen 127.0.0.1:9301
    python3 grpc_service.py --listen 127.0.0.1:9301 --certificate chain.pem --key key.pem --client-ca ca.pem

Ends on Ctrl-C or SIGTERM after the calls under way are answered.
"""
import argparse
import asyncio
import itertools
import logging
import signal
import sys
from pathlib import Path

import grpc

from demo_commands import Demo

sys.path.insert(0, str(Path(__file__).parent))  # where backend.proto is
messages, backend = grpc.protos_and_services("backend.proto")
log = logging.getLogger("grpc_service")

OPTIONS = [
    ("grpc.max_receive_message_length", 16 << 20),
    # Two servers on one port would share the gateway's connections.
    ("grpc.so_reuseport", 0),
    # The gateway asks for a sign of life while a call takes long.
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
]


class Backend(backend.BackendServicer):
    """answer: `async def answer(request) -> CallReply`. push: to every attached gateway, with its results."""

    def __init__(self, answer):
        self.answer = answer
        self.gateways = set()  # queues of what is to be pushed, one for each stream
        self.results = {}  # id of a push -> future of its result
        self.ids = itertools.count(1)

    async def Handle(self, request, context):
        try:
            return await self.answer(request)
        except Exception:
            log.exception("%s failed", request.command)
            return messages.CallReply(status=1500, format=1, payload=b'{"error":"the service failed"}')

    async def Attach(self, requests, context):
        pushes = asyncio.Queue(1_000)
        reading = asyncio.create_task(self.read(requests))
        self.gateways.add(pushes)
        try:
            while True:
                yield await pushes.get()
        finally:
            self.gateways.discard(pushes)
            reading.cancel()

    async def read(self, requests):
        async for message in requests:
            if message.HasField("hello"):
                log.info("attached: %s", message.hello.node)
            elif waiting := self.results.pop(message.result.id, None):
                waiting.set_result(message.result)

    async def push(self, cmd, payload, users):
        """Every stream is a way to the same gateway, or to another: who is not at one may be at the next."""
        message = messages.Push.Message(cmd=cmd, payload=payload, format=1)
        for pushes in list(self.gateways):
            number = next(self.ids) % 0xFFFF_FFFF + 1
            waiting = self.results[number] = asyncio.get_running_loop().create_future()
            try:
                pushes.put_nowait(messages.ToGateway(id=number, push=messages.Push(users=users, message=message)))
                result = await asyncio.wait_for(waiting, 5)
            finally:
                self.results.pop(number, None)
            if result.delivered or result.queued:
                return


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", default="127.0.0.1:9301", metavar="HOST:PORT")
    parser.add_argument("--own-sessions", action="store_true", help="logins give session ids instead of JWTs")
    parser.add_argument("--certificate", help="PEM chain: the link speaks TLS")
    parser.add_argument("--key", help="PEM key of the certificate")
    parser.add_argument("--client-ca", help="PEM: gateways must show a certificate of this authority")
    return parser.parse_args()


def credentials(options):
    authority = Path(options.client_ca).read_bytes() if options.client_ca else None
    pair = (Path(options.key).read_bytes(), Path(options.certificate).read_bytes())
    return grpc.ssl_server_credentials([pair], authority, require_client_auth=authority is not None)


async def main():
    options = arguments()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")

    async def answer(request):
        reply = await demo.answer(request.command, request.user_id, request.payload, request.format == 1)
        return messages.CallReply(status=reply.status, payload=reply.body, format=1 if reply.is_json else 0)

    servicer = Backend(answer)
    demo = Demo(servicer.push, own_sessions=options.own_sessions)
    server = grpc.aio.server(options=OPTIONS)
    backend.add_BackendServicer_to_server(servicer, server)
    if options.certificate:
        port = server.add_secure_port(options.listen, credentials(options))
    else:
        port = server.add_insecure_port(options.listen)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await server.start()
    print(f"listening on {options.listen.rpartition(':')[0]}:{port}", flush=True)
    await stop.wait()
    await server.stop(grace=10)


if __name__ == "__main__":
    asyncio.run(main())
