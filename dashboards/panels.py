"""What a dashboard's file says: its panels, and their queries as Prometheus takes them."""
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).resolve().parent

# Metrics that rules and panels are ready for and the gateway does not show yet. To be emptied when it does.
METRICS_TO_COME: set = set()

METRIC = re.compile(r"(?<![\w:.$])((?:sluice|process)_[a-z0-9_]+)(?![\w:])")
RECORDED = re.compile(r"(?<![\w:])([a-z_]+:[a-z0-9_]+:[a-z0-9_]+)")
LABELS = re.compile(r'"(?:[^"\\]|\\.)*"')


@dataclass
class Query:
    expression: str
    legend: str
    is_instant: bool = False

    def for_prometheus(self, variables):
        """The expression with `$name` replaced by its value."""
        text = self.expression
        for name, value in variables.items():
            text = text.replace("${" + name + "}", value).replace("$" + name, value)
        return text


@dataclass
class Panel:
    """One panel; x, y, width and height count Grafana's grid of 24 columns."""
    kind: str
    title: str
    description: str
    unit: str
    x: int
    y: int
    width: int
    height: int
    queries: list[Query] = field(default_factory=list)
    options: dict = field(default_factory=dict)
    custom: dict = field(default_factory=dict)


@dataclass
class Dashboard:
    path: Path
    body: dict

    @property
    def title(self):
        return self.body["title"]

    @property
    def panels(self):
        return [_panel(body) for body in self.body["panels"]]


def _panel(body):
    grid = body["gridPos"]
    defaults = body.get("fieldConfig", {}).get("defaults", {})
    queries = [
        Query(target["expr"], target.get("legendFormat", ""), target.get("instant", False))
        for target in body.get("targets", [])]
    return Panel(
        body["type"], body["title"], body.get("description", ""), defaults.get("unit", "short"),
        grid["x"], grid["y"], grid["w"], grid["h"], queries, body.get("options", {}), defaults.get("custom", {}))


def load(path):
    return Dashboard(Path(path), json.loads(Path(path).read_text(encoding="utf-8")))


def dashboards():
    """All of them, by file name."""
    return [load(path) for path in sorted(FOLDER.glob("*.json"))]


def metrics(expression):
    """Names of the gateway's metrics in an expression, as they stand there: `_bucket` and the like included."""
    return set(METRIC.findall(LABELS.sub('""', expression)))


def recorded(expression):
    """Names of recording rules in an expression."""
    return set(RECORDED.findall(LABELS.sub('""', expression)))


def legend(pattern, labels):
    """Grafana's `{{label}}`, filled in."""
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: labels.get(found.group(1), ""), pattern).strip()
