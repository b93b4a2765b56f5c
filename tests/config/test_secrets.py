"""No secret is in a repr, a report or an error, whatever else is wrong."""

import traceback

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.check import report
from outlast.config import ConfigError, parse

SECRET = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", min_size=12, max_size=40).map(
    lambda text: f"sk-{text}"
)

PLACES = [
    '[providers.openai]\nkey = "{0}"',
    '[providers.openai]\nkey = "${{KEY}}"',
    "[providers.openai]",
    '[providers.openai]\nkey = "k"\nheaders = {{ Authorization = "Bearer {0}" }}',
    '[providers.openai]\nkey = "k"\nproxy = "http://user:{0}@proxy:3128"',
    '[keys.app]\nkey = "{0}"',
    '[keys.app]\nkey = "${{KEY}}"',
    'store = "redis://user:{0}@cache:6379/0"',
    'store = "rediss://:${{KEY}}@cache"',
]

FAULTS = [
    "",
    "\n[nonsense]",
    "\n[retry]\nbase = 'x'",
    "\n[routes.a]\ntargets = ['nobody/x']",
    "\n[routes.a]\ntargets = []",
    "\nkee = 1",
    "\nkey_file = 'none'",
    "\n[[[",
]

WRONG = [
    '[providers.openai]\nkey = "{0} "\nkee = 1',
    '[providers.openai]\nkey = "{0} {0}"',
    '[providers.openai]\nkey = ["{0}"]',
    '[providers.openai]\nkey = "k"\nbase_url = "https://user:{0}@api.openai.com"',
    '[providers.openai]\nkey = "k"\nbase_url = "https://api.openai.com/?key={0}"',
    '[providers.openai]\nkey = "k"\nbase_url = "{0}"',
    '[providers.openai]\nkey = "k"\nproxy = "ftp://user:{0}@h:1"',
    '[providers.openai]\nkey = "k"\nheaders = {{ "X-Key" = "{0}\\n" }}',
    '[providers.openai]\nkey = "k"\nheaders = "{0}"',
    '[keys.app]\nsha256 = "{0}"',
    'store = "{0}"',
    'store = "redes://user:{0}@cache"',
    'store = "redis://user:{0}@cache:x"',
    'store = "redis://user:{0}@ca che"',
    'store = ["redis://user:{0}@cache"]',
    '[server]\nport = "${{KEY}}"',
    '[server]\nerrors = "${{KEY}}"',
    '[providers.openai]\nkey = "k"\nauth = "${{KEY}}"',
]


@given(secret=SECRET, place=st.sampled_from(PLACES), fault=st.sampled_from(FAULTS))
def test_no_secret_shows_in_what_a_configuration_says_of_itself(secret, place, fault):
    """Neither when it is good nor when something beside the secret is wrong."""
    try:
        config = parse(place.format(secret) + fault, {"KEY": secret, "OPENAI_API_KEY": secret})
    except ConfigError as error:
        said = "".join(traceback.format_exception(error)) + repr(error)
    else:
        target = config.routes.models()
        said = repr(config) + report(config) + repr(target) + repr(list(config.routes)) + repr(config.keys)
    assert secret not in said


@given(secret=SECRET, wrong=st.sampled_from(WRONG))
def test_no_secret_shows_in_an_error_about_itself(secret, wrong):
    """The path and the mend are enough."""
    with pytest.raises(ConfigError) as caught:
        parse(wrong.format(secret), {"KEY": secret})
    assert secret not in "".join(traceback.format_exception(caught.value))
    assert "\n" not in str(caught.value)


def test_a_proxy_is_used_whole_and_shown_without_its_password():
    """The connection needs what a log must not have."""
    provider = parse('[providers.openai]\nkey="k"\nproxy="http://me:pw@h:1"', {}).providers["openai"]
    assert provider.proxy == "http://me:pw@h:1"
    assert "h:1" in repr(provider)
    assert "pw" not in repr(provider)


def test_a_value_that_looks_like_a_key_is_not_repeated():
    """Keys are pasted into wrong places."""
    with pytest.raises(ConfigError) as caught:
        parse('[retry]\nbase = "sk-proj-4f8a9c2b7d1e6f3a"', {})
    assert str(caught.value) == "outlast.toml:2: retry.base: expected a number"


def test_a_configuration_cannot_be_written_out_with_its_secrets():
    """Serializing by accident fails instead of leaking."""
    provider = parse('[providers.openai]\nkey="k"', {}).providers["openai"]
    with pytest.raises(TypeError):
        msgspec.json.encode(provider)
