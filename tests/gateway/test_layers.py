"""The gateway with each layer off, with all of them off and all on: it answers, and nothing is held afterwards."""

import pytest

from outlast.stack import LayersConfig
from outlast.testing import ok, status

from .house import chat

PATH = "/v1/chat/completions"
LAYERS = sorted(name for name in LayersConfig.__struct_fields__ if hasattr(getattr(LayersConfig(), name), "enabled"))


def tables(off):
    """These layers off, all others on."""
    return "\n".join(f"[{name}]\nenabled = {str(name not in off).lower()}" for name in LAYERS)


@pytest.mark.parametrize(
    "off", [(), tuple(LAYERS), *[(name,) for name in LAYERS]], ids=lambda off: "-".join(off) or "none"
)
def test_it_answers_whatever_is_off(provider, open_house, off):
    """Whole, streamed, and with an honest error."""
    provider.script("alpha", ok("well"), ok("one two"), status(400))
    with open_house(tables(off), providers=("alpha",)).caller() as caller:
        caller.post(PATH, chat())
        assert caller.answer().json["choices"][0]["message"]["content"] == "well"
        caller.post(PATH, chat("a stream", stream=True))  # a cache may have the other answer
        assert caller.answer().body.endswith(b"data: [DONE]\n\n")
        caller.post(PATH, chat("an error"))
        assert caller.answer().status == 400


@pytest.mark.parametrize(
    "off", [(), ("retry",), ("routing",), ("retry", "routing")], ids=lambda off: "-".join(off) or "none"
)
def test_what_an_outage_costs_tells_which_layers_are_on(provider, open_house, off):
    """With retries the provider is asked again, with routing the other one answers."""
    provider.script("alpha", default=503)
    with open_house(tables(off)).caller() as caller:
        caller.post(PATH, chat())
        answer = caller.answer()
    assert (answer.status == 200) == ("routing" not in off)
    assert (len(provider.requests("alpha")) > 1) == ("retry" not in off)
    assert len(provider.requests("beta")) == ("routing" not in off)
