"""A run that acts through a vLLM server of its own, and trains adapters here."""

from __future__ import annotations

import json
from pathlib import Path

from core.config import validate
from discovery import loop
from environments.sites.tasks import task_file
from tests.integration.vllm_fixtures import INTERPRETER, needs_vllm

pytestmark = needs_vllm


def logs(run_dir: Path) -> list[str]:
    return sorted(path.name for path in run_dir.glob("vllm*.log"))


async def test_two_iterations_through_vllm_are_exact_and_are_measured_beside_the_initial_adapter(
    tmp_path: Path,
) -> None:
    config = validate(
        {
            "run": {"iterations": 2},
            "explore": {"pages": 10, "seconds": 15.0, "tasks": 24},
            "actor": {"max_steps": 3},
            "policy": {"kind": "vllm", "constrained": False, "max_tokens": 32},
            "vllm": {"interpreter": INTERPRETER, "dtype": "float32", "max_loras": 2, "startup_seconds": 600.0},
            "training": {"tasks_per_iteration": 4, "group_size": 4, "lora_rank": 8},
            "evaluation": {"episodes_per_task": 1, "heldout": str(task_file("shop", "dev"))},
        }
    )
    summary = await loop.run(config, tmp_path)
    assert (summary.status, summary.iterations) == ("finished", 2)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    learned = [line for line in lines if line["mismatch_kl"] is not None]
    assert learned
    print(f"\nmismatch between trainer and server: {[line['mismatch_kl'] for line in learned]}")
    assert all(line["mismatch_kl"] < 1e-6 for line in learned)
    assert all(line["unscored"] == 0 for line in lines)
    assert summary.policy_version >= 1
    assert summary.heldout["final"]["n"] == summary.heldout["control"]["n"] > 0
    assert logs(tmp_path) == ["vllm.log"], "both arms share a server"
