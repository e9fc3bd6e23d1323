"""A real Prometheus that scrapes one gateway."""
import json
import urllib.parse
import urllib.request

from .processes import Process
from .waiting import free_port, until

CONFIG = """
global: {{scrape_interval: 250ms, scrape_timeout: 250ms, evaluation_interval: 1s}}
scrape_configs:
  - job_name: sluice
    static_configs: [{{targets: ["127.0.0.1:{target}"]}}]
"""


class Prometheus(Process):
    def __init__(self, folder, target):
        self.port = free_port()
        (folder / "prometheus.yml").write_text(CONFIG.format(target=target))
        super().__init__("prometheus", [
            "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
            f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn"], folder)
        until(self.is_scraping, 30, "Prometheus scrapes")

    def is_scraping(self):
        self.check_running()
        targets = self._get("/api/v1/targets")["activeTargets"]
        return targets and targets[0]["health"] == "up"

    def _get(self, path, **parameters):
        query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}{query}", timeout=5) as answer:
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
