"""The JSON Schema of policy files, for editors: what the reader takes it takes, and the mistakes that
people make in an editor it marks. PolicyLanguageTests hold its keys and words against the reader's."""
import json
import re

import pytest
import yaml
from jsonschema import Draft202012Validator
from sources import ROOT

SCHEMA = json.loads((ROOT / "policies/schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)


class CoreLoader(yaml.SafeLoader):
    """YAML 1.2's core schema, as the gateway reads it: `no` and `22:00` are texts."""


CoreLoader.yaml_implicit_resolvers = {}
for tag, pattern, first in [
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
]:
    CoreLoader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), list(first))
# PyYAML would read 010 as 8, and 1e3 not at all.
CoreLoader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(node.value))
CoreLoader.add_constructor("tag:yaml.org,2002:float", lambda loader, node: float(node.value))


def errors(text: str) -> list[str]:
    document = yaml.load(text, Loader=CoreLoader)
    return [f"{error.json_path}: {error.message[:200]}" for error in VALIDATOR.iter_errors(document)]


HEAD = "apiVersion: sluice/v1\nkind: PolicySet\n"


def limit(rest: str) -> str:
    return HEAD + "rate_limits:\n  - {name: l, match: {action: [echo]}, key: [user], " + rest + "}\n"


def condition(text: str) -> str:
    return HEAD + "permissions:\n  rules:\n    - {name: p, effect: permit, action: [echo], when: " + text + "}\n"


def examples(page: str) -> list[str]:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.S)
    return [block for block in blocks if block.startswith("apiVersion: sluice/v1\nkind: PolicySet")]


def test_it_is_a_schema():
    Draft202012Validator.check_schema(SCHEMA)


def test_every_key_is_described():
    missing = []

    def walk(node, path):
        if isinstance(node, list):
            for index, item in enumerate(node):
                walk(item, f"{path}/{index}")
        if not isinstance(node, dict):
            return
        for key, value in node.get("properties", {}).items() if isinstance(node.get("properties"), dict) else ():
            # What a condition of the schema adds to a key is described where the key is.
            if "/then" not in path and "/else" not in path and "/if" not in path and "description" not in value:
                missing.append(f"{path}/{key}")
        for key, value in node.items():
            walk(value, f"{path}/{key}")

    walk(SCHEMA, "")
    assert not [path for path in missing if "/allOf/" not in path]


def test_every_reference_leads_somewhere():
    used = set(re.findall(r'"#/\$defs/(\w+)"', json.dumps(SCHEMA)))
    assert used == set(SCHEMA["$defs"])


@pytest.mark.parametrize("path", sorted((ROOT / "policies").glob("*.yaml")), ids=lambda path: path.name)
def test_the_shipped_policies_are_valid(path):
    assert errors(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", ["policies/README.md", "README.md", "README.zh.md"])
def test_the_examples_of_the_pages_are_valid(page):
    found = examples(page)
    assert found or page != "policies/README.md"
    assert [errors(example) for example in found] == [[] for _ in found]


GOOD_LIMITS = [
    "algorithm: token_bucket, limit: 60, per: 60s",
    "algorithm: token_bucket, limit: 60, per: 60s, burst: 10, cost: 2, shadow: true, max_keys: 9, was: [a]",
    "algorithm: token_bucket, limit: 60, per: 60s, on_limit: delay, max_delay: 2s, scope: node",
    "algorithm: token_bucket, limit: 64KiB, per: 1s, burst: 1MiB, unit: bytes",
    "algorithm: token_bucket, limit: 6, per: 1s, overrides: {by: plan, free: {limit: 3, per: 2s, burst: 1, cost: 1}}",
    "algorithm: token_bucket, limit: 6, per: 1s, ban: {after: 50, within: 60s, for: 10m}",
    "algorithm: leaky_bucket, limit: 6, per: 1s, burst: 3, max_delay: 500ms, on_limit: drop",
    "algorithm: sliding_window, limit: 4294967295, per: 1h, on_limit: pause_reads",
    "algorithm: concurrency, limit: 6, unit: bytes, on_limit: close",
    "algorithm: quota, limit: 6, per: month, overrides: {by: plan, free: {limit: 3, cost: 2}}",
]
GOOD_CONDITIONS = [
    "{eq: [token.plan, pro]}", "{ne: [plan, 5]}", "{in: [plan, [a, 5, true, 1.5]]}", "{exists: message.topic}",
    "{lt: [message.bytes, 16KiB]}", "{ge: [token.level, -1.5]}", "{lt: [size, 16KiB]}",
    "{in: [connection.address, 10.0.0.0/8]}", '{in: [connection.address, [10.0.0.0/8, "2001:db8::/32"]]}',
    "{in: [peer, 10.0.0.0/8]}", '{like: [message.topic, "room.*"]}', '{like: [plan, "*"]}',
    '{time_of_day: {from: "22:00", to: 06:00, days: [mon, sun]}}', '{time_of_day: {from: "00:00", to: "24:00"}}',
    "{all: [{any: []}, {not: {exists: http.header.x-app}}, {eq: [http.method, GET]}]}",
    "{in: [connection.transport, [tcp, http]]}", "{eq: [message.bytes, 5]}",
]
GOOD_PARTS = [
    'metadata: {name: m, version: "1"}',
    "descriptors: {a: token.a.b, b: connection.address, c: \"connection.address/24,/56\", d: connection.address/8, "
    "e: message.bytes, f: http.header.X-App, g: http.route}",
    "devices: {rule: one_per_class, classes: {mobile: [ios, android]}, on_conflict: refuse}", "devices: {rule: {max: 3}}",
    'logging: {sample: {ok: 0.1, error: 1, actions: {"message.*": {ok: 0.01}}}, budget_per_second: 5, reserve_per_second: 1}',
    "permissions: {default: permit, rules: [{name: p, effect: deny, action: [\"*\"], shadow: true, "
    "principal: {roles: [a], claims: {org.id: [a, 5, true]}, anonymous: true}}]}",
]


@pytest.mark.parametrize(
    "text", [limit(rest) for rest in GOOD_LIMITS] + [condition(rest) for rest in GOOD_CONDITIONS]
    + [HEAD + part + "\n" for part in GOOD_PARTS])
def test_what_the_language_has_is_valid(text):
    assert errors(text) == []


BAD_LIMITS = [
    "limit: 60, per: 60s", "algorithm: bucket, limit: 60, per: 60s", "algorithm: token_bucket, limit: 60",
    "algorithm: token_bucket, per: 60s", "algorithm: token_bucket, limit: 0, per: 60s",
    "algorithm: token_bucket, limit: \"60\", per: 60s", "algorithm: token_bucket, limit: 60, per: 60",
    "algorithm: token_bucket, limit: 60, per: day", "algorithm: token_bucket, limit: 60KiB, per: 60s",
    "algorithm: token_bucket, limit: 60KB, per: 60s, unit: bytes",
    "algorithm: token_bucket, limit: 60, per: 60s, unit: bytes, cost: 2",
    "algorithm: token_bucket, limit: 60, per: 60s, burts: 2", "algorithm: token_bucket, limit: 60, per: 60s, when: {}",
    "algorithm: token_bucket, limit: 60, per: 60s, on_limit: delay",
    "algorithm: token_bucket, limit: 60, per: 60s, max_delay: 1s",
    "algorithm: token_bucket, limit: 60, per: 60s, on_limit: reject, max_delay: 1s",
    "algorithm: token_bucket, limit: 60, per: 60s, on_limit: refuse",
    "algorithm: token_bucket, limit: 60, per: 60s, scope: cluster",
    "algorithm: token_bucket, limit: 60, per: 60s, shadow: yes",
    "algorithm: token_bucket, limit: 60, per: 60s, was: []",
    "algorithm: token_bucket, limit: 60, per: 60s, ban: {after: 50, within: 60s}",
    "algorithm: token_bucket, limit: 60, per: 60s, overrides: {by: plan}",
    "algorithm: token_bucket, limit: 60, per: 60s, overrides: {free: {limit: 5}}",
    "algorithm: token_bucket, limit: 60, per: 60s, overrides: {by: plan, free: {}}",
    "algorithm: token_bucket, limit: 60, per: 60s, overrides: {by: plan, free: {limits: 5}}",
    "algorithm: token_bucket, limit: 60, per: 60s, overrides: {by: plan, free: {limit: 5KiB}}",
    "algorithm: leaky_bucket, limit: 60, per: 60s, on_limit: delay", "algorithm: leaky_bucket, limit: 60",
    "algorithm: sliding_window, limit: 60, per: 60s, burst: 2",
    "algorithm: sliding_window, limit: 4294967296, per: 60s",
    "algorithm: sliding_window, limit: 60, per: 60s, max_delay: 1s",
    "algorithm: sliding_window, limit: 60, per: 60s, overrides: {by: plan, free: {per: 1s}}",
    "algorithm: concurrency, limit: 60, per: 60s", "algorithm: concurrency, limit: 60, burst: 3",
    "algorithm: concurrency, limit: 60, on_limit: pause_reads",
    "algorithm: quota, limit: 60, per: 24h", "algorithm: quota, limit: 60", "algorithm: quota, limit: 60, per: day, burst: 2",
    "algorithm: quota, limit: 60, per: day, overrides: {by: plan, free: {burst: 3}}",
]
BAD_CONDITIONS = [
    "always", "[]", "{}", "{equals: [plan, pro]}", "{eq: [plan]}", "{eq: [plan, a, b]}", "{eq: [plan, [a]]}",
    "{eq: [connection.address, 10.0.0.1]}", "{eq: [connection.transport, udp]}", "{eq: [http.method, get]}",
    "{eq: [plan, pro], exists: plan}", "{in: [token.plan, a]}", "{in: [token.plan, []]}", "{in: [token.plan, 10.0.0.0/8]}",
    "{in: [\"connection.address/24\", 10.0.0.0/8]}", "{in: [connection.address, localhost]}",
    "{in: [connection.transport, [udp]]}", "{lt: [token.level, high]}", "{lt: [message.bytes, 5KB]}",
    "{lt: [connection.transport, 5]}", "{lt: [token.level, \"5\"]}", "{like: [message.bytes, \"5*\"]}", "{exists: [plan]}",
    "{exists: \"a b\"}", "{not: [{exists: plan}]}", "{all: {exists: plan}}", "{all: [plan]}",
    "{time_of_day: {from: \"22:00\"}}", "{time_of_day: {from: \"24:00\", to: \"06:00\"}}",
    "{time_of_day: {from: 22, to: \"06:00\"}}", "{time_of_day: {from: \"22:00\", to: \"06:00\", days: [monday]}}",
    "{time_of_day: {from: \"22:00\", to: \"06:00\", days: []}}",
]
BAD_PARTS = [
    "rate_limit: []", "metadata: {name: m, version: 1}", "metadata: {title: m}", "descriptors: {user: user}",
    "descriptors: {user: token.}", "descriptors: {user: connection.address/33}", "descriptors: {\"a b\": token.sub}",
    "descriptors: {message.topic: token.sub}", "descriptors: {a: http.header.}", "rate_limits: {}",
    "permissions: {default: allow}", "permissions: {rules: [{name: p, effect: permit}]}",
    "permissions: {rules: [{name: p, effect: allow, action: [echo]}]}",
    "permissions: {rules: [{name: default, effect: permit, action: [echo]}]}",
    "permissions: {rules: [{name: p, effect: permit, action: echo}]}",
    "permissions: {rules: [{name: p, effect: permit, action: []}]}",
    "permissions: {rules: [{name: p, effect: permit, action: [echo], principal: {}}]}",
    "permissions: {rules: [{name: p, effect: permit, action: [echo], principal: {role: [a]}}]}",
    "permissions: {rules: [{name: p, effect: permit, action: [echo], principal: {claims: {a..b: [a]}}}]}",
    "devices: {}", "devices: {rule: 3}", "devices: {rule: {max: 0}}", "devices: {rule: one_in_all, on_conflict: close}",
    "devices: {rule: one_per_class, classes: {a: []}}", "logging: {sample: {ok: 2}}", "logging: {sample: {ok: 10%}}",
    "logging: {sample: {actions: {echo: {}}}}", "logging: {sample: {actions: {echo: {allowed: 1}}}}",
    "logging: {budget_per_second: 0}",
]


@pytest.mark.parametrize(
    "text", [limit(rest) for rest in BAD_LIMITS] + [condition(rest) for rest in BAD_CONDITIONS]
    + [HEAD + part + "\n" for part in BAD_PARTS]
    + ["kind: PolicySet\n", "apiVersion: sluice/v2\nkind: PolicySet\n", "- a\n"])
def test_what_the_reader_refuses_is_marked(text):
    assert errors(text)
