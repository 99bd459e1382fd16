"""Making room for an update on the machine's GPU: a policy that can leaves it meanwhile."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Protocol, runtime_checkable

from core.protocols import Policy


@runtime_checkable
class Rests(Policy, Protocol):
    """A policy that can leave the GPU to others, as `serving.vllm.VLLMPolicy` does where vllm.sleep says so."""

    def asleep(self) -> AbstractAsyncContextManager[None]:
        """Whatever is asked of it inside of the context waits for the end."""
        ...


def resting(policy: Policy) -> AbstractAsyncContextManager[None]:
    """The context of an update."""
    return policy.asleep() if isinstance(policy, Rests) else nullcontext()
