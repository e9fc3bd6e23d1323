"""Who may import whom: the table of the architecture, held against the manifest and every import."""
import json
import re
import subprocess

import pytest
from sources import ROOT, code, is_generated, relative, report, tracked, under

STATIONS = {"Framing", "Identity", "Policy", "Sessions", "Upstream"}
EVERYTHING = STATIONS | {
    "Vocabulary", "Documents", "Telemetry", "Edge", "PolicyLanguage", "KeySets", "Admin",
    "Discovery", "Reload",
    "DemoServices",
}
NIO = {"NIOCore", "NIOPosix"}

# target: (folder, ours, outside). What is not in a row may not be imported there.
TABLE = {
    "Vocabulary": ("Sources/Vocabulary", set(), set()),
    "Documents": ("Sources/Documents", {"Vocabulary"}, {"Yams"}),
    "Framing": ("Sources/DataPlane/Framing", {"Vocabulary"}, {"NIOCore", "SwiftProtobuf"}),
    "Identity": ("Sources/DataPlane/Identity", {"Vocabulary"}, {"JWTKit", "Crypto"}),
    "Policy": ("Sources/DataPlane/Policy", {"Vocabulary"}, set()),
    "Sessions": (
        "Sources/DataPlane/Sessions", {"Vocabulary", "Framing", "Telemetry"}, {"NIOCore"}),
    "Upstream": (
        "Sources/DataPlane/Upstream", {"Vocabulary", "Framing", "Telemetry", "Policy"},
        NIO | {"NIOHTTP1", "NIOHTTP2", "NIOHPACK", "NIOSSL", "NIOTLS"}),
    "Edge": (
        "Sources/DataPlane/Edge", {"Vocabulary", "Telemetry"} | STATIONS,
        NIO | {"NIOHTTP1", "NIOHTTP2", "NIOHPACK", "NIOSSL", "NIOTLS"}),
    "Telemetry": (
        "Sources/Telemetry", {"Vocabulary", "CSystemd", "CZlib"}, {"Logging", "CoreMetrics", "Metrics"}),
    "PolicyLanguage": (
        "Sources/ControlPlane/PolicyLanguage", {"Vocabulary", "Documents", "Policy"},
        {"Crypto", "Foundation"}),
    "KeySets": (
        "Sources/ControlPlane/KeySets", {"Identity"},
        {"NIOCore", "NIOHTTP1", "NIOSSL", "AsyncHTTPClient"}),
    "Discovery": (
        "Sources/ControlPlane/Discovery", {"Vocabulary"},
        NIO | {"NIOHTTP1", "NIOSSL", "AsyncHTTPClient", "Foundation"}),
    "Admin": (
        "Sources/ControlPlane/Admin", {"Vocabulary", "Telemetry"}, NIO | {"NIOHTTP1"}),
    "Reload": (
        "Sources/ControlPlane/Reload",
        {"Vocabulary", "Documents", "PolicyLanguage", "Policy", "Telemetry"}, {"Foundation"}),
    "DemoServices": ("Sources/DemoServices", {"Vocabulary", "Framing"}, NIO),
    "Gateway": (
        "Sources/Gateway", EVERYTHING,
        NIO | {"NIOSSL", "X509", "SwiftASN1", "Crypto", "AsyncHTTPClient", "ServiceLifecycle",
               "UnixSignals", "Logging", "CoreMetrics", "Metrics", "Foundation"}),
    "JournalReader": ("Sources/JournalReader", {"Vocabulary", "CSystemd"}, {"Foundation"}),
    "PolicyTools": (
        "Sources/PolicyTools", {"Vocabulary", "Documents", "Policy", "PolicyLanguage", "JournalReader"},
        {"Foundation"}),
    "Tools": (
        "Sources/Tools",
        {"Vocabulary", "Documents", "Framing", "Identity", "Policy", "PolicyLanguage", "PolicyTools", "Gateway"},
        {"Foundation"}),
    "sluice": (
        "Sources/sluice", {"Gateway", "JournalReader", "PolicyTools", "Tools", "Vocabulary"}, {"ArgumentParser", "Foundation"}),
}

# Part of the toolchain and free of I/O: anybody may.
ANYBODY = {"Synchronization"}
# The C library: only where the system is spoken to directly (Edge: socket addresses; Admin: its
# socket's file).
GLIBC = {"Edge", "Admin", "Telemetry", "JournalReader", "Gateway", "Tools", "sluice"}
# Libraries of the system: modules of ours in name only.
SYSTEM = {"CSystemd", "CZlib"}

IMPORT = re.compile(
    r"^\s*(?:@\w+(?:\(\w+\))?\s+)*(?:package |public |internal |fileprivate |private )?"
    r"import\s+(?:struct |class |enum |protocol |func |var |let |typealias )?(\w+)"
)


def imports(path):
    for number, line in enumerate(code(path), 1):
        if found := IMPORT.match(line):
            yield number, found.group(1)


def plain(module: str) -> str:
    return module.removeprefix("Sluice")


@pytest.mark.parametrize("target", TABLE)
def test_a_target_imports_only_what_its_row_allows(target):
    folder, ours, outside = TABLE[target]
    findings = []
    for path in under(folder):
        if is_generated(path):
            continue
        for line, module in imports(path):
            if module.startswith("Sluice") or module in SYSTEM:
                allowed = plain(module) in ours
            else:
                base = "Foundation" if module == "FoundationEssentials" else module
                allowed = base in outside | ANYBODY or (module == "Glibc" and target in GLIBC)
            if not allowed:
                findings.append(f"{relative(path)}:{line}: {target} must not import {module}")
    assert not findings, report(findings, "change the design before the table:")


def test_contributing_shows_the_same_table():
    rows = re.findall(r"^\| `(\w+)` \| `([\w/]+)` \| .+? \| (.*?) ?\|$", (ROOT / "CONTRIBUTING.md").read_text(), re.M)
    shown = {
        target: ("Sources/" + folder, EVERYTHING if ours == "all of the above" else set(re.findall(r"`(\w+)`", ours)))
        for target, folder, ours in rows
    }
    assert shown == {target: (folder, ours) for target, (folder, ours, _) in TABLE.items()}


def test_every_source_file_belongs_to_a_row_of_the_table():
    folders = [folder + "/" for folder, _, _ in TABLE.values()]
    strays = [relative(p) for p in under("Sources") if not relative(p).startswith(tuple(folders))]
    assert not strays, report(strays, "no target of the table owns:")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    scratch = tmp_path_factory.mktemp("manifest")
    dumped = subprocess.run(
        ["swift", "package", "--scratch-path", str(scratch), "dump-package"],
        cwd=ROOT, capture_output=True, text=True)
    assert dumped.returncode == 0, dumped.stderr
    return json.loads(dumped.stdout)


def test_the_manifest_grants_no_target_more_than_its_row(manifest):
    findings, seen = [], set()
    for target in manifest["targets"]:
        if not target["path"].startswith("Sources/") or target["name"] in SYSTEM:
            continue
        name = plain(target["name"])
        seen.add(name)
        if name not in TABLE:
            findings.append(f"{name}: has no row")
            continue
        folder, ours, outside = TABLE[name]
        if target["path"].rstrip("/") != folder:
            findings.append(f"{name}: lies at {target['path']}, the table says {folder}")
        for dependency in target["dependencies"]:
            kind, value = next(iter(dependency.items()))
            granted = plain(value[0])
            if granted not in (outside if kind == "product" else ours):
                findings.append(f"{name}: Package.swift grants {granted}")
    findings += [f"{name}: in the table, not in Package.swift" for name in set(TABLE) - seen]
    assert not findings, report(findings, "Package.swift and the table differ:")


def test_tests_use_package_access():
    findings = [
        f"{relative(path)}:{number}: {line.strip()}"
        for path in tracked() if path.suffix == ".swift" and relative(path).startswith("Tests/")
        for number, line in enumerate(code(path), 1) if "@testable" in line
    ]
    assert not findings, report(findings, "declare it `package` instead of importing @testable:")
