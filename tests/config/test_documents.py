"""What the documents show works as they say."""

import re
import tomllib

import msgspec
import pytest

from outlast.catalog import Catalog, ModelRow, ProviderRow, builtin
from outlast.config import load, parse

BLOCK = re.compile(r"^```toml\n(.*?)^```$", re.DOTALL | re.MULTILINE)
KEYS = {f"{name}_API_KEY": "k" for name in ("OPENAI", "ANTHROPIC", "GROQ", "AZURE_OPENAI")}


@pytest.fixture
def docs(request):
    return request.config.rootpath / "docs"


def test_every_example_of_the_configuration_is_a_whole_file_that_loads(docs, tmp_path):
    """Readers paste them."""
    (tmp_path / "secrets").mkdir()
    for name in ("groq.key", "backend.key", "ca.pem", "idp.pem"):
        (tmp_path / "secrets" / name).write_text("content")
    blocks = BLOCK.findall((docs / "configuration.md").read_text("utf-8"))
    assert len(blocks) == 11
    for block in blocks:
        (tmp_path / "outlast.toml").write_text(block)
        assert load(tmp_path / "outlast.toml", KEYS).providers


def test_the_rows_of_the_documents_add_a_provider_and_a_model(docs):
    """Two rows, and the route has its target; nothing else is touched."""
    provider, model = map(tomllib.loads, BLOCK.findall((docs / "providers.md").read_text("utf-8"))[:2])
    catalog = Catalog(
        builtin().providers | msgspec.convert(provider, dict[str, ProviderRow]),
        builtin().models | msgspec.convert(model, dict[str, ModelRow]),
    )
    config = parse("", {"ACME_API_KEY": "k"}, catalog)
    target = config.routes.find("default").targets[0]
    assert (target.name, target.window, target.reasoning) == ("acme/acme-large-2026-11", 262_144, True)
    assert target.provider.quirks.throttle_statuses == (503,)
    assert config.routes.find("fast").targets[0].name == "acme/acme-small"


def test_the_ollama_of_the_documents_has_the_context_and_the_time_that_it_says(docs):
    """A file that loads."""
    config = parse(BLOCK.findall((docs / "providers.md").read_text("utf-8"))[2], {})
    target = config.routes.find("default").targets[0]
    assert (target.window, target.timers.first_content, target.timers.whole) == (32_768, 120, 600)
    assert (target.provider.dialect, target.provider.auth) == ("ollama", "none")


def test_the_table_of_providers_is_the_catalog(docs):
    """In the same order, with the same models."""
    line = re.compile(r"^\| `([a-z-]+)` \| (.*?) \| .* \| (.*?) \| (.*?) \|$", re.MULTILINE)
    rows = line.findall((docs / "providers.md").read_text("utf-8"))
    told = [(name, title, default.strip("` "), fast.strip("` ")) for name, title, default, fast in rows]
    assert told == [(name, row.title, row.default, row.fast) for name, row in builtin().providers.items()]
