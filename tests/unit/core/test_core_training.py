"""Settings of the update that do not go together are refused, in one sentence that names the fix."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from core.config import TrainingConfig, load
from core.errors import ConfigError


@pytest.mark.parametrize(
    ("overrides", "fix"),
    [
        (["training.algorithm=filtered_bc", "training.loss=cispo"], "leave training.loss='clipped'"),
        (
            ["training.algorithm=filtered_bc", "training.ratio=sequence", "training.eps_low=3e-4"],
            "training.ratio='token'",
        ),
        (["training.algorithm=filtered_bc", "training.importance_cap=2"], "training.importance_cap=0"),
        (["training.discount=0.9"], "set training.algorithm='gigpo'"),
        (["training.algorithm=rloo", "training.step_weight=0.5"], "set training.algorithm='gigpo'"),
        (["training.loss=cispo", "training.ratio=sequence"], "set training.ratio='token'"),
        (["training.ratio=sequence"], "set training.eps_low=3e-4 and training.eps_high=4e-4"),
        (["training.importance_cap=0.5"], "set it to 0 or to at least 1"),
    ],
)
def test_contradictions_are_refused(overrides: list[str], fix: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(overrides=overrides)
    said = str(caught.value)
    assert fix in said
    assert said.startswith("training.")
    assert "\n" not in said


@pytest.mark.parametrize(
    "overrides",
    [
        ["training.algorithm=gigpo", "training.discount=1", "training.step_weight=0.5"],
        ["training.ratio=sequence", "training.eps_low=3e-4", "training.eps_high=4e-4", "training.importance_cap=2"],
        ["training.loss=cispo", "training.eps_low=1", "training.eps_high=5", "training.algorithm=gigpo"],
        ["training.importance_cap=1"],
    ],
)
def test_what_goes_together_is_taken(overrides: list[str]) -> None:
    load(overrides=overrides)


def test_they_are_refused_without_a_whole_configuration_as_well() -> None:
    with pytest.raises(ValidationError, match="weighs each token by its own ratio"):
        TrainingConfig(loss="cispo", ratio="sequence", eps_low=0.01, eps_high=0.01)
