"""What the tests of Ollama's wire format share: its documented messages, and the least that asks."""

import json
from pathlib import Path

from hypothesis import strategies as st

from outlast.dialects import DIALECTS
from outlast.model import messages as m

OLLAMA, OPENAI, ANTHROPIC = DIALECTS["ollama"], DIALECTS["openai"], DIALECTS["anthropic"]
GOLDEN = Path(__file__).with_name("golden") / "ollama"
HI = [{"role": "user", "content": "hi"}]
WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=9)
NAMES = st.text("abcXYZ019_-", min_size=1, max_size=12)
ARGUMENTS = st.dictionaries(NAMES, st.integers(-9, 9), max_size=2).map(
    lambda value: json.dumps(value, separators=(",", ":"))
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def golden(name):
    """The bytes of a documented message."""
    return (GOLDEN / name).read_bytes()


def ask(**fields):
    return OLLAMA.parse("chat", json.dumps({"model": "m", "messages": HI} | fields).encode())


def of(chat, **fields):
    """A request that no bytes stand for."""
    return m.Request(model="x", read=lambda _: chat, **fields)


def sent(wire, request, **facts):
    outgoing = OLLAMA.encode(request, wire.target("ollama", **facts))
    return wire.sent(outgoing), outgoing.dropped
