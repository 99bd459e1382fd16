"""What the charts show, apart from how they are drawn: `svg` puts them on the page, `plots` into PNG files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from discovery.report.record import Record

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """A series over iterations. `band` holds (x, low, high); `tone` is 1 (the agent) to 3, 0 is a quiet grey."""

    label: str
    points: Sequence[Point]
    tone: int = 1
    band: Sequence[tuple[float, float, float]] = ()
    dashed: bool = False
    faint: bool = False


@dataclass(frozen=True)
class Chart:
    """One plot. `name` is its file name; `share`: y runs from 0 to 100 %, or less with `zoom`."""

    name: str
    title: str
    note: str
    lines: Sequence[Line]
    share: bool = True
    zoom: bool = False
    x_label: str = "iteration"

    @property
    def empty(self) -> bool:
        return not any(line.points for line in self.lines)


@dataclass(frozen=True)
class Bar:
    """A measured success rate with its interval."""

    label: str
    value: float
    low: float
    high: float
    n: int
    tone: int = 0


@dataclass(frozen=True)
class Bars:
    """The measurements of the headline."""

    name: str
    title: str
    bars: Sequence[Bar] = field(default_factory=tuple)


_SMOOTHED = 5


def heldout(record: Record) -> Chart:
    """Held-out success over iterations with its interval, against the control."""
    final = record.heldout.get("final")
    last = float(record.last_iteration)
    measured: dict[float, tuple[float, float | None, float | None]] = {}
    # The control made more attempts than the first measurement.
    if initial := record.heldout.get("control") or record.heldout.get("initial"):
        measured[0.0] = (initial.value, initial.low, initial.high)
    for line in record.metrics:
        if line.get("heldout_success") is not None:
            low, high = line.get("heldout_ci95") or (None, None)
            measured[float(line["iteration"])] = (line["heldout_success"], low, high)
    if final:
        measured[last] = (final.value, final.low, final.high)
    xs = sorted(measured)
    lines = [
        Line(
            "the agent",
            [(x, measured[x][0]) for x in xs],
            tone=1,
            band=[(x, low, high) for x in xs for _, low, high in [measured[x]] if low is not None and high is not None],
        )
    ]
    if (control := record.heldout.get("control")) and xs:
        span = [xs[0], max(xs[-1], xs[0] + 1)]
        lines.append(
            Line(
                "control: initial weights",
                [(x, control.value) for x in span],
                tone=2,
                band=[(x, control.low, control.high) for x in span],
                dashed=True,
            )
        )
    return Chart("heldout", "Held-out success", "Tasks never practised. Bands are 95% intervals.", lines)


def training(record: Record) -> Chart:
    """Success of practice attempts, raw and smoothed."""
    raw = record.series("success")
    lines = [Line("each iteration", raw, tone=0, faint=True)] if len(raw) > _SMOOTHED else []
    label = f"mean of {_SMOOTHED}" if lines else "each iteration"
    lines.append(Line(label, smooth(raw) if lines else raw, tone=1))
    return Chart(
        "training",
        "Success in practice",
        "The curriculum looks for half-learned tasks, so this curve is not expected to reach 100%.",
        lines,
    )


def update_charts(record: Record) -> list[Chart]:
    """The numbers that warn of a collapse."""
    kinds = [
        ("entropy", "Entropy", "Of the policy over sampled tokens, in nats.", False),
        ("mismatch_kl", "Mismatch KL", "Between the policy that acted and the one that was trained.", False),
        ("clip_fraction", "Clip fraction", "Share of tokens whose ratio left the trust region.", True),
        ("zero_variance_share", "Groups without a signal", "All attempts succeeded, or all failed.", True),
    ]
    charts = [
        Chart(name, title, note, [Line("", record.series(name), tone=1)], share, zoom=True)
        for name, title, note, share in kinds
    ]
    return [chart for chart in charts if not chart.empty]


def families(record: Record, most: int = 12) -> list[Chart]:
    """Success of each task family over iterations, the most practised first."""
    tallies: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for episode in record.episodes:
        if episode.role == "train" and episode.value is not None:
            tallies[episode.family or "unnamed"][episode.iteration].append(float(episode.value >= 0.5))
    ranked = sorted(tallies.items(), key=lambda item: -sum(map(len, item[1].values())))[:most]
    charts = []
    for family, by_iteration in ranked:
        values = [(float(i), sum(v) / len(v)) for i, v in sorted(by_iteration.items())]
        attempts = sum(map(len, by_iteration.values()))
        wins = sum(sum(v) for v in by_iteration.values())
        note = f"{attempts} attempts, {wins / attempts:.0%} solved"
        lines = [Line("", values, tone=0, faint=True)] if len(values) > _SMOOTHED else []
        lines.append(Line("", smooth(values) if lines else values, tone=1))
        charts.append(Chart(f"family_{family}", family, note, lines))
    return charts


def headline(record: Record) -> Bars:
    """Initial, control and final held-out success, as far as measured."""
    names = {
        "initial": ("initial weights", 0),
        "control": ("control, measured with the final", 2),
        "final": ("final weights", 1),
    }
    bars = [
        Bar(label, m.value, m.low, m.high, m.n, tone)
        for key, (label, tone) in names.items()
        if (m := record.heldout.get(key))
    ]
    return Bars("headline", "Held-out success", bars)


def smooth(values: Sequence[Point], window: int = _SMOOTHED) -> list[Point]:
    """Trailing mean over `window` points."""
    out = []
    for index, (x, _) in enumerate(values):
        recent = [y for _, y in values[max(0, index - window + 1) : index + 1]]
        out.append((x, sum(recent) / len(recent)))
    return out
