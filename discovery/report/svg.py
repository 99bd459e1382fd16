"""Charts as inline SVG. Colours are CSS classes, so that the page's light and dark themes apply to them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from discovery.report.charts import Bars, Chart, Line, Point

_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 14, 10, 30


def draw(chart: Chart, *, width: int = 640, height: int = 260, small: bool = False) -> str:
    """A line chart; `small` leaves out the x label and thins the grid. Text from the run is escaped."""
    if chart.empty:
        return '<p class="none">Nothing measured yet.</p>'
    scale = _Scale(chart, width, height, small)
    parts = [f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(chart.title)}" class="chart">']
    parts += scale.grid()
    parts += [_band(line, scale) for line in chart.lines if len(line.band) > 1]
    parts += [_path(line, scale) for line in chart.lines]
    for line in chart.lines:
        if not line.dashed:
            parts += _dots(line, scale, chart.share)
    return "".join([*parts, "</svg>"])


def bars(chart: Bars, *, width: int = 640) -> str:
    """Horizontal bars with interval whiskers, on an axis from 0 to 100 %."""
    row, left, right = 46, 10, 64
    height = row * len(chart.bars) + 6
    span = width - left - right
    out = [f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(chart.title)}" class="chart bars">']
    for index, bar in enumerate(chart.bars):
        top = index * row
        middle = top + 31
        x0, x1, low, high = (left + span * v for v in (0.0, bar.value, bar.low, bar.high))
        out += [
            f'<text x="{left}" y="{top + 14}" class="label">{escape(bar.label)}</text>',
            f'<rect x="{left}" y="{middle - 9}" width="{span}" height="18" rx="4" class="rail"/>',
            f'<rect x="{x0:.1f}" y="{middle - 9}" width="{max(x1 - x0, 2):.1f}" height="18" rx="4" '
            f'class="fill tone{bar.tone}"><title>{bar.value:.1%} of {bar.n} episodes, '
            f"95% interval {bar.low:.1%} to {bar.high:.1%}</title></rect>",
            f'<path d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} {middle - 5}v10M{high:.1f} {middle - 5}v10" '
            'class="whisker"/>',
            f'<text x="{width - right + 10}" y="{middle + 5}" class="value">{bar.value:.1%}</text>',
        ]
    return "".join([*out, "</svg>"])


class _Scale:
    """Data to pixels, with round ticks."""

    def __init__(self, chart: Chart, width: int, height: int, small: bool) -> None:
        xs = [x for line in chart.lines for x, _ in line.points]
        ys = [y for line in chart.lines for _, y in line.points]
        self.chart, self.width, self.height, self.small = chart, width, height, small
        self.x_low, self.x_high = min(xs), max(max(xs), min(xs) + 1)
        if chart.share:
            self.y_low, self.y_high = 0.0, 1.0
            if chart.zoom and max(ys) < 0.2:
                self.y_high = _round_up(max(max(ys), 0.01))
        else:
            self.y_low, self.y_high = min(0.0, min(ys)), _round_up(max(ys) if max(ys) > 0 else 1.0)

    def x(self, value: float) -> float:
        return _LEFT + (value - self.x_low) / (self.x_high - self.x_low) * (self.width - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        inner = self.height - _TOP - _BOTTOM
        return _TOP + inner - (value - self.y_low) / (self.y_high - self.y_low) * inner

    def grid(self) -> list[str]:
        out = []
        steps = 2 if self.small else 4
        for index in range(steps + 1):
            value = self.y_low + (self.y_high - self.y_low) * index / steps
            y = self.y(value)
            out.append(f'<path d="M{_LEFT} {y:.1f}H{self.width - _RIGHT}" class="gridline"/>')
            out.append(
                f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" class="tick end">{_tick(value, self.chart.share)}</text>'
            )
        base = self.height - _BOTTOM
        for value in _ticks(self.x_low, self.x_high, 4 if self.small else 8):
            out.append(f'<text x="{self.x(value):.1f}" y="{base + 16}" class="tick middle">{value:g}</text>')
        if not self.small:
            out.append(
                f'<text x="{self.width - _RIGHT}" y="{self.height - 2}" class="tick end">{self.chart.x_label}</text>'
            )
        return out


def _band(line: Line, scale: _Scale) -> str:
    upper = [f"{scale.x(x):.1f} {scale.y(high):.1f}" for x, _, high in line.band]
    lower = [f"{scale.x(x):.1f} {scale.y(low):.1f}" for x, low, _ in reversed(line.band)]
    return f'<path d="M{"L".join(upper + lower)}Z" class="band tone{line.tone}"/>'


def _path(line: Line, scale: _Scale) -> str:
    style = " dashed" if line.dashed else ""
    style += " faint" if line.faint else ""
    joined = "L".join(f"{scale.x(x):.1f} {scale.y(_within(y, scale)):.1f}" for x, y in line.points)
    return f'<path d="M{joined}" class="line tone{line.tone}{style}"/>' if line.points else ""


def _dots(line: Line, scale: _Scale, share: bool) -> list[str]:
    sparse = len(line.points) <= 30 and not line.faint
    return [
        f'<circle cx="{scale.x(x):.1f}" cy="{scale.y(_within(y, scale)):.1f}" r="{3 if sparse else 6}" '
        f'class="{"dot" if sparse else "hit"} tone{line.tone}"><title>{scale.chart.x_label} {x:g}: '
        f"{_exact(y, share)}</title></circle>"
        for x, y in _thinned(line.points)
    ]


def _thinned(points: Sequence[Point], most: int = 400) -> Sequence[Point]:
    return points[:: math.ceil(len(points) / most)] if points else ()


def _within(y: float, scale: _Scale) -> float:
    return min(max(y, scale.y_low), scale.y_high)


def _tick(value: float, share: bool) -> str:
    if share:
        return f"{value:.0%}" if value == 0.0 or value >= 0.01 else f"{value:.1%}"
    if 0 < abs(value) < 0.001:
        mantissa, _, exponent = f"{value:.1e}".partition("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    return f"{value:.3g}"


def _exact(value: float, share: bool) -> str:
    return f"{value:.1%}" if share else f"{value:.4g}"


def _round_up(value: float) -> float:
    power: float = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * power >= value * (1 - 1e-12))


def _ticks(low: float, high: float, most: int) -> list[int]:
    span = max(high - low, 1)
    step = next(s for e in range(9) for s in (10**e, 2 * 10**e, 5 * 10**e) if span / s <= most)
    return list(range(math.ceil(low / step) * step, math.floor(high) + 1, step))
