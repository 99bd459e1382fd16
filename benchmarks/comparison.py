"""Arms side by side: a Markdown table, a figure, and how many episodes each arm needs for what the control reaches."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

from benchmarks.outcomes import initial_success
from discovery.report.words import points, share

Results = Sequence[dict[str, Any]]

CONTROL = "uniform"
_COLOURS = ("#2f6fde", "#c2571a", "#2c8a5b", "#8e44ad", "#8a8f98", "#b8860b", "#c0392b")
_DPI = 150


@dataclass(frozen=True)
class Reach:
    """Training episodes at which an arm's held-out curve first reaches `target`: the median over its seeds.

    `episodes` is None when it was not reached; `ratio` is to the control's own. `reached` of `seeds` runs
    got there; those without a measurement between the first and the last are not counted.
    """

    arm: str
    site: str
    target: float
    episodes: float | None
    ratio: float | None
    reached: int
    seeds: int


def episodes_to_reach(results: Results) -> list[Reach]:
    """Of each site on which the `uniform` arm gained: the episodes until its mean final success, by arm.

    The curve begins with the first measurement after practice began: where initial success happens to
    exceed the target, nothing was learnt yet. A first passage of a noisy curve is early, for all arms alike.
    """
    found = []
    for site, arms in _by_site_and_arm(results).items():
        target = _mean_final(arms.get(CONTROL, ()))
        starts = [initial_success(line["heldout"]) for line in arms.get(CONTROL, ())]
        start = fmean(known) if (known := [one for one in starts if one is not None]) else None
        if target is None or start is None or target <= start:
            continue
        passages = {
            arm: [_passage(line["heldout_curve"], target) for line in lines if len(line["heldout_curve"]) > 2]
            for arm, lines in arms.items()
        }
        medians = {arm: median(each) if each else math.inf for arm, each in passages.items()}
        for arm, each in passages.items():
            both = math.isfinite(medians[arm]) and math.isfinite(medians.get(CONTROL, math.inf))
            found.append(
                Reach(
                    arm,
                    site,
                    target,
                    medians[arm] if math.isfinite(medians[arm]) else None,
                    medians[arm] / medians[CONTROL] if both else None,
                    sum(map(math.isfinite, each)),
                    len(each),
                )
            )
    return found


def table(sources: Iterable[tuple[str, Results]]) -> str:
    """Markdown: a section for each named source and its terms, a row for each arm and site."""
    return "\n".join(
        line
        for name, results in sources
        for terms, chosen in _by_terms(results).items()
        for line in _section(f"{name}: {terms}", chosen)
    )


def plot(results: Results, path: Path) -> None:
    """Gains with their intervals, and success in practice over episodes, a row of both for each site."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    sites = _by_site_and_arm(results)
    colours = dict(zip(dict.fromkeys(line["arm"] for line in results), _COLOURS * len(results), strict=False))
    figure = Figure(figsize=(10, 0.8 + 3.2 * len(sites)), layout="constrained")
    FigureCanvasAgg(figure)
    for row, (site, arms) in zip(figure.subplots(len(sites), 2, squeeze=False), sites.items(), strict=True):
        gains, practice = row
        for place, (arm, lines) in enumerate(arms.items()):
            _draw_gains(gains, place, lines, colours[arm])
            _draw_practice(practice, arm, lines, colours[arm])
        gains.axhline(0, color="#8a8f98", linewidth=1)
        gains.set_xticks(range(len(arms)), list(arms))
        gains.set_title(f"{site}: gain in held-out success, with 95% intervals", loc="left", fontsize=10)
        practice.set_title(f"{site}: success in practice", loc="left", fontsize=10)
        practice.set_xlabel("training episodes")
        practice.set_ylim(0, 1)
        if practice.lines:
            practice.legend(frameon=False, fontsize=8)
        for axes in row:
            axes.yaxis.set_major_formatter(PercentFormatter(1.0))
            axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=_DPI)


def _draw_gains(axes: Any, place: int, lines: Results, colour: str) -> None:
    """One point a seed, side by side."""
    measured = [line["gain"] for line in lines if _gain(line) is not None]
    for index, found in enumerate(measured):
        x = place + 0.15 * (index - (len(measured) - 1) / 2)
        low, high = found["ci95"]
        axes.vlines(x, low, high, color=colour, linewidth=1.5)
        axes.plot([x], [found["gain"]], marker="o", color=colour, markersize=5)


def _draw_practice(axes: Any, arm: str, lines: Results, colour: str) -> None:
    """A faint line for each seed and their mean, as far as all of them got.

    The curriculum chooses what is practised, so heights of different samplers do not compare.
    """
    import numpy as np

    curves = [curve for line in lines if (curve := _practice(line))]
    columns = [([x for x, _ in curve], [success for _, success in curve]) for curve in curves]
    for xs, ys in columns:
        axes.plot(xs, ys, color=colour, linewidth=1, alpha=0.3)
    if columns:
        end = min(xs[-1] for xs, _ in columns)
        grid = sorted({x for xs, _ in columns for x in xs if x <= end})
        mean = np.mean([np.interp(grid, xs, ys) for xs, ys in columns], axis=0)
        axes.plot(grid, mean, color=colour, linewidth=2, label=arm)


def _practice(line: dict[str, Any]) -> list[tuple[int, float]]:
    """Success of each iteration over the episodes practised until its end."""
    practice = line["practice"]
    done = itertools.accumulate(practice["episodes"])
    return [(x, success) for x, success in zip(done, practice["success"], strict=True) if success is not None]


def _section(title: str, results: Results) -> list[str]:
    rows = [
        [site, arm, *_row(sorted(lines, key=lambda line: int(line["seed"])))]
        for site, arms in _by_site_and_arm(results).items()
        for arm, lines in arms.items()
    ]
    head = ["site", "arm", "median gain", "by seed: initial → final, gain [95 %]", "episodes", "excludes zero"]
    lines = [f"### {title}", "", *_markdown(head, rows), ""]
    lines += [
        "Success in %, gains in points over the initial weights measured beside the final ones.",
        *_about(results),
    ]
    reached = episodes_to_reach(results)
    if any(found.seeds for found in reached):
        head = ["site", "arm", f"final success of {CONTROL}", "episodes to reach it", f"ratio to {CONTROL}", "seeds"]
        lines += ["", *_markdown(head, [_reach_row(found) for found in reached])]
    return [*lines, ""]


def _row(lines: Results) -> list[str]:
    gains = [gain for line in lines if (gain := _gain(line)) is not None]
    sides = [_side_of_zero(line) for line in lines]
    return [
        points(median(gains)) if gains else "—",
        "<br>".join(f"{line['seed']}: {_ends(line)}" for line in lines),
        ", ".join(str(line["episodes"]) for line in lines),
        f"{sides.count(1)} above, {sides.count(-1)} below, of {len(lines)}",
    ]


def _ends(line: dict[str, Any]) -> str:
    if _gain(line) is None:
        return "not measured"
    initial = _percent(initial_success(line["heldout"]))
    final = _percent((line["heldout"]["final"] or {}).get("success"))
    gain = line["gain"]
    low, high = gain["ci95"]
    return f"{initial} → {final}, {points(gain['gain'])} [{points(low)}, {points(high)}]"


def _reach_row(found: Reach) -> list[str]:
    return [
        found.site,
        found.arm,
        _percent(found.target),
        f"{found.episodes:g}" if found.episodes is not None else "not reached" if found.seeds else "not measured",
        "—" if found.ratio is None else f"{found.ratio:.2f}",
        f"{found.reached} of {found.seeds}",
    ]


def _about(results: Results) -> list[str]:
    """Where the figures come from."""
    commits = dict.fromkeys(
        f"{(line.get('commit') or 'unknown')[:7]}{' with changes' if line.get('dirty') else ''}" for line in results
    )
    machines = dict.fromkeys(
        f"{machine['cores']} cores, {machine['cpu']}" for line in results if (machine := line.get("machine"))
    )
    changed = {line["arm"]: line.get("overrides") or [] for line in results}
    arms = "; ".join(f"{arm}: {', '.join(overrides) or 'nothing'}" for arm, overrides in changed.items())
    return [f"Commit {', '.join(commits)}. Machine: {'; '.join(machines)}. Changed: {arms}."]


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def _by_terms(results: Results) -> dict[str, list[dict[str, Any]]]:
    found = defaultdict(list)
    for line in results:
        found[f"{line.get('split')} split, {line.get('minutes')} minutes, preset {line.get('config')}"].append(line)
    return found


def _by_site_and_arm(results: Results) -> dict[str, dict[str, list[dict[str, Any]]]]:
    found: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for line in results:
        found[line["site"]][line["arm"]].append(line)
    return found


def _passage(curve: Sequence[Sequence[float]], target: float) -> float:
    return next((episodes for episodes, success in curve if episodes > 0 and success >= target), math.inf)


def _mean_final(lines: Results) -> float | None:
    ends = [line["heldout"]["final"] for line in lines]
    values = [end["success"] for end in ends if end and end["success"] is not None]
    return fmean(values) if values else None


def _gain(line: dict[str, Any]) -> float | None:
    gain = (line["gain"] or {}).get("gain")
    return None if gain is None else float(gain)


def _side_of_zero(line: dict[str, Any]) -> int:
    """1 where the whole interval of the gain lies above zero, -1 below, 0 where it includes zero."""
    if _gain(line) is None:
        return 0
    low, high = line["gain"]["ci95"]
    return int(low > 0) - int(high < 0)


def _percent(value: float | None) -> str:
    return share(value, 1).removesuffix("%")
