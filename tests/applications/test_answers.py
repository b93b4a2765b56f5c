"""Failures of `outlast` in a FastAPI application: the right status, headers and body, and no blame for the innocent."""

import subprocess
import sys

import anthropic
import openai
import pytest
from fastapi import FastAPI

from outlast import Exhausted, Retry, guard
from outlast.fastapi import handlers, install
from outlast.model import errors as failures
from outlast.model.errors import Failure, Rejected, Transient


def failing(app, error, **options):
    """The application, with an endpoint that fails so."""
    install(app, **options)

    @app.api_route("/fails", methods=["GET", "POST"])
    @app.post("/v1/chat/completions")
    @app.post("/v1/messages")
    async def fails():
        raise error

    return app


WORDS = {
    "connect": (failures.Connect("no connection"), 503),
    "transient": (failures.Transient("try again"), 503),
    "bad_response": (failures.BadResponse("no answer"), 502),
    "timeout": (failures.TimedOut("too slow"), 504),
    "throttled": (failures.Throttled("too fast"), 429),
    "quota": (failures.Quota("no money"), 503),
    "credential": (failures.Credential("our key"), 502),
    "permission": (failures.Permission("not there"), 403),
    "missing": (failures.Missing("no such model"), 404),
    "unsupported": (failures.Unsupported("not that"), 503),
    "conflict": (failures.Conflict("twice"), 409),
    "caller": (failures.Caller("wrong"), 400),
    "context_length": (failures.ContextLength("too long"), 413),
    "content_filter": (failures.ContentFilter("no"), 422),
    "legal": (failures.Legal("not here"), 422),
    "invalid_output": (failures.InvalidOutput("no JSON"), 502),
    "broken_stream": (failures.BrokenStream("cut"), 502),
    "rejected": (failures.Rejected("full", gate="queue"), 503),
    "internal": (failures.Internal("ours"), 500),
}


@pytest.mark.parametrize("kind", WORDS)
def test_every_class_has_its_status_and_the_native_body(serve, app, kind):
    """The seven fields, JSON, and the id of the request in head and body."""
    error, status = WORDS[kind]
    answer = serve(failing(app, error)).client.get("/fails", headers={"x-request-id": "mine-1"})
    told = answer.json()["error"]
    assert (answer.status_code, told["type"], told["message"]) == (status, kind, error.message)
    assert set(told) == {"type", "message", "code", "retryable", "retry_after", "request_id", "attempts"}
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"] == told["request_id"] == "mine-1"
    assert ("x-should-retry" in answer.headers) == (not error.retryable)


def test_every_class_is_in_the_table():
    """A new class needs a row."""
    assert {kind.kind for kind in Failure.__subclasses__() if kind.__module__ == failures.__name__} == (
        set(WORDS) | {"cancelled"}
    )


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        *[(None, None), (0.0, None), (-1.0, None), (float("nan"), None), (float("inf"), None)],
        *[(0.4, "1"), (1.0, "1"), (1.2, "2"), (86_400.0, "86400")],
    ],
)
def test_retry_after_is_true_or_absent(serve, app, seconds, says):
    """Rounded up, never "0", never None; a day comes with the advice not to sleep it out."""
    answer = serve(failing(app, Rejected("full", gate="queue", retry_after=seconds))).client.get("/fails")
    assert (answer.status_code, answer.headers.get("retry-after")) == (503, says)
    assert answer.json()["error"]["retry_after"] == (seconds if says else None)
    assert answer.headers.get("x-should-retry") == ("false" if says in {None, "86400"} else None)


def test_what_a_guard_has_exhausted_is_told_as_its_last_error(serve, app):
    """With the number of attempts; an error that is nobody's class is a 503 of its own."""
    search = guard(Retry(attempts=2, base=0.001), name="search")
    install(app)

    @app.get("/known")
    @search
    async def known():
        raise Transient("the index is busy", retry_after=0.001)

    @app.get("/unknown")
    @search
    async def unknown():
        raise ConnectionResetError("secret words")

    client = serve(app).client
    told = client.get("/known").json()["error"]
    assert (told["type"], told["message"], told["attempts"]) == ("transient", "the index is busy", 2)
    answer = client.get("/unknown")
    assert (answer.status_code, answer.json()["error"]["type"]) == (503, "exhausted")
    assert "secret" not in answer.text


def test_the_vendors_sdks_understand_it(serve):
    """Their own exceptions, with status and code; our key that was refused is not theirs."""
    app = failing(FastAPI(), failures.ContextLength("900 tokens"), errors="openai")
    with openai.OpenAI(base_url=f"{serve(app).url}/v1", api_key="any", max_retries=0) as client:
        with pytest.raises(openai.BadRequestError) as caught:
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
        assert caught.value.code == "context_length_exceeded"
    app = failing(FastAPI(), failures.Credential("our key"), errors="anthropic")
    with anthropic.Anthropic(base_url=serve(app).url, api_key="any", max_retries=0) as client:
        with pytest.raises(anthropic.InternalServerError) as caught:
            client.messages.create(model="m", max_tokens=5, messages=[{"role": "user", "content": "hi"}])
        assert caught.value.status_code == 502
        assert caught.value.request_id


@pytest.mark.parametrize("errors", ["openai", "anthropic"])
def test_exhausted_in_the_vendors_words_is_a_busy_server(serve, app, errors):
    """Not an internal error: they know no such word."""
    exhausted = Exhausted("search", ConnectionResetError(), (), "no attempts are left")
    answer = serve(failing(app, exhausted, errors=errors)).client.get("/fails")
    assert answer.status_code == {"openai": 503, "anthropic": 529}[errors]


def test_handlers_alone_are_enough(serve):
    """Without the middleware: an id is made up."""
    app = FastAPI(exception_handlers=handlers())

    @app.get("/fails")
    async def fails():
        raise Transient("try again")

    assert serve(app).client.get("/fails").json()["error"]["request_id"].startswith("req_")
    with pytest.raises(ValueError, match=r"errors must be one of anthropic, .*, openai, responses, not 'azure'"):
        handlers("azure")


def test_other_exceptions_are_left_alone(serve, app):
    """A fault of the application is not ours to tell."""
    assert serve(failing(app, KeyError("secret words"))).client.get("/fails").text == "Internal Server Error"


def test_outlast_itself_imports_no_fastapi():
    """Nor Starlette, nor pydantic, whatever name is used."""
    code = (
        "import sys, outlast; [getattr(outlast, name) for name in outlast.__all__ if name.lower() != 'transport'];"
        "print(sorted({'fastapi', 'starlette', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]"
