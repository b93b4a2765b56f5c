"""`outlast why`: a gateway in a process of its own has had a bad day, and its log tells of each request."""

import gzip
import json
import subprocess
import threading
from concurrent.futures import Future

import pytest

from outlast.lab.steps import Until
from outlast.testing import Behaviour, SimulatedProvider, bad_json, cut, ok, status, throttled

from .house import PATIENCE, chat, toml_of
from .process import OUTLAST, Process, command, environment

KEY, SMALL = "sk-caller-0123456789abcdef", "sk-small-0123456789abcdef"
MORE = f"""
[routes.default]
targets = ["alpha/m", "beta/m"]
on_break = "error"
[routes.slow]
targets = ["gamma/m"]
[routes.lone]
targets = ["delta/m"]
[providers.delta.models.m]
schema = false
[breaker]
failures = 3
[bulkhead]
slots = 1
[keys.app]
key = "{KEY}"
[keys.small]
key = "{SMALL}"
limits = {{ rpm = 1 }}
"""
FORMAT = {
    "type": "json_schema",
    "json_schema": {
        "name": "a",
        "schema": {"type": "object", "properties": {"days": {"type": "integer"}}, "required": ["days"]},
    },
}
PROMPT = "a prompt that must stay where it is"


def post(gateway, name, *, key=KEY, **fields):
    """One request of that id; its whole answer, however it ended."""
    with gateway.caller() as caller:
        caller.post("/v1/chat/completions", chat(PROMPT, **fields), f"x-request-id: {name}", f"x-api-key: {key}")
        return caller.answer()


def metrics(gateway):
    """The page of metrics."""
    with gateway.caller() as caller:
        caller.request("GET", "/metrics", b"", f"x-api-key: {KEY}")
        return caller.answer().body.decode()


def a_bad_day(provider, gateway):
    """Failovers, an open circuit, a broken stream, a throttle, a queue and a limit."""
    provider.script("alpha", default=status(503))
    assert post(gateway, "failover").headers["outlast-source"] == "fallback"
    assert post(gateway, "opening").status == 200
    assert post(gateway, "open").status == 200
    provider.script("beta", cut(2))
    assert post(gateway, "broken", stream=True).status == 200
    provider.script("delta", throttled(0.2), ok("at last"))
    assert post(gateway, "throttled", model="lone").status == 200
    free = Future()
    provider.script("gamma", Behaviour("held", lambda asked: [Until(free, PATIENCE), *ok("in turn").play(asked)]))
    both = [threading.Thread(target=post, args=(gateway, name), kwargs={"model": "slow"}) for name in ("one", "other")]
    for one in both:
        one.start()
    while 'queue_depth{queue="targets"} 1.0' not in metrics(gateway):
        continue
    free.set_result(None)
    for one in both:
        one.join(PATIENCE)
    assert post(gateway, "limited", key=SMALL).status == 200
    assert post(gateway, "limited", key=SMALL).status == 429
    assert post(gateway, "wrong", messages=7).status == 400
    assert post(gateway, "nowhere", model="nobody").status == 404
    provider.script("delta", default=bad_json("learns"))
    assert post(gateway, "learning", model="lone", response_format=FORMAT).status == 200
    provider.script("delta", default=bad_json("never"))
    assert post(gateway, "never", model="lone", response_format=FORMAT).status == 502


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """The log of that gateway, complete."""
    folder = tmp_path_factory.mktemp("gateway")
    with SimulatedProvider() as provider:
        toml = toml_of(provider.url, MORE, providers=("alpha", "beta", "gamma", "delta"))
        with Process(toml, folder) as gateway:
            a_bad_day(provider, gateway)
            gateway.signal()
            assert gateway.ended() == 0
    return folder / "stdout"


@pytest.fixture
def why(log, tmp_path):
    """Asks for a request; gives what is told."""

    def told(name, *words):
        done = command(tmp_path, "why", name, "--log", log, *words)
        assert done.returncode == 0, done.stderr
        assert PROMPT not in done.stdout
        assert not any(key in done.stdout for key in (KEY, SMALL, "sk-alpha"))
        return done.stdout

    return told


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "failover",
            [
                "request failover: chat on the route default, for app (key), at 20",
                "answered by beta/m (fallback) in",
                "3 attempts",
                "asks alpha/m: transient 503",
                "asks alpha/m again in",
                "does not ask alpha/m again: no attempts left on this target",
                "moves on from alpha/m to beta/m: transient",
                "asks beta/m: answered in",
                "for attempts in vain",
            ],
        ),
        ("opening", ["the circuit of alpha/m opens for", "3 failures in a row", "asks beta/m: answered"]),
        (
            "open",
            [
                "the circuit of alpha/m opens for",
                "passes alpha/m by: its circuit is open, for",
                "moves on from alpha/m to beta/m: its circuit is open",
                "1 attempt;",
            ],
        ),
        (
            "broken",
            [
                "failed after",
                "broken_stream, status 502, first content after",
                "asks beta/m: broken_stream",
                "it may have been billed",
                "help: asking again: what was read is not the whole answer",
            ],
        ),
        (
            "throttled",
            [
                "asks delta/m: throttled 429",
                "it wants to be left alone for 0.2 s",
                "delta/m is out for",
                "asks delta/m again in",
                "delta/m works again",
                "before retries",
            ],
        ),
        (
            "limited",
            [
                "failed after",
                "rejected (rate_limit_exceeded), status 429",
                "nothing was sent",
                "is over the limit rpm of key small: it costs 1 where 0",
                "help: a higher limit rpm of key small than 1, or coming back after",
            ],
        ),
        (
            "learning",
            [
                "answered by delta/m (primary) in",
                "2 attempts",
                "the answer of delta/m is not what was asked for: type at /days; it is told so, and asked again",
            ],
        ),
        (
            "never",
            [
                "failed after",
                "invalid_output (no_json), status 502",
                "the answer of delta/m is not what was asked for: no JSON; it is told so, and asked again",
                "help: a simpler schema, a target whose provider holds it to one",
            ],
        ),
        ("nowhere", ["failed after", "caller", "status 404", "help: another request"]),
    ],
)
def test_the_log_tells_why(why, name, words):
    """What was tried where, how long, why it moved on, what was waited for and why, how it ended, what would help."""
    told = why(name)
    for word in words:
        assert word in told, told


def test_who_stood_in_the_queue_is_told(why):
    """Of two calls that came together for one slot, one waited."""
    told = sorted((why("one"), why("other")), key=len)
    assert "for a slot of" not in told[0]
    assert "for a slot of gamma/m" in told[1]
    assert "for slots" in told[1]


def test_the_story_as_json(why):
    """The same as values: steps with their numbers, times by what they went to, when it began."""
    told = json.loads(why("failover", "--json"))
    assert told["request_id"] == "failover"
    assert told["at"].endswith("UTC")
    assert [step["event"] for step in told["steps"]].count("attempt_ended") == 3
    retry = next(step for step in told["steps"] if step["event"] == "retry_scheduled")
    assert 0 <= retry["least"] <= retry["delay"] <= retry["most"]
    assert told["ended"]["kind"] == "ok"
    assert set(told["times"]) <= {"answer", "in_vain", "retry"}


def test_several_requests_of_one_id_are_counted(log, tmp_path):
    """The last one is told, and that there were more."""
    done = command(tmp_path, "why", "limited", "--log", log)
    assert "2 requests had the id limited; this is the last of them" in done.stderr


def test_a_log_may_come_through_a_pipe(log, tmp_path):
    """Plain or packed, as it is kept."""
    for data in (log.read_bytes(), gzip.compress(log.read_bytes())):
        done = subprocess.run(
            [OUTLAST, "why", "failover", "--log", "-"], cwd=tmp_path, env=environment(tmp_path), input=data,
            capture_output=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert b"moves on from alpha/m to beta/m" in done.stdout


def test_a_rotated_log_is_one_log(log, tmp_path):
    """What happened before midnight is in another file."""
    lines = log.read_bytes().splitlines(keepends=True)
    here = next(number for number, line in enumerate(lines) if b'"request_id":"failover"' in line) + 1
    (tmp_path / "outlast.log.1.gz").write_bytes(gzip.compress(b"".join(lines[:here])))
    (tmp_path / "outlast.log").write_bytes(b"".join(lines[here:]))
    done = command(tmp_path, "why", "failover", "--log", "outlast.log")
    whole = command(tmp_path, "why", "failover", "--log", log)
    assert done.returncode == 0, done.stderr
    assert done.stdout == whole.stdout


def test_broken_lines_are_counted(log, tmp_path):
    """The story is told all the same."""
    (tmp_path / "outlast.log").write_bytes(b'{"time": "20' + b"\n" + log.read_bytes() + b"\x00\x01\n")
    done = command(tmp_path, "why", "open", "--log", "outlast.log")
    assert done.returncode == 0
    assert "2 broken lines of" in done.stderr


def test_the_log_may_be_named_in_the_environment(log, tmp_path):
    """OUTLAST_LOG, for who asks often."""
    done = command(tmp_path, "why", "open", env=environment(tmp_path) | {"OUTLAST_LOG": str(log)})
    assert done.returncode == 0, done.stderr
    assert "passes alpha/m by" in done.stdout


# -- when there is nothing to tell -------------------------------------------------------------------------------------


def refused(done, status, *words):
    """One line that has all these words, that status, nothing else."""
    assert (done.returncode, done.stdout) == (status, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("outlast: ")
    for word in words:
        assert word in line, line


def test_no_log_is_named(tmp_path):
    """Status 2, and where a log comes from."""
    refused(command(tmp_path, "why", "r1"), 2, "--log FILE", "OUTLAST_LOG", "outlast serve >> outlast.log")


@pytest.mark.parametrize("name", ["none.log", "no/folder.log", "."])
def test_a_log_that_cannot_be_read(tmp_path, name):
    """Status 2, and which file it was."""
    refused(command(tmp_path, "why", "r1", "--log", name), 2, "cannot read the log", name.split("/")[0])


def test_an_unknown_id(log, tmp_path):
    """Status 1: from when to when the log goes, and where ids are found."""
    refused(
        command(tmp_path, "why", "nobody-asked", "--log", log), 1, "no request nobody-asked", "x-request-id", "Z to 20"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "is empty"), ("\n\n", "is empty"), ("a file of other things\nand more\n", "is not the gateway's log")],
)
def test_a_log_without_a_line_of_ours(tmp_path, text, words):
    """Empty, or something else."""
    (tmp_path / "outlast.log").write_text(text)
    refused(command(tmp_path, "why", "r1", "--log", "outlast.log"), 1, words)


def test_a_log_of_requests_alone_says_what_it_lacks(tmp_path):
    """It has the attempts, and no reasons; the mend is named."""
    with SimulatedProvider() as provider:
        toml = toml_of(provider.url, '[server]\nlog = "requests"\ndrain = 0.0\n')
        with Process(toml, tmp_path) as gateway:
            provider.script("alpha", status(503), status(503))
            assert post(gateway, "r1").status == 200
            gateway.signal()
            assert gateway.ended() == 0
    done = command(tmp_path, "why", "r1", "--log", tmp_path / "stdout")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("asks alpha/m: transient 503") == 2
    assert 'set log = "decisions" under [server]' in done.stderr
    assert "failed_over" not in (tmp_path / "stdout").read_text()


def test_a_name_that_steers_a_terminal_is_shown_without(tmp_path):
    """A line may hold what callers made up."""
    line = {
        "time": "2026-11-21T12:00:00.000Z", "event": "limit_hit", "request_id": "r1", "scope": "user \x1b[31mred\u202e",
        "limit": "rpm", "user_type": "user", "retry_after": 1.0,
    }  # fmt: skip
    (tmp_path / "outlast.log").write_text(json.dumps(line) + "\n")
    done = command(tmp_path, "why", "r1", "--log", "outlast.log")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout
    assert "[31mred" in done.stdout
