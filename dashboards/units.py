"""Numbers as Grafana's units write them."""


def write(value, unit):
    if value is None:
        return "no data"
    if unit == "percentunit":
        return f"{digits(value * 100)} %"
    if unit == "s":
        return seconds(value)
    if unit == "bytes":
        return scaled(value, ["B", "KiB", "MiB", "GiB", "TiB"], 1024)
    text = scaled(value, ["", "k", "M", "G"], 1000)
    return f"{text}/s" if unit in ("ops", "reqps") else text


def digits(value):
    """Three digits, and no zeros that say nothing."""
    size = abs(value)
    if size and size < 0.01:
        return f"{value:.1g}"
    text = f"{value:.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def scaled(value, names, base):
    for name in names:
        if abs(value) < base or name == names[-1]:
            return f"{digits(value)} {name}".strip() if base == 1024 else f"{digits(value)}{name}"
        value /= base
    raise AssertionError("unreachable")


def seconds(value):
    size = abs(value)
    if size == 0:
        return "0 s"
    for limit, factor, name in ((1e-3, 1e6, "µs"), (1, 1e3, "ms"), (120, 1, "s"), (7200, 1 / 60, "min"), (172_800, 1 / 3600, "h")):
        if size < limit:
            return f"{digits(value * factor)} {name}"
    return f"{digits(value / 86_400)} d"
