#!/usr/bin/env python3
"""A chat client in one screen: log in over HTTP, connect over WebSocket, send, print what comes.

    python3 chat.py http://127.0.0.1:8080 bob builder                  # listens until Ctrl-C
    python3 chat.py http://127.0.0.1:8080 alice wonderland bob "hi"    # sends one message and ends

Needs the package `websockets`. Speaks the JSON form of docs/protocol.md.
"""
import asyncio
import json
import sys
import urllib.error
import urllib.request

import websockets

SEND, DELIVER, PRESENCE = 1001, 1003, 12


def log_in(base, user, password):
    body = json.dumps({"user": user, "password": password}).encode()
    request = urllib.request.Request(base + "/v1/login", body, {"Content-Type": "application/json"})
    try:
        return json.load(urllib.request.urlopen(request, timeout=10))["token"]
    except urllib.error.HTTPError as error:
        problem = json.load(error)
        sys.exit(f"login refused: {problem['name']}: {problem['detail']}")


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
    sys.stdout.flush()


async def main(base, user, password, to=None, text=None):
    token = log_in(base, user, password)
    url = base.replace("http", "ws", 1) + "/ws"
    async with websockets.connect(url, subprotocols=["sluice.v1.json", "bearer." + token]) as socket:
        print("connected, session", json.loads(await socket.recv())["data"]["session"], flush=True)
        if to:
            await socket.send(json.dumps({"cmd": SEND, "seq": 1, "data": {"to": to, "text": text}}))
        async for frame in socket:
            envelope = json.loads(frame)
            show(envelope)
            if to and envelope.get("seq") == 1 and not envelope.get("push"):
                return


if __name__ == "__main__":
    if len(sys.argv) not in (4, 6):
        sys.exit(__doc__)
    try:
        asyncio.run(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        pass
    except websockets.ConnectionClosed as closed:
        sys.exit(f"closed: {closed.rcvd.code if closed.rcvd else 'no close frame'} {closed.rcvd.reason if closed.rcvd else ''}")
