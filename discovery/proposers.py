"""The built-in proposers, for `proposer.kind`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.proposer import ExploringProposer
from core.errors import ConfigError
from discovery.builders import Context, Place

if TYPE_CHECKING:
    from agents.explorer.sitemap import SiteMap
    from agents.llm.grounded import GroundedProposer
    from agents.llm.proposer import LanguageProposer


def exploring(context: Context, place: Place) -> ExploringProposer:
    """`exploring`: explores the place within the time that the budget allows, and keeps what it finds with the run."""
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


def language(context: Context, place: Place) -> GroundedProposer:
    """`language`: explores, then asks the configured endpoint's model; raises `ConfigError` where there is none.

    A solver acts in the environments that practice has later; it has an account of its own.
    """
    from agents.llm.context import Brief
    from agents.llm.grounded import GroundedProposer
    from agents.llm.proposer import LanguageProposer
    from agents.llm.solver import SolvedFeasibility
    from discovery import demonstrations

    if context.accounts is None:
        raise ConfigError("proposer.kind = 'language' works in a run alone, which keeps account of what it costs")
    settings = context.config.language_proposer
    shown = demonstrations.load(settings.demonstrations)
    model = context.accounts.client("proposer")
    brief = Brief(name=", ".join(context.config.site.urls), urls=place.urls, demonstrations=shown)
    solver: SolvedFeasibility | None = None
    if settings.feasibility == "solver":
        solver = SolvedFeasibility(
            context.accounts.client("solver"),
            place.pool,
            page_tokens=settings.solver_tokens,
            seconds=settings.solver_seconds,
        )

    def ask(site: SiteMap) -> LanguageProposer:
        return LanguageProposer(model, site, brief, config=settings, resettable=place.resettable, feasibility=solver)

    return GroundedProposer(exploring(context, place), ask, config=settings)
