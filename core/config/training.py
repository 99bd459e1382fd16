"""The update of the policy."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from core.config.section import Section

_WIDEST_SEQUENCE_CLIP = 0.1  # a mean over tokens varies less than one of them, so a token's range holds nothing back


class TrainingConfig(Section):
    """The update (see `training/losses` and `training/advantages`)."""

    algorithm: Literal["grpo", "rloo", "filtered_bc", "gigpo"] = "grpo"
    loss: Literal["clipped", "cispo"] = Field(
        "clipped", description="PPO's clipped surrogate, or CISPO, whose clip bounds a token's weight and drops none"
    )
    ratio: Literal["token", "sequence"] = Field(
        "token", description="what is clipped: each token's ratio, or the geometric mean of its turn's (GSPO)"
    )
    importance_cap: float = Field(
        0.0,
        ge=0,
        description="bound of the weight that corrects for stale rollouts, as 2: clip against the weights that the"
        " update begins with, not against the rollout's; 0: no correction",
    )
    lora_rank: int = Field(
        0, ge=0, description="train low-rank adapters of this rank instead of the weights themselves; 0: the weights"
    )
    lora_alpha: int = Field(0, ge=0, description="adapters are scaled by lora_alpha / lora_rank; 0: twice the rank")
    lora_targets: tuple[str, ...] = Field(
        (), description="layers that get adapters, as q_proj; empty: every linear layer of the language model's blocks"
    )
    dtype: Literal["float32", "bfloat16"] = Field(
        "float32", description="of the arithmetic; weights that are trained stay float32, a base beneath adapters not"
    )
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto: a GPU where there is one")
    processes: int = Field(
        1,
        ge=1,
        description="that train together, each with a share of the weights, adapters or not, and of the optimizer: as"
        " many GPUs, or processes on the CPU",
    )
    recompute_activations: bool = Field(
        False, description="gradient checkpointing: keep less for the backward pass and compute it again"
    )
    asynchronous: bool = Field(
        False,
        description="practise during an update, with the weights before it; what is learned from is at most one update"
        " old, and corrected for it by importance_cap",
    )
    discount: float = Field(0.95, gt=0, le=1, description="gigpo: what a reward one step later is worth")
    step_weight: float = Field(1.0, gt=0, description="gigpo: weight of a step's advantage beside the episode's")
    tasks_per_iteration: int = Field(16, ge=1)
    group_size: int = Field(8, ge=2)
    probes: int = Field(
        4, ge=1, description="attempts after which a group in which all did equally well is not gone on with"
    )
    refill_rounds: int = Field(0, ge=0, description="further draws while too few groups carry a signal")
    learning_rate: float = Field(3e-4, gt=0)
    warmup: int = Field(
        6, ge=0, description="optimizer steps over which the learning rate rises; Adam's first ones are the largest"
    )
    weight_decay: float = Field(0.0, ge=0)
    max_grad_norm: float = Field(1.0, gt=0)
    epochs: int = Field(1, ge=1, description="passes over one iteration's rows")
    minibatches: int = Field(2, ge=1, description="optimizer steps in a pass")
    threads: int = Field(2, ge=1, description="torch threads of an update, during which nothing else runs")
    micro_batch_tokens: int = Field(2048, ge=256)
    eps_low: float = Field(
        0.2,
        gt=0,
        description="ratios below 1 - eps_low are clipped; 0.2 for tokens, 3e-4 for sequences of a thousand tokens and"
        " more for shorter ones, at least 1 for no lower bound, as in CISPO's paper",
    )
    eps_high: float = Field(
        0.28,
        gt=0,
        description="ratios above 1 + eps_high are clipped; 0.28 for tokens, 4e-4 for sequences of a thousand tokens"
        " and more for shorter ones, 0.3 to 5 for cispo",
    )
    normalise_std: bool = True
    kl_coefficient: float = Field(0.0, ge=0)
    entropy_coefficient: float = Field(0.0, ge=0)
    hindsight: float = Field(
        0.0, ge=0, description="advantage of what failed attempts achieved all the same; 0: nothing is relabelled"
    )
    branching: bool = Field(
        True, description="go on with a group whose probes all failed, by attempts that part from them, if possible"
    )
    rehearsal: float = Field(
        0.3, ge=0, description="advantage of an earlier iteration's success that is learned from again; 0: none is"
    )
    rehearsed: int = Field(12, ge=1, description="past successes in an update, where there is rehearsal")
    warm_start: bool = Field(False, description="imitate the explorer's own replays before the first iteration")
    warm_start_passes: int = Field(
        4, ge=1, description="how often a warm start goes through the replays, told in other words each time"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if contradiction := self._contradiction():
            raise ValueError(contradiction)
        return self

    def _contradiction(self) -> str:
        """What would be ignored or make no sense beside another setting, as a sentence that names the fix."""
        fields = type(self).model_fields
        cloning = self.algorithm == "filtered_bc"
        if cloning and (self.loss != "clipped" or self.ratio != "token" or self.importance_cap):
            return (
                "training.algorithm='filtered_bc' imitates and has no ratio;"
                " leave training.loss='clipped', training.ratio='token' and training.importance_cap=0"
            )
        if self.algorithm != "gigpo" and any(
            getattr(self, name) != fields[name].default for name in ("discount", "step_weight")
        ):
            return "training.discount and training.step_weight are gigpo's alone; set training.algorithm='gigpo'"
        if self.loss == "cispo" and self.ratio == "sequence":
            return "training.loss='cispo' weighs each token by its own ratio; set training.ratio='token'"
        if self.ratio == "sequence" and max(self.eps_low, self.eps_high) > _WIDEST_SEQUENCE_CLIP:
            return (
                f"training.ratio='sequence' never clips beyond {_WIDEST_SEQUENCE_CLIP};"
                " set training.eps_low=3e-4 and training.eps_high=4e-4, or more for short turns"
            )
        if not self.lora_rank and (self.lora_alpha or self.lora_targets):
            return "training.lora_alpha and training.lora_targets are of adapters; set training.lora_rank, as to 16"
        if self.asynchronous and not (self.importance_cap or cloning):
            return "training.asynchronous learns from what older weights wrote; set training.importance_cap, as to 2"
        if self.processes > 1 and ":" in self.device:
            return (
                f"training.device='{self.device}' is one GPU, and training.processes={self.processes} need one each;"
                " set training.device='cuda', and CUDA_VISIBLE_DEVICES to choose among the GPUs"
            )
        if 0 < self.importance_cap < 1:
            return "training.importance_cap below 1 weighs down what is not stale; set it to 0 or to at least 1"
        return ""
