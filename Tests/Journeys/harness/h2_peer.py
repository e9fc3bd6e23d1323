"""A gRPC server down to the frame, on the library h2: refuses streams, says GOAWAY, gives small windows."""
import struct
import sys

import grpc

from .h2_server import H2Connection, H2Server
from .processes import ROOT

sys.path.insert(0, str(ROOT / "Examples/python_service"))
messages = grpc.protos("backend.proto")


def framed(message):
    body = message.SerializeToString()
    return struct.pack(">BI", 0, len(body)) + body


class Connection(H2Connection):
    def ended(self, stream):
        if not dict(self.heads[stream])[":path"].endswith("/Handle"):
            return
        call = messages.CallRequest.FromString(self.bodies[stream][5:])
        self.server.calls.append(call)
        self.server.handle(self, stream, call)

    def reply(self, stream, body, status="0"):
        head = [(":status", "200"), ("content-type", "application/grpc")]
        self.h2.send_headers(stream, head)
        for start in range(0, len(body), 16_384):
            self.h2.send_data(stream, body[start:start + 16_384])
        self.h2.send_headers(stream, [("grpc-status", status)], end_stream=True)

    def echo(self, stream, call):
        self.reply(stream, framed(messages.CallReply(payload=call.payload, format=call.format)))


class H2Peer(H2Server):
    """handle(connection, stream, call) answers; it runs with the connection's lock."""

    connection = Connection

    def __init__(self, handle=Connection.echo, **more):
        self.calls = []
        super().__init__(handle, **more)
