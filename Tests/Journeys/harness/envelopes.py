"""Envelopes of both forms. The protobuf one through Google's runtime, from our .proto files."""
import base64
import json
import subprocess
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

ROOT = Path(__file__).resolve().parents[3]
PROTOS = ROOT / "Sources/DataPlane/Framing/Protos"

AUTH, PING, ACK, REFRESH, LOGIN, LOGOUT = 1, 2, 3, 4, 5, 6
GOAWAY, KICKED, PRESENCE, CLOSE, PUSHES = 10, 11, 12, 13, 14
ECHO, SEND, HISTORY, DELIVER, FRIENDS, PROFILE, USER_PRESENCE, USER_LOGIN = (
    100, 1001, 1002, 1003, 1101, 1201, 1301, 1302)
DOWN, MUTE = 301, 302  # commands of services that are not there, or do not answer

# Payloads of the gateway's own commands: (request, reply or push).
TYPED = {
    AUTH: ("AuthRequest", "AuthReply"),
    REFRESH: ("RefreshRequest", "RefreshReply"),
    LOGIN: ("LoginRequest", "LoginReply"),
    GOAWAY: (None, "Goaway"),
    KICKED: (None, "Kicked"),
    PRESENCE: (None, "PresenceEvent"),
    CLOSE: (None, "Close"),
}


@cache
def classes():
    """Message classes by short name, compiled by protoc at the first use."""
    with tempfile.NamedTemporaryFile(suffix=".pb") as out:
        names = sorted(path.name for path in PROTOS.glob("*.proto"))
        subprocess.run(
            ["protoc", f"-I{PROTOS}", f"--descriptor_set_out={out.name}", "--include_imports", *names],
            check=True)
        described = descriptor_pb2.FileDescriptorSet.FromString(Path(out.name).read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in described.file:
        pool.Add(file)
    found = message_factory.GetMessageClassesForFiles([f.name for f in described.file], pool)
    return {name.rsplit(".", 1)[1]: made for name, made in found.items()}


@dataclass
class Message:
    """What came from the gateway, the same for both forms."""
    cmd: int
    seq: int
    status: int
    is_push: bool
    data: object  # parsed JSON, or a dict of a typed payload, or bytes
    refusal: dict | None = None
    delivery: str | None = None
    raw: object = field(default=None, repr=False)


def encode(codec, cmd, data=None, *, seq=0, payload=None, **fields):
    """`data` travels as JSON (format 1), or typed for cmd 1-99; `payload` as opaque bytes."""
    return (_json if codec == "json" else _protobuf)(cmd, data, seq, payload, fields)


def _json(cmd, data, seq, payload, fields):
    body = {"cmd": cmd, "seq": seq, **fields}
    if payload is not None:
        body["payload"] = base64.b64encode(payload).decode()
    elif data is not None:
        body["data"] = data
    return json.dumps(body)


def _protobuf(cmd, data, seq, payload, fields):
    envelope = classes()["Envelope"](cmd=cmd, seq=seq, **fields)
    if payload is not None:
        envelope.payload = payload
    elif cmd in TYPED and data is not None:
        envelope.payload = _fill(classes()[TYPED[cmd][0]](), data).SerializeToString()
    elif data is not None:
        envelope.format = 1
        envelope.payload = json.dumps(data).encode()
    return envelope.SerializeToString()


def _fill(message, data):
    for name, value in data.items():
        if isinstance(value, dict):
            _fill(getattr(message, name), value)
        else:
            setattr(message, name, value)
    return message


def decode(frame) -> Message:
    return _decode_json(frame) if isinstance(frame, str) else _decode_protobuf(frame)


def _decode_json(frame):
    body = json.loads(frame)
    data = body.get("data")
    if "payload" in body:
        data = base64.b64decode(body["payload"], validate=True)
    return Message(
        cmd=body["cmd"], seq=body.get("seq", 0), status=body.get("status", 0), is_push=body.get("push", False),
        data=data, refusal=body.get("refusal"), delivery=body.get("class"), raw=body)


def _decode_protobuf(frame):
    envelope = classes()["Envelope"].FromString(frame)
    refusal, data = None, envelope.payload
    if envelope.kind == 1 and 0 < envelope.status < 1000:
        said = classes()["Refusal"].FromString(envelope.payload)
        refusal = {f.name: getattr(said, f.name) for f in said.DESCRIPTOR.fields}
        if not refusal["rule"]:
            del refusal["rule"]
    elif envelope.cmd in TYPED:
        typed = classes()[TYPED[envelope.cmd][1]].FromString(envelope.payload)
        data = {f.name: getattr(typed, f.name) for f in typed.DESCRIPTOR.fields}
    elif envelope.format == 1:
        data = json.loads(envelope.payload)
    return Message(
        cmd=envelope.cmd, seq=envelope.seq, status=envelope.status, is_push=envelope.kind == 2, data=data,
        refusal=refusal, delivery=("must", "latest", "droppable")[getattr(envelope, "class")] if envelope.kind == 2 else None,
        raw=envelope)
