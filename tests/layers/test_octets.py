"""Bytes inside of JSON: all of them come back, and words can be read there."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from outlast.flow.octets import Octets, octets


@given(st.one_of(st.binary(), st.text().map(str.encode)))
def test_whatever_was_put_in_comes_out(raw):
    """Through JSON, words or not."""
    assert msgspec.json.decode(msgspec.json.encode(octets(raw)), type=Octets).raw == raw


def test_words_stay_words():
    """A person reads them in the store; only what is no text is in base64."""
    assert msgspec.json.encode(octets('{"grüß": "dich"}'.encode())) == '{"text":"{\\"grüß\\": \\"dich\\"}"}'.encode()
    assert msgspec.json.encode(octets(b"\xff\x00")) == b'{"base64":"/wA="}'
    assert msgspec.json.encode(octets(b"")) == b"{}"
