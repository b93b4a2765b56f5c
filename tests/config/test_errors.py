"""Every wrong file gets one line that says where it is wrong and how to mend it."""

import pytest

from outlast.config import ConfigError, load, parse

OPENAI = '[providers.openai]\nkey = "k"\n'

WRONG = {
    "unknown table": ("[provider.openai]", ':1: provider: unknown name "provider"; did you mean "providers"?'),
    "unknown field": (OPENAI + 'kee = "x"', ':3: providers.openai.kee: unknown name "kee"; did you mean "key"?'),
    "nothing close": (
        "[users]\nxyz = 1",
        ':2: users.xyz: unknown name "xyz"; there is concurrent, rpm, tpm, usd_per_day, without_store',
    ),
    "unknown provider": (
        "[providers.opnai]",
        ':1: providers.opnai: no provider "opnai" in the catalog; did you mean "openai"?',
    ),
    "unknown kind": (
        '[providers.x]\ntype = "bedrock"',
        (
            ':2: providers.x.type: no provider "bedrock" in the catalog; '
            'for a server of another kind say type = "openai-compatible" and base_url'
        ),
    ),
    "target of nobody": (
        OPENAI + '[routes.a]\ntargets = ["openai/gpt-6-luna", "opena/x"]',
        ':4: routes.a.targets[1]: no provider "opena"; did you mean "openai"?',
    ),
    "target without provider": (
        OPENAI + '[routes.a]\ntargets = ["gpt-6-luna"]',
        ':4: routes.a.targets[0]: "gpt-6-luna" is no target; write "provider/model"',
    ),
    "target twice": (
        OPENAI + '[routes.a]\ntargets = ["openai/x", "openai/x"]',
        ':4: routes.a.targets[1]: "openai/x" is listed twice',
    ),
    "no target": (
        OPENAI + "[routes.a]\ntargets = []",
        ":3: routes.a: no target is left; list one that is enabled, or set enabled = false here",
    ),
    "targets missing": (OPENAI + "[routes.a]", ':3: routes.a: "targets" is missing'),
    "weight of nobody": (
        OPENAI + '[routes.a]\ntargets = ["openai/x"]\nweights = {"openai/y" = 1}',
        ':5: routes.a.weights: "openai/y" is no target of this route; did you mean "openai/x"?',
    ),
    "no weight": (
        OPENAI + '[routes.a]\ntargets = ["openai/x"]\norder = "weighted"\nweights = {"openai/x" = 0}',
        ":3: routes.a: every weight is 0; give at least one target a share",
    ),
    "choice": (
        OPENAI + '[routes.a]\ntargets = ["openai/x"]\norder = "latncy"',
        (
            ':5: routes.a.order: expected one of "priority", "latency", "cost", "weighted", not "latncy"; '
            'did you mean "latency"?'
        ),
    ),
    "dialect beside another": (
        OPENAI + 'quirks = {also = ["responses", "antropic"]}',
        (
            ':3: providers.openai.quirks.also[1]: expected one of "openai", "responses", "anthropic", "cohere", '
            '"gemini", "ollama", not "antropic"; did you mean "anthropic"?'
        ),
    ),
    "dialect that no provider speaks": (
        OPENAI + 'quirks = {also = ["native"]}',
        (
            ':3: providers.openai.quirks.also[0]: expected one of "openai", "responses", "anthropic", "cohere", '
            '"gemini", "ollama", not "native"'
        ),
    ),
    "thoughts": (
        OPENAI + 'quirks = {thoughts = "refusd"}',
        (
            ':3: providers.openai.quirks.thoughts: expected one of "refused", "with_calls", not "refusd"; '
            'did you mean "refused"?'
        ),
    ),
    "vocabulary": (
        OPENAI + 'models = {x = {vocabulary = "o200"}}',
        (
            ':3: providers.openai.models.x.vocabulary: expected one of "o200k", "cl100k", "claude", "claude-4.7", '
            '"llama3", "gemma", "qwen", "deepseek", "tekken", not "o200"; did you mean "o200k"?'
        ),
    ),
    "content filter": (
        OPENAI + '[routes.a]\ntargets = ["openai/x"]\non_content_filter = "nex"',
        ':5: routes.a.on_content_filter: expected one of "error", "next", not "nex"; did you mean "next"?',
    ),
    "invalid output": (
        OPENAI + '[routes.a]\ntargets = ["openai/x"]\non_invalid = "nex"',
        ':5: routes.a.on_invalid: expected one of "error", "next", not "nex"; did you mean "next"?',
    ),
    "fit": (
        OPENAI + '[routes.a]\ntargets = ["openai/x"]\nfit = "drop_odest"',
        (
            ':5: routes.a.fit: expected one of "error", "drop_oldest", "middle_out", not "drop_odest"; '
            'did you mean "drop_oldest"?'
        ),
    ),
    "rung": (
        OPENAI + '[routes.a]\ntargets = ["openai/x"]\ndegrade = ["stael"]',
        ':5: routes.a.degrade[0]: expected "stale", "weaker", "simplify" or {static = "the words"}, not "stael"',
    ),
    "share": (
        '[cache]\nshare = "key "',
        ':2: cache.share: expected one of "caller", "key", "everybody", not "key "; did you mean "key"?',
    ),
    "text for a number": ('[retry]\nbase = "x"', ':2: retry.base: expected a number, not "x"'),
    "number for a text": ("[server]\nhost = 5", ":2: server.host: expected a text, not 5"),
    "fraction": ("[retry]\ntotal = 1.5", ":2: retry.total: expected a whole number, not 1.5"),
    "truth": ("[retry]\nenabled = 1", ":2: retry.enabled: expected true or false, not 1"),
    "negative": ("[breaker]\nfailures = -1", ":2: breaker.failures: expected a whole number, 1 or more, not -1"),
    "endless": ("[timers]\nstall = inf", ":2: timers.stall: expected a finite number, 0 or more, not Infinity"),
    "port": ("[server]\nport = 99999", ":2: server.port: expected a port from 0 to 65535, not 99999"),
    "no table": ("server = 1", ":1: server: expected a table, not 1"),
    "no array": (OPENAI + '[routes.a]\ntargets = "x"', ':4: routes.a.targets: expected an array, not "x"'),
    "no key": (
        "[providers.openai]",
        ':1: providers.openai: no key; set OPENAI_API_KEY, or give key, key_file or auth = "none"',
    ),
    "two keys": (
        OPENAI + 'key_file = "x"',
        ":1: providers.openai: key and key_file are both given; one is enough",
    ),
    "key with a blank": (
        '[providers.openai]\nkey = "a b"',
        ":1: providers.openai: the key holds a blank or a sign that no key has",
    ),
    "no variable": (
        '[providers.openai]\nkey = "${NOPE}"',
        ':2: providers.openai.key: environment variable NOPE is not set; set it, or write "${NOPE:-default}"',
    ),
    "no key file": (
        '[providers.openai]\nkey_file = "no/such"',
        ':2: providers.openai.key_file: cannot read "no/such": No such file or directory',
    ),
    "no address": (
        '[providers.azure]\nkey = "k"',
        ":1: providers.azure: nobody knows where it is; give base_url or set AZURE_OPENAI_ENDPOINT",
    ),
    "no scheme": (
        OPENAI + 'base_url = "api.openai.com"',
        ":3: providers.openai.base_url: the address must start with https:// or http://",
    ),
    "file address": (
        OPENAI + 'base_url = "file:///etc/passwd"',
        ":3: providers.openai.base_url: the address must look like https://host/path",
    ),
    "user in the address": (
        OPENAI + 'base_url = "https://me:pw@api.openai.com/v1"',
        (
            ":3: providers.openai.base_url: the address must have no user, password, query or fragment; "
            "keys belong into `key`"
        ),
    ),
    "metadata": (
        OPENAI + 'base_url = "http://169.254.169.254/v1"',
        ":3: providers.openai.base_url: link-local and metadata addresses are never called",
    ),
    "blank in a path": (
        OPENAI + 'base_url = "http://h/a b"',
        ":3: providers.openai.base_url: the path of the address must be URL-encoded",
    ),
    "proxy": (
        OPENAI + 'proxy = "socks5://me:pw@h:1"',
        ":3: providers.openai.proxy: a proxy must look like http://host:port",
    ),
    "certificates": (OPENAI + 'ca_file = "no.pem"', ':3: providers.openai.ca_file: no file "no.pem"'),
    "header": (
        OPENAI + 'headers = { "X-A" = "b\\r\\nX-C: d" }',
        ":3: providers.openai.headers.X-A: no header can look like this",
    ),
    "name of a header": (
        OPENAI + 'quirks = { deadline_header = "time left" }',
        ":3: providers.openai.quirks.deadline_header: a header's name has letters, digits, - and _ alone",
    ),
    "name of another header": (
        OPENAI + 'quirks = { attempt_header = "x:y" }',
        ":3: providers.openai.quirks.attempt_header: a header's name has letters, digits, - and _ alone",
    ),
    "version of two lines": (
        OPENAI + 'quirks = { version = "a\\r\\nx: y" }',
        ":3: providers.openai.quirks.version: a version is one line of plain signs",
    ),
    "name of a provider": (
        '[providers."a/b"]\ntype = "vllm"',
        ':1: providers."a/b": a provider\'s name must not hold "/"',
    ),
    "digest": ('[keys.a]\nsha256 = "x"', ":2: keys.a.sha256: expected a SHA-256 of 64 hexadecimal digits"),
    "key of a caller": ("[keys.a]", ":1: keys.a: give one of sha256, key and key_file"),
    "one key for two": (
        '[keys.a]\nkey = "k"\n[keys.b]\nkey = "k"',
        ":3: keys.b: the same key as keys.a",
    ),
    "quoted name": (
        OPENAI + '[providers.openai.models."gpt-6.1-sol"]\nwindow = "big"',
        ':4: providers.openai.models."gpt-6.1-sol".window: expected a whole number, not "big"',
    ),
    "inline": (
        OPENAI + 'models = { x = { price = { input = "y" } } }',
        ':3: providers.openai.models.x.price.input: expected a number, not "y"',
    ),
    "dotted": (OPENAI + "limits.rpm = 'x'", ':3: providers.openai.limits.rpm: expected a number above 0, not "x"'),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_gets_one_line_with_file_line_path_and_mend(name):
    """The whole text is part of the contract, since people read it."""
    text, told = WRONG[name]
    with pytest.raises(ConfigError) as caught:
        parse(text, {})
    assert str(caught.value) == "outlast.toml" + told


@pytest.mark.parametrize(("text", "line"), [("\n[server\n", 2), ("a = 1\na = 2", 2), ('\n\na = "', 3), ("a = 1 2", 1)])
def test_what_is_not_toml_is_named_by_its_line(text, line):
    """The words are those of Python's own reader, which differ from version to version."""
    with pytest.raises(ConfigError, match=rf"^outlast\.toml:{line}: not TOML: [^\n]+$"):
        parse(text, {})


def test_a_file_without_a_bottom_is_refused():
    """It would end the process."""
    with pytest.raises(ConfigError, match=r"^outlast\.toml:1: not TOML that anybody wrote: it is nested too deeply$"):
        parse("a = " + "[" * 100_000, {})


def test_a_file_that_is_not_there_is_named(tmp_path):
    """A file that was asked for must exist."""
    with pytest.raises(ConfigError, match=r"gone\.toml: cannot read it: No such file or directory$"):
        load(tmp_path / "gone.toml", {})


def test_a_file_that_is_no_text_is_named(tmp_path):
    """With the place of the byte."""
    (tmp_path / "a.toml").write_bytes(b"a = '\xff'")
    with pytest.raises(ConfigError, match=r"a\.toml: byte 5 is not UTF-8$"):
        load(tmp_path / "a.toml", {})


def test_an_empty_key_file_is_named(tmp_path):
    """A secret that was not mounted is most often empty."""
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "a.toml").write_text('[keys.a]\nkey_file = "empty"')
    with pytest.raises(ConfigError, match=r'a\.toml:2: keys\.a\.key_file: "empty" is empty'):
        load(tmp_path / "a.toml", {})


def test_a_wrong_address_in_the_environment_names_its_variable():
    """There is no file to point at."""
    with pytest.raises(ConfigError, match=r"OPENAI_BASE_URL: the address must have no user"):
        parse("", {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "https://u:pw@h"})


def test_parts_of_an_error_can_be_read_by_programs():
    """An editor or a reload wants them apart."""
    with pytest.raises(ConfigError) as caught:
        parse("\n[server]\nport = 'x'", {})
    error = caught.value
    assert (error.source, error.line, error.path) == ("outlast.toml", 3, ("server", "port"))
