"""A name server of one's own, over UDP and TCP: it says what the journey wants, right or wrong."""
import socket
import struct
import threading

from .waiting import free_port

TYPES = {"a": 1, "cname": 5, "aaaa": 28, "srv": 33}


def encode_name(name):
    labels = [label for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


def record(name, kind, value, ttl):
    if kind == "a":
        data = socket.inet_aton(value)
    elif kind == "aaaa":
        data = socket.inet_pton(socket.AF_INET6, value)
    elif kind == "cname":
        data = encode_name(value)
    else:
        priority, weight, port, target = value
        data = struct.pack("!HHH", priority, weight, port) + encode_name(target)
    return encode_name(name) + struct.pack("!HHIH", TYPES[kind], 1, ttl, len(data)) + data


class NameServer:
    """records: [(name, kind, value, ttl)], changed at any time.

    mode: "answer", "silent", "fail" (SERVFAIL), "garbage", or "forged" (answers with another id and for another
    name come before the true one).
    """

    def __init__(self, records=(), port=0):
        self.records, self.mode, self.max_udp = list(records), "answer", 512
        self.asked = []  # (transport, name, type)
        self._tcp = socket.socket()
        self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._tcp.bind(("127.0.0.1", port or free_port()))
        self._tcp.listen(16)
        self.port = self._tcp.getsockname()[1]
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))
        for work in (self._serve_udp, self._serve_tcp):
            threading.Thread(target=work, daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def _answer(self, question, transport):
        identity = struct.unpack("!H", question[:2])[0]
        place, labels = 12, []
        while question[place]:
            labels.append(question[place + 1:place + 1 + question[place]].decode())
            place += 1 + question[place]
        kind = struct.unpack("!H", question[place + 1:place + 3])[0]
        name = ".".join(labels).lower()
        self.asked.append((transport, name, kind))
        if self.mode == "silent":
            return []
        if self.mode == "garbage":
            return [question[:2] + b"\x81\x80" + b"\xc0" * 40]
        asked = question[12:place + 5]
        code = 2 if self.mode == "fail" else 0
        found = [] if code else self._found(name, kind)
        if not code and not any(one[0].lower() == name for one in self.records):
            code = 3
        body = b"".join(record(*one) for one in found)
        head = struct.pack("!HHHHHH", identity, 0x8180 | code, 1, len(found), 0, 0)
        whole = head + asked + body
        if transport == "udp" and len(whole) > self.max_udp:
            whole = struct.pack("!HHHHHH", identity, 0x8380, 1, 0, 0, 0) + asked
        if self.mode == "forged":
            bad = record(name, "a", "127.0.0.66", 60)
            other = encode_name("other.example") + asked[-4:]
            return [struct.pack("!HHHHHH", identity ^ 1, 0x8180, 1, 1, 0, 0) + asked + bad,
                    struct.pack("!HHHHHH", identity, 0x8180, 1, 1, 0, 0) + other + bad, b"", b"\0" * 5, whole]
        return [whole]

    def _found(self, name, kind):
        found, names = [], [name]
        for one in self.records:  # aliases stand before what they mean
            if one[0].lower() in names and TYPES[one[1]] in (kind, TYPES["cname"]):
                found.append(one)
                if one[1] == "cname":
                    names.append(one[2].lower())
        return found

    def _serve_udp(self):
        while True:
            try:
                question, peer = self._udp.recvfrom(4096)
            except OSError:
                return
            if not question:  # shut down
                return
            for answer in self._answer(question, "udp"):
                self._udp.sendto(answer, peer)

    def _serve_tcp(self):
        while True:
            try:
                connection, _ = self._tcp.accept()
            except OSError:
                return
            with connection:
                length = struct.unpack("!H", connection.recv(2))[0]
                for answer in self._answer(connection.recv(length), "tcp"):
                    whole = struct.pack("!H", len(answer)) + answer
                    # In two parts: the length does not come with all it counts.
                    connection.sendall(whole[:3])
                    connection.sendall(whole[3:])

    def stop(self):
        for one in (self._udp, self._tcp):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()
