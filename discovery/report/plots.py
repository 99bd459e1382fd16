"""The same charts as PNG files, for papers and slides."""

from __future__ import annotations

from pathlib import Path

from discovery.report.charts import Bars, Chart

_TONES = ("#8a8f98", "#2f6fde", "#c2571a", "#2c8a5b")
_DPI = 150


def save(charts: list[Chart], headline: Bars, folder: Path) -> list[Path]:
    """Draw every chart that has data into `folder`; returns the files written."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    folder.mkdir(parents=True, exist_ok=True)
    written = []

    def finish(figure: Figure, name: str) -> None:
        FigureCanvasAgg(figure)
        path = folder / f"{_file_name(name)}.png"
        figure.savefig(path, dpi=_DPI)
        written.append(path)

    for chart in charts:
        if chart.empty:
            continue
        figure = Figure(figsize=(6.4, 3.6), layout="constrained")
        axes = figure.subplots()
        for line in chart.lines:
            colour = _TONES[line.tone]
            xs, ys = [x for x, _ in line.points], [y for _, y in line.points]
            marker = "o" if len(xs) <= 30 and not line.dashed and not line.faint else ""
            axes.plot(
                xs,
                ys,
                color=colour,
                label=_plain(line.label) or None,
                linewidth=1.0 if line.faint else 2.0,
                linestyle="--" if line.dashed else "-",
                alpha=0.5 if line.faint else 1.0,
                marker=marker,
                markersize=4,
            )
            if len(line.band) > 1:
                x, low, high = zip(*line.band, strict=True)
                axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.set_title(_plain(chart.title), loc="left", fontsize=11)
        axes.set_xlabel(chart.x_label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if chart.share:
            small = chart.zoom and max(y for line in chart.lines for _, y in line.points) < 0.2
            axes.set_ylim(bottom=0, top=None if small else 1)
            axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        if any(line.label for line in chart.lines) and len(chart.lines) > 1:
            axes.legend(frameon=False, fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", alpha=0.25)
        finish(figure, chart.name)

    if headline.bars:
        figure = Figure(figsize=(6.4, 0.7 + 0.6 * len(headline.bars)), layout="constrained")
        axes = figure.subplots()
        shown = headline.bars[::-1]
        axes.barh(
            [bar.label for bar in shown],
            [bar.value for bar in shown],
            color=[_TONES[bar.tone] for bar in shown],
            xerr=[
                [max(bar.value - bar.low, 0.0) for bar in shown],
                [max(bar.high - bar.value, 0.0) for bar in shown],
            ],
            error_kw={"elinewidth": 1.2, "capsize": 4},
            height=0.55,
        )
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set_title(headline.title, loc="left", fontsize=11)
        axes.spines[["top", "right"]].set_visible(False)
        finish(figure, headline.name)
    return written


def _plain(text: str) -> str:
    """Text from a run, safe from matplotlib's mathematics mode."""
    return text.replace("$", r"\$")


def _file_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name)[:60] or "chart"
