"""Dashboards, rules and runbooks: Grafana can read them, every metric exists, every alert is explained and tested."""
import re
import sys

import pytest
import yaml
from sources import ROOT, report, text, tracked

sys.path.insert(0, str(ROOT / "dashboards"))

import panels  # noqa: E402

DASHBOARDS = panels.dashboards()
by_name = pytest.mark.parametrize("dashboard", DASHBOARDS, ids=[one.path.stem for one in DASHBOARDS])


def documented():
    """The names in the table of docs/observability.md, with what a histogram is made of."""
    page = text(ROOT / "docs/observability.md")
    table = page.split("<!-- metrics -->")[1].split("<!-- /metrics -->")[0]
    names = set()
    for name, kind in re.findall(r"^\| `(\w+)` \| (\w+) \|", table, re.M):
        names |= {name + end for end in ("_bucket", "_sum", "_count")} if kind == "histogram" else {name}
    assert len(names) > 40
    return names


def rules():
    return [
        rule for path in sorted((ROOT / "dashboards/rules").glob("*.yaml"))
        for group in yaml.safe_load(text(path))["groups"] for rule in group["rules"]]


def alerts():
    return [rule for rule in rules() if "alert" in rule]


def expressions():
    """Every expression of dashboards and rules, by where it stands."""
    for dashboard in DASHBOARDS:
        for panel in dashboard.panels:
            for query in panel.queries:
                yield f"{dashboard.path.name}: {panel.title}", query.expression
        for variable in dashboard.body["templating"]["list"]:
            if variable["type"] == "query":
                yield f"{dashboard.path.name}: variable {variable['name']}", variable["query"]["query"]
    for rule in rules():
        yield rule.get("alert") or rule["record"], rule["expr"]


def test_every_metric_is_in_the_table_of_metrics():
    known = documented()
    used = {(where, name) for where, text in expressions() for name in panels.metrics(text)}
    assert len(used) > 100
    wrong = [f"{where}: {name}" for where, name in sorted(used)
             if name not in known and name not in panels.METRICS_TO_COME]
    assert not wrong, report(wrong, "docs/observability.md has no such metric (of a histogram: _bucket, _sum, _count):")
    come = sorted(panels.METRICS_TO_COME & known)
    assert not come, f"the gateway has them now, take them out of METRICS_TO_COME in dashboards/panels.py: {come}"
    unused = sorted(panels.METRICS_TO_COME - {name for _, name in used})
    assert not unused, f"nothing uses them: {unused}"


def test_every_recorded_series_has_its_rule():
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    wrong = [f"{where}: {name}" for where, text in expressions() for name in panels.recorded(text) - recorded]
    assert not wrong, report(wrong, "no rule in dashboards/rules records it:")
    for name in recorded:
        assert re.fullmatch(r"(job|instance)\w*:sluice_\w+:\w+", name), f"{name}: level:metric:operation"


def test_dashboards_have_names_of_their_own():
    identifiers = [one.body["uid"] for one in DASHBOARDS]
    assert identifiers == [f"sluice-{one.path.stem}" for one in DASHBOARDS], "a uid stays what it is: links name it"
    assert len({one.title for one in DASHBOARDS}) == len(DASHBOARDS) >= 5


@by_name
def test_grafana_finds_what_it_needs(dashboard):
    body = dashboard.body
    assert body["schemaVersion"] >= 39 and "sluice" in body["tags"]
    variables = {one["name"]: one for one in body["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource" and variables["instance"]["includeAll"]
    numbers = [panel["id"] for panel in body["panels"]]
    assert len(set(numbers)) == len(numbers), "two panels have the same id"
    for panel in body["panels"]:
        if panel["type"] == "row":
            continue
        title = panel["title"]
        assert title and panel["targets"], panel
        assert {target["refId"] for target in panel["targets"]}.__len__() == len(panel["targets"]), title
        assert all(one["datasource"]["uid"] == "${datasource}" for one in [panel, *panel["targets"]]), title
        assert panel["type"] == "table" or panel["fieldConfig"]["defaults"]["unit"], title


@by_name
def test_panels_choose_by_gateway_and_fill_no_other_variable(dashboard):
    variables = {one["name"] for one in dashboard.body["templating"]["list"]} | {"__rate_interval"}
    for panel in dashboard.panels:
        for query in panel.queries:
            selectors = query.expression.count("sluice_") + query.expression.count("process_")
            assert query.expression.count('instance=~"$instance"') == selectors, f"{panel.title}: {query.expression}"
            assert set(re.findall(r"\$\{?(\w+)", query.expression)) <= variables, panel.title


@by_name
def test_panels_do_not_overlap(dashboard):
    taken = {}
    for panel in dashboard.panels:
        assert panel.x + panel.width <= 24, panel.title
        for cell in ((x, y) for x in range(panel.x, panel.x + panel.width)
                     for y in range(panel.y, panel.y + panel.height)):
            assert cell not in taken, f"{panel.title} lies over {taken[cell]}"
            taken[cell] = panel.title


NAMED = {
    "PolicyReloadFailed", "PolicyDiffersBetweenNodes", "RefusalRatioHigh", "ShadowWouldRefuse", "KeysOverflow",
    "LogDrops", "JournaldSuppressing", "UpstreamDown", "ErrorBudgetBurn", "LatencyHigh", "BreakerOpen",
    "RetryBudgetExhausted", "DiscoveryDown", "DiscoveryHeldBack", "RegistrationLost", "DescriptorsNearLimit", "LoopLag",
}


def test_every_alert_says_how_urgent_it_is_what_is_wrong_and_where_to_read_on():
    assert NAMED <= {rule["alert"] for rule in alerts()}
    for rule in alerts():
        name, notes = rule["alert"], rule["annotations"]
        assert rule["labels"]["severity"] in ("critical", "warning", "info"), name
        assert notes["summary"] and notes["description"], name
        assert notes["runbook_url"] == f"docs/runbooks/{name}.md" and (ROOT / notes["runbook_url"]).exists(), name


def test_every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_is_quiet():
    fires, quiet = set(), set()
    for path in sorted((ROOT / "dashboards/tests").glob("*_test.yaml")):
        for case in yaml.safe_load(text(path))["tests"]:
            for check in case.get("alert_rule_test", ()):
                for expected in check["exp_alerts"]:
                    fires.add((check["alertname"], expected["exp_labels"]["severity"]))
                if not check["exp_alerts"]:
                    quiet.add(check["alertname"])
    every = {(rule["alert"], rule["labels"]["severity"]) for rule in alerts()}
    assert fires == every, f"not tested: {sorted(every - fires)}; no such alert: {sorted(fires - every)}"
    assert quiet == {name for name, _ in every}


def test_every_runbook_has_its_alert_and_the_same_parts():
    pages = {p for p in tracked() if p.parent == ROOT / "docs/runbooks" and p.name != "README.md"}
    assert {p.stem for p in pages} == {rule["alert"] for rule in alerts()}
    index = text(ROOT / "docs/runbooks/README.md")
    for page in pages:
        content = text(page)
        prose = re.sub(r"```.*?```", "", content, flags=re.S)
        assert re.findall(r"^#+ .*$", prose, re.M) == [f"# {page.stem}", "## Meaning", "## Look at", "## Do"], page.name
        assert "```promql\n" in content and "journalctl " in content, f"{page.name}: queries, and the journal"
        assert f"[{page.stem}]({page.name})" in index, f"docs/runbooks/README.md does not list {page.stem}"
        severities = sorted({r["labels"]["severity"] for r in alerts() if r["alert"] == page.stem})
        assert f"| [{page.stem}]({page.name}) | {', '.join(severities)} |" in index, page.name
        for line in re.findall(r"```promql\n(.*?)```", content, re.S)[0].splitlines():
            unknown = panels.metrics(line) - documented() - panels.METRICS_TO_COME
            assert not unknown, f"{page.name}: {unknown}"


def test_alert_tests_name_every_group_since_promtool_takes_others_in_any_order():
    groups = [group["name"] for name in ("recording", "alerts")
              for group in yaml.safe_load(text(ROOT / f"dashboards/rules/{name}.yaml"))["groups"]]
    for path in sorted((ROOT / "dashboards/tests").glob("*_test.yaml")):
        assert yaml.safe_load(text(path))["group_eval_order"] == groups, f"{path.name}: group_eval_order is {groups}"
