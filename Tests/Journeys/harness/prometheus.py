"""A real Prometheus that scrapes gateways."""
import json
import time
import urllib.parse
import urllib.request

import yaml

from .processes import Process
from .waiting import free_port, until


class Prometheus(Process):
    def __init__(self, folder, targets, rules=(), scrape="250ms", every="1s"):
        """targets: the admin port of a gateway, or {name: port} where they shall be called by a name;
        rules: files of rules; scrape, every: between two scrapes and two evaluations."""
        self.port = free_port()
        named = targets if isinstance(targets, dict) else {None: targets}
        listed = [
            {"targets": [f"127.0.0.1:{port}"], **({"labels": {"instance": name}} if name else {})}
            for name, port in named.items()]
        (folder / "prometheus.yml").write_text(yaml.safe_dump({
            "global": {"scrape_interval": scrape, "scrape_timeout": scrape, "evaluation_interval": every},
            "rule_files": [str(path) for path in rules],
            "scrape_configs": [{"job_name": "sluice", "static_configs": listed}]}))
        super().__init__("prometheus", [
            "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
            f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn",
            "--enable-feature=exemplar-storage"], folder)
        until(self.is_scraping, 30, "Prometheus scrapes")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def is_scraping(self):
        """Whether it has reached a gateway."""
        self.check_running()
        return any(one["health"] == "up" for one in self._get("/api/v1/targets")["activeTargets"])

    def _get(self, path, **parameters):
        query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
        with urllib.request.urlopen(f"{self.url}{path}{query}", timeout=5) as answer:
            return json.load(answer)["data"]

    def query(self, expression):
        """The result's values by their labels (without __name__, instance and job)."""
        found = {}
        for row in self._get("/api/v1/query", query=expression)["result"]:
            labels = {k: v for k, v in row["metric"].items() if k not in ("__name__", "instance", "job")}
            found[tuple(sorted(labels.items()))] = float(row["value"][1])
        return found

    def value(self, expression):
        found = self.query(expression)
        return sum(found.values()) if found else None

    def metadata(self):
        return self._get("/api/v1/targets/metadata")

    def exemplars(self, expression):
        """Labels of the exemplars of the last minutes that Prometheus has kept for a selector."""
        now = time.time()
        rows = self._get("/api/v1/query_exemplars", query=expression, start=now - 600, end=now + 60)
        return [one["labels"] for row in rows for one in row["exemplars"]]

    def firing(self):
        """(alert, severity) of all that fire now."""
        return {
            (one["labels"]["alertname"], one["labels"]["severity"])
            for one in self._get("/api/v1/alerts")["alerts"] if one["state"] == "firing"}
