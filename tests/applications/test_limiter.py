"""Limits per user as a dependency: who is who, what is told, and when a place is given back."""

import asyncio
import socket
import threading
import time
from typing import Annotated

import jwt
import pytest
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import StreamingResponse

from outlast.fastapi import Limiter, Permit, User, install
from outlast.model.messages import Usage

SECRET = "a secret of at least thirty-two bytes"
PATIENCE = 120.0


class Clock:
    """Stands still until it is moved."""

    def __init__(self):
        self.at = 1_000.0

    def __call__(self):
        return self.at


@pytest.fixture
def clock():
    return Clock()


def key(name):
    return {"authorization": f"Bearer {name}"}


def token(user, secret=SECRET, **claims):
    return key(jwt.encode({"sub": user, "exp": int(time.time()) + 600, **claims}, secret, algorithm="HS256"))


def limited(app, limiter, *, installed=True):
    """The application with one endpoint behind the limiter."""
    if installed:
        install(app)

    @app.get("/ask")
    async def ask(permit: Annotated[Permit, Depends(limiter)], tokens: float | None = None) -> str:
        permit.used(tokens)
        return permit.user

    return app


def test_a_user_over_the_limit_is_told_when_to_come_back(serve, app, clock):
    """429, Retry-After and the RateLimit headers; others go on; at that time it is right."""
    client = serve(limited(app, Limiter(rpm=6, now=clock))).client
    good = client.get("/ask", headers=key("ann"))
    assert good.status_code == 200
    assert good.headers["ratelimit"] == '"rpm";r=0;t=10'
    assert good.headers["ratelimit-policy"] == '"rpm";q=6;w=60'
    assert len(good.headers.get_list("ratelimit")) == 1
    bad = client.get("/ask", headers=key("ann"))
    assert (bad.status_code, bad.headers["retry-after"]) == (429, "10")
    assert bad.headers["ratelimit"] == '"rpm";r=0;t=10'
    assert (bad.json()["error"]["code"], bad.json()["error"]["retryable"]) == ("rate_limit_exceeded", True)
    assert client.get("/ask", headers=key("bob")).status_code == 200
    clock.at += 10
    assert client.get("/ask", headers=key("ann")).status_code == 200


def test_it_works_without_the_handlers(serve, app, clock):
    """FastAPI's own words, the same status and headers."""
    client = serve(limited(app, Limiter(rpm=6, now=clock), installed=False)).client
    assert client.get("/ask", headers=key("ann")).headers["ratelimit"] == '"rpm";r=0;t=10'
    bad = client.get("/ask", headers=key("ann"))
    assert (bad.status_code, bad.json()) == (429, {"detail": "the limit rpm is used up"})
    assert (bad.headers["retry-after"], bad.headers["ratelimit"]) == ("10", '"rpm";r=0;t=10')
    nobody = client.get("/ask")
    assert nobody.status_code == 401


def test_tokens_are_charged_before_and_put_right_after(serve, app, clock):
    """What was used counts, whether more or less; a number or a reply's usage."""
    limiter = Limiter(tpm=6_000, tokens=800, now=clock)  # a burst of 1,000
    client = serve(limited(app, limiter)).client
    assert client.get("/ask?tokens=100", headers=key("ann")).status_code == 200
    assert client.get("/ask?tokens=900", headers=key("ann")).status_code == 200  # 900 were left
    assert client.get("/ask", headers=key("ann")).headers["retry-after"] == "8"  # none are, and 800 are 8 s
    permit = Permit("ann", limiter._of("ann", clock.at), limiter._charge)
    permit.used(Usage(input=3, output=4))
    assert permit._used.tokens == 7.0


def test_what_flowed_off_long_ago_does_not_come_back(clock):
    """A long request used nothing of what is all there again; what the next one has taken stays taken."""
    limiter = Limiter(tpm=6_000, tokens=800, key=lambda _: "ann", now=clock)  # a burst of 1,000

    def ask():
        return limiter(Request({"type": "http", "headers": []}), Response())

    async def story():
        first, second = ask(), ask()
        permit = await anext(first)
        clock.at += 60
        await anext(second)
        permit.used(0)
        await first.aclose()
        with pytest.raises(HTTPException) as refused:
            await anext(ask())
        assert refused.value.status_code == 429
        await second.aclose()

    asyncio.run(story())


def test_a_user_is_whoever_the_token_names(serve, app, clock):
    """However many tokens; a bad one is the caller's fault, and a plain key is somebody else."""
    client = serve(limited(app, Limiter(rpm=6, key=User(jwt=SECRET), now=clock))).client
    first = client.get("/ask", headers=token("ann", jti="1"))
    assert (first.status_code, first.json()) == (200, "user ann")
    assert client.get("/ask", headers=token("ann", jti="2")).status_code == 429
    assert client.get("/ask", headers=token("bob")).json() == "user bob"
    for bad in (token("ann", SECRET[::-1]), token("ann", exp=1)):
        refused = client.get("/ask", headers=bad)
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert refused.json()["error"]["code"] == "invalid_api_key"
    assert client.get("/ask", headers={"x-api-key": "sk-plain"}).json().startswith("key ")


def test_keys_and_addresses_are_known_by_digest_alone(serve, app, clock):
    """Neither shows anywhere; who shows nothing is counted by address only where that is asked for."""
    limiter = Limiter(rpm=6, key=User(address=True), now=clock)
    client = serve(limited(app, limiter)).client
    by_key, by_address = client.get("/ask", headers=key("sk-very-secret")), client.get("/ask")
    assert (by_key.json()[:4], by_address.json()[:8]) == ("key ", "address ")
    assert "secret" not in str(limiter._kept)
    assert "127.0.0.1" not in str(limiter._kept)
    strict = FastAPI()
    assert serve(limited(strict, Limiter(rpm=6))).client.get("/ask").status_code == 401


def test_a_key_of_ones_own(serve, app, clock):
    """Any function of the request."""
    client = serve(limited(app, Limiter(rpm=6, key=lambda request: request.query_params["team"], now=clock))).client
    assert [client.get(f"/ask?team={team}").status_code for team in ("a", "a", "b")] == [200, 429, 200]


def test_users_are_bounded_in_number(clock):
    """Newcomers share one set of limits while all others are busy; who is at rest is forgotten."""
    limiter = Limiter(rpm=6, key=lambda request: request, users=100, now=clock)
    for number in range(100):
        limiter._of(f"user {number}", clock.at).take(limiter._charge, clock.at)
    crowd = {id(limiter._of(f"more {number}", clock.at)) for number in range(1_000)}
    assert len(crowd) == 1
    assert len(limiter._kept) == 101
    for number in range(100):
        limiter._of(f"user {number}", clock.at).settle(limiter._charge, limiter._charge, clock.at)
    clock.at += 60
    assert limiter._of("more 5", clock.at) is not limiter._of("others", clock.at)
    assert len(limiter._kept) <= 3


def test_a_limiter_that_limits_nothing_is_a_mistake():
    """And told as one."""
    with pytest.raises(ValueError, match="give one of them"):
        Limiter()
    with pytest.raises(ValueError, match=r"Limiter\(rpm=…\): Expected `float` > 0"):
        Limiter(rpm=0)


class Streams:
    """An application whose streams go on until they are let go."""

    def __init__(self, app, limiter):
        self.going = threading.Event()
        self.ended = threading.Event()
        self.limiter = limiter
        install(app)

        @app.get("/stream", dependencies=[Depends(limiter)])
        async def stream(request: Request) -> StreamingResponse:
            return StreamingResponse(self.words())

        @app.get("/fails", dependencies=[Depends(limiter)])
        async def fails() -> None:
            raise LookupError

    async def words(self):
        try:
            while not self.going.is_set():
                yield "word "
                await asyncio.sleep(0)
        finally:
            self.ended.set()

    def held(self):
        return sum(limits.under_way for limits in self.limiter._kept.values())

    def given_back(self):
        """Wait until nobody holds a place: machines give no event for that."""
        due = time.monotonic() + PATIENCE
        while self.held() and time.monotonic() < due:
            time.sleep(0)
        return not self.held()


@pytest.fixture
def streams(app):
    return Streams(app, Limiter(concurrent=1, key=User(address=True)))


def test_a_stream_holds_its_place_until_its_last_byte(serve, app, streams):
    """The next one is refused meanwhile, with the headers, and let in afterwards."""
    client = serve(app).client
    with client.stream("GET", "/stream") as first:
        words = first.iter_text()
        assert next(words).startswith("word ")
        refused = client.get("/stream")
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        streams.going.set()
        assert all(set(word.split()) == {"word"} for word in words)
    assert streams.given_back()
    assert client.get("/stream").status_code == 200
    assert streams.given_back()


def test_a_caller_who_leaves_gives_his_place_back(serve, app, streams):
    """In the middle of a stream that would go on for ever."""
    served = serve(app)
    with socket.create_connection(("127.0.0.1", served.port), PATIENCE) as caller:
        caller.sendall(b"GET /stream HTTP/1.1\r\nhost: x\r\n\r\n")
        assert b"200 OK" in caller.recv(65_536)
        assert streams.held() == 1
    assert streams.ended.wait(PATIENCE)
    assert streams.given_back()


def test_an_endpoint_that_fails_gives_its_place_back(serve, app, streams):
    """Whatever it fails with."""
    client = serve(app).client
    alone = {"connection": "close"}  # uvicorn drops the connection of an application that raised
    assert [client.get("/fails", headers=alone).status_code for _ in range(3)] == [500, 500, 500]
    assert streams.given_back()
