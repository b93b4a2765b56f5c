"""What is remembered of answers to callers of the Responses API, in virtual time: for whom, for how long, how much."""

import asyncio
import json

import pytest
from tests.engine.world import World

from outlast.dialects import DIALECTS
from outlast.gateway.exchange import Inbound
from outlast.gateway.routes import Surface
from outlast.lab.script import body as body_of
from outlast.model.events import Fault, StoreTrouble
from outlast.ports import Stored, StoreFailed
from outlast.store import Memory
from outlast.testing import ScriptedIo, cut, ok

KEYS = '[keys.one]\nkey = "sk-one-0123456789"\ntrusted = true\n[keys.two]\nkey = "sk-two-0123456789"\n'
KEEPS = '\n[providers.{}.quirks]\nalso = ["responses"]\nkeeps_state = true'
SIX = ("openai", "responses", "anthropic", "cohere", "ollama", "gemini")
DAY = 86400.0


class Told:
    """An answer of the surface: a stream as the response at its end."""

    def __init__(self, status, body, headers):
        self.status = status
        self.json = body
        self.headers = headers

    @property
    def id(self):
        return self.json["id"]

    @property
    def error(self):
        return self.json["error"]

    @property
    def text(self):
        messages = [item["content"] for item in self.json["output"] if item["type"] == "message"]
        return "".join(part["text"] for content in messages for part in content)

    @property
    def items(self):
        return [item["id"] for item in self.json["output"]]


class Face:
    """A gateway's surface over a world, as its callers see it."""

    def __init__(self, world, *, alone=True):
        self.world = world
        self.surface = Surface(world.house, DIALECTS, alone=alone)

    def ask(self, given=None, *, key="", user="", path="/v1/responses", method="POST", query="", **fields):
        """The answer to a request; a stream is read to its end."""
        body = {"model": "default", **fields} | ({"input": given} if given is not None else {})
        headers = {b"authorization": f"Bearer {key}".encode(), b"outlast-user": user.encode()}
        data = json.dumps(body).encode() if method == "POST" else b""
        url = f"{path}?{query}" if query else path
        inbound = Inbound(method, path, headers, data, "r1", query, url.encode())
        return self.world.run(self._answer(inbound))

    async def _answer(self, inbound):
        out = await self.surface.answer(inbound)
        if out.flow is None:
            return Told(out.status, json.loads(out.body), dict(out.headers))
        pieces = b""
        while (piece := await out.flow.next()) is not None:
            pieces += piece
        events = [json.loads(line[6:]) for line in pieces.split(b"\n") if line.startswith(b"data: ")]
        return Told(out.status, events[-1].get("response"), dict(out.headers))

    def get(self, path, **how):
        return self.ask(method="GET", path=f"/v1/responses/{path}", **how)

    def delete(self, id_, **how):
        return self.ask(method="DELETE", path=f"/v1/responses/{id_}", **how)

    def last_sent(self):
        """What the last provider that was asked got, as text."""
        return self.world.io.sent[-1].body.decode()


@pytest.fixture
def worlds():
    """The worlds that were made; each must be at rest in the end."""
    made = []
    yield made
    for world in made:
        world.wait(1.0)  # what is done behind callers' backs
    assert [world.close() for world in made] == [{}] * len(made)


@pytest.fixture
def face_of(worlds):
    """Makes faces."""

    def made(*args, **kwargs):
        worlds.append(World(*args, **kwargs))
        return Face(worlds[-1])

    return made


@pytest.fixture
def face(face_of):
    """Two providers of chat completions."""
    return face_of()


def reference(id_):
    return {"type": "item_reference", "id": id_}


def user(text):
    return {"role": "user", "content": text}


def in_order(text, *words):
    """Do these words stand in the text one behind the other?"""
    places = [text.find(word) for word in words]
    return -1 not in places and places == sorted(places)


# -- going on --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", SIX)
@pytest.mark.parametrize("stream", [False, True])
def test_a_conversation_goes_on_from_its_last_answer(face_of, dialect, stream):
    """Whoever answers, whole and streamed: the provider gets all that was said, and no id that is not its own."""
    face = face_of(["alpha/m"], dialect=dialect)
    face.world.script("alpha/m", ok("Hello Ann."), ok("Nice."), ok("You are Ann."))
    first = face.ask("I am Ann", instructions="be kind", stream=stream)
    second = face.ask("I like tea", previous_response_id=first.id, stream=stream)
    third = face.ask([user("who am I?")], previous_response_id=second.id, stream=stream)
    assert third.text == "You are Ann."
    sent = face.last_sent()
    assert in_order(sent, "I am Ann", "Hello Ann.", "I like tea", "Nice.", "who am I?")
    assert not any(word in sent for word in ("be kind", "resp_", "previous_response_id", "msg_"))
    assert len({first.id, second.id, third.id}) == 3


@pytest.mark.parametrize("dialect", SIX)
@pytest.mark.parametrize("stream", [False, True])
def test_items_are_referred_to(face_of, dialect, stream):
    """As SDKs do that keep a conversation themselves, and think that answers are kept."""
    face = face_of(["alpha/m"], dialect=dialect)
    face.world.script("alpha/m", ok("Hello Ann."), ok("You are Ann."))
    first = face.ask("I am Ann", stream=stream)
    given = [user("I am Ann"), *map(reference, first.items), user("who am I?")]
    assert face.ask(given, stream=stream).text == "You are Ann."
    assert in_order(face.last_sent(), "I am Ann", "Hello Ann.", "who am I?")
    assert "item_reference" not in face.last_sent()


def test_the_answer_says_what_it_goes_on_from(face):
    """And that it is remembered, under an id of our own: ids of providers may come twice."""
    first = face.ask("one")
    second = face.ask("two", previous_response_id=first.id)
    assert (first.json["previous_response_id"], first.json["store"]) == (None, True)
    assert (second.json["previous_response_id"], second.json["store"]) == (first.id, True)
    streamed = face.ask("three", previous_response_id=second.id, stream=True)
    assert (streamed.json["previous_response_id"], streamed.json["store"]) == (second.id, True)


def test_ids_that_providers_give_twice_are_told_apart(face):
    """Some draw them from a thousand. The same answer to the same request has the same id, each time it is given."""

    def says(text):
        message = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        answer = {"id": "chatcmpl-7", "object": "chat.completion", "created": 1, "model": "m", "choices": [message]}
        return body_of(json.dumps(answer).encode())

    face.world.script_all(says("Hello Ann."), says("Hello Bob."), says("You are Ann."), says("Hello Ann."))
    ann, bob = face.ask("I am Ann"), face.ask("I am Bob")
    assert ann.id != bob.id
    assert face.ask("who am I?", previous_response_id=ann.id).text == "You are Ann."
    assert "Bob" not in face.last_sent()
    assert face.ask("I am Ann").id == ann.id


def test_what_was_referred_to_is_part_of_what_is_remembered(face):
    """A turn whose input refers to items is gone on with as if they stood in it."""
    face.world.script_all(ok("Hello Ann."), ok("Yes."), ok("Ann."))
    first = face.ask("I am Ann")
    second = face.ask([user("I am Ann"), *map(reference, first.items), user("sure?")])
    face.delete(first.id)
    face.ask("who?", previous_response_id=second.id)
    assert in_order(face.last_sent(), "I am Ann", "Hello Ann.", "sure?", "Yes.", "who?")


def test_two_conversations_part(face):
    """From one answer, each its own way."""
    face.world.script_all(ok("root"), ok("left"), ok("right"), ok())
    first = face.ask("begin")
    left = face.ask("go left", previous_response_id=first.id)
    face.ask("go right", previous_response_id=first.id)
    face.ask("where?", previous_response_id=left.id)
    assert in_order(face.last_sent(), "begin", "root", "go left", "left", "where?")
    assert "right" not in face.last_sent()


def test_tokens_are_counted_of_the_whole(face_of):
    """Of what was said before, too; a count is no turn."""
    face = face_of(["alpha/m"])
    face.world.script_all(ok("word " * 200))
    first = face.ask("hi")
    count = "/v1/responses/input_tokens"
    alone, whole = (face.ask("and?", path=count), face.ask("and?", path=count, previous_response_id=first.id))
    assert whole.json["input_tokens"] > alone.json["input_tokens"] + 150


def test_a_tools_result_goes_on(face_of):
    """Calls are paired with their results, which alone are sent anew."""
    face = face_of(["alpha/m"], dialect="anthropic")
    first = face.ask("Call the tool: what is the weather?", tools=[WEATHER])
    assert goes_on_with(face, first, by_reference=False).status == 200
    sent = json.loads(face.last_sent())["messages"]
    assert [block["type"] for turn in sent[1:] for block in turn["content"]] == ["tool_use", "tool_result"]


THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "s1g"}
WEATHER = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}


def thinks():
    """Claude, who thinks before it asks for a tool."""
    call = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}}
    message = {"id": "msg_sim1", "type": "message", "role": "assistant", "model": "m", "content": [THOUGHT, call]}
    usage = {"input_tokens": 1, "output_tokens": 1}
    return body_of(json.dumps(message | {"stop_reason": "tool_use", "usage": usage}).encode())


def goes_on_with(face, first, *, by_reference):
    """The second half of a tool's call, after that answer."""
    (call,) = (item for item in first.json["output"] if item["type"] == "function_call")
    result = {"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}
    if not by_reference:
        return face.ask([result], previous_response_id=first.id, tools=[WEATHER])
    return face.ask([user("weather?"), *map(reference, first.items), result], tools=[WEATHER])


@pytest.mark.parametrize("by_reference", [False, True])
@pytest.mark.parametrize("stream", [False, True])
def test_thoughts_go_back_to_who_thought_them(face_of, by_reference, stream):
    """With their signature, as if the caller had sent them."""
    face = face_of(["alpha/m"], dialect="anthropic")
    face.world.script("alpha/m", thinks(), ok("Sunny."))
    first = face.ask("weather?", tools=[WEATHER], stream=stream)
    assert goes_on_with(face, first, by_reference=by_reference).text == "Sunny."
    (turn,) = (turn for turn in json.loads(face.last_sent())["messages"] if turn["role"] == "assistant")
    assert turn["content"][0] == THOUGHT


@pytest.mark.parametrize("by_reference", [False, True])
@pytest.mark.parametrize("dialect", SIX)
def test_thoughts_go_to_nobody_else(face_of, dialect, by_reference):
    """Another target gets the call and its result."""
    face = face_of(["alpha/m", "beta/m"], dialect={"alpha": "anthropic", "beta": dialect})
    face.world.script("alpha/m", thinks(), 503)
    face.world.script("beta/m", ok("Sunny."))
    first = face.ask("weather?", tools=[WEATHER])
    told = goes_on_with(face, first, by_reference=by_reference)
    assert (told.headers[b"outlast-target"], told.text) == (b"beta/m", "Sunny.")
    assert in_order(face.last_sent(), "weather?", "sunny")
    assert "get_weather" in face.last_sent()
    assert dialect == "anthropic" or "s1g" not in face.last_sent()


def test_thoughts_that_only_their_keeper_can_look_up_stay_behind(face_of):
    """Elsewhere their id would be refused; what can be read by anybody who has the seal goes along."""
    routes = '[routes.default]\ntargets = ["alpha/m"]\n[routes.other]\ntargets = ["beta/m"]\n'
    face = face_of(["alpha/m", "beta/m"], routes + KEEPS.format("alpha") + KEEPS.format("beta"))
    message = {"id": "msg_a", "type": "message", "role": "assistant", "content": [], "status": "completed"}
    output = [{"id": "rs_1", "type": "reasoning", "summary": []}, message]
    output.append({"id": "rs_2", "type": "reasoning", "summary": [], "encrypted_content": "xyz"})
    answer = {"id": "resp_a", "object": "response", "status": "completed", "output": output, "model": "m"}
    face.world.script("alpha/m", body_of(json.dumps(answer | {"created_at": 1}).encode()))
    first = face.ask("hi")
    face.ask("and?", previous_response_id=first.id, model="other")
    assert [item["type"] for item in json.loads(face.last_sent())["input"]] == [
        "message", "message", "reasoning", "message",
    ]  # fmt: skip


# -- what is not remembered ------------------------------------------------------------------------------------


def unknown(told, param):
    """Is this what OpenAI says of what it does not know, with the mend?"""
    status, code = (400, "previous_response_not_found") if param == "previous_response_id" else (404, None)
    error = told.error
    assert (told.status, error["param"], error["code"]) == (status, param, code)
    assert (error["type"], told.headers[b"x-should-retry"]) == ("invalid_request_error", b"false")
    assert "send the whole conversation as input" in error["message"]
    return True


def both_unknown(face, first, **how):
    asked = face.world.sent()
    assert unknown(face.ask("and?", previous_response_id=first.id, **how), "previous_response_id")
    assert unknown(face.ask([reference(first.items[0]), user("and?")], **how), "input")
    assert face.get(first.id, **how).status == 404
    assert face.world.sent() == asked
    return True


def test_what_nobody_was_answered_is_unknown(face):
    """In OpenAI's words."""
    assert unknown(face.ask("and?", previous_response_id="resp_\n'x"), "previous_response_id")
    assert unknown(face.ask([reference("msg_x"), user("and?")]), "input")


@pytest.mark.parametrize("stream", [False, True])
def test_who_wants_nothing_kept_is_not_remembered(face, stream):
    """`store: false`; and the answer says so."""
    first = face.ask("hi", store=False, stream=stream)
    assert first.json["store"] is False
    assert both_unknown(face, first)


def test_each_caller_has_its_own(face_of):
    """By key, and by the user behind a key."""
    face = face_of(more=KEYS)
    one, two = {"key": "sk-one-0123456789"}, {"key": "sk-two-0123456789"}
    first = face.ask("hi", **one, user="ann")
    assert both_unknown(face, first, **two)
    assert both_unknown(face, first, **one)
    assert both_unknown(face, first, **one, user="bob")
    assert face.delete(first.id, **two).status == 404
    assert face.ask("and?", previous_response_id=first.id, **one, user="ann").status == 200
    assert face.get(first.id).status == 401


def test_what_lies_long_enough_is_forgotten(face):
    """A day after it was last referred to."""
    first = face.ask("hi")
    face.world.wait(DAY * 0.9)
    second = face.ask("and?", previous_response_id=first.id)
    face.world.wait(DAY * 0.9)
    assert face.ask("and?", previous_response_id=second.id).status == 200
    assert face.ask([*map(reference, first.items), user("and?")]).status == 404
    face.world.wait(DAY * 1.1)
    assert both_unknown(face, second)


def test_what_is_too_large_is_not_remembered(face_of):
    """Its items may still be."""
    face = face_of(more="[responses]\nlargest = 2000")
    first = face.ask("x" * 2000)
    assert unknown(face.ask("and?", previous_response_id=first.id), "previous_response_id")
    assert face.ask([*map(reference, first.items), user("and?")]).status == 200


def test_what_is_remembered_is_bounded(face_of):
    """The oldest goes first."""
    face = face_of(more="[cache]\nmemory = 8000")
    first, *_, last = [face.ask(f"{number} {'x' * 1000}") for number in range(6)]
    assert unknown(face.ask("and?", previous_response_id=first.id), "previous_response_id")
    assert face.ask("and?", previous_response_id=last.id).status == 200


def test_a_chain_is_bounded(face_of):
    """In turns, in references and in bytes."""
    face = face_of(more="[responses]\nturns = 2\n[server]\nmax_body = 4000")
    first = face.ask("x" * 1500)
    second = face.ask("two", previous_response_id=first.id)
    third = face.ask("three", previous_response_id=second.id)
    told = face.ask("four", previous_response_id=third.id)
    assert (told.status, told.error["param"]) == (400, "previous_response_id")
    assert "more than 2" in told.error["message"]
    many = [*map(reference, (*first.items, *second.items, *third.items)), user("and?")]
    assert (face.ask(many).status, face.ask(many).error["param"]) == (400, "input")
    assert face.ask("y" * 2500, previous_response_id=second.id).status == 413


def test_half_an_answer_is_not_remembered(face_of):
    """One that broke off, though its beginning named it."""
    face = face_of(["alpha/m"], dialect="responses", more="[resume]\nenabled = false")
    face.world.script("alpha/m", cut(3), ok())
    assert face.ask("hi", stream=True).json is None
    assert unknown(face.ask("and?", previous_response_id="resp_simalpha000001"), "previous_response_id")
    assert face.ask("hi", stream=True).id == "resp_simalpha000002"
    assert face.ask("and?", previous_response_id="resp_simalpha000002").status == 200


def test_it_can_be_switched_off(face_of):
    """Then only who keeps answers itself can be referred to, as the route says."""
    face = face_of(more="[responses]\nenabled = false")
    first = face.ask("hi")
    assert first.json["store"] is False
    for told in (face.ask("and?", previous_response_id=first.id), face.ask([reference("msg_1"), user("and?")])):
        assert told.status == 400
        assert "it keeps nothing of earlier requests" in told.error["message"]
    assert face.get(first.id).status == 404


# -- who keeps answers itself ----------------------------------------------------------------------------------


def test_a_keeper_is_asked_as_before(face_of):
    """What it made, and what nobody here knows, is left to it."""
    face = face_of(["alpha/m"], KEEPS.format("alpha"))
    first = face.ask("I am Ann")
    assert face.ask("who?", previous_response_id=first.id).json["previous_response_id"] == first.id
    assert "I am Ann" not in face.last_sent()
    given = [user("I am Ann"), reference(first.items[0]), reference("msg_simelsewhere"), user("who?")]
    face.ask(given)
    assert json.loads(face.last_sent())["input"] == given
    face.ask("who?", previous_response_id="resp_simelsewhere")
    assert json.loads(face.last_sent())["previous_response_id"] == "resp_simelsewhere"


def test_what_another_one_said_is_told_to_the_keeper(face_of):
    """Its own is left to it, in one request; and what it then answers it has whole."""
    face = face_of(["alpha/m", "beta/m"], KEEPS.format("beta"))
    face.world.script("alpha/m", ok("Hello Ann."), 503)
    face.world.script("beta/m", ok("Nice."))
    first = face.ask("I am Ann")
    second = face.ask("I like tea", previous_response_id=first.id)
    assert second.headers[b"outlast-target"] == b"beta/m"
    assert in_order(face.last_sent(), "I am Ann", "Hello Ann.", "I like tea")
    face.ask("who?", previous_response_id=second.id)
    sent = json.loads(face.last_sent())
    assert (sent["previous_response_id"], sent["input"]) == (second.id, "who?")
    face.ask([*map(reference, (*first.items, *second.items)), user("who?")])
    answered, left, _ = json.loads(face.last_sent())["input"]
    assert (answered["content"][0]["text"], left) == ("Hello Ann.", reference(second.items[0]))


def test_a_conversation_leaves_its_keeper(face_of):
    """For another route: what the keeper made is remembered here as well."""
    routes = '[routes.default]\ntargets = ["alpha/m"]\n[routes.other]\ntargets = ["beta/m"]\n'
    face = face_of(["alpha/m", "beta/m"], routes + KEEPS.format("alpha") + KEEPS.format("beta"))
    face.world.script("alpha/m", ok("Hello Ann."))
    first = face.ask("I am Ann")
    for model, fields in (
        ("other", {"previous_response_id": first.id, "given": "who?"}),
        ("other", {"given": [user("I am Ann"), *map(reference, first.items), user("who?")]}),
    ):
        assert face.ask(model=model, **fields).headers[b"outlast-target"] == b"beta/m"
        assert in_order(face.last_sent(), "I am Ann", "Hello Ann.", "who?")
        assert "resp_" not in face.last_sent()


def test_what_is_made_in_the_background_is_not_remembered(face_of):
    """Its provider alone knows what becomes of it."""
    face = face_of(["alpha/m"], KEEPS.format("alpha"))
    queued = {"id": "resp_simq", "object": "response", "status": "queued", "output": [], "model": "m", "created_at": 1}
    face.world.script("alpha/m", body_of(json.dumps(queued).encode()))
    assert face.ask("hi", background=True).id == "resp_simq"
    assert face.get("resp_simq").status == 404


# -- remembered answers themselves -----------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_is_had_again_and_forgotten(face, stream):
    """As it was given."""
    first = face.ask("hi", stream=stream)
    assert face.get(first.id).json == first.json
    assert face.delete(first.id).json == {"id": first.id, "object": "response", "deleted": True}
    assert both_unknown(face, first)
    assert face.delete(first.id).status == 404


def test_forgetting_here_is_not_forgetting_there(face_of):
    """What a provider keeps too is not said to be deleted."""
    face = face_of(["alpha/m"], KEEPS.format("alpha"))
    first = face.ask("hi")
    told = face.delete(first.id)
    assert told.status == 404
    assert "a provider may keep it" in told.error["message"]
    assert face.get(first.id).status == 404


def test_what_was_asked_is_listed(face):
    """In pages, the newest first unless it is asked otherwise; every item has an id and its type."""
    first = face.ask([user("one"), {"role": "assistant", "content": "two"}, user("three")])
    path = f"{first.id}/input_items"
    listed = face.get(path).json
    texts = [item["content"][0]["text"] for item in listed["data"]]
    assert (texts, listed["has_more"], listed["object"]) == (["three", "two", "one"], False, "list")
    assert [item["content"][0]["type"] for item in listed["data"]] == ["input_text", "output_text", "input_text"]
    assert {item["type"] for item in listed["data"]} == {"message"}
    page = face.get(path, query="order=asc&limit=2").json
    assert (page["has_more"], page["first_id"], page["last_id"]) == (True, *(item["id"] for item in page["data"]))
    rest = face.get(path, query=f"order=asc&after={page['last_id']}").json
    assert [item["content"][0]["text"] for item in rest["data"]] == ["three"]
    assert face.get(path, query=f"after={listed['last_id']}").json["data"] == []
    for query, param in (("after=x", "after"), ("limit=0", "limit"), ("limit=x", "limit"), ("limit=101", "limit")):
        told = face.get(path, query=query)
        assert (told.status, told.error["param"]) == (400, param)


def test_it_is_not_streamed_again(face):
    """That is said, rather than something sent that is no stream."""
    first = face.ask("hi")
    assert face.get(first.id, query="stream=true").error["param"] == "stream"


# -- the store -------------------------------------------------------------------------------------------------


class Store:
    """One that fails from some moment on."""

    shared = False
    notifies = False

    def __init__(self):
        self.kept = {}
        self.broken = ()
        self.slow = 0.0

    async def check(self):
        pass

    async def aclose(self):
        pass

    async def _do(self, what):
        if what in self.broken:
            raise StoreFailed("a secret")

    async def get(self, key):
        await self._do("get")
        return self.kept.get(key)

    async def put(self, key, value, seconds):
        await asyncio.sleep(self.slow)
        await self._do("put")
        self.kept[key] = Stored(value, seconds)

    async def delete(self, key):
        await self._do("delete")
        self.kept.pop(key, None)


def test_without_its_store_the_answer_comes_all_the_same(face_of):
    """What it is told of then is unknown, or cannot be looked up, which is worth trying again."""
    store = Store()
    face = face_of(store=store)
    store.broken = ("put",)
    first = face.ask("hi")
    face.world.wait(1.0)
    assert unknown(face.ask("and?", previous_response_id=first.id), "previous_response_id")
    store.broken = ("get", "delete")
    for told in (face.ask("and?", previous_response_id=first.id), face.get(first.id)):
        assert (told.status, told.error["code"]) == (503, "store_unavailable")
        assert told.headers[b"retry-after"] == b"1"
    assert face.ask("hi").status == 200
    assert {event.doing for event in face.world.events(StoreTrouble)} == {"put", "get"}
    assert "secret" not in str(face.world.io.events)


def test_a_store_that_does_not_forget_is_told_of(face_of):
    """Who wants an answer deleted is not told that it is."""
    store = Store()
    face = face_of(store=store)
    first = face.ask("hi")
    face.world.wait(1.0)
    store.broken = ("delete",)
    assert face.delete(first.id).error["code"] == "store_unavailable"
    assert face.get(first.id).json == first.json


def test_two_gateways_share_a_store(face_of, worlds):
    """What one has answered the other goes on with."""
    memory = Memory(lambda: worlds[0].now)
    face = face_of(["alpha/m"], store=memory)
    other = Face(face.world)
    first = face.ask("I am Ann")
    face.world.wait(0.1)
    assert other.ask("who?", previous_response_id=first.id).status == 200
    assert "I am Ann" in other.last_sent()


def test_workers_that_share_no_store_remember_nothing(face_of):
    """One would know every second turn; so all of them say that none is known, and what to do."""
    face = Face(face_of().world, alone=False)
    first = face.ask("hi")
    assert first.json["store"] is False
    told = face.ask("and?", previous_response_id=first.id)
    assert told.status == 400
    assert "send the whole conversation as input" in told.error["message"]


def test_workers_that_share_a_store_do(face_of):
    """Whichever of them is asked."""
    store = Store()
    store.shared = True
    world = face_of(store=store).world
    faces = [Face(world, alone=False) for _ in range(2)]
    first = faces[0].ask("I am Ann")
    world.wait(1.0)
    assert faces[1].ask("who?", previous_response_id=first.id).status == 200
    assert "I am Ann" in faces[1].last_sent()


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_is_given_when_others_know_it(face_of, stream):
    """What is shared is waited for, as long as it may take; then the answer comes all the same."""
    store = Store()
    store.shared, store.slow = True, 0.2
    world = face_of(store=store).world
    faces = [Face(world, alone=False) for _ in range(2)]
    began = world.now
    first = faces[0].ask("I am Ann", stream=stream)
    assert world.now - began == pytest.approx(0.2)
    assert faces[1].ask("who?", previous_response_id=first.id).status == 200
    store.slow, began = 60.0, world.now
    assert faces[0].ask("hi", stream=stream).status == 200
    assert world.now - began == pytest.approx(0.25)
    assert [event.doing for event in world.events(StoreTrouble)] == ["put"]


class Unable(ScriptedIo):
    """A world that has no room beside the requests, or fails."""

    fails = False

    def begin(self, work):
        work.close()
        if self.fails:
            raise RuntimeError("a secret")


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_cannot_be_remembered_is_given_all_the_same(face_of, fails, stream):
    """It is told."""
    io = Unable()
    io.fails = fails
    face = face_of(io=io)
    first = face.ask("hi", stream=stream)
    assert first.status == 200
    assert both_unknown(face, first)
    assert len(face.world.events(Fault)) == (1 if fails else 0)
    assert len(face.world.events(StoreTrouble)) == (0 if fails else 1)
    assert "secret" not in str(face.world.io.events)
