"""The built-in proposer, for `proposer.kind = "exploring"`."""

from __future__ import annotations

from agents.proposer import ExploringProposer
from discovery.builders import Context, Place


def exploring(context: Context, place: Place) -> ExploringProposer:
    """Explores the place within the time that the budget allows; what it finds is kept in the run directory."""
    config = context.config
    folder = context.run_dir / "explore"
    folder.mkdir(parents=True, exist_ok=True)
    return ExploringProposer(
        place.pool,
        place.urls,
        explore=config.explore.model_copy(update={"seconds": context.explore_seconds}),
        steering=config.proposer,
        resettable=place.resettable,
        view_tokens=config.actor.observation_tokens,
        obey_robots=config.site.obey_robots,
        directory=folder,
    )
