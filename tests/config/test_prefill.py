"""Who goes on from an assistant's message: a model by its row, all models of a server by its quirk, or as told."""

import pytest

from outlast.config import parse

KEYS = {"ANTHROPIC_API_KEY": "k", "MISTRAL_API_KEY": "k", "OPENAI_API_KEY": "k"}


@pytest.mark.parametrize(
    ("provider", "model", "more", "takes"),
    [
        ("anthropic", "claude-haiku-4-5", "", True),
        ("anthropic", "claude-sonnet-5-5", "", False),
        ("openai", "gpt-6-luna", "", False),
        ("mistral", "mistral-small-4", "", True),
        ("mistral", "whatever-comes-next", "", True),
        ("mistral", "mistral-small-4", '[providers.mistral.models."mistral-small-4"]\nprefill = false', False),
        ("openai", "gpt-6-luna", '[providers.openai.models."gpt-6-luna"]\nprefill = true', True),
        ("openai", "gpt-6-luna", '[providers.openai.quirks]\nprefill = "message"', True),
    ],
)
def test_who_takes_a_prefill(provider, model, more, takes):
    """The configuration has the last word."""
    text = f'[providers.{provider}]\n[routes.default]\ntargets = ["{provider}/{model}"]\n{more}'
    (target,) = parse(text, KEYS).routes.find("default").targets
    assert target.prefill is takes


@pytest.mark.parametrize(("kind", "how"), [("mistral", "prefix"), ("vllm", "continue"), ("llamacpp", "message")])
def test_how_a_server_is_told(kind, how):
    """As data of the catalog."""
    text = (
        f'[providers.{kind}]\nbase_url = "http://127.0.0.1:1/v1"\nkey = "k"\n[routes.default]\ntargets = ["{kind}/m"]'
    )
    (target,) = parse(text, {}).routes.find("default").targets
    assert (target.prefill, target.provider.quirks.prefill) == (True, how)
