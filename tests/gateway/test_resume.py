"""Streams that break, over sockets: the official SDKs, our own surface and the library get one whole answer.

The providers are as strict as their vendors: a rest that is asked for in a wrong way would be refused.
"""

import asyncio
import json
import random
import re

import anthropic
import openai
import pytest

from outlast import AsyncClient
from outlast.config import parse
from outlast.lab.conduct import Conduct
from outlast.testing import cut, ended, error_event, garbled, ok, stall, torn

from .house import STALLS, toml_of
from .sdks import HI

ALWAYS = "[breaker]\nenabled = false\n"
WHOLE = "This is the simulated provider WHO, no model at all. You said: hi"
WAYS = [
    cut,
    lambda k: cut(k, "rst"),
    ended,
    error_event,
    garbled,
    stall,
]
DIALECTS = [("openai", "openai"), ("anthropic", "anthropic"), ("openai", "anthropic"), ("anthropic", "openai")]
AS_CLAUDE = {"max_tokens": 100}


def anybody(text):
    """The same whoever said it."""
    return re.sub(r"\b(alpha|beta)\b", "WHO", text)


async def chat(client, seed):
    """Text, finishes and the error that OpenAI's SDK gives."""
    text, finishes, ids = "", [], set()
    try:
        async for chunk in await client.chat.completions.create(model="default", messages=HI, stream=True, seed=seed):
            ids.add(chunk.id)
            for choice in chunk.choices:
                text += choice.delta.content or ""
                finishes += [choice.finish_reason] if choice.finish_reason else []
    except openai.APIError as error:
        return text, finishes, error
    assert len(ids) == 1
    return text, finishes, None


async def message(client, seed):
    """The same of Anthropic's, whose own helper puts the message together."""
    text = ""
    try:
        async with client.messages.stream(
            model="default", messages=HI, metadata={"user_id": str(seed)}, **AS_CLAUDE
        ) as stream:
            async for piece in stream.text_stream:
                text += piece
            final = await stream.get_final_message()
    except anthropic.APIError as error:
        return text, [], error
    assert [block.text for block in final.content] == [text]
    return text, [final.stop_reason], None


async def native(house, _seed):
    """The same of our own surface."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    body = json.dumps({"prompt": "hi", "stream": True}).encode()
    head = f"POST /v1/generate HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    lines = re.findall(rb"data: (\{.*\})\n", await reader.read())
    writer.close()
    events = [json.loads(line) for line in lines]
    text = "".join(event.get("text", "") for event in events)
    last = events[-1]
    return text, [last["finish"]] if last.get("done") else [], last.get("error")


@pytest.mark.parametrize(("first", "second"), DIALECTS)
def test_of_many_streams_broken_at_random_none_is_truncated_in_silence(provider, open_house, first, second):
    """Through both SDKs and our own surface at once: whole, each word once, one finish; or an error, and no finish."""
    house = open_house(ALWAYS, dialects={"alpha": first, "beta": second}, timers={"alpha": STALLS})
    dice = random.Random(f"{first} {second}")
    provider.script("alpha", *(dice.choice(WAYS)(dice.randint(1, 12)) for _ in range(60)))

    async def story():
        async with (
            openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key="any", max_retries=0) as theirs,
            anthropic.AsyncAnthropic(base_url=house.url, api_key="any", max_retries=0) as claude,
        ):
            asks = [chat(theirs, n) if n % 3 == 0 else message(claude, n) if n % 3 == 1 else native(house, n)
                    for n in range(60)]  # fmt: skip
            return await asyncio.gather(*asks)

    answers = asyncio.run(story())
    wholes = [answer for answer in answers if answer[2] is None]
    assert {anybody(text) for text, _, _ in wholes} == {WHOLE}
    assert all(len(finishes) == 1 for _, finishes, _ in wholes)
    assert all(not finishes and WHOLE.startswith(anybody(text)) for text, finishes, error in answers if error)
    assert len(wholes) >= 57
    told = house.heard(60)
    assert sum(ended.resumed for ended in told) >= 57
    assert all(sum(a.usage.output for a in ended.history) == ended.usage.output for ended in told)


@pytest.mark.parametrize("prefill", ["message", "prefix", "continue"])
def test_servers_that_take_a_prefill_are_told_in_their_way(provider, open_house, openai_of, prefill):
    """What each server refuses or does not understand would break the answer."""
    quirk = f'[providers.beta.quirks]\nprefill = "{prefill}"'
    sdk = openai_of(open_house(quirk))
    provider.conduct("beta", Conduct(prefill=prefill))
    provider.script("alpha", cut(6))
    part = sdk.streamed()
    assert (anybody(part.text), part.finish, part.error) == (WHOLE, "stop", None)
    (asked,) = provider.requests("beta")
    assert asked.json["messages"][-1]["role"] == "assistant"


def test_a_server_that_ignores_the_prefill_begins_anew_and_nobody_notices(provider, open_house, openai_of):
    """The same words from the top are dropped."""
    text = "one two three four five six seven eight"
    sdk = openai_of(open_house('[providers.beta.quirks]\nprefill = "message"'))
    provider.conduct("beta", Conduct(prefill="none"))
    provider.script("alpha", torn(4))
    provider.script("beta", ok("one two three four five six seven eight"))
    assert sdk.streamed().text == text


@pytest.mark.parametrize("prefill", [True, False])
def test_a_claude_with_prefill_goes_on_with_what_another_began(provider, open_house, claude_of, prefill):
    """No white space at the end, no thinking, no format: Anthropic would refuse them."""
    more = f"[providers.beta.models.m]\nprefill = {json.dumps(prefill)}\n"
    house = open_house(more, dialects={"beta": "anthropic"})
    sdk = claude_of(house)
    provider.script("alpha", torn(3))
    provider.script("beta", ok("one two three four five six"))
    part = sdk.streamed(thinking={"type": "adaptive"})
    assert (part.text, part.finish, part.error) == ("one two three four five six", "end_turn", None)
    asked = provider.requests("beta")[0].json
    assert asked["messages"][-1]["role"] == ("assistant" if prefill else "user")
    assert ("thinking" in asked) != prefill


def test_our_own_surface_may_be_told_that_an_answer_begins_anew(provider, open_house, openai_of):
    """`on_break = "restart"`: an event says that what came is void. OpenAI has none, and its callers get the error."""
    route = '[routes.anew]\ntargets = ["alpha/m", "beta/m"]\non_break = "restart"\n'
    house = open_house(ALWAYS + route)
    provider.script("alpha", cut(3), cut(3))
    answer = house.post("/v1/generate", json.dumps({"model": "anew", "prompt": "hi", "stream": True}).encode())
    events = [json.loads(line) for line in re.findall(rb"data: (\{.*\})\n", answer.body)]
    place = next(place for place, event in enumerate(events) if event.get("restart"))
    assert "".join(event.get("text", "") for event in events[:place]) == "This is the"
    assert anybody("".join(event.get("text", "") for event in events[place:])) == WHOLE
    assert events[-1]["finish"] == "stop"
    part = openai_of(house).streamed(model="anew")
    assert (part.text, part.finish, part.error.code) == ("This is the", None, "broken_stream")


def test_who_leaves_while_another_target_is_found_costs_nothing(provider, open_house, openai_of):
    """The connection to the next provider is closed too; the house looks for what is left when it closes."""
    house = open_house("[timers]\nfirst_content = 30.0")
    sdk = openai_of(house)
    provider.script("alpha", cut(3))
    provider.script("beta", stall(0))
    stream = sdk.stream()
    items = sdk.each(stream)
    for _ in range(3):
        next(items)
    provider.wait(1, "beta")
    sdk.do(stream.close())
    assert house.heard()[0].kind == "cancelled"


def test_the_library_gets_the_whole_answer(provider):
    """Pulled straight from the engine, on its own connections; each of which has ended."""
    config = parse(toml_of(provider.url, ALWAYS, timers={"alpha": STALLS}), {})
    dice = random.Random(7)
    provider.script("alpha", *(dice.choice(WAYS)(dice.randint(1, 12)) for _ in range(40)))

    async def one(client):
        async with await client.stream("hi") as stream:
            text = "".join([chunk.text async for chunk in stream])
            return anybody(text), stream.finish, stream.usage.output > 0

    async def story():
        async with AsyncClient(config) as client:
            return await asyncio.gather(*(one(client) for _ in range(40)))

    assert set(asyncio.run(story())) == {(WHOLE, "stop", True)}
    provider.wait(80, ended=True)
