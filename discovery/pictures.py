"""Which pictures a run may not lose: those that policies were shown, as long as their episodes may be trained on."""

from __future__ import annotations

from collections.abc import Iterable

from memory.trajectories import TrajectoryStore


def shown(store: TrajectoryStore, iterations: Iterable[int]) -> frozenset[str]:
    """SHA-256 of the pictures in the prompts of these iterations' episodes."""
    return frozenset(
        image.sha256
        for iteration in iterations
        for episode, _ in store.iterate(iteration=iteration)
        for step in episode.steps
        if step.completion is not None
        for image in step.completion.images
    )
