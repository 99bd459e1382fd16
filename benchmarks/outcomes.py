"""What came out of a run, as the figures of one line of `results.jsonl`, derived from its run directory alone.

A figure that the run directory does not tell is None. Seconds of a stage are those between the events in
which the run announced its phases; what lies between two sessions of a resumed run belongs to none.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from discovery.control import SqliteControl
from discovery.progress import Phase
from discovery.rundirectory import RunDirectory, stored_config

Lines = Sequence[dict[str, Any]]
Events = Sequence[tuple[int, float, str, dict[str, Any]]]

_MEASURING = {"initial": "first_measurement", "heldout": "measurement_between"}


def finished(run_dir: Path) -> bool:
    """Whether a run has reached its end."""
    return (RunDirectory(run_dir).read_json("summary.json") or {}).get("status") == "finished"


def describe(run_dir: Path) -> dict[str, Any]:
    """The figures of a finished run."""
    directory = RunDirectory(run_dir)
    summary = directory.read_json("summary.json")
    lines = directory.read_lines("metrics.jsonl")
    training = stored_config(run_dir).training
    stages = stage_seconds(_events(run_dir))
    practising, updating = stages.get("practising"), stages.get("updating")
    sampled = sum(line.get("decode_tokens") or 0 for line in lines) or None  # where the policy counts none
    trained = None if training.warm_start else training.epochs * sum(line.get("tokens") or 0 for line in lines)
    within = sum(stages.values())
    iterations = summary["iterations"]
    return {
        **{name: summary[name] for name in ("wall_s", "iterations", "episodes", "steps")},
        "heldout": {name: _measured(summary["heldout"].get(name)) for name in ("initial", "control", "final")},
        "gain": _measured(summary["heldout"].get("gain"), "gain"),
        "practice": practice(lines, demonstrated=training.warm_start),
        "heldout_curve": heldout_curve(summary, lines),
        "episodes_per_s": _rate(summary["episodes"], practising),
        "s_per_iteration": _rate(sum(filter(None, (practising, updating))), iterations),
        "stage_s": {name: round(seconds, 1) for name, seconds in stages.items()},
        "stage_share": {name: round(seconds / within, 4) for name, seconds in stages.items()},
        "sampled_tokens_per_s": _rate(sampled, practising),
        "trained_tokens_per_s": _rate(trained, updating),
        "decode_tokens_per_s": _told(lines, "decode_tokens", "decode_s"),
        "update_tokens_per_s": _told(lines, "update_tokens", "update_s"),
    }


def practice(lines: Lines, *, demonstrated: bool) -> dict[str, list[Any]]:
    """Episodes and mean success of each iteration's practice; demonstrations have no success of their own."""
    return {
        "episodes": [line["episodes"] for line in lines],
        "success": [
            None if line["success"] is None or (demonstrated and line["iteration"] == 1) else round(line["success"], 4)
            for line in lines
        ],
    }


def initial_success(heldout: dict[str, Any]) -> float | None:
    """Success of the initial weights: the control's, of as many attempts as the final one's, where it was measured."""
    known = ((heldout.get(name) or {}).get("success") for name in ("control", "initial"))
    return next((success for success in known if success is not None), None)


def heldout_curve(summary: dict[str, Any], lines: Lines) -> list[list[float]]:
    """`[training episodes, held-out success]` of every measurement of the weights in training, in their order."""
    curve = []
    done = list(itertools.accumulate((line["episodes"] for line in lines), initial=0))
    heldout = summary["heldout"]
    if (start := initial_success(heldout)) is not None:
        curve.append([0, start])
    for episodes, line in zip(done[1:], lines, strict=True):
        if line.get("heldout_success") is not None:
            curve.append([episodes, line["heldout_success"]])
    if (heldout.get("final") or {}).get("success") is not None:
        curve.append([done[-1], heldout["final"]["success"]])
    return curve


def stage_seconds(events: Events) -> dict[str, float]:
    """Seconds of each stage over all sessions: the phases, with the kinds of measurement told apart.

    A measurement is known by the first result that is announced after it began, also when the session
    ended before that; one that never came to a result is the final one.
    """
    seconds: dict[str, float] = defaultdict(float)
    stage = "starting"
    for index, (before, after) in enumerate(itertools.pairwise(events)):
        if before[2] == "phase":
            stage = str(before[3]["phase"])
            if stage == Phase.MEASURING:
                names = (str(data["name"]) for _, _, event, data in events[index:] if event == "measured")
                stage = _MEASURING.get(next(names, ""), "final_measurement")
        if not (after[2] == "phase" and after[3]["phase"] == Phase.STARTING):
            seconds[stage] += after[1] - before[1]
    return dict(seconds)


def _events(run_dir: Path) -> Events:
    if not (run_dir / "control.sqlite").is_file():
        return []
    control = SqliteControl(run_dir / "control.sqlite", create=False)
    try:
        return control.events()
    finally:
        control.close()


def _measured(found: dict[str, Any] | None, name: str = "success") -> dict[str, Any] | None:
    if found is None:
        return None
    return {key: found.get(key) for key in (name, "n", "tasks", "ci95")}


def _rate(amount: float | None, seconds: float | None) -> float | None:
    return round(amount / seconds, 3) if amount is not None and seconds else None


def _told(lines: Lines, amount: str, seconds: str) -> float | None:
    """A rate whose two parts the run wrote down itself, iteration by iteration."""
    both = [line for line in lines if line.get(amount) is not None and line.get(seconds) is not None]
    return _rate(_sum(both, amount), _sum(both, seconds)) if both else None


def _sum(lines: Iterable[dict[str, Any]], name: str) -> float:
    return sum(float(line[name]) for line in lines)
