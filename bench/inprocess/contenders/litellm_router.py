"""LiteLLM's Router, which retries and falls back among deployments: with an answer of its own, and over a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import litellm
from litellm import Router

from bench.inprocess.work import TEXT, Answered, Work

litellm.telemetry = False
litellm.suppress_debug_info = True


def _router(upstream: str) -> Router:
    """Two deployments of one model, as our own configuration has them."""
    deployment = {"model": "openai/kb-1", "api_base": f"{upstream}/v1", "api_key": "sk-of-the-bench"}
    return Router(
        model_list=[{"model_name": "default", "litellm_params": dict(deployment)} for _ in range(2)],
        num_retries=2,
        set_verbose=False,
    )


@asynccontextmanager
async def mocked(upstream: str) -> AsyncIterator[Work]:
    """The answer is given by LiteLLM itself: no SDK, no socket."""
    yield _asking(_router(upstream), 1, mock_response=TEXT)


@asynccontextmanager
async def chat(upstream: str, *, at_once: int = 1) -> AsyncIterator[Work]:
    """Whole answers over a socket."""
    yield _asking(_router(upstream), at_once)


def _asking(router: Router, at_once: int, **options: str) -> Answered:
    async def call() -> str:
        answer = await router.acompletion(
            model="default",
            messages=[{"role": "user", "content": "What does the tide do?"}],
            temperature=0.2,
            **options,
        )
        return answer.choices[0].message.content or ""

    return Answered(call, at_once)
