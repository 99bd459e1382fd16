"""Progress on a terminal: a panel that is redrawn in place, with what has happened scrolling by above it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cli.console import printable, sparkline

if TYPE_CHECKING:
    from discovery.progress import Event, Status

_STYLES = {"notice": "yellow", "measured": "bold green", "iteration": "default", "phase": "dim"}


class LiveProgress:
    """A listener that keeps a panel up to date; use it as a context manager around the run."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = Text(printable(title))
        self._status: Status | None = None
        self._successes: list[float] = []
        self._heldout: list[str] = []
        self._live = Live(console=console, get_renderable=self.render, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def __call__(self, event: Event) -> None:
        self._status = event.status
        if event.kind == "iteration" and isinstance(event.data.get("success"), int | float):
            self._successes.append(float(event.data["success"]))
        if event.kind == "measured" and isinstance(event.data.get("success"), int | float):
            self._heldout.append(f"{printable(str(event.data.get('name', '')))} {event.data['success']:.1%}")
        if event.text and event.kind != "episode":
            self._console.print(Text(printable(event.text), style=_STYLES[event.kind]))

    def render(self) -> RenderableType:
        """The panel as it is now."""
        status = self._status
        if status is None:
            return Panel(Text("starting …", style="dim"), title=self._title, border_style="blue")
        rows: list[RenderableType] = [self._head(status)]
        if status.total:
            bar = Table.grid(expand=True, padding=(0, 1))
            bar.add_column(ratio=1)
            bar.add_column(justify="right")
            bar.add_row(
                ProgressBar(total=status.total, completed=status.done), Text(f"{status.done}/{status.total} episodes")
            )
            rows.append(bar)
        rows.append(Text(" · ".join(self._figures(status)) or " "))
        if status.task:
            rows.append(Text(f"→ {printable(status.task)}", style="italic", no_wrap=True, overflow="ellipsis"))
        if self._successes:
            line = Text("practice  ")
            line.append(sparkline(self._successes), style="cyan")
            line.append(f"  {self._successes[-1]:.0%}")
            rows.append(line)
        if self._heldout:
            rows.append(Text("held out  " + " · ".join(self._heldout[-4:]), no_wrap=True, overflow="ellipsis"))
        return Panel(Group(*rows), title=self._title, border_style="blue")

    def _head(self, status: Status) -> Text:
        head = Text(status.phase.value, style="bold")
        if status.iteration:
            of = f" of {status.iterations}" if status.iterations else ""
            head.append(f"  iteration {status.iteration}{of}", style="default")
        return head

    def _figures(self, status: Status) -> list[str]:
        from discovery.report.words import duration

        figures = []
        if status.success is not None:
            figures.append(f"{status.success:.0%} succeeded")
        if status.episodes_per_s is not None:
            figures.append(f"{status.episodes_per_s:.1f} episodes/s")
        if status.seconds_left is not None and status.phase != "done":
            figures.append(f"{duration(max(status.seconds_left, 0.0))} left")
        return figures
