"""What is taken for the size of an answer whose provider does not tell its tokens."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.dialects import DIALECTS
from outlast.model import estimate
from outlast.model.tokens import count

GERMAN = "Die Straßenbahn fährt heute nicht, weil es in der Nacht geschneit hat und die Weichen eingefroren sind."
CHINESE = "昨天晚上下了大雪。今天早上电车没有开。所以大家都走路去上班。"


@given(st.lists(st.text(max_size=20), max_size=10))
def test_a_stream_weighs_what_its_pieces_weigh(pieces):
    """However it was cut, its bytes are counted, a fourth of them as tokens."""
    whole = "".join(pieces)
    assert sum(map(estimate.weight, pieces)) == estimate.weight(whole) == len(whole.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("text", [GERMAN, CHINESE])
def test_a_stream_of_another_script_is_not_taken_for_english(text):
    """Within half of the closer estimate; a character is no fourth of a token everywhere."""
    assert estimate.of_size(estimate.weight(text)) == pytest.approx(count(text, "o200k"), rel=0.5)


def test_a_whole_answer_is_estimated_in_its_model_s_vocabulary(wire):
    """As the prompt is."""
    target = wire.target("openai", vocabulary="claude-4.7")
    message = {"role": "assistant", "content": GERMAN}
    body = {"id": "x", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    usage = DIALECTS["openai"].decode(json.dumps(body).encode(), wire.ask(), target).usage
    assert (usage.estimated, usage.output) == (True, count(GERMAN, "claude-4.7"))
