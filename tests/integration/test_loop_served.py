"""A run that acts through our own server, and learns here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.config import validate
from core.errors import ConfigError
from discovery import loop
from environments.sites.tasks import task_file
from serving import EMBEDDED
from serving.versions import Version
from tests.unit.serving.server_fixtures import serving


def test_a_served_policy_without_a_server_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"policy\.urls.*autotelic serve"):
        validate({"policy": {"kind": "served"}})


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_three_iterations_over_http_are_exact_on_every_token(tmp_path: Path) -> None:
    with serving([Version("embedded", EMBEDDED, 0)], allow_updates=True) as address:
        config = validate(
            {
                "run": {"iterations": 3},
                "explore": {"pages": 10, "seconds": 15.0, "tasks": 24},
                "policy": {"kind": "served", "urls": [f"{address}/v1"]},
                "training": {"tasks_per_iteration": 4, "group_size": 4},
                "evaluation": {"episodes_per_task": 1, "heldout": str(task_file("shop", "dev"))},
            }
        )
        summary = await loop.run(config, tmp_path)
    assert (summary.status, summary.iterations) == ("finished", 3)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert summary.policy_version == lines[-1]["policy_version"] >= 1
    learned = [line for line in lines if line["mismatch_kl"] is not None]
    assert learned
    assert all(line["mismatch_kl"] < 1e-6 for line in learned)
    assert all(line["unscored"] == 0 for line in lines)
    assert summary.heldout["final"]["n"] > 0
