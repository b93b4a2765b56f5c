"""Secrets in what a provider says: found in every form in which they may stand there, and nothing else."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest

from outlast.layers.attempt.mask import BLACK, Mask, Masks
from outlast.model.messages import Batch, Chunk, Opening, ToolDelta
from outlast.model.target import Provider, Secret

KEY = 'sk-3f/9+Zq "tail"\\~é?'
"""With something in it that JSON, URLs and base64 each write otherwise."""


def mask(key=KEY, **more):
    """The mask of a provider with that key."""
    return Mask(Provider("alpha", "openai", "http://127.0.0.1:1", Secret(key), **more))


FORMS = {
    "as it is": KEY.encode(),
    "in JSON": json.dumps(KEY, ensure_ascii=False).encode()[1:-1],
    "in a URL": quote(KEY, safe="").encode(),
    "in a form": quote_plus(KEY).encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_key_is_blacked_out(form):
    """And what stands around it stays."""
    said = b'{"echo":"' + FORMS[form] + b'","n":1}'
    assert mask().raw(said) == b'{"echo":"' + BLACK.encode() + b'","n":1}'


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("before", [b"", b"A", b"Be", b"Bea", b"Bear"])
def test_in_base64_nothing_is_left_of_it_wherever_it_begins(encode, before):
    """Of the characters that are made of it alone; those on its borders are half of something else."""
    for key in (KEY, "0123456789ab", "\u00ff\u00ff\u00ff\u00ff\u00ff\u00ff>>>???", "x" * 40):
        raw = key.encode()
        said = encode(before + raw + b" and more")
        begins, ends = len(before) * 8, (len(before) + len(raw)) * 8
        own = ends // 6 - -(-begins // 6)
        left = mask(key).raw(said).replace(BLACK.encode(), b"")
        assert len(said) - len(left) == own, (key, before)


def test_what_is_shorter_than_twelve_characters_is_a_word_and_no_secret():
    """Answers may hold it."""
    assert mask("elevenchars").raw(b"say elevenchars") == b"say elevenchars"
    assert mask("twelve-chars").raw(b"say twelve-chars") == b"say [redacted]"
    assert [mask(key).secrets for key in ("", "elevenchars", "twelve-chars")] == [False, False, True]


@pytest.mark.parametrize("name", ["Authorization", "x-api-key", "X-Token", "client-secret", "Proxy-Password", "cookie"])
def test_headers_that_sound_like_it_are_secrets(name):
    """With their scheme and without it, and the longer one first."""
    hides = mask("", headers={name: "Bearer abcdefghijklmnop"})
    assert hides.raw(b"Bearer abcdefghijklmnop, abcdefghijklmnop") == b"[redacted], [redacted]"


def test_other_headers_are_none():
    """They tell of a team, or of a beta feature."""
    said = b"team the-team-of-the-north"
    assert mask("", headers={"x-team": "the-team-of-the-north"}).raw(said) == said


def test_a_proxys_password_is_a_secret_as_written_and_as_meant():
    """It stands in the address in the one form, and is sent in the other."""
    hides = mask("", proxy="http://user:p%40ssword%2flong@127.0.0.1:1")
    assert hides.raw(b"p%40ssword%2flong p@ssword/long") == b"[redacted] [redacted]"
    assert not mask("", proxy="http://127.0.0.1:1").secrets


def test_a_stream_is_searched_in_all_that_a_caller_may_see():
    """Its bytes, words, thoughts, refusals, arguments of tools, and what it says of itself."""
    text = f"it is {KEY}."
    batch = Batch(text.encode(), [Chunk(text=text), Chunk(reasoning=text), Chunk(refusal=text)])
    batch.chunks += [Chunk(tool=ToolDelta(0, "id", "name", text)), Chunk(finish="stop")]
    mask().batch(batch)
    assert batch.raw == b"it is [redacted]."
    said = [(chunk.text, chunk.reasoning, chunk.refusal) for chunk in batch.chunks[:3]]
    black = "it is [redacted]."
    assert said == [(black, "", ""), ("", black, ""), ("", "", black)]
    assert batch.chunks[3].tool == ToolDelta(0, "id", "name", black)
    assert batch.chunks[4].finish == "stop"
    opening = mask().opening(Opening(id=text, model=text, created=7))
    assert (opening.id, opening.model, opening.created) == (black, black, 7)


def test_a_mask_is_made_once():
    """For each provider."""
    masks = Masks()
    alpha, beta = (Provider(name, "openai", "http://127.0.0.1:1", Secret(KEY)) for name in ("alpha", "beta"))
    assert masks.of(alpha) is masks.of(alpha)
    assert masks.of(alpha) is not masks.of(beta)
