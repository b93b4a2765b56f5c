"""How signed tokens of callers are to be verified."""

import pytest

from outlast.config import ConfigError, parse
from outlast.model.caller import PRIORITIES

WRONG = {
    "neither": ("[jwt]", "give one of key and key_file"),
    "both": ('[jwt]\nkey = "a"\nkey_file = "b"', "give one of key and key_file"),
    "mixed": ('[jwt]\nkey = "a"\nalgorithms = ["HS256", "RS256"]', "must not be mixed"),
    "public key inline": ('[jwt]\nkey = "a"', "need key_file"),
    "unknown": ('[jwt]\nkey = "a"\nalgorithms = ["none"]', "algorithms"),
    "no file": ('[jwt]\nkey_file = "nowhere.pem"', "nowhere.pem"),
}


@pytest.mark.parametrize("name", WRONG)
def test_rules_that_cannot_hold_are_refused(name):
    """One line says what to mend."""
    text, told = WRONG[name]
    with pytest.raises(ConfigError, match=told):
        parse(text, {})


def test_the_rules_are_resolved_and_the_secret_does_not_show():
    """What the gateway is given."""
    text = '[jwt]\nkey = "${S}"\nalgorithms = ["HS256"]\naudience = "us"\npriority = "high"'
    rules = parse(text, {"S": "a-very-secret-word"}).tokens
    assert rules is not None
    assert (rules.algorithms, rules.audience, rules.issuer) == (("HS256",), "us", None)
    assert rules.priority == PRIORITIES.index("high")
    assert rules.key.reveal() == "a-very-secret-word"
    assert "secret-word" not in repr(rules)


def test_tokens_are_not_taken_where_nobody_asked_for_them():
    """Without the table, or with it switched off."""
    assert parse("", {}).tokens is None
    assert parse("[jwt]\nenabled = false", {}).tokens is None
