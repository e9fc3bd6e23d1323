"""A gRPC service of our own: each journey says how it answers; pushes go down every attached stream."""
import queue
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc

from .processes import ROOT

sys.path.insert(0, str(ROOT / "Examples/python_service"))
messages, backend = grpc.protos_and_services("backend.proto")


def echo(request, context):
    return messages.CallReply(format=request.format, payload=request.payload)


class GRPCBackend(backend.BackendServicer):
    """answer(request, context) -> CallReply, on a thread; health: the status that Health/Check tells, None = no such service."""

    def __init__(self, answer=echo, *, port=0, credentials=None, health=None, options=(), has_attach=True,
                 host="127.0.0.1"):
        self.answer, self.health, self.has_attach = answer, health, has_attach
        self.calls, self.metadata, self.results, self.hellos, self.cancelled = [], [], [], [], []
        self.streams = []
        self.server = grpc.server(
            ThreadPoolExecutor(64),
            options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1), *options])
        backend.add_BackendServicer_to_server(self, self.server)
        if health is not None:
            self.server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("grpc.health.v1.Health", {
                "Check": grpc.unary_unary_rpc_method_handler(self.check)})])
        address = f"{host}:{port}"
        self.port = self.server.add_secure_port(address, credentials) if credentials else \
            self.server.add_insecure_port(address)
        self.server.start()

    def Handle(self, request, context):
        self.calls.append(request)
        self.metadata.append(dict(context.invocation_metadata()))
        return self.answer(request, context)

    def Attach(self, requests, context):
        if not self.has_attach:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "no pushes here")
        pushes = queue.Queue()
        threading.Thread(target=self._read, args=[requests], daemon=True).start()
        context.add_callback(lambda: pushes.put(None))
        self.streams.append(pushes)
        while (message := pushes.get()) is not None:
            yield message
        self.streams.remove(pushes)

    def _read(self, requests):
        try:
            for message in requests:
                if message.HasField("hello"):
                    self.hellos.append(message.hello)
                else:
                    self.results.append(message.result)
        except grpc.RpcError:
            pass  # the stream has ended

    def check(self, request, context):
        return bytes([8, self.health])

    def push(self, cmd, payload, *, number=0, **targets):
        message = messages.Push.Message(cmd=cmd, payload=payload, format=1)
        for pushes in self.streams:
            pushes.put(messages.ToGateway(id=number, push=messages.Push(message=message, **targets)))

    def stop(self, grace=0.5):
        self.server.stop(grace).wait()
