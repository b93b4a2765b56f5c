"""What a caller's `model` means, in the order of the rules."""

import gc
import tracemalloc
from contextlib import suppress

import pytest

from outlast.config import parse
from outlast.config.routes import KEPT, LONGEST
from outlast.model.errors import Caller

FILE = """
[providers.openai]
key = "o"
[providers.groq]
key = "g"
[providers.together]
key = "t"
models."openai/gpt-oss-120b".enabled = false
[routes.default]
targets = ["openai/gpt-6.1-sol", "groq/openai/gpt-oss-120b"]
[routes.gpt-4o-mini]
targets = ["groq/llama-3.3-70b"]
[routes."openai/gpt-6-luna"]
targets = ["groq/llama-3.3-70b"]
"""


@pytest.fixture
def routes():
    return parse(FILE, {}).routes


@pytest.fixture
def free():
    """Without a configuration file."""
    return parse("", {"OPENAI_API_KEY": "o", "GROQ_API_KEY": "g", "FIREWORKS_API_KEY": "f"}).routes


def names(route):
    return [target.name for target in route.targets]


def refused(routes, model):
    with pytest.raises(Caller) as caught:
        routes.find(model)
    assert (caught.value.status, caught.value.code) == (404, "model_not_found")
    return caught.value.message


def test_a_routes_name_comes_first(routes):
    """It may shadow a model, and even a target: the owner said so."""
    assert names(routes.find("default")) == ["openai/gpt-6.1-sol", "groq/openai/gpt-oss-120b"]
    assert names(routes.find("gpt-4o-mini")) == ["groq/llama-3.3-70b-versatile"]
    assert names(routes.find("openai/gpt-6-luna")) == ["groq/llama-3.3-70b-versatile"]


def test_provider_and_model_mean_that_target_alone(routes):
    """By the provider's id, or by the family's name."""
    assert names(routes.find("groq/openai/gpt-oss-120b")) == ["groq/openai/gpt-oss-120b"]
    assert names(routes.find("groq/gpt-oss-120b")) == ["groq/openai/gpt-oss-120b"]


def test_a_configured_provider_may_be_asked_for_a_model_that_nobody_listed(routes):
    """New models come every week."""
    route = routes.find("openai/gpt-9")
    assert names(route) == ["openai/gpt-9"]
    assert route.name == "openai/*"
    assert routes.find("openai/gpt-9") is route


def test_a_model_that_one_provider_lists_needs_no_provider(routes):
    """By either of its names."""
    assert names(routes.find("gpt-6.1-sol")) == ["openai/gpt-6.1-sol"]
    assert names(routes.find("qwen3.8-27b")) == ["groq/qwen/qwen3.8-27b"]
    assert names(routes.find("zai-org/GLM-5.3")) == ["together/zai-org/GLM-5.3"]


def test_a_model_that_several_providers_list_needs_one(routes):
    """The message says which."""
    assert refused(routes, "llama-3.3-70b") == (
        "model llama-3.3-70b is served by several providers; ask for one of: "
        "groq/llama-3.3-70b-versatile, together/meta-llama/Llama-3.3-70B-Instruct-Turbo"
    )


def test_anything_else_is_told_what_exists(routes):
    """Routes, and the providers that can be asked."""
    assert refused(routes, "gpt-9") == (
        "model gpt-9 does not exist; routes: default, gpt-4o-mini, openai/gpt-6-luna; "
        "any model of a provider as provider/model, with provider one of: openai, groq, together"
    )


@pytest.mark.parametrize(
    "model", ["", "/", "openai/", "nobody/gpt-6", "openai/a b", "openai/a\nb", "openai/" + "x" * 201]
)
def test_what_cannot_be_a_model_is_refused_without_repeating_it(routes, model):
    """Nothing that a caller makes up gets into a header or a log line whole."""
    said = refused(routes, model)
    assert "\n" not in said
    assert "x" * LONGEST not in said


def test_a_model_that_is_switched_off_is_refused_under_all_its_names(routes):
    """And is not made on demand; another provider's is found instead."""
    assert refused(routes, "together/openai/gpt-oss-120b") == "model together/openai/gpt-oss-120b is switched off"
    assert refused(routes, "together/gpt-oss-120b") == "model together/gpt-oss-120b is switched off"
    assert names(routes.find("gpt-oss-120b")) == ["groq/openai/gpt-oss-120b"]


def test_without_a_file_a_bare_name_is_that_model_then_the_other_providers_of_default(free):
    """The caller named no provider, so that any may help."""
    assert names(free.find("gpt-6-luna")) == [
        "openai/gpt-6-luna", "groq/openai/gpt-oss-120b", "fireworks/accounts/fireworks/models/glm-5p3",
    ]  # fmt: skip


def test_without_a_file_a_model_of_several_providers_is_tried_at_all_of_them(free):
    """In the order of the catalog."""
    assert names(free.find("gpt-oss-20b")) == [
        "groq/openai/gpt-oss-20b", "fireworks/accounts/fireworks/models/gpt-oss-20b", "openai/gpt-6.1-sol",
    ]  # fmt: skip
    assert names(free.find("groq/gpt-oss-20b")) == ["groq/openai/gpt-oss-20b"]


def test_only_known_targets_may_become_labels(routes):
    """Callers can invent names; a metric must not grow by them."""
    routes.find("openai/gpt-9")
    assert routes.known("openai/gpt-6.1-sol")
    assert not routes.known("openai/gpt-9")


def test_ten_thousand_invented_names_leave_nothing_behind(routes):
    """Neither refused ones nor made ones."""

    def ask(kind):
        for number in range(10_000):
            with suppress(Caller):
                routes.find(f"{kind}-{number}")
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    ask("openai/warm")
    tracemalloc.start()
    try:
        before = ask("nothing")
        assert ask("nobody") - before < 10_000
        full = ask("openai/made")
        assert ask("openai/more") - full < 10_000
    finally:
        tracemalloc.stop()
    assert len(routes._recent["openai"]) == KEPT


def test_the_latest_made_targets_are_kept(routes):
    """What is in use stays the same object, so that its state does too."""
    kept = routes.find("openai/in-use")
    for number in range(KEPT * 2):
        routes.find(f"openai/once-{number}")
        assert routes.find("openai/in-use") is kept


def test_what_callers_may_ask_for_is_listed_once(routes):
    """For `/v1/models`."""
    models = routes.models()
    assert models[:3] == ["default", "gpt-4o-mini", "openai/gpt-6-luna"]
    assert "together/openai/gpt-oss-120b" not in models
    assert len(models) == len(set(models)) + 1  # a route may have the name of a target
