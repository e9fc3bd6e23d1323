"""What the example services do, whichever link the gateway speaks to them: a small messenger.

Users, passwords and friends are in the program; messages and sessions are kept in memory, bounded.
"""
import asyncio
import hmac
import itertools
import json
import logging
import secrets
import time
from collections import OrderedDict, deque
from dataclasses import dataclass

# Ids as in Config/sluice.yaml; the HTTP link calls by name, the native link by id.
COMMANDS = {
    100: "echo", 1001: "message.send", 1002: "message.history", 1003: "message.deliver",
    1101: "friend.list", 1102: "friend.request", 1103: "friend.requested", 1201: "user.profile",
    1301: "user.presence", 1302: "user.login", 1303: "user.check", 1304: "user.session", 1305: "user.presence.reset",
    1401: "media.upload", 1402: "media.download",
}
DELIVER, REQUESTED = 1003, 1103

USERS = {
    "alice": {"name": "Alice Liddell", "plan": "free", "password": "wonderland", "friends": ["bob", "carol"]},
    "bob": {"name": "Bob the Builder", "plan": "pro", "password": "builder", "friends": ["alice", "carol"]},
    "carol": {"name": "Carol Singer", "plan": "free", "password": "singer", "friends": ["alice", "bob"]},
}
MAX_TEXT_BYTES, MAX_USER_BYTES = 16_384, 256
MAX_MESSAGES_PER_USER, MAX_OWNERS, MAX_SESSIONS, MAX_MEDIA = 100, 1_000, 10_000, 100
SESSION_SECONDS = 900
log = logging.getLogger("demo")


class Refused(Exception):
    """The service says no: a status of its own, from 1000 on, and why."""

    def __init__(self, status, why):
        super().__init__(why)
        self.status = status


@dataclass(slots=True)
class Reply:
    status: int
    body: bytes
    is_json: bool = True


def wanted(body, name, kind, *, absent=None, required=True):
    value = body.get(name, absent)
    if (value is None and required) or (value is not None and not isinstance(value, kind)):
        raise Refused(1400, f"`{name}` is missing or of the wrong type")
    return value


class Demo:
    """push: `async def push(cmd, payload, users)`; own_sessions: a login answers with a session id
    of the service, which the gateway checks with user.session, instead of letting the gateway make a JWT.
    """

    def __init__(self, push, *, own_sessions=False):
        self.push, self.own_sessions = push, own_sessions
        self.histories = OrderedDict()  # user -> messages, oldest owner first
        self.sessions = OrderedDict()  # session id -> (user, when it ends)
        self.presences = {}  # user -> {gateway's node: (greatest number heard, is online)}
        self.media = OrderedDict()  # id -> bytes, oldest first
        self.ids, self.media_ids = itertools.count(1), itertools.count(1)
        self.sending = set()  # pushes under way
        self.commands = {
            "message.send": self.send, "message.history": self.history, "friend.list": self.friends,
            "friend.request": self.request, "user.profile": self.profile, "user.presence": self.presence,
            "user.presence.reset": self.reset, "user.login": self.login, "user.check": self.check,
            "user.session": self.session, "media.download": self.download,
        }

    async def answer(self, name, user, payload, is_json=True):
        """One call: its reply. `user` is whom the gateway proved; "" for the gateway's own calls."""
        if name == "echo":
            return Reply(0, payload, is_json)
        try:
            if name == "media.upload":
                return Reply(0, json.dumps(self.upload(user, payload)).encode())
            if name not in self.commands:
                raise Refused(1404, "no such command")
            try:
                body = json.loads(payload or b"{}")
            except ValueError:
                raise Refused(1400, "the payload is not JSON") from None
            if not isinstance(body, dict):
                raise Refused(1400, "the payload is not an object")
            if not user and not name.startswith("user."):
                raise Refused(1400, "the call names no user")
            said = self.commands[name](user, body)
            return Reply(0, said, False) if isinstance(said, bytes) else Reply(0, json.dumps(said).encode())
        except Refused as no:
            return Reply(no.status, json.dumps({"error": str(no)}).encode())

    # Messages and friends

    def send(self, user, body):
        to, text = wanted(body, "to", str), wanted(body, "text", str)
        if not to or len(to.encode()) > MAX_USER_BYTES:
            raise Refused(1400, "`to` names no user")
        if len(text.encode()) > MAX_TEXT_BYTES:
            raise Refused(1413, f"`text` is longer than {MAX_TEXT_BYTES} bytes")
        message = {"id": next(self.ids), "from": user, "to": to, "text": text}
        for owner in {user, to}:
            if owner not in self.histories and len(self.histories) >= MAX_OWNERS:
                self.histories.popitem(last=False)
            self.histories.setdefault(owner, deque(maxlen=MAX_MESSAGES_PER_USER)).append(message)
        told = {"from": user, "text": text, "id": message["id"]}
        self.deliver(DELIVER, told, to)
        return {"id": message["id"]}

    def deliver(self, cmd, told, to):
        """In the background: the sender does not wait for the receiver's gateway."""
        async def go():
            try:
                await self.push(cmd, json.dumps(told).encode(), [to])
            except Exception as error:
                log.warning("%s was not pushed: %s", COMMANDS[cmd], error)
        task = asyncio.get_running_loop().create_task(go())
        self.sending.add(task)
        task.add_done_callback(self.sending.discard)

    def history(self, user, body):
        peer = wanted(body, "with", str, required=False)
        limit = wanted(body, "limit", int, absent=MAX_MESSAGES_PER_USER)
        kept = [m for m in self.histories.get(user, ()) if peer is None or peer == (m["to"] if m["from"] == user else m["from"])]
        return {"messages": kept[-limit:] if limit > 0 else []}

    def friends(self, user, _):
        return {"friends": USERS.get(user, {}).get("friends", [])}

    def request(self, user, body):
        """Asks somebody to be a friend, by a push, who is none yet."""
        asked = wanted(body, "user", str)
        if asked == user:
            raise Refused(1400, "`user` is somebody else")
        if asked not in USERS:
            raise Refused(1404, "no such user")
        are_friends = user in USERS[asked]["friends"]
        if not are_friends:
            self.deliver(REQUESTED, {"from": user}, asked)
        return {"friends": are_friends}

    def profile(self, user, body):
        asked = wanted(body, "user", str, absent=user)
        if asked not in USERS:
            raise Refused(1404, "no such user")
        known = USERS[asked]
        return {"user_id": asked, "name": known["name"], "plan": known["plan"], "online": self.is_online(asked)}

    # Media

    def upload(self, user, payload):
        """Keeps the bytes of the payload, whatever they are; the oldest make room."""
        if not user:
            raise Refused(1400, "the call names no user")
        if len(self.media) >= MAX_MEDIA:
            self.media.popitem(last=False)
        item = next(self.media_ids)
        self.media[item] = payload
        return {"id": item, "bytes": len(payload)}

    def download(self, _, body):
        item = wanted(body, "id", int)
        if item not in self.media:
            raise Refused(1404, "nothing is kept under this id")
        return self.media[item]

    # What the gateway asks by itself

    def presence(self, _, body):
        """The same event may come twice, and an old one late: the greatest number of a node counts."""
        user, is_online = wanted(body, "user", str), wanted(body, "online", bool)
        node, event = wanted(body, "node", str, absent=""), wanted(body, "number", int, absent=0)
        if user not in USERS:
            return {"notify": []}
        nodes = self.presences.setdefault(user, {})
        if event > nodes.get(node, (0, False))[0]:
            nodes[node] = (event, is_online)
        return {"notify": USERS[user]["friends"]}

    def reset(self, _, body):
        """A gateway has started: nobody is connected to it any more."""
        node = wanted(body, "node", str)
        for nodes in self.presences.values():
            if node in nodes:
                nodes[node] = (nodes[node][0], False)
        return {}

    def is_online(self, user):
        return any(is_online for _, is_online in self.presences.get(user, {}).values())

    def login(self, _, body):
        user, password = wanted(body, "user", str), wanted(body, "password", str)
        expected = USERS.get(user, {}).get("password", "no password opens this")
        if not hmac.compare_digest(password.encode(), expected.encode()) or user not in USERS:
            raise Refused(1401, "user or password is wrong")
        answer = {"user_id": user, "roles": ["member"], "plan": USERS[user]["plan"]}
        if self.own_sessions:
            answer["token"] = secrets.token_hex(16)
            answer["expires_at"] = int(time.time()) + SESSION_SECONDS
            if len(self.sessions) >= MAX_SESSIONS:
                self.sessions.popitem(last=False)
            self.sessions[answer["token"]] = (user, answer["expires_at"])
        return answer

    def check(self, _, body):
        """Does the user still exist?"""
        return {"exists": wanted(body, "user", str) in USERS}

    def session(self, _, body):
        """Whose session is this?"""
        user, ends = self.sessions.get(wanted(body, "token", str), ("", 0))
        if ends <= time.time():
            return {"active": False}
        return {"active": True, "user_id": user, "roles": ["member"], "plan": USERS[user]["plan"], "expires_at": ends}
