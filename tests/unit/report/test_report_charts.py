"""Charts: what they hold, and that they are drawn within their frame and escaped."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

from discovery.report import charts, svg
from discovery.report.charts import Bar, Bars, Chart, Line
from discovery.report.record import read


def test_the_heldout_curve_runs_from_initial_to_final_beside_the_control(finished_run: Path) -> None:
    record = read(finished_run)
    agent, control = charts.heldout(record).lines
    assert [x for x, _ in agent.points] == [0.0, 10.0, 12.0]
    assert (agent.points[0][1], agent.points[-1][1]) == (5 / 24, 0.5)
    assert len(agent.band) == 3
    assert {y for _, y in control.points} == {5 / 24}
    assert control.dashed
    record.close()


def test_families_count_practice_alone(finished_run: Path) -> None:
    record = read(finished_run)
    by_name = {chart.title: chart for chart in charts.families(record)}
    assert set(by_name) == {"open", "look_up", "fill_form", "compare"}
    assert by_name["open"].note.startswith("48 attempts")
    record.close()


def test_an_empty_run_has_empty_charts(synthetic: Callable[[], Any]) -> None:
    record = read(synthetic().close())
    assert charts.heldout(record).empty
    assert charts.training(record).empty
    assert charts.update_charts(record) == []
    assert charts.headline(record).bars == []
    assert "Nothing measured" in svg.draw(charts.training(record))
    record.close()


def test_smoothing_is_a_trailing_mean() -> None:
    assert charts.smooth([(1, 0.0), (2, 1.0), (3, 0.5)], window=2) == [(1, 0.0), (2, 0.5), (3, 0.75)]


def test_a_drawing_is_well_formed_and_stays_in_its_frame() -> None:
    line = Line("<b>", [(0, 0.0), (7, 1.0)], band=[(0, 0.0, 0.2), (7, 0.8, 1.0)])
    drawing = svg.draw(Chart("x", '<script>"&', "", [line]), width=640, height=260)
    root = ET.fromstring(drawing)
    assert root.get("aria-label") == '<script>"&'
    numbers = [float(n) for path in root.iter("path") for n in re.findall(r"-?\d+\.?\d*", path.get("d") or "")]
    assert min(numbers) >= 0
    assert max(numbers) <= 640


def test_one_point_and_large_and_tiny_values_can_be_drawn() -> None:
    for values in ([(3, 0.5)], [(1, 1e-9), (2, 4e7)], [(1, 0.0), (2, 0.0)], [(1, -3.0), (2, 2.0)]):
        for share in (True, False):
            drawing = svg.draw(Chart("x", "x", "", [Line("", values)], share=share), small=True)
            ET.fromstring(drawing)
            assert "nan" not in drawing.lower()


def test_bars_carry_their_interval() -> None:
    drawing = svg.bars(Bars("h", "h", [Bar("final", 0.5, 0.25, 0.75, 24, 1)]))
    ET.fromstring(drawing)
    assert "50.0%" in drawing
    assert "25.0% to 75.0%" in drawing
