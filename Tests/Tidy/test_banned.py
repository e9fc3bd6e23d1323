"""Calls that are wrong here, each with what to use instead."""
import re

import pytest
from sources import code, is_generated, relative, report, text, tracked, under

DATA_PLANE = ["Sources/DataPlane", "Sources/Vocabulary"]
LIBRARIES = [
    "Sources/DataPlane", "Sources/Vocabulary", "Sources/ControlPlane", "Sources/Telemetry",
    "Sources/Documents", "Sources/DemoServices",
]

# (what, folders, folders or files excepted, what to do instead)
BANNED = [
    (r"(?<![\w.])(?:debugPrint|print)\(", ["Sources"], ["Sources/Tools", "Sources/sluice", "Sources/Gateway/Demo"],
     "write to the journal (Telemetry); only commands print"),
    (r"\bfatalError\(", ["Sources"], [], "invariant(_:_:) for a bug, a typed error for anything else"),
    (r"\b(?:assert|assertionFailure)\(", ["Sources"], [], "invariant(_:_:), which stays on in release builds"),
    (r"\btry!", ["Sources"], [], "a typed error"),
    (r"^\s*(?:_ = )?try\?", DATA_PLANE, [], "handle the error: a swallowed one is counted nowhere"),
    (r"\bas!", ["Sources"], [], "`as?` and a typed error, or a generic"),
    (r"\bunowned\(unsafe\)|\bnonisolated\(unsafe\)", ["Sources"], ["Sources/Telemetry/Journal"],
     "Mutex or Atomic from Synchronization"),
    (r"\bDispatchQueue\b|\bDispatchSemaphore\b|\bDispatchGroup\b", ["Sources"], [],
     "an event loop, a task, or Telemetry's writer thread"),
    (r"\bNSLock\b|\bNSRecursiveLock\b|\bpthread_mutex", ["Sources"], ["Sources/Telemetry/Journal"],
     "Mutex from Synchronization"),
    (r"\bDate\(\)|\bDate\.now\b|\bContinuousClock\b|\bSuspendingClock\b|\bNIODeadline\.now\(\)",
     DATA_PLANE, [], "LoopTick: time is an argument"),
    (r"(?<![\w.])(?:usleep|nanosleep|sleep)\(|\bThread\.sleep\b", ["Sources", "Tests"], ["Sources/Tools"],
     "a scheduled task (Sources); wait for a condition with a deadline (Tests)"),
    (r"\bTask\.sleep\b", ["Tests", *DATA_PLANE], [],
     "an injected clock, or wait for a condition with a deadline"),
    (r"\bawait\b|\basync\b(?! \w+Loop)", ["Sources/DataPlane/Framing", "Sources/DataPlane/Policy"], [],
     "the data plane is synchronous"),
    (r"\bTask(?:\.detached)?\s*\{", ["Sources/DataPlane"], [], "the event loop's execute or schedule"),
    (r"@unchecked Sendable", ["Sources"],
     ["Sources/Telemetry/Journal", "Sources/DataPlane/Framing/Unsafe", "Sources/DataPlane/Policy/Limits/Bucket"],
     "plain Sendable; only a type that checks its own loop, or a base class of atomics alone, may, and says so"),
    (r"@preconcurrency\b", ["Sources"], [], "a Sendable wrapper"),
    (r"\bJSONSerialization\b|\bJSONDecoder\b|\bJSONEncoder\b", DATA_PLANE, [],
     "Framing's scanner and JSONValue"),
    (r"(?<!\w)public\s+(?:final |struct |class |enum |func |var |let |init|protocol |import |extension )",
     ["Sources"], ["Sources/Vocabulary/Metering.swift"],
     "`package`: nothing of Sluice is a library (the exception: docs/decisions/0020)"),
    (r"\bXCTest\b|\bXCTAssert", ["Tests"], [], "Swift Testing"),
    (r"(?<![\w.])exit\(", LIBRARIES, [], "throw: only Sources/sluice ends the process"),
    (r"\bProcessInfo\.processInfo\.environment\b|\bgetenv\(", LIBRARIES, ["Sources/Telemetry/Journal"],
     "the configuration"),
]


def in_any(path, folders):
    name = relative(path)
    return any(name == folder or name.startswith(folder + "/") or name.startswith(folder + ".") for folder in folders)


@pytest.mark.parametrize("pattern, folders, excepted, instead", BANNED, ids=[row[0] for row in BANNED])
def test_banned(pattern, folders, excepted, instead):
    wrong = re.compile(pattern)
    findings = [
        f"{relative(path)}:{number}: {line.strip()}"
        for path in tracked()
        if path.suffix == ".swift" and in_any(path, folders) and not in_any(path, excepted)
        and not is_generated(path)
        for number, line in enumerate(code(path), 1)
        if wrong.search(line)
    ]
    assert not findings, report(findings, f"use instead: {instead}")


# Pointers, and what the compiler takes on trust: here and nowhere else, each for its reason.
UNSAFE_ROOMS = {
    "Sources/DataPlane/Framing/Unsafe": "unmasking and UTF-8, the two loops that must be fast",
    "Sources/Telemetry/Journal": "libsystemd, and the ring between a loop and the writer thread",
    "Sources/Telemetry/Metrics/Gzip.swift": "zlib",
    "Sources/Telemetry/Metrics/ProcessMetrics.swift": "system calls that read /proc",
    "Sources/JournalReader/SystemJournal.swift": "libsystemd, which reads the journal",
    "Sources/DataPlane/Edge/Listeners/AcceptQueue.swift": "system calls on listening sockets",
    "Sources/DataPlane/Edge/Listeners/SocketFile.swift": "system calls on the file of a Unix socket",
    "Sources/ControlPlane/Admin/AdminSocket.swift": "the mode of a Unix socket, and whose process is at its other end",
    "Sources/Gateway/GatewayMain.swift": "signal, prctl and the environment, before there is a thread",
    "Sources/Gateway/GatewayProcess.swift": "the PID file",
    "Sources/Gateway/ThisProcess.swift": "system calls about this process",
    "Sources/Gateway/SystemClocks.swift": "clock_gettime",
}
UNSAFE = re.compile(
    r"\bunsafe\b|\bUnsafe\w*(?:Pointer|Buffer)\w*|\bwithUnsafe\w+|\bUnmanaged\b|\bunsafeBitCast\b|@unsafe\b|@safe\b"
)


def test_unsafe_code_stays_in_its_rooms():
    findings = [
        f"{relative(path)}:{number}: {line.strip()}"
        for path in under("Sources") if not in_any(path, UNSAFE_ROOMS) and not is_generated(path)
        for number, line in enumerate(code(path), 1)
        if UNSAFE.search(line)
    ]
    assert not findings, report(findings, "use RawSpan, Span, InlineArray, or move it to a room for unsafe code:")


REMINDER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b(?!\((\S+)\): \S)")


def test_a_reminder_says_whose_and_why():
    suffixes = {".swift", ".py", ".sh", ".proto", ".yaml", ".yml", ".h"}
    findings = [
        f"{relative(path)}:{number}: {line.strip()}"
        for path in tracked()
        if path.suffix in suffixes and path.name != "test_banned.py"
        for number, line in enumerate(text(path).splitlines(), 1)
        if REMINDER.search(line)
    ]
    assert not findings, report(findings, "write `TODO(subject): reason`, or do it:")


def test_every_loop_bound_class_says_that_it_is_not_sendable():
    """A plain class of the data plane crosses no loop: the compiler is told so."""
    findings = []
    for path in under("Sources/DataPlane"):
        if is_generated(path):
            continue
        source = "\n".join(code(path))
        for found in re.finditer(r"^package final class (\w+)([^{]*)\{", source, re.M):
            name, inherits = found.groups()
            if "Sendable" in inherits:
                continue
            denied = rf"@available\(\*, unavailable\)\s*extension {name}: (?:@unchecked )?Sendable"
            if not re.search(denied, source):
                findings.append(f"{relative(path)}: {name}")
    assert not findings, report(findings, "add `@available(*, unavailable) extension X: Sendable {}` for:")
