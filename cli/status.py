"""`autotelic status`: where a run stands, told from its folder alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def command(
    run_dir: Annotated[Path, typer.Argument(help="The run's folder.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for scripts.")] = False,
) -> None:
    """Say where a run stands: running or not, how far, how well.

    [bold]Examples[/bold]

    [cyan]autotelic status runs/shop-20260101-120000[/cyan]

    [cyan]autotelic status runs/shop-20260101-120000 --json | jq .heldout[/cyan]
    """
    import json

    found = collect(run_dir)
    if as_json:
        typer.echo(json.dumps(found))
        return
    for line in lines(run_dir, found):
        typer.echo(line)


def collect(run_dir: Path) -> dict[str, Any]:
    """`{state, pid, iterations, episodes, success, policy_version, wall_s, heldout, gain, last_event}` of a run.

    `state` is running, finished, stopped or interrupted. Raises `RunDirectoryError` when there is no run.
    """
    from discovery.control import SqliteControl
    from discovery.report.record import read
    from discovery.rundirectory import running_pid

    record = read(run_dir)
    try:
        pid = running_pid(run_dir)
        last = record.metrics[-1] if record.metrics else {}
        event = ""
        if (run_dir / "control.sqlite").is_file():
            control = SqliteControl(run_dir / "control.sqlite", create=False)
            told = [str(data["text"]) for _, _, _, data in control.events() if data.get("text")]
            control.close()
            event = told[-1] if told else ""
        return {
            "state": "running" if pid is not None else record.status or "interrupted",
            "pid": pid,
            "iterations": record.last_iteration,
            "episodes": len(record.episodes),
            "success": last.get("success"),
            "policy_version": last.get("policy_version", 0),
            "wall_s": record.wall_s,
            "heldout": {
                name: {"success": m.value, "n": m.n, "ci95": [m.low, m.high]} for name, m in record.heldout.items()
            },
            "gain": record.gain and {"gain": record.gain.value, "ci95": [record.gain.low, record.gain.high]},
            "last_event": event,
        }
    finally:
        record.close()


def lines(run_dir: Path, found: dict[str, Any]) -> list[str]:
    """The same for people."""
    from cli.console import printable
    from discovery.report.words import count, duration, points, share

    state = found["state"]
    head = f"{run_dir}: {state}" + (f" (process {found['pid']})" if state == "running" else "")
    out = [
        head,
        f"  iterations {found['iterations']} · episodes {count(found['episodes'])} · {duration(found['wall_s'])}",
    ]
    if found["success"] is not None:
        out.append(f"  practice: {share(found['success'])} of the last iteration's attempts succeeded")
    for name, m in found["heldout"].items():
        low, high = m["ci95"]
        out.append(f"  held out, {name}: {share(m['success'], 1)} of {m['n']} ({share(low, 1)} to {share(high, 1)})")
    if found["gain"]:
        low, high = found["gain"]["ci95"]
        out.append(f"  gain: {points(found['gain']['gain'])} points ({points(low)} to {points(high)})")
    if found["last_event"]:
        out.append(f"  last: {printable(found['last_event'])}")
    if state in ("stopped", "interrupted"):
        out.append(f"  go on with: autotelic run --resume --run-dir {run_dir}")
    return out
