"""Prices come from a library that may be missing, and never from the network."""

import subprocess
import sys
from datetime import UTC, datetime

import pytest

from outlast.catalog import builtin
from outlast.catalog.prices import price_of, prices_of
from outlast.edge.apart import prices_apart
from outlast.model.target import Price

DAY = datetime(2026, 11, 1, tzinfo=UTC)


def test_a_known_model_has_its_price_for_a_million_tokens():
    """Dollars for a million tokens, cached ones apart."""
    assert price_of(["openai"], ["gpt-4o-mini"], DAY) == Price(input=0.15, output=0.6, cached=0.075)


def test_a_price_with_tiers_counts_with_its_base():
    """A longer prompt costs more; the table keeps the first tier."""
    assert price_of(["openai"], ["gpt-6-luna"], DAY) == Price(input=0.1, output=0.5, cached=0.01)


def test_the_first_source_that_knows_a_model_wins():
    """Azure's own list is short; its deployments are models of OpenAI."""
    assert price_of(["azure", "openai"], ["my-deployment", "gpt-4o-mini"], DAY) == Price(0.15, 0.6, 0.075)


@pytest.mark.parametrize(("sources", "names"), [(["openai"], ["no-such-model"]), (["nowhere"], ["gpt-4o"]), ([], [""])])
def test_an_unknown_model_has_no_price(sources: list[str], names: list[str]):
    """No price is None, which is not the same as free."""
    assert price_of(sources, names, DAY) is None


def test_a_model_is_priced_by_its_id_or_its_family():
    """A deployment's name says nothing, its family does."""
    assert price_of(["openai"], ["mine", "gpt-4o-mini"], DAY) == Price(0.15, 0.6, 0.075)
    assert price_of(["openai"], ["x", ""], DAY) is None


def test_a_process_of_its_own_gives_the_same_answers(tmp_path, monkeypatch):
    """In their order; and it imports nothing from where it is started."""
    (tmp_path / "outlast").mkdir()
    (tmp_path / "json.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    questions = [(("openai",), ("gpt-4o-mini", "")), (("openai",), ("no-such-model", "")), ((), ("gpt-4o-mini", ""))]
    answers = prices_apart(questions)
    assert answers == prices_of(questions)
    assert [answer is None for answer in answers] == [False, True, True]


def test_every_listed_model_of_a_priced_provider_has_a_price():
    """A row whose id the price list does not know is most often a typing error."""
    catalog = builtin()
    without = [
        f"{name}/{id_}"
        for name, row in catalog.providers.items()
        for id_ in catalog.ids(name)
        if row.prices and price_of(row.prices, [id_], DAY) is None
    ]
    assert without == []


def test_the_library_is_imported_only_when_a_price_is_asked_for():
    """It takes 0.4 s, which nobody pays who does not ask."""
    code = "import sys, outlast.catalog.prices; print('genai_prices' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_without_the_library_nothing_has_a_price():
    """The extra is optional."""
    code = (
        "import sys; sys.modules['genai_prices'] = None\n"
        "from outlast.catalog.prices import price_of; print(price_of(['openai'], ['gpt-4o-mini']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "None"
