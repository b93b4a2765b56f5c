"""The pytest fixtures, as somebody else's tests use them: in a project of its own, run by its own pytest."""

import os
import subprocess
import sys

import pytest

import outlast.testing as kit

CONFTEST = 'pytest_plugins = ["outlast.testing.fixtures"]\n'
GOOD = """
import asyncio
import urllib.error
import urllib.request

import pytest

from outlast.testing import Conduct

BODY = b'{"model": "m", "messages": [{"role": "user", "content": "hi"}]}'


def ask(provider, name):
    url = provider.base_url(name) + "/chat/completions"
    asking = urllib.request.Request(url, BODY, {"content-type": "application/json"})
    with urllib.request.urlopen(asking, timeout=120) as answer:
        return answer.status


@pytest.mark.parametrize("turn", range(2))
def test_nothing_is_left_of_the_test_before(simulated_provider, turn):
    assert simulated_provider.requests() == []
    assert simulated_provider.conducts() == {}
    assert simulated_provider.waiting("alpha") == 0
    assert ask(simulated_provider, "alpha") == 200
    simulated_provider.expect("alpha", requests=1)
    simulated_provider.script("alpha", 503, 503)
    simulated_provider.conduct("beta", Conduct(default=500))


def test_it_is_there_in_any_loop(simulated_provider):
    async def story():
        asking = asyncio.to_thread(ask, simulated_provider, "alpha")
        return await asking, len(await simulated_provider.saw(1, ended=True))

    assert asyncio.run(story()) == (200, 1)


def test_each_way_to_fail_is_played_once(failing_provider):
    try:
        assert ask(failing_provider, "failing") == 200
    except OSError:
        pass
    assert ask(failing_provider, "failing") == 200
    assert len(failing_provider.requests("failing")) == 2


def test_the_world_is_new(scripted_io):
    assert (scripted_io.open, scripted_io.network_calls) == (0, 0)
"""
LEAKING = """
from outlast.model.target import Provider, Target
from outlast.ports import Outgoing
from outlast.testing import ok, run


def test_an_exchange_is_forgotten(scripted_io):
    async def story():
        scripted_io.script("alpha/m", ok())
        target = Target(name="alpha/m", provider=Provider("alpha", "openai", "http://127.0.0.1:9"), model="m")
        asking = Outgoing(b"/chat/completions", b'{"model": "m", "messages": [{"role": "user", "content": "hi"}]}')
        return await scripted_io.send(target, asking, 1, 60)

    run(story())
"""


@pytest.fixture
def pytest_says(tmp_path):
    """Runs a file as a stranger's test file; gives the exit code and what was printed."""
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")

    def says(text):
        (tmp_path / "test_theirs.py").write_text(text)
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest"],
            cwd=tmp_path,
            env=kept,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return says


def test_strangers_can_use_them(pytest_says):
    """One provider for all tests, new for each; every way to fail; a world in virtual time."""
    code, printed = pytest_says(GOOD)
    assert code == 0, printed
    assert "18 passed" in printed


def test_a_test_that_leaves_an_exchange_open_fails(pytest_says):
    """What a test forgets to close is told at its end."""
    code, printed = pytest_says(LEAKING)
    assert code == 1, printed
    assert "1 exchanges are still open" in printed


def test_the_names_cost_nothing_until_they_are_used():
    """Importing the kit imports neither the simulation nor pytest."""
    words = (
        "import sys, outlast.testing; print(sorted({'pytest', 'asyncio', 'outlast.lab.provider'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "[]\n"


def test_every_name_that_is_promised_is_there():
    """Each public name is found where the kit says that it lives, and no other."""
    assert [name for name in kit.__all__ if getattr(kit, name, None) is None] == []
    assert sorted(kit.__all__) == sorted(kit._PLACES)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        kit.nothing  # noqa: B018
