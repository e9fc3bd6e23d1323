#!/usr/bin/env python3
"""Writes the message of the load: an Envelope with a 128-byte payload, as bytes on the wire.

Command 100, seq 1, payload of 128 bytes whose first 8 the harness replaces by its own sequence
number. The reply is command 100, seq 1, kind 1 and the same payload, 9 bytes from its start.
"""
import sys

PAYLOAD_BYTES = 128


def envelope() -> bytes:
    payload = bytes(ord("a") + n % 26 for n in range(PAYLOAD_BYTES))
    head = bytes([0x10, 100, 0x18, 1])  # cmd (field 2), seq (field 3)
    return head + bytes([0x7A, 0x80, 0x01]) + payload  # payload (field 15), its length as a varint


if __name__ == "__main__":
    with open(sys.argv[1], "wb") as out:
        out.write(envelope())
