"""What cannot be sent to a provider is told when everything is built, not when the first caller comes."""

import pytest

from outlast.build import Outlast
from outlast.config import ConfigError, parse
from outlast.edge.tls import context_for

ACCOUNT = '[providers.alpha]\ntype = "openai-compatible"\nkey = "sk-alpha-0123456789"\nbase_url = "{}"\n{}'
ROUTE = '\n[routes.default]\ntargets = ["alpha/m"]\n'


def built(base_url, more=""):
    return Outlast(parse(ACCOUNT.format(base_url, more) + ROUTE, {}))


def test_a_file_of_certificates_that_is_none_is_told(tmp_path):
    """The provider and the file are named."""
    broken = tmp_path / "ca.pem"
    broken.write_text("no certificate")
    with pytest.raises(ConfigError, match=r"providers\.alpha: ca_file .*ca\.pem' cannot be loaded"):
        built("https://api.example.com/v1", f'ca_file = "{broken}"')


def test_a_header_that_only_the_connection_may_write_is_told():
    """The provider and the header are named, and never its value."""
    with pytest.raises(ConfigError, match=r"providers\.alpha: header 'content-length'") as caught:
        built("http://127.0.0.1:1/v1", 'headers = { content-length = "12345" }')
    assert "12345" not in str(caught.value)


def test_trusted_certificates_are_read_before_the_first_call():
    """Reading them takes tens of milliseconds, which would hold up every other call."""
    context_for.cache_clear()
    built("https://api.example.com/v1")
    assert context_for.cache_info().misses == 1
    context_for("")
    assert context_for.cache_info().misses == 1
