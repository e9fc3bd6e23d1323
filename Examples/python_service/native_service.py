#!/usr/bin/env python3
"""The demo's services on the native link, in Python.

    python3 native_service.py --listen 127.0.0.1:9101
    python3 native_service.py --listen 127.0.0.1:9101 --certificate chain.pem --key key.pem --client-ca ca.pem

Ends on Ctrl-C or SIGTERM after the calls under way are answered.
"""
import argparse
import asyncio
import logging
import signal
import ssl

from demo_commands import COMMANDS, Demo
from sluice_link import Answer, LinkServer


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", default="127.0.0.1:9101", metavar="HOST:PORT")
    parser.add_argument("--node", default="python-1", help="this instance's name, told to the gateway")
    parser.add_argument("--own-sessions", action="store_true", help="logins give session ids instead of JWTs")
    parser.add_argument("--certificate", help="PEM chain: the link speaks TLS")
    parser.add_argument("--key", help="PEM key of the certificate")
    parser.add_argument("--client-ca", help="PEM: gateways must show a certificate of this authority")
    return parser.parse_args()


def tls(options):
    if not options.certificate:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=options.client_ca)
    context.load_cert_chain(options.certificate, options.key)
    if options.client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def main():
    options = arguments()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")

    async def answer(call):
        reply = await demo.answer(COMMANDS.get(call.cmd, ""), call.user_id, call.payload, call.is_json)
        return Answer(reply.body, reply.status, reply.is_json)

    async def push(cmd, payload, users):
        await server.push(cmd, payload, users=users)

    demo = Demo(push, own_sessions=options.own_sessions)
    server = LinkServer(answer, node=options.node)
    host, _, port = options.listen.rpartition(":")
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    port = await server.start(host.strip("[]"), int(port), tls(options))
    print(f"listening on {host}:{port}", flush=True)
    await stop.wait()
    await server.stop()


if __name__ == "__main__":
    asyncio.run(main())
