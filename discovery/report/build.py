"""Puts the report together: reads the run, draws the charts, chooses recordings, writes one page and the plots."""

from __future__ import annotations

import json
import os
import secrets
import time
import tomllib
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from core.errors import AutotelicError, StorageFault
from discovery.report import charts, plots, svg
from discovery.report.charts import Chart
from discovery.report.record import Measurement, Record, read
from discovery.report.recordings import Album, choose, describe
from discovery.report.tasks import gallery
from discovery.report.words import count, duration, points, share

FILE_NAME = "report.html"
_MOST_TASKS = 1000


def build(
    run_dir: Path, output: Path | None = None, *, recordings: int = 80, image_mb: float = 12.0, text_mb: float = 6.0
) -> Path:
    """Write `report.html` and `plots/*.png` into the run directory and return the page's path.

    The page holds at most `recordings` episodes, `image_mb` of screenshots and `text_mb` of page texts.
    Raises `RunDirectoryError` when there is no run, `StorageFault` when the disk refuses.
    """
    record = read(run_dir)
    try:
        target = output or run_dir / FILE_NAME
        page = _page(record, recordings, round(image_mb * 1e6), round(text_mb * 1e6))
        drawn = [charts.heldout(record), charts.training(record), *charts.update_charts(record)]
        try:
            plots.save([*drawn, *charts.families(record)], charts.headline(record), run_dir / "plots")
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(f".writing-{target.name}-{os.getpid()}")
            temporary.write_text(page, encoding="utf-8")
            temporary.replace(target)
        except OSError as error:
            raise StorageFault(f"the report could not be written to '{target}': {error.strerror or error}") from error
        return target
    finally:
        record.close()


def _page(record: Record, most_recordings: int, image_bytes: int, text_bytes: int) -> str:
    album = Album(record.screenshots, image_bytes=image_bytes, text_bytes=text_bytes)
    chosen, damaged = _recordings(record, most_recordings, album)
    tasks, task_total = gallery(record, _MOST_TASKS)
    templates = Environment(
        loader=PackageLoader("discovery.report", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    headline = charts.headline(record)
    return templates.get_template("page.html.j2").render(
        name=record.root.resolve().name,
        folder=str(record.root),
        sites=_sites(record),
        status=record.status or "under way",
        status_class="done" if record.status == "finished" else "",
        gain=_gain(record.gain, record.heldout.get("control"), record.heldout.get("final")),
        no_gain=_no_gain(record),
        headline=headline,
        headline_svg=svg.bars(headline),
        tiles=_tiles(record),
        warnings=_warnings(record, damaged),
        unscored=_unscored(record),
        main_charts=[_drawn(chart) for chart in (charts.heldout(record), charts.training(record))],
        update_charts=[_drawn(chart, small=True) for chart in charts.update_charts(record)],
        families=[_drawn(chart, small=True) for chart in charts.families(record)],
        tasks=tasks,
        tasks_note=_some(len(tasks), task_total, "task was", "tasks were", "attempted; the most attempted first"),
        recordings=chosen,
        recordings_note=_some(len(chosen), len(record.episodes), "episode was", "episodes were", "recorded")
        + (" Some screenshots or texts were left out for size." if album.left_out else ""),
        config=record.config,
        made=time.strftime("%Y-%m-%d %H:%M"),
        nonce=secrets.token_urlsafe(16),
        css=_asset("page.css"),
        js=_asset("page.js"),
        data=script_json({"tasks": tasks, "recordings": chosen, "images": album.images, "texts": album.texts}),
    )


def script_json(value: Any) -> str:
    """JSON that is safe inside a script element: no character in it can end the element or begin markup."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _recordings(record: Record, most: int, album: Album) -> tuple[list[dict[str, Any]], int]:
    """The chosen episodes described, newest first, and how many of them could not be read."""
    described, damaged = [], 0
    for episode_id in reversed(choose(record.episodes, most)):
        try:
            described.append(describe(*record.episode(episode_id), album))
        except AutotelicError:
            damaged += 1
    return described, damaged


def _drawn(chart: Chart, *, small: bool = False) -> dict[str, Any]:
    drawing = svg.draw(chart, width=300, height=150, small=True) if small else svg.draw(chart)
    legend = [line for line in chart.lines if line.label and line.points] if len(chart.lines) > 1 else []
    return {"chart": chart, "svg": drawing, "legend": legend}


def _gain(gain: Measurement | None, control: Measurement | None, final: Measurement | None) -> dict[str, str] | None:
    if gain is None or control is None or final is None:
        return None
    mood = "up" if gain.low > 0 else "down" if gain.high < 0 else "flat"
    verdict = {
        "up": "The interval excludes zero.",
        "down": "The agent got worse, and the interval excludes zero.",
        "flat": "The interval includes zero: no gain has been shown.",
    }[mood]
    note = (
        f"From {share(control.value, 1)} with the initial weights to {share(final.value, 1)} after training, "
        f"measured side by side. 95% interval of the gain: {points(gain.low)} to {points(gain.high)}. {verdict}"
    )
    return {"points": points(gain.value), "mood": mood, "note": note}


def _no_gain(record: Record) -> str:
    if record.status == "finished":
        return "This run measured no final and control success, so there is no gain to show."
    resume = f"autotelic run --resume --run-dir {record.root}"
    return f"The run has not made its final measurement. If it is not running any more: {resume}"


def _tiles(record: Record) -> list[dict[str, str]]:
    tokens = sum(value for _, value in record.series("tokens"))
    versions = [value for _, value in record.series("policy_version")]
    tiles = [
        ("iterations", count(record.last_iteration)),
        ("episodes", count(len(record.episodes))),
        ("steps", count(sum(episode.steps for episode in record.episodes))),
        ("updates", count(versions[-1] if versions else 0)),
        ("tokens trained on", count(tokens) if tokens else "—"),
        ("time", duration(record.wall_s)),
    ]
    return [{"label": label, "value": value} for label, value in tiles]


def _warnings(record: Record, damaged: int) -> list[str]:
    warnings = []
    if record.broken_lines:
        warnings.append(f"{record.broken_lines} unreadable line(s) of metrics.jsonl were passed over.")
    if damaged:
        warnings.append(f"{damaged} damaged episode(s) were passed over.")
    return warnings


def _unscored(record: Record) -> str:
    unscored = sum(episode.value is None for episode in record.episodes)
    if not unscored:
        return ""
    return (
        f"{count(unscored)} of {count(len(record.episodes))} episodes are unscored: something outside the task failed, "
        "or they were not judged. They count neither as solved nor as failed."
    )


def _sites(record: Record) -> str:
    """The sites of the configuration; it may be from another version, so it is read leniently."""
    try:
        urls = tomllib.loads(record.config).get("site", {}).get("urls", ())
    except (tomllib.TOMLDecodeError, AttributeError):
        urls = ()
    return ", ".join(str(url) for url in urls)


def _some(shown: int, total: int, one: str, many: str, done: str) -> str:
    text = f"{count(total)} {one if total == 1 else many} {done}."
    return text if shown >= total else text + f" {count(shown)} are shown here."


def _asset(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")
