"""What is told of Redis' errors and settings, and how its keys are named."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import exceptions

from outlast.ports import StoreFailed
from outlast.store.redis.advice import advice
from outlast.store.redis.failures import failed
from outlast.store.redis.names import Names
from outlast.store.redis.remedies import refuses_names, remedy

SECRET = "secret-of-a-caller"
ERRORS = {
    exceptions.BusyLoadingError(SECRET): "it is loading its data, and will answer when it has",
    exceptions.AuthenticationError(SECRET): "it wants another user or password: set them in the store's URL",
    exceptions.NoPermissionError(SECRET): "its user may not do this: see docs/stores for what it must be allowed",
    exceptions.ReadOnlyError(SECRET): "it is a replica that only reads: name the primary in the store's URL",
    exceptions.OutOfMemoryError(SECRET): "its memory is full: raise maxmemory",
    exceptions.MovedError("1 there:7000"): "it is one node of a cluster: name a proxy that serves all of it",
    exceptions.TimeoutError(SECRET): "it does not answer",
    exceptions.ConnectionError(SECRET): "it cannot be reached, or has hung up",
    ConnectionResetError(SECRET): "it cannot be reached, or has hung up",
    exceptions.ResponseError(f"BUSY {SECRET}"): "a script there runs on and on: see SCRIPT KILL",
    exceptions.ResponseError(f"WRONGTYPE {SECRET}"): "something that is not ours is kept under our key",
    exceptions.ResponseError(f"MISCONF {SECRET}"): "it cannot write to its disk, and takes nothing until it can",
    exceptions.ResponseError(f"NOREPLICAS {SECRET}"): "it has too few replicas to take anything",
    exceptions.ResponseError(f"MASTERDOWN {SECRET}"): "it is a replica that has lost its primary",
    exceptions.ResponseError(f"ERR unknown command '{SECRET}'"): "it refused the command",
    exceptions.InvalidResponse(SECRET): "its answer makes no sense",
    asyncio.CancelledError(): "CancelledError",
    ValueError(SECRET): "ValueError",
}


@pytest.mark.parametrize(("error", "words"), ERRORS.items(), ids=lambda of: str(of)[:40])
def test_an_error_is_told_with_what_mends_it_and_without_what_was_asked(error, words):
    """Redis repeats the command in some of them, and that holds keys and names."""
    told = failed(error)
    assert isinstance(told, StoreFailed)
    assert str(told) == f"redis: {words}"


@pytest.mark.parametrize(
    ("error", "scripted", "found"),
    [
        (exceptions.NoScriptError("No matching script"), True, "whole"),
        (exceptions.ResponseError("unknown command 'EVALSHA', with args"), True, "whole"),
        (exceptions.ResponseError("handle request, command 'evalsha' is not allowed"), True, "whole"),
        (exceptions.ResponseError("unknown command 'SCAN'"), False, None),
        (exceptions.ReadOnlyError("You can't write"), True, "reconnect"),
        (exceptions.ResponseError("Error running script: READONLY You can't write"), True, "reconnect"),
        (exceptions.ResponseError("WRONGTYPE Operation against a key"), False, "aside"),
        (exceptions.ResponseError("user_script:1: WRONGTYPE Operation"), True, "aside"),
        (exceptions.OutOfMemoryError("command not allowed"), True, None),
    ],
)
def test_what_can_be_done_about_it(error, scripted, found):
    """Whether Redis says it itself, or a script does."""
    assert remedy(error, scripted=scripted) == found
    assert refuses_names(error) is ("evalsha" in str(error).lower())


@pytest.mark.parametrize(
    ("info", "told"),
    [
        ("redis_version:7.0.15\r\nmaxmemory_policy:noeviction\r\n", []),
        ("redis_version:8.2.0\r\n", []),
        ("redis_version:6.2.14\r\nmaxmemory_policy:noeviction\r\n", ["Redis there is 6.2.14"]),
        ("maxmemory_policy:allkeys-lfu", ["Redis there may forget what it is to keep (maxmemory-policy allkeys-lfu)"]),
        ("redis_version:unknown", []),
        ("", []),
    ],
)
def test_what_is_not_set_up_well_is_told(info, told):
    """With what mends it."""
    said = advice(info)
    assert len(said) == len(told)
    assert all(line.startswith(start) for line, start in zip(said, told, strict=True))


KEYS = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=40)


@given(KEYS, KEYS)
def test_keys_have_names_of_their_own_from_which_they_can_be_told(one, other):
    """Whatever signs they hold; and what is kept under one lies in one slot."""
    names = Names("outlast")
    for kind in "bls":
        assert names.key_of(names.of(kind, one)) == one
        assert (names.of(kind, one) == names.of(kind, other)) is (one == other)
    tags = {tag(names.of(kind, one)) for kind in "bls"} | {tag(names.limit(one, limit)) for limit in ("rpm", "a}b{c")}
    assert len(tags) == 1


def tag(name):
    """What decides on the slot, as Redis finds it: between the first brace and the next one that closes."""
    start = name.index("{")
    inner = name[start + 1 : name.index("}", start)]
    return inner or name
