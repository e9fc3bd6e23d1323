"""Which journal fields and metrics showed during a run: held against the documentation at its end."""
import re

from .processes import ROOT

PAGE = (ROOT / "docs/observability.md").read_text()

fields: set[str] = set()
metrics: set[str] = set()


def _table(name):
    rows = PAGE.split(f"<!-- {name} -->")[1].split(f"<!-- /{name} -->")[0]
    return set(re.findall(r"^\| `(\w+)` \|", rows, re.M))


def documented_fields():
    """(those of requests and connections, all that are named anywhere on the page)"""
    return _table("fields"), set(re.findall(r"\bSLUICE_[A-Z_]+\b", PAGE)) | _table("fields")


def documented_metrics():
    return _table("metrics")


def note_export(text):
    """Fields of entries as `journalctl -o export` writes them: NAME=value, or NAME alone before bytes."""
    fields.update(re.findall(r"^((?:SLUICE_[A-Z0-9_]+|MESSAGE|PRIORITY|MESSAGE_ID|SYSLOG_IDENTIFIER))(?==|$)", text, re.M))


def note_page(text):
    """Families of a metrics page in the form 0.0.4."""
    metrics.update(re.findall(r"^# TYPE (\w+) ", text, re.M))
