"""The command `outlast`: what it says, and how it ends when something is wrong."""

import os
import shlex
import shutil
import socket
import subprocess
import sys

import pytest

from outlast.cli.serve import welcome
from outlast.config import parse, simulated
from outlast.testing import throttled

from .house import toml_of
from .process import OUTLAST, command, environment

EXPOSED = '[server]\nhost = "0.0.0.0"\nport = 0\n[providers.p]\ntype = "openai-compatible"\nbase_url = "http://127.0.0.1:1/v1"\n'


def fails(done, *words):
    """One line that has all these words, status 2, nothing else."""
    assert done.returncode == 2, done
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("outlast: ")
    for word in words:
        assert word in line
    return line


def test_strangers_are_not_served_without_keys(tmp_path):
    """An address that others reach, and no key: one line that says what to do, status 2."""
    (tmp_path / "outlast.toml").write_text(EXPOSED)
    fails(command(tmp_path, "serve"), "0.0.0.0", "without API keys", "[keys.NAME]", "outlast.toml")


@pytest.mark.parametrize("host", ["::", "10.1.2.3", "gateway.example"])
def test_what_is_no_loopback_is_exposed(tmp_path, host):
    """Also without the simulation's own harmlessness: no provider is configured here."""
    (tmp_path / "outlast.toml").write_text(f'[server]\nhost = "{host}"\nport = 0\n')
    fails(command(tmp_path, "serve"), "without API keys")


def test_a_port_that_is_taken_is_told_in_one_line(tmp_path):
    """Status 2, and no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        (tmp_path / "outlast.toml").write_text(f"[server]\nport = {port}\n")
        fails(command(tmp_path, "serve"), f"127.0.0.1:{port}", "in use")


def test_an_address_that_is_not_ours_is_told_in_one_line(tmp_path):
    """The same for an address of another machine, and for a name that means nothing."""
    key = '[keys.app]\nkey = "sk-caller-0123456789abcdef"\n'
    for host in ("192.0.2.1", "no-such-host.invalid"):
        (tmp_path / "outlast.toml").write_text(f'[server]\nhost = "{host}"\nport = 0\n{key}')
        fails(command(tmp_path, "serve"), "cannot listen", host)


@pytest.mark.parametrize("word", ["serve", "check"])
def test_a_wrong_configuration_is_told_in_one_line(tmp_path, word):
    """Where it is wrong, and status 2; also a file that is not there."""
    (tmp_path / "outlast.toml").write_text("[server]\nport = 'many'\n")
    fails(command(tmp_path, word), "outlast.toml", "port")
    fails(command(tmp_path, word, "--config", "none.toml"), "none.toml")


def test_check_shows_no_secret(tmp_path):
    """What the configuration comes to, without keys."""
    (tmp_path / "outlast.toml").write_text(
        toml_of("http://127.0.0.1:1", '[keys.app]\nkey = "sk-caller-0123456789abcdef"')
    )
    done = command(tmp_path, "check")
    assert done.returncode == 0, done.stderr
    assert "alpha" in done.stdout
    assert "0123456789" not in done.stdout


def test_check_survives_a_reader_who_leaves(tmp_path):
    """`outlast check | head -1`: no traceback."""
    (tmp_path / "outlast.toml").write_text(toml_of("http://127.0.0.1:1"))
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        done = subprocess.run(
            [OUTLAST, "check"], cwd=tmp_path, env=environment(tmp_path), stdout=closed, stderr=subprocess.PIPE,
            text=True, check=False, timeout=120,
        )  # fmt: skip
    assert "Traceback" not in done.stderr


def test_the_first_command_works_as_it_is_printed_also_without_curl(house, tmp_path, monkeypatch, capsys):
    """On a bare machine nothing is on the path but what the user has called."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", [str(OUTLAST)])
    welcome(simulated("http://127.0.0.1:1"), house.url)
    printed = capsys.readouterr().err.splitlines()[-1].removeprefix("try:")
    done = subprocess.run(shlex.split(printed), capture_output=True, text=True, timeout=120, check=True)
    assert "You said: hi" in done.stdout


def test_the_first_command_names_a_model_and_a_key_where_they_are_needed(monkeypatch, capsys):
    """A file with routes and keys of its own."""
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    toml = '[keys.app]\nkey = "k"\n[providers.openai]\nkey = "k"\n[routes.quick]\ntargets = ["openai/gpt-4o-mini"]\n'
    welcome(parse(toml), "http://127.0.0.1:4000")
    printed = capsys.readouterr().err.splitlines()[-1]
    assert '"model": "quick"' in printed
    assert '-H "authorization: Bearer $OUTLAST_KEY"' in printed


def test_ask_prints_the_answer_and_who_gave_it(house, provider, tmp_path):
    """The text on stdout, the rest on stderr."""
    done = command(tmp_path, "ask", "hi", "--url", house.url)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("You said: hi\n")
    assert "alpha/m (primary, 1 attempt" in done.stderr


def test_ask_tells_what_went_wrong_in_one_line(open_house, provider, tmp_path):
    """The gateway's own words; status 1."""
    house = open_house('[keys.app]\nkey = "sk-caller-0123456789abcdef"', providers=("alpha",))
    for words, told in (
        (["hi"], "401: no API key"),
        (["hi", "--key", "sk-wrong-0123"], "401: this API key is not known"),
        (["hi", "--key", "sk-caller-0123456789abcdef", "--model", "none"], "404: model none does not exist"),
    ):
        done = command(tmp_path, "ask", *words, "--url", house.url)
        assert (done.returncode, done.stdout) == (1, "")
        assert told in done.stderr
        assert len(done.stderr.splitlines()) == 1
    provider.script("alpha", throttled(86400))
    done = command(tmp_path, "ask", "hi", "--key", "sk-caller-0123456789abcdef", "--url", house.url)
    assert (done.returncode, "429" in done.stderr) == (1, True)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://no-such-host.invalid", "nonsense", "file:///etc/passwd"])
def test_ask_without_a_gateway_says_so(tmp_path, url):
    """One line, status 1, and nothing but HTTP is spoken."""
    done = command(tmp_path, "ask", "hi", "--url", url)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert "no answer from" in done.stderr


def test_ask_of_something_else_says_so(provider, tmp_path):
    """A server that is no gateway of ours."""
    done = command(tmp_path, "ask", "hi", "--url", provider.url)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1


def test_help_and_version(tmp_path):
    """Every command has help; the version is the package's."""
    for words in ((), ("serve",), ("check",), ("ask",)):
        assert command(tmp_path, *words, "--help").returncode == 0
    assert command(tmp_path, "--version").stdout.strip() == "0.1.0"
