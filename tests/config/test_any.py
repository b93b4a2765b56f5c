"""Whatever stands in the file: a configuration, or one line."""

import json

from hypothesis import given
from hypothesis import strategies as st

from outlast.check import report
from outlast.config import Config, ConfigError, parse

WORDS = """
server providers routes keys users retry breaker admission timers request openai groq azure vllm default fast models
targets weights order enabled key key_file base_url type limits rpm price input family window port host headers proxy
quirks drops on_break sha256 priority trusted
"""
NAMES = st.sampled_from(WORDS.split()) | st.text(max_size=5)
TEXTS = st.sampled_from(
    ["", "openai", "openai/gpt-6-luna", "groq/x", "priority", "http://h:1", "${A}", "${A:-1}", "error", "high", "vllm"]
) | st.text(max_size=8)
SCALARS = st.booleans() | st.integers(-5, 10**20) | st.floats(allow_nan=True) | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)


def toml(value):
    """The value as TOML writes it in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {toml(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, float) and value in {float("inf"), float("-inf")}:
        return "inf"
    return json.dumps(value).replace("NaN", "nan")


def outcome(table, text):
    """The configuration, or the error that stands for it."""
    lines = (f"{json.dumps(name)} = {toml(item)}" for name, item in table.items())
    try:
        return parse(text + "\n".join(lines), {"OPENAI_API_KEY": "k", "GROQ_API_KEY": "k"})
    except ConfigError as error:
        return error


PROVIDERS = st.dictionaries(st.sampled_from(["openai", "groq", "vllm", "mine"]), VALUES, max_size=3)


@given(file=st.dictionaries(NAMES, VALUES, max_size=4), providers=PROVIDERS)
def test_any_file_gives_a_configuration_or_one_line(file, providers):
    """Nothing else comes out, so that a reload can trust it."""
    came = outcome(file | {"providers": providers}, "")
    if isinstance(came, Config):
        assert report(came).startswith("configuration: outlast.toml")
    else:
        assert str(came).isprintable()
        assert str(came).startswith("outlast.toml:")


@given(changes=st.dictionaries(NAMES, SCALARS, max_size=3), name=st.sampled_from(["openai", "vllm"]))
def test_any_table_of_a_provider_gives_a_configuration_or_one_line(changes, name):
    """Closer to what people write, so that more of it is accepted."""
    came = outcome(changes, f"[providers.{name}]\n")
    if isinstance(came, Config):
        assert set(came.providers) <= {name}
    else:
        assert str(came).isprintable()
