"""Asks a Prometheus: over a range, or for one moment."""
import json
import math
import urllib.error
import urllib.parse
import urllib.request


class Refused(Exception):
    """Prometheus does not take a query."""


class Prometheus:
    def __init__(self, url):
        self.url = url.rstrip("/")

    def _get(self, path, **parameters):
        address = f"{self.url}{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(address, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise Refused(f"{parameters.get('query', path)}: {error.read().decode(errors='replace')[:300]}") from None

    def over(self, expression, start, end, step):
        """[(labels, times, values)] of a range query; NaN and infinity are None."""
        found = self._get("/api/v1/query_range", query=expression, start=start, end=end, step=step)["result"]
        return [
            (row["metric"], [float(when) for when, _ in row["values"]], [number(value) for _, value in row["values"]])
            for row in found]

    def at(self, expression, when):
        """[(labels, value)] of an instant query."""
        found = self._get("/api/v1/query", query=expression, time=when)["result"]
        return [(row["metric"], number(row["value"][1])) for row in found]

    def names(self):
        """Names of all series it holds."""
        return set(self._get("/api/v1/label/__name__/values"))


def number(text):
    value = float(text)
    return value if math.isfinite(value) else None
