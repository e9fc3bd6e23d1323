"""Panels as pictures: one function for each kind of panel, with matplotlib."""
import math
import re

import matplotlib

matplotlib.use("Agg")

import panels  # noqa: E402
import units  # noqa: E402
from matplotlib.lines import Line2D  # noqa: E402
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator  # noqa: E402

INK, MUTED, LINES = "#1f2933", "#66727f", "#e4e8ec"
PALETTE = ["#3274d9", "#e0823d", "#4fa76b", "#8f5fc4", "#c9a227", "#2aa5b5", "#d4598f", "#7a8b3a", "#8c6d5a", "#5a6b9a",
           "#e39a9a", "#88b8e8"]
# What a word means keeps its colour on every panel.
MEANINGS = {
    "ok": "#4fa76b", "allow": "#4fa76b", "delivered": "#4fa76b", "sent": "#4fa76b", "ready": "#4fa76b",
    "refused": "#e0823d", "refuse": "#e0823d", "rejected": "#d64545", "error": "#d64545", "down": "#d64545",
    "service_unavailable": "#d64545", "timed_out": "#c9a227", "websocket": "#3274d9", "tcp": "#8f5fc4",
    "http": "#2aa5b5", "p50": "#88b8e8", "p95": "#3274d9", "p99": "#1d3f7a", "gateway-1": "#3274d9",
    "gateway-2": "#8f5fc4", "gateway-3": "#c9a227",
}
STEPS = {"green": "#2f8f4e", "orange": "#d9822b", "red": "#d64545"}
MOST_LINES = 4  # of a legend


class Colours:
    """Gives every name a colour and remembers it for the whole dashboard."""

    def __init__(self):
        self.given = {}

    def of(self, name):
        if name in MEANINGS:
            return MEANINGS[name]
        if name not in self.given:
            self.given[name] = PALETTE[len(self.given) % len(PALETTE)]
        return self.given[name]


def highest(values):
    return max((value for value in values if value is not None), default=0.0)


def no_data(area):
    area.set_yticks([])
    area.text(0.5, 0.5, "no data in this range", ha="center", va="center", color=MUTED, fontsize=9,
              transform=area.transAxes)


def ticks(start, end):
    """Moments at even distances from the begin, some five of them."""
    every = next((step for step in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200)
                  if (end - start) / step <= 6), 86_400)
    return [start + number * every for number in range(int((end - start) / every) + 1)]


def prepare(area, clock, start, end, marks):
    area.set_xlim(start, end)
    area.xaxis.set_major_locator(FixedLocator(ticks(start, end)))
    area.xaxis.set_major_formatter(FuncFormatter(clock))
    area.tick_params(colors=MUTED, labelsize=7.5, length=0)
    area.grid(True, color=LINES, linewidth=0.7)
    area.set_axisbelow(True)
    for side in area.spines.values():
        side.set_visible(False)
    for when, _ in marks:
        area.axvline(when, color="#a8b2bd", linewidth=0.7, linestyle=(0, (2, 2)), zorder=1)


def series(area, panel, found, colours, style):
    """Lines over time; `found` is [(name, times, values)]."""
    found = sorted(found, key=lambda row: -highest(row[2]))
    if not found:
        return no_data(area)
    has_steps = panel.custom.get("lineInterpolation") == "stepAfter"
    if panel.custom.get("stacking"):
        stacked(area, found, colours)
    else:
        for name, times, values in found:
            plain = [math.nan if value is None else value for value in values]
            area.plot(times, plain, color=colours.of(name), linewidth=1.3, label=name, zorder=3,
                      drawstyle="steps-post" if has_steps else "default")
            area.fill_between(times, plain, color=colours.of(name), alpha=0.07, linewidth=0, zorder=2,
                              step="post" if has_steps else None)
    top = max(highest(values) for _, _, values in found)
    if not panel.custom.get("stacking"):
        area.set_ylim(0, top * 1.12 or 1)
    # What goes in steps is a state: there is nothing between two of them.
    area.yaxis.set_major_locator(MaxNLocator(4, integer=has_steps))
    area.yaxis.set_major_formatter(FuncFormatter(lambda value, _: units.write(value, panel.unit)))
    legend(area, found, style)


def stacked(area, found, colours):
    times = sorted({when for _, times, _ in found for when in times})
    rows = []
    for _, own, values in found:
        known = dict(zip(own, values))
        rows.append([known.get(when) or 0.0 for when in times])
    area.stackplot(times, rows, labels=[name for name, _, _ in found], colors=[colours.of(name) for name, _, _ in found],
                   alpha=0.75, linewidth=0, zorder=3)
    area.set_ylim(0, max(map(sum, zip(*rows))) * 1.12 or 1)


def in_legend(found, width):
    """(names the legend shows, columns): those that were ever above 0, as many as fit, and how many more there are."""
    names = [name for name, _, values in found if highest(values)] or [name for name, _, _ in found][:1]
    longest = max((len(name) for name in names), default=1)
    columns = max(1, int(width / (longest * 5.6 + 30)))
    room = MOST_LINES * columns
    left = len(found) - min(len(names), room)
    if left:
        names = [*names[:room - 1], f"+ {len(found) - len(names[:room - 1])} others"]
    return names, max(1, min(columns, len(names)))


def legend_lines(found, width):
    names, columns = in_legend(sorted(found, key=lambda row: -highest(row[2])), width)
    return math.ceil(len(names) / columns)


def legend(area, found, style):
    names, columns = in_legend(found, style["width"])
    drawn = dict(zip(*reversed(area.get_legend_handles_labels())))
    handles = [drawn.get(name) or Line2D([], [], color="none") for name in names]
    area.legend(handles, names, loc="upper left", bbox_to_anchor=(-0.01, style["legend_at"]), ncol=columns,
                frameon=False, fontsize=7.5, labelcolor=INK, handlelength=1.0, handleheight=0.5, columnspacing=1.2,
                handletextpad=0.5, borderaxespad=0, labelspacing=0.35)


def number(area, panel, found, steps):
    """A stat: the last value, large, over a small curve."""
    area.axis("off")
    times, values = found[0][1:] if found else ([], [])
    known = [value for value in values if value is not None]
    last = known[-1] if known else None
    colour = INK
    for step in steps:
        if last is not None and (step["value"] is None or last >= step["value"]):
            colour = STEPS.get(step["color"], INK)
    if known:
        plain = [math.nan if value is None else value for value in values]
        area.fill_between(times, plain, color="#3274d9", alpha=0.12, linewidth=0)
        area.plot(times, plain, color="#3274d9", alpha=0.45, linewidth=1)
        area.set_ylim(0, max(known) * 2.2 or 1)
        area.set_xlim(times[0], max(times[-1], times[0] + 1))
    area.text(0.5, 0.66, units.write(last, panel.unit), ha="center", va="center", fontsize=19 if known else 11,
              color=colour if known else MUTED, fontweight="bold", transform=area.transAxes)


def heatmap(area, found, unit):
    """Buckets of a histogram: cumulative counts by `le` become one cell each."""
    rows = sorted(((float(name), times, values) for name, times, values in found), key=lambda row: row[0])
    rows = [row for row in rows if row[1]]
    if not rows:
        return no_data(area)
    times = rows[-1][1]
    cells, below = [], [0.0] * len(times)
    for _, own, values in rows:
        known = dict(zip(own, values))
        now = [known.get(when) or 0.0 for when in times]
        cells.append([max(0.0, a - b) for a, b in zip(now, below)])
        below = now
    most = max(map(max, cells)) or 1
    shaded = [[math.nan if value <= 0 else math.sqrt(value / most) for value in row] for row in cells]
    width = times[1] - times[0] if len(times) > 1 else 1
    edges = [times[0] - width / 2, *[when + width / 2 for when in times]]
    area.pcolormesh(edges, range(len(rows) + 1), shaded, cmap="Blues", vmin=-0.15, vmax=1, zorder=3)
    used = [index for index, row in enumerate(cells) if any(row)]
    low, high = max(0, min(used, default=0) - 1), min(len(rows), max(used, default=0) + 2)
    area.set_ylim(low, high)
    every = max(1, (high - low) // 6)
    shown = range(low + 1, high + 1, every)
    area.set_yticks(list(shown), ["∞" if math.isinf(rows[i - 1][0]) else units.write(rows[i - 1][0], unit) for i in shown])


def table(area, found, hidden):
    area.axis("off")
    if not found:
        return no_data(area)
    columns = [name for name in dict.fromkeys(key for labels, _ in found for key in labels) if name not in hidden]
    columns.sort(key=lambda name: (name != "instance", name))
    cut = lambda text: text if len(text) <= 14 else text[:12] + "…"
    for place, name in enumerate(columns):
        left = place / len(columns)
        area.text(left, 0.95, name, fontsize=8.5, color=MUTED, transform=area.transAxes, va="top", fontweight="bold")
        for line, (labels, _) in enumerate(sorted(found, key=lambda row: row[0].get("instance", "")), 1):
            area.text(left, 0.95 - line * 0.13, cut(labels.get(name, "")), fontsize=9, color=INK,
                      transform=area.transAxes, va="top")


def named(panel, query, rows):
    """Rows of a query under the names its legend gives them; an empty name is the panel's title."""
    # matplotlib leaves names that begin with an underscore out of a legend: a thin space before them.
    shown = lambda labels: re.sub("^_", "\u2009_", panels.legend(query.legend, labels) or labels.get("le") or panel.title)
    return [
        (shown(labels), times, values)
        for labels, times, values in rows if any(value is not None for value in values)]
