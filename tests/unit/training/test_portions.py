"""How micro-batches are dealt out to processes that train together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from core.types import TrainingRow
from training import batches

MakeRows = Callable[..., list[TrainingRow]]


@pytest.mark.parametrize("processes", [1, 2, 3, 8])
@pytest.mark.parametrize("count", [1, 2, 7, 40])
@pytest.mark.parametrize("budget", [256, 4096])
def test_every_trained_token_counts_in_one_process_and_all_have_equally_many_batches(
    make_rows: MakeRows, processes: int, count: int, budget: int
) -> None:
    rows = make_rows(count)
    portions = [batches.portion(rows, budget, rank, processes) for rank in range(processes)]
    assert len({len(portion) for portion in portions}) == 1
    assert portions[0], "there is work for everyone"
    counted = Counter(
        (row, target)
        for portion in portions
        for batch, counts in portion
        if counts
        for row, target in zip(batch.rows.tolist(), batch.targets.tolist(), strict=True)
    )
    wanted = Counter(
        (index, row.input_ids[place]) for index, row in enumerate(rows) for place, on in enumerate(row.loss_mask) if on
    )
    assert counted == wanted
    assert all(batch.tokens for portion in portions for batch, _ in portion)


def test_the_work_is_dealt_out_evenly(make_rows: MakeRows) -> None:
    rows = [row for seed in range(8) for row in make_rows(40, seed=seed)]
    loads = [sum(batch.input_ids.numel() for batch, _ in batches.portion(rows, 256, rank, 3)) for rank in range(3)]
    assert max(loads) < 1.2 * min(loads)


def test_a_micro_batch_that_would_have_held_all_rows_is_divided(make_rows: MakeRows) -> None:
    rows = make_rows(12)
    assert len(batches.micro_batches(rows, 100_000, share=False)) == 1
    portions = [batches.portion(rows, 100_000, rank, 4, share=False) for rank in range(4)]
    assert all(counts for portion in portions for _, counts in portion)


def test_nothing_is_dealt_out_of_nothing() -> None:
    assert batches.portion([], 256, 1, 2) == []
