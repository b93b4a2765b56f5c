"""A guard goes around every kind of callable, which stays what it was."""

import asyncio
import contextlib
import functools
import inspect
import re
import subprocess
import sys
from unittest.mock import AsyncMock

import pytest

import outlast
from outlast import Breaker, Exhausted, Fallback, Retry, Slots, Timeout, guard
from outlast.guard.kinds import kind_of

from .world import World


class Flaky:
    """Fails so often before it is well."""

    def __init__(self, failures):
        self.failures = failures
        self.calls = 0

    def __call__(self, *args):
        self.calls += 1
        if self.calls <= self.failures:
            raise OSError("no")
        return args


class Shop:
    """Methods of all kinds."""

    again = guard(Retry(base=0))

    def __init__(self):
        self.flaky = Flaky(1)

    @again
    def method(self, word):
        return self, self.flaky(word)

    @again
    async def coroutine(self, word):
        return self, self.flaky(word)

    @classmethod
    @again
    def inner_class(cls, word):
        return cls, word

    @again
    @classmethod
    def outer_class(cls, word):
        return cls, word

    @staticmethod
    @again
    def inner_static(word):
        return word

    @again
    @staticmethod
    def outer_static(word):
        return word

    @property
    @again
    def value(self):
        return self.flaky()

    bare = again(functools.partial(max, 3))
    called = again(Flaky(0))


def test_methods_are_bound_as_they_were():
    """Bound, of a class, static, behind a property; from the instance and from the class."""
    shop = Shop()
    assert shop.method("hi") == (shop, ("hi",))
    assert Shop.method(shop, "hi") == (shop, ("hi",))
    assert asyncio.run(Shop().coroutine("hi"))[1] == ("hi",)
    assert shop.inner_class("hi") == Shop.outer_class("hi") == (Shop, "hi")
    assert shop.inner_static("hi") == shop.outer_static("hi") == Shop.outer_static("hi") == "hi"
    assert Shop().value == ()


def test_what_is_not_bound_stays_so():
    """A partial object, or one with `__call__`, gets no instance as its first argument."""
    assert Shop().bare(1, 2) == 3
    assert Shop().called("hi") == ("hi",)


def test_a_bound_method_can_be_guarded():
    """As a decorator and as a call."""
    shop = Shop()
    assert guard(Retry(base=0))(shop.flaky)("hi") == ("hi",)
    assert guard(Retry(base=0)).call(Shop().method, "hi")[1] == ("hi",)


def test_partial_objects_of_all_kinds():
    """Functions and coroutine functions, nested."""
    nested = functools.partial(functools.partial(Flaky(1), 1), 2)
    assert guard(Retry(base=0))(nested)(3) == (1, 2, 3)

    async def add(one, other):
        return one + other

    assert asyncio.run(guard(Retry())(functools.partial(add, 1))(2)) == 3
    assert asyncio.run(guard(Retry()).call(functools.partial(add, 1), 2)) == 3


def test_builtins_and_mocks():
    """What has no code of its own is a function; an AsyncMock is a coroutine function."""
    assert guard(Retry())(len)("four") == 4
    assert guard().call(max, 1, 2) == 2
    mock = AsyncMock(side_effect=[OSError, "well"])
    assert asyncio.run(guard(Retry(base=0)).call(mock)) == "well"


def test_objects_with_a_coroutine_call():
    """They are coroutine functions."""

    class Asks:
        async def __call__(self, word):
            return word

    assert asyncio.run(guard(Retry())(Asks())("hi")) == "hi"
    assert kind_of(Asks()) == "coroutine function"


def test_names_documents_and_signatures_stay():
    """For whoever looks at the function, a framework say."""

    @guard(Retry())
    async def search(words: str, *, many: int = 3) -> list[str]:
        """Searches."""
        return [words] * many

    assert (search.__name__, search.__doc__) == ("search", "Searches.")
    assert str(inspect.signature(search)) == "(words: str, *, many: int = 3) -> list[str]"
    assert inspect.iscoroutinefunction(search)


def test_a_plain_function_that_gives_a_coroutine_is_told_so():
    """Retrying its creation would retry nothing, and a breaker would count successes only."""

    async def search(many):
        raise AssertionError

    cheat = guard(Retry(), Slots(1))
    with pytest.raises(TypeError, match="a plain function that gave a coroutine"):
        cheat.call(lambda: search(3))
    assert cheat.state().in_flight == 0


def test_classes_and_other_things_are_refused():
    """With the mend."""
    with pytest.raises(TypeError, match=re.escape("guard.call(TheClass, …)")):
        guard(name="g")(Flaky)
    with pytest.raises(TypeError, match="goes around functions, not 3"):
        guard(name="g")(3)
    assert isinstance(guard().call(Flaky, 0), Flaky)


def test_stop_iteration_comes_out_of_a_plain_function():
    """Inside it goes through a coroutine, which cannot pass it on by itself."""
    items = iter([1])
    following = guard(Retry(), Breaker())(lambda: next(items))
    assert following() == 1
    with pytest.raises(StopIteration):
        following()
    with pytest.raises(StopIteration):
        guard()(following)()


def test_the_guard_is_a_function_and_a_package():
    """`from outlast import guard` gives what can be called, whatever was imported before."""
    for before in ("", "import outlast.guard.policies", "import outlast.guard", "from outlast.guard import Retry"):
        code = f"{before}\nfrom outlast import guard, Retry\nimport outlast\nassert guard(Retry())(len)('four') == 4"
        code += "\nassert outlast.guard(Retry()).call(len, 'four') == 4"
        subprocess.run([sys.executable, "-c", code], check=True)


def test_it_imports_little():
    """No HTTP, no dialects and no event loop for who guards a plain function."""
    code = (
        "import sys; from outlast import guard, Retry, Breaker; guard(Retry(), Breaker())(len)('four');"
        "print([name for name in sys.modules if name in {'asyncio', 'httptools', 'ssl', 'outlast.config'}"
        " or name.startswith(('outlast.dialects', 'outlast.edge.', 'outlast.gateway'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "['outlast.edge.blocking', 'outlast.edge.deadline']"


def test_a_coroutine_function_needs_its_loop():
    """A scripted io for coroutines does not serve a plain function that has to wait."""
    loop = World("coroutine")
    waits = guard(Retry(base=1), io=loop.io)(Flaky(1))

    async def story():
        with pytest.raises(RuntimeError, match="this io is for coroutines only"):
            waits()

    loop.run(story())
    loop.close()


def flaky_manager(failures, left):
    """A manager that cannot be entered so often."""
    flaky = Flaky(failures)

    @contextlib.contextmanager
    def manager(word):
        flaky()
        try:
            yield word
        finally:
            left.append(outlast.time_left())

    return manager


def flaky_async_manager(failures, left):
    """The same for `async with`."""
    flaky = Flaky(failures)

    @contextlib.asynccontextmanager
    async def manager(word):
        flaky()
        try:
            yield word
        finally:
            left.append(word)

    return manager


class Managed:
    """Both kinds of context managers, entered in the same words."""

    def __init__(self, face, *policies):
        self.world = World(face)
        self.guard = self.world.guard(*policies)
        self.left = []

    def manager(self, failures=0):
        make = flaky_manager if self.world.face == "plain" else flaky_async_manager
        return self.guard(make(failures, self.left))

    def enter(self, manager, body):
        """Run `body` inside of it."""
        if self.world.face == "plain":
            with manager("hi") as word:
                return body(word)
            return None

        async def entered():
            async with manager("hi") as word:
                return body(word)

        return self.world.run(entered())

    def state(self):
        return self.world.state(self.guard)


@pytest.fixture(params=["plain", "coroutine"])
def managed(request):
    """Makes such stories."""
    made = []

    def make(*policies):
        made.append(Managed(request.param, *policies))
        return made[-1]

    yield make
    for one in made:
        one.world.close()


def test_entering_is_tried_again(managed):
    """And nothing is left behind by those attempts."""
    story = managed(Retry(base=0), Slots(1), Breaker())
    assert story.enter(story.manager(failures=2), lambda word: word) == "hi"
    assert len(story.left) == 1
    assert story.state().in_flight == 0
    with pytest.raises(Exhausted):
        story.enter(story.manager(failures=9), lambda word: word)


def test_what_is_entered_is_held_until_it_is_left(managed):
    """The slot, however long the block takes."""
    story = managed(Slots(1))
    assert story.enter(story.manager(), lambda word: story.guard.state().in_flight) == 1
    assert story.state().in_flight == 0


@pytest.mark.parametrize(("error", "state"), [(OSError, "open"), (ValueError, "closed")])
def test_what_leaves_the_block_counts_if_it_is_a_failure(managed, error, state):
    """It goes through as it is, and a mistake says nothing of what was entered."""
    story = managed(Breaker(failures=1))

    def body(word):
        raise error("mine")

    with pytest.raises(error, match="mine"):
        story.enter(story.manager(), body)
    assert story.state().breaker == state
    assert story.state().in_flight == 0


def test_a_class_that_is_a_manager_is_entered_by_name():
    """`entering` is for what only a human knows to be one; `nullcontext` makes it a guard of a block."""
    search = guard(Slots(1), Breaker())
    with search.entering(contextlib.nullcontext, 5) as five:
        assert (five, search.state().in_flight) == (5, 1)
    with search.entering(contextlib.suppress, OSError):
        raise OSError
    assert search.state().breaker == "closed"

    async def story():
        async with search.entering(contextlib.nullcontext, 6) as six:
            return six

    assert asyncio.run(story()) == 6
    with pytest.raises(TypeError, match="use async with"), search.entering(contextlib.aclosing, None):
        pass


def test_a_manager_may_be_used_again_and_inside_of_itself():
    """Each entering is a call of its own."""
    search = guard(Slots(2))
    twice = search.entering(contextlib.nullcontext)
    with twice, twice:
        assert search.state().in_flight == 2
    assert search.state().in_flight == 0


def test_a_manager_that_is_dropped_inside_gives_back_what_it_holds():
    """Nobody has to leave it for that."""
    search = guard(Slots(1))
    dropped = search.entering(contextlib.nullcontext)
    dropped.__enter__()
    assert search.state().in_flight == 1
    del dropped
    assert search.state().in_flight == 0


def test_entering_is_cut_by_the_timeout(loop):
    """The block is not."""

    @contextlib.asynccontextmanager
    async def slow(seconds):
        await asyncio.sleep(seconds)
        yield

    patient = loop.guard(Timeout(2))(slow)

    async def story():
        async with patient(1):
            await asyncio.sleep(100)
        with pytest.raises(TimeoutError):
            await patient(3).__aenter__()

    loop.run(story())
    assert loop.now() == 103


def test_leaving_that_fails_is_told_as_it_is(managed):
    """And counts, for it was the manager's own."""
    story = managed(Slots(1), Breaker(failures=1))

    @contextlib.contextmanager
    def broken(word):
        yield word
        raise OSError("on the way out")

    @contextlib.asynccontextmanager
    async def abroken(word):
        yield word
        raise OSError("on the way out")

    with pytest.raises(OSError, match="on the way out"):
        story.enter(story.guard(broken if story.world.face == "plain" else abroken), lambda word: word)
    assert (story.state().breaker, story.state().in_flight) == ("open", 0)


def test_something_else_may_be_entered(managed):
    """What a fallback gives is what `with` gives; there is nothing to leave then."""
    story = managed(Fallback("something else"), Retry(attempts=1))
    assert story.enter(story.manager(failures=9), lambda word: word) == "something else"
    assert story.left == []


def test_what_a_manager_swallows_is_no_failure(managed):
    """As `suppress` does."""
    story = managed(Breaker(failures=1))

    @contextlib.contextmanager
    def forgiving(word):
        with contextlib.suppress(OSError):
            yield word

    @contextlib.asynccontextmanager
    async def aforgiving(word):
        with contextlib.suppress(OSError):
            yield word

    def body(word):
        raise OSError

    assert story.enter(story.guard(forgiving if story.world.face == "plain" else aforgiving), body) is None
    assert story.state().breaker == "closed"


def test_only_managers_are_entered():
    """Anything else is told so, and nothing is held."""
    search = guard(Slots(1))
    with pytest.raises(TypeError, match="use with, or guard"):
        asyncio.run(search.entering(list).__aenter__())
    with pytest.raises(TypeError, match="use async with, or guard"):
        search.entering(list).__enter__()
    assert search.state().in_flight == 0
