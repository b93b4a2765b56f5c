"""The store in memory keeps the promises of every store, and its bounds."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.ports import StoreFailed
from outlast.store import Memory
from outlast.store.memory import OVERHEAD

from .conformance import Store


def do(coroutine):
    """What it gives; memory waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it has waited")


class Clock:
    """Set by hand."""

    def __init__(self):
        self.time = 100.0

    def __call__(self):
        return self.time


class TestMemory(Store):
    """As every store."""

    clock = Clock()

    def make(self):
        return Memory(self.clock)

    def run(self, coroutine):
        return asyncio.run(coroutine)

    def pass_(self, seconds):
        self.clock.time += seconds


def test_what_was_not_used_for_longest_goes_first():
    """To be found is to be used."""
    store = Memory(Clock(), most_entries=2)
    for key in ("x:a", "x:b"):
        do(store.put(key, b"one", 10.0))
    assert do(store.get("x:a")) is not None
    do(store.put("x:c", b"one", 10.0))
    assert [do(store.get(key)) is not None for key in ("x:a", "x:b", "x:c")] == [True, False, True]


def test_what_is_larger_than_all_of_it_is_not_kept():
    """It drives nothing else out, but what it was to replace is gone."""
    store = Memory(Clock(), most_bytes=1_000)
    do(store.put("x:a", b"one", 10.0))
    do(store.put("x:b", b"two", 10.0))
    do(store.put("x:b", b"x" * 1_000, 10.0))
    assert do(store.get("x:a")).value == b"one"
    assert do(store.get("x:b")) is None


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 600)), max_size=60))
def test_it_never_holds_more_than_its_bounds(puts):
    """In bytes and in entries, and it counts both right."""
    store = Memory(Clock(), most_bytes=2_000, most_entries=5)
    for name, size in puts:
        do(store.put(f"x:{name}", b"v" * size, 10.0))
        kept = [found for key in "abcdefgh" if (found := do(store.get(f"x:{key}")))]
        assert len(kept) == len(store) <= 5
        assert sum(4 + len(found.value) + OVERHEAD for found in kept) == store.size <= 2_000


def test_what_was_promised_stays_where_it_is_full():
    """What was put makes room for it; another promise does not, and is refused."""
    store = Memory(Clock(), most_entries=2)
    for key in ("x:a", "x:b"):
        do(store.put(key, b"one", 10.0))
    assert do(store.claim("p:a", b"mine", 10.0)) is None
    assert do(store.append("p:b", [b"line"], 10.0)) == 1
    do(store.put("x:c", b"one", 10.0))
    with pytest.raises(StoreFailed, match="is full"):
        do(store.claim("p:c", b"mine", 10.0))
    assert do(store.get("x:a")) is do(store.get("x:c")) is None
    assert do(store.get("p:a")).value == b"mine"
    assert do(store.read("p:b")) == [b"line"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["put", "claim", "swap", "append", "add", "delete", "pass"]),
            st.sampled_from("abcdef"),
            st.integers(0, 700),
        ),
        max_size=80,
    )
)
def test_no_promise_is_lost_before_its_time_and_no_bound_is_passed(steps):
    """Whatever else is kept; what has no room is refused, and then all is as it was."""
    clock = Clock()
    store, promised = Memory(clock, most_bytes=3_000, most_entries=6), {}
    for step, name, size in steps:
        key, value = f"x:{name}", b"v" * size
        if step == "pass":
            clock.time += size / 100
        elif step == "put":
            do(store.put(key, value, 5.0))
            promised.pop(key, None)
        elif step == "delete":
            do(store.delete(key))
            promised.pop(key, None)
        elif step == "add":
            do(store.add(key, {"n" * size: 1}, 5.0))
        else:
            promise(store, step, key, value, promised, clock.time)
        promised = {key: kept for key, kept in promised.items() if kept[1] > clock.time}
        for key, (value, _) in promised.items():
            assert do(store.get(key)).value == value
        assert len(store) <= 6
        assert store.size <= 3_000


def promise(store, step, key, value, promised, now):
    """Ask for it; note it if it was given."""
    try:
        if step == "append":
            before = do(store.read(f"log-{key}"))
            assert do(store.append(f"log-{key}", [value], 5.0)) == len(before) + 1
            return
        if step == "swap":
            found = do(store.get(key))
            kept = do(store.swap(key, found.value if found else b"none", value, 5.0))
        else:
            kept = do(store.claim(key, value, 5.0)) is None
    except StoreFailed:
        if step == "append":
            assert do(store.read(f"log-{key}")) == before
        return
    if kept:
        promised[key] = (value, now + 5.0)
