"""What is passed on unread: the model is found where it is named, and nothing else is touched."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.dialects.forward import NAMELESS, Renamed, name_in, outgoing, unread
from outlast.model.errors import Caller
from outlast.model.forwarding import Forward
from outlast.model.messages import Request
from outlast.model.target import Provider, Quirks, Target

MARK = b"mark"
FORM = b"multipart/form-data; boundary=mark"
JSON = b"application/json"
WORD = st.text(st.characters(codec="ascii", min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
DATA = st.binary(max_size=300).filter(lambda data: b"--mark" not in data)


def target(model="m", *, dialect="openai", **quirks):
    """A target of that model."""
    return Target(f"p/{model}", Provider("p", dialect, "http://p/v1", quirks=Quirks(**quirks)), model)


def part(name, data, more=b""):
    """One part of a form."""
    return b'--mark\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n' % (name, more, data)


def asked(body=b"", *, kind=JSON, method="POST", path="/v1/files", query="", dialect="openai", headers=()):
    """A request as the gateway makes it."""
    name = name_in(kind, body, query)
    lines = (b"content-type: " + kind, *headers) if kind else headers
    forward = Forward(method, path, query, lines, name.named, name.span)
    return Request(operation="raw", model=name.model, dialect=dialect, body=body, forward=forward, read=unread)


def sent(request, to):
    """What goes out to that target."""
    return outgoing(request, request.forward, to)


@given(model=WORD, fields=st.dictionaries(WORD.filter(lambda name: name != "model"), st.integers() | st.text()))
def test_a_model_in_json_is_found_and_replaced_and_all_else_is_as_it_was(model, fields):
    body = json.dumps({**fields, "model": model}).encode()
    request = asked(body)
    assert (request.model, request.forward.named) == (model, "json")
    out = sent(request, target("other"))
    assert set(fields) - set(json.loads(out.body)) == set(out.dropped)
    assert json.loads(out.body) == {name: value for name, value in fields.items() if name not in out.dropped} | {
        "model": "other"
    }


@given(model=WORD, before=DATA, after=DATA, first=st.booleans())
def test_a_model_in_a_form_is_found_and_replaced_and_all_else_is_as_it_was(model, before, after, first):
    parts = [part(b"model", model.encode()), part(b"file", before, b'; filename="a"')]
    body = b"".join(parts if first else reversed(parts)) + part(b"more", after) + b"--mark--\r\n"
    request = asked(body, kind=FORM)
    assert (request.model, request.forward.named) == (model, "part")
    other = (
        b"".join([part(b"model", b"other"), parts[1]] if first else [parts[1], part(b"model", b"other")])
        + part(b"more", after)
        + b"--mark--\r\n"
    )
    assert sent(request, target("other")).body == other
    assert sent(request, target(model)).body == body


@given(
    st.binary(max_size=400), st.sampled_from([FORM, b"multipart/form-data", b'multipart/form-data; boundary="mark"'])
)
def test_no_form_is_too_strange(data, kind):
    """Whatever it is, it has a name or none; and nothing raises."""
    for body in (
        data,
        b"--mark" + data,
        b"--mark\r\n" + data,
        b'--mark\r\ncontent-disposition: form-data; name="model"' + data,
    ):
        name = name_in(kind, body, "")
        start, end = name.span
        assert name == NAMELESS or body[start:end].decode("utf-8", "replace") == name.model


@pytest.mark.parametrize(
    "head",
    [
        b'Content-Disposition: form-data; name="models"',
        b'Content-Disposition: form-data; name="file"; filename="name=model"',
        b'Content-Disposition: form-data; name="file"; filename="a; name=model"',
        b'Content-Disposition: form-data; name="file"; filename="a;name=model;"',
        b'Content-Disposition: attachment; name="model"',
        b'X: name="model"',
    ],
)
def test_only_the_part_of_that_name_names_it(head):
    body = b"--mark\r\n" + head + b"\r\n\r\nx\r\n--mark--\r\n"
    assert name_in(FORM, body, "") == NAMELESS


@pytest.mark.parametrize("body", [b"[1]", b'"a"', b"", b"{}", b'{"model": 1}', b'{"model": ""}', b'{"model": null}'])
def test_json_without_a_model_names_none(body):
    assert name_in(JSON, body, "") == NAMELESS
    assert name_in(JSON, body, "model=q").model == "q"


def test_what_looks_like_json_and_is_none_is_refused():
    with pytest.raises(Caller):
        name_in(JSON, b'{"model": ', "")
    assert name_in(b"text/plain", b'{"model": ', "") == NAMELESS


def test_a_model_in_the_query_is_replaced_there():
    out = sent(asked(kind=b"", method="GET", query="a=1&model=default&b="), target("x/y z"))
    assert out.path == b"/files?a=1&model=x%2Fy+z&b="


def test_paths_stand_below_the_base_url():
    assert sent(asked(), target()).path == b"/files"
    assert sent(asked(dialect="anthropic"), target(dialect="anthropic")).path == b"/v1/files"
    assert sent(asked(path="/v10/files"), target()).path == b"/v10/files"
    there = target("m", query="api-version=1")
    assert sent(asked(query="a=1"), there).path == b"/files?api-version=1&a=1"
    placed = target("a b", path_chat="/deployments/{model}/chat/completions")
    assert sent(asked(path="/v1/images/edits"), placed).path == b"/deployments/a%20b/images/edits"


def test_the_version_is_the_callers_or_the_providers():
    there = target(dialect="anthropic", version="2023-06-01")
    own = asked(dialect="anthropic", headers=(b"anthropic-version: 2026-10-21",))
    assert b"anthropic-version: 2023-06-01" in sent(asked(dialect="anthropic"), there).headers
    assert [line for line in sent(own, there).headers if line.startswith(b"anthropic")] == [
        b"anthropic-version: 2026-10-21"
    ]


def test_nothing_else_can_be_asked_of_it():
    """No layer may look into what nobody has read."""
    with pytest.raises(TypeError):
        asked().content()


class Fed:
    """A feed of which so much has been read."""

    gone = False

    def __init__(self, length, *pieces):
        self.length = length
        self.pieces = list(pieces)

    def begin(self):
        return self.pieces.pop(0)

    async def read(self):
        return self.pieces.pop(0) if self.pieces else b""


@pytest.mark.parametrize("length", [None, 100])
def test_a_feed_names_another_model_and_tells_its_true_length(length):
    body = part(b"model", b"default")
    span = name_in(FORM, body + b"--mark", "").span
    fed = Renamed(Fed(length, body, b"rest"), span, b"m")
    assert fed.begin() == part(b"model", b"m")
    assert asyncio.run(fed.read()) == b"rest"
    assert asyncio.run(fed.read()) == b""
    assert (fed.length, fed.gone) == (None if length is None else 94, False)
