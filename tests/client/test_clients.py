"""`Client` and `AsyncClient` over real sockets: what they give, and where they may be used."""

import asyncio
import contextlib
import gc
import signal
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import pydantic
import pytest
from bench.ports import reserved

from outlast import AsyncClient, Client, ConfigError, Failure
from outlast.config import parse
from outlast.edge.deadline import within
from outlast.model.errors import BrokenStream, Caller, Connect, TimedOut
from outlast.model.events import RequestEnded
from outlast.testing import RecordingSink, cut, ok, silent, stall, status


@pytest.fixture
def sink():
    return RecordingSink()


@pytest.fixture
def client(config, sink):
    with Client(config(), sinks=[sink]) as made:
        yield made


def test_a_whole_answer_says_who_gave_it(provider, client):
    """Text, target, source, usage and attempts."""
    provider.script("alpha", status(503), status(503))
    provider.script("beta", ok("Hello there."))
    reply = client.chat("hi", max_tokens=50)
    assert (reply.text, reply.target, reply.source) == ("Hello there.", "beta/m", "fallback")
    assert reply.usage.output == 2
    assert provider.requests("beta")[0].json["max_tokens"] == 50


def test_a_stream_comes_piece_by_piece(provider, client):
    """Chunks with text, then a finish and the usage."""
    provider.script("alpha", ok("one two three"))
    with client.stream("hi") as stream:
        texts = [chunk.text for chunk in stream]
    assert "".join(texts) == "one two three"
    assert len(texts) > 2
    assert (stream.target, stream.source, stream.finish, stream.usage.output) == ("alpha/m", "primary", "stop", 3)


def test_a_stream_that_breaks_raises(provider, client):
    """What came is there; what is missing is told."""
    provider.script("alpha", default=cut(3))
    provider.script("beta", default=status(500))  # nobody is left to go on
    words = []
    with pytest.raises(BrokenStream), client.stream("hi") as stream:  # noqa: PT012
        for chunk in stream:
            words.append(chunk.text)  # noqa: PERF401
    assert "".join(words) == "This is the"


def test_vectors(provider, client):
    """One for each text, as numbers."""
    vectors = client.embed(["a", "b"], model="default", dimensions=4)
    assert [len(vector) for vector in vectors.vectors] == [4, 4]


def test_a_failure_tells_what_was_tried(provider, client):
    """Its class, and every attempt."""
    provider.script("alpha", default=status(400))
    with pytest.raises(Caller) as wrong:
        client.chat("hi")
    assert [(attempt.target, attempt.kind) for attempt in wrong.value.attempts] == [("alpha/m", "caller")]
    with pytest.raises(Caller, match="does not exist"):
        client.chat("hi", model="none")
    with pytest.raises(Caller, match="messages"):
        client.chat([])


def test_a_timeout_holds_for_everything(provider, config):
    """Seconds for all attempts together."""
    provider.script("alpha", default=silent())
    with Client(config(providers=("alpha",))) as client, pytest.raises(TimedOut):
        client.chat("hi", timeout=0.2)


def test_stream_is_no_option_of_chat(client):
    """It would give something else than the signature says."""
    with pytest.raises(TypeError, match="stream"):
        client.chat("hi", stream=True)


def test_leaving_a_stream_stops_the_provider(provider, client, sink):
    """Out of the block early: the connection closes, and everything is given back."""
    provider.script("alpha", stall(after=2))
    with client.stream("hi") as stream:
        next(iter(stream))
    (seen,) = provider.wait(1, ended=True)
    assert seen.hung_up == "caller"
    assert sink.of(RequestEnded)[0].kind == "cancelled"


def test_a_dropped_stream_is_let_go(provider, client):
    """Nobody closed it: it is collected, and the provider left."""
    provider.script("alpha", stall(after=2))
    stream = client.stream("hi")
    del stream
    assert provider.wait(1, ended=True)[0].hung_up == "caller"


def test_sixteen_threads_share_a_client(provider, client, sink):
    """Each gets its own answer; streams and whole ones mixed."""
    provider.script("alpha", default=ok(between=0.001))

    def ask(number):
        if number % 2:
            with client.stream(f"question {number}") as stream:
                return "".join(chunk.text for chunk in stream)
        return client.chat(f"question {number}").text

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(ask, range(96)))
    assert [answer.rpartition(" ")[2] for answer in answers] == [str(number) for number in range(96)]
    assert len(sink.of(RequestEnded)) == 96
    assert client._client.outlast.stack.admission.of("gateway").used == 0


def test_a_blocking_client_works_inside_a_running_loop(provider, client):
    """A notebook has one; it is blocked meanwhile, and that is all."""

    async def story():
        return client.chat("hi").target

    assert asyncio.run(story()) == "alpha/m"


def test_a_blocking_call_on_the_background_loop_is_refused(provider, client):
    """It would wait for itself."""

    async def story():
        return client.chat("hi")

    with pytest.raises(RuntimeError, match="use AsyncClient"):
        client._loop.run(story())


def test_an_interrupted_call_is_cancelled(provider, client, sink):
    """KeyboardInterrupt in the waiting thread ends the call, and the provider's connection."""
    provider.script("alpha", silent())

    class Interrupting:
        def result(self):
            provider.wait(1)
            raise KeyboardInterrupt

        def __init__(self, future):
            self.cancel = future.cancel

    schedule = asyncio.run_coroutine_threadsafe
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(asyncio, "run_coroutine_threadsafe", lambda *args: Interrupting(schedule(*args)))
        with pytest.raises(KeyboardInterrupt):
            client.chat("hi")
    assert provider.wait(1, ended=True)[0].hung_up == "caller"


def test_a_real_interrupt_ends_a_program(provider, start_script):
    """The same with a signal, as Ctrl-C sends it: quickly, with the connection closed and nothing said but that."""
    provider.script("alpha", default=silent())
    program = start_script(
        "import signal, outlast\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # who is started in the background ignores it
        "client = outlast.Client()\n"
        "try:\n"
        "    client.chat('hi')\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted')\n"
    )
    with program:
        provider.wait(1)
        program.send_signal(signal.SIGINT)
        assert program.communicate(timeout=120) == ("interrupted\n", "")
    assert program.returncode == 0
    assert provider.wait(1, ended=True)[0].hung_up == "caller"


def test_a_program_that_closes_nothing_ends_quietly(provider, run_script):
    """Clients and streams left open at the exit: status 0 and no complaint."""
    done = run_script(
        "import outlast\n"
        "client = outlast.Client()\n"
        "print(client.chat('hi').target)\n"
        "stream = client.stream('hi')\n"
        "print(next(iter(stream)).text)\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "alpha/m\nThis\n", "")


def test_an_async_client_asks_many_at_once(provider, config):
    """Whole and streamed, in one loop."""

    async def story():
        async with AsyncClient(config()) as client:
            replies = await asyncio.gather(*(client.chat(f"question {number}") for number in range(50)))
            async with await client.stream("hi") as stream:
                text = "".join([chunk.text async for chunk in stream])
            return [reply.text.rpartition(" ")[2] for reply in replies], text

    numbers, text = asyncio.run(story())
    assert numbers == [str(number) for number in range(50)]
    assert text.endswith("You said: hi")


def test_a_cancelled_call_leaves_the_provider(provider, config):
    """The task is cancelled: the connection closes, and the slots are back."""

    async def story():
        async with AsyncClient(config()) as client:
            provider.script("alpha", silent())
            asking = asyncio.create_task(client.chat("hi"))
            await provider.saw(1)
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asking
            (seen,) = await provider.saw(1, ended=True)
            return seen.hung_up, client.outlast.stack.admission.of("gateway").used

    assert asyncio.run(story()) == ("caller", 0)


def test_a_second_loop_is_refused_in_words(provider, config):
    """H7: two loops, one client: a clear error, and the first loop goes on."""

    async def other(client):
        await client.chat("hi")

    async def story():
        async with AsyncClient(config()) as client:
            await client.chat("hi")
            told = []

            def elsewhere():
                try:
                    asyncio.run(other(client))
                except RuntimeError as error:
                    told.append(str(error))

            thread = threading.Thread(target=elsewhere)
            thread.start()
            await asyncio.to_thread(thread.join)
            return told, (await client.chat("hi")).target

    (told,), target = asyncio.run(story())
    assert "one for each loop" in told
    assert target == "alpha/m"
    assert len(provider.requests()) == 2


def on_two_loops(config):
    """Who answers a client that is used on one loop after the other, and closed on a third."""
    client = AsyncClient(config)

    async def asked():
        return (await client.chat("hi")).target

    answered = [asyncio.run(asked()) for _ in range(2)]
    asyncio.run(client.aclose())
    return answered


def test_one_loop_after_the_other_is_fine(provider, config):
    """A client that outlives its loop begins anew on the next one; Python complains of the connections left behind."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        assert on_two_loops(config()) == ["alpha/m", "alpha/m"]
        gc.collect()


FORK = """
import os, sys, threading, outlast

client = outlast.Client(rewrite=max)
print(client.chat("parent").target, flush=True)
held = client.stream("held")                # a slot is in use while we fork
next(iter(held))
child = os.fork()
if child == 0:
    reply = client.chat("child")
    with client.stream("child streams") as stream:
        text = "".join(chunk.text for chunk in stream)
    used = client._client.outlast.stack.admission.of("gateway").used
    kept = client._client.outlast.rewrite is max
    print(reply.target, text.endswith("child streams"), used, kept, flush=True)
    os._exit(0)
_, ended = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(ended), client.chat("parent again").target, flush=True)
print("".join(chunk.text for chunk in held).endswith("held"))
held.close()
client.close()
"""


def test_a_child_works_after_a_fork(provider, run_script):
    """H9: its own loop, connections and slots, what it was made with; the parent's stream goes on all the same."""
    provider.script("alpha", default=ok(between=0.01))
    done = run_script("import warnings\nwarnings.simplefilter('ignore', DeprecationWarning)\n" + FORK)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["alpha/m", "alpha/m True 0 True", "0 alpha/m", "True"]
    assert len({seen.connection for seen in provider.requests() if "child" in str(seen.json)}) == 1
    parents = {seen.connection for seen in provider.requests() if "child" not in str(seen.json)}
    assert not parents & {seen.connection for seen in provider.requests() if "child" in str(seen.json)}


def test_a_configuration_that_cannot_be_used_is_told_at_once(tmp_path):
    """When the client is made, not when it is first used."""
    (tmp_path / "wrong.toml").write_text("[routes.default]\ntargets = ['none/m']")
    for kind in (Client, AsyncClient):
        with pytest.raises(ConfigError):
            kind(tmp_path / "wrong.toml")


def test_nobody_there_is_a_failure_like_any_other():
    """Connection refused: `Connect`, after the attempts that are allowed."""
    with reserved() as port:
        account = f'[providers.alpha]\ntype = "openai-compatible"\nbase_url = "http://127.0.0.1:{port}/v1"\nkey = "k"'
        config = parse(account + '\n[routes.default]\ntargets = ["alpha/m"]', {})
        with Client(config) as client, pytest.raises(Connect) as refused:
            client.chat("hi")
    assert isinstance(refused.value, Failure)
    assert len(refused.value.attempts) >= 2


@pytest.mark.parametrize("own", [None, 60.0])
def test_a_deadline_around_the_call_holds_for_it(provider, client, own):
    """The smaller of both: the provider that is silent is left when the surrounding time is over."""
    provider.script("alpha", silent())
    with within(time.monotonic() + 0.3, time.monotonic), pytest.raises(TimedOut):
        client.chat("hi", timeout=own)


def test_without_time_nothing_is_sent(provider, client):
    """A deadline that has passed: no provider is asked."""
    with within(time.monotonic(), time.monotonic), pytest.raises(TimedOut):
        client.chat("hi")
    assert provider.requests() == []


# -- what an answer is -------------------------------------------------------------------------------------------------

LADDER = '[routes.kept]\ntargets = ["alpha/m"]\ncache = {fresh = 60}\ndegrade = [{static = "later"}]'


def test_an_answer_and_what_it_is(provider, config, sink):
    """In two parts, for code without a loop and with one."""
    provider.script("alpha", ok("well"), status(403), status(403))
    with Client(config(LADDER), sinks=[sink]) as client:
        response, source = client.answer("hi", model="kept", max_tokens=9)
        assert (response.text, source) == ("well", "primary")
        assert client.answer("hi", model="kept", max_tokens=9).source == "cache"
        assert client.answer("something else", model="kept").response.text == "later"

    async def story():
        async with AsyncClient(config(LADDER)) as client:
            return await client.answer("hi", model="kept")

    assert asyncio.run(story()).source == "static"


def test_a_new_answer_may_be_wanted(provider, config):
    """Whole, streamed, and of vectors: in the words of Cache-Control."""
    provider.script("alpha", ok("one"), ok("two"), ok("three"))
    with Client(config(LADDER)) as client:
        assert client.chat("hi", model="kept").text == "one"
        assert client.chat("hi", model="kept", cache="no-cache").text == "two"
        with client.stream("hi", model="kept", cache="max-age=0") as stream:
            assert "".join(chunk.text for chunk in stream) == "three"
        assert client.chat("hi", model="kept").text == "three"
        first = client.embed("hi", model="kept")
        assert client.embed("hi", model="kept").source == "cache"
        assert client.embed("hi", model="kept", cache="no-cache").source == "primary"
        assert first.source == "primary"


def test_a_stored_answer_may_be_all_that_is_wanted(config):
    """Nobody is asked."""
    with Client(config(LADDER)) as client, pytest.raises(Failure) as refused:
        client.chat("hi", model="kept", cache="only-if-cached")
    assert refused.value.code == "not_cached"


def test_an_idempotency_key_gets_one_answer(provider, client):
    """Whole, streamed and as vectors; with another request it is refused."""
    first, again = (client.chat("hi", idempotency_key="k") for _ in range(2))
    assert (again.raw, again.replayed, first.replayed) == (first.raw, True, False)
    told = []
    for _ in range(2):
        with client.stream("hi", idempotency_key="s") as stream:
            told.append("".join(chunk.text for chunk in stream))
    assert told[0] == told[1] != ""
    one, two = (client.embed("hi", model="default", idempotency_key="v") for _ in range(2))
    assert (one.vectors, two.replayed) == (two.vectors, True)
    assert client.answer("hi", idempotency_key="k").response.replayed
    assert len(provider.requests()) == 3
    with pytest.raises(Caller) as caught:
        client.chat("ho", idempotency_key="k")
    assert caught.value.status == 422


def test_what_is_under_way_beside_ends_with_the_client(provider, config):
    """A renewal that hangs is not waited for."""
    provider.script("alpha", ok("one"), silent())
    stale = '[routes.kept]\ntargets = ["alpha/m"]\ncache = {fresh = 0, stale_while_revalidate = 60}'

    async def story():
        async with AsyncClient(config(stale)) as client:
            await client.chat("hi", model="kept")
            reply = await client.chat("hi", model="kept")
            assert len(asyncio.all_tasks()) > 1
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return reply

    assert asyncio.run(story()).source == "stale"


def not_rome(city):
    """What a type may know beyond its schema."""
    if city == "Rome":
        raise ValueError("not Rome")
    return city


PLAIN = pydantic.create_model("Place", city=(str, ...))
STRICT = pydantic.create_model("Place", city=(Annotated[str, pydantic.AfterValidator(not_rome)], ...))


def test_what_was_kept_is_given_only_to_who_takes_it(provider, config):
    """Two types of one schema, one of which knows more of its values: it is asked anew, and the other is not."""
    provider.script("alpha", ok('{"city":"Rome"}'), ok('{"city":"Oslo"}'))
    kept = '[routes.kept]\ntargets = ["alpha/m"]\ncache = {fresh = 60}'
    with Client(config(kept)) as client:
        assert client.extract("where?", schema=PLAIN, model="kept").reply.source == "primary"
        assert client.extract("where?", schema=PLAIN, model="kept").reply.source == "cache"
        assert client.extract("where?", schema=PLAIN, model="kept", cache="max-age=60").reply.source == "cache"
        strict = client.extract("where?", schema=STRICT, model="kept")
        assert (strict.value.city, strict.reply.source) == ("Oslo", "primary")
        with client.extract_stream("where?", schema=STRICT, model="kept") as stream:
            for _ in stream:
                pass
        assert stream.value.city == "Oslo"
    assert len(provider.requests("alpha")) == 2
