"""The shipped catalog is whole, and one row is all that a provider needs."""

import pytest

from outlast.catalog import Catalog, ModelRow, ProviderRow, builtin
from outlast.model.target import Auth

ROWS = builtin().providers.items()


def test_the_providers_of_the_documents_are_there_in_their_order():
    """The order of rows is the order of routes, so it is part of the contract."""
    assert list(builtin().providers) == [
        "openai", "anthropic", "gemini", "azure", "mistral", "deepseek", "groq", "together", "fireworks", "cohere",
        "openrouter", "ollama", "vllm", "llamacpp", "lmstudio", "outlast", "openai-compatible",
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "row"), ROWS)
def test_a_row_says_where_the_provider_is_or_how_to_learn_it(name: str, row: ProviderRow):
    """Only a server that is somebody's own has no address."""
    assert row.base_url.startswith("http") or row.base_url_env or name in {"outlast", "openai-compatible"}
    assert not row.base_url.endswith("/")


@pytest.mark.parametrize(("name", "row"), ROWS)
def test_public_providers_are_asked_over_tls_with_a_key(name: str, row: ProviderRow):
    """A key never travels in the clear."""
    if row.needs_key:
        assert row.base_url.startswith("https://") or name == "azure"
        assert row.auth != "none"
        assert row.key_env


@pytest.mark.parametrize(("name", "row"), ROWS)
def test_marked_models_have_rows_at_their_provider(name: str, row: ProviderRow):
    """A mark leads to a model whose abilities are known."""
    catalog = builtin()
    for mark in filter(None, (row.default, row.fast)):
        assert catalog.family(name, catalog.id_at(name, mark)) == mark
        assert catalog.models[mark].chats


def test_models_name_only_providers_that_exist():
    """A model served by nobody would be a typing error."""
    catalog = builtin()
    assert {place for row in catalog.models.values() for place in row.at} <= set(catalog.providers)
    assert all(row.at and row.window for row in catalog.models.values())


def test_no_id_is_listed_twice_at_one_provider():
    """Two rows for one id would make its abilities depend on the order of the file."""
    catalog = builtin()
    pairs = [(place, id_) for row in catalog.models.values() for place, id_ in row.at.items()]
    assert len(pairs) == len(set(pairs))


def test_the_same_model_is_found_under_the_ids_of_its_providers():
    """A family is what makes a switch of provider not a switch of model."""
    catalog = builtin()
    assert catalog.family("groq", "openai/gpt-oss-120b") == "gpt-oss-120b"
    assert catalog.family("ollama", "gpt-oss:120b") == "gpt-oss-120b"
    assert catalog.id_at("fireworks", "gpt-oss-120b") == "accounts/fireworks/models/gpt-oss-120b"
    assert catalog.family("groq", "gpt-6.1-sol") == ""


def test_an_unlisted_model_is_taken_to_do_what_is_asked():
    """What no row describes is tried, and not refused by guess."""
    row = builtin().model("openai", "brand-new")
    assert (row.tools, row.vision, row.schema, row.embeds, row.window) == (True, True, True, True, 0)


def test_one_row_adds_a_provider_and_one_a_model():
    """Change locality: nothing else has to be touched."""
    catalog = Catalog(
        builtin().providers
        | {"acme": ProviderRow(title="Acme", dialect="openai", base_url="https://llm.acme.example")},
        builtin().models | {"acme-1": ModelRow(at={"acme": "acme-1-large"}, window=32_000)},
    )
    assert catalog.providers["acme"].auth in Auth.__args__
    assert catalog.model("acme", "acme-1-large").window == 32_000
    assert catalog.ids("acme") == ["acme-1-large"]
