"""Gateways over simulated providers; each must be at rest in the end."""

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor

import anthropic
import openai
import pytest
from tests.store.redis_server import RedisServer

from outlast.testing import SimulatedProvider

from .house import House, toml_of
from .process import Process
from .sdks import Claude, Openai


@pytest.fixture
def provider():
    """Simulated providers on one port, told apart by their names."""
    with SimulatedProvider() as running:
        yield running


@pytest.fixture
def open_house(provider, tmp_path):
    """Makes gateways with more configuration; `providers` are tried in this order."""
    with contextlib.ExitStack() as houses:

        def opened(more="", *, providers=("alpha", "beta"), dialects=None, keys=None, timers=None, **options):
            toml = toml_of(provider.url, more, providers=providers, dialects=dialects, keys=keys, timers=timers)
            return houses.enter_context(House(toml, tmp_path, **options))

        yield opened


@pytest.fixture
def redis(tmp_path):
    """A Redis of the test's own, which it may break."""
    directory = tmp_path / "redis"
    directory.mkdir()
    server = RedisServer(directory).start()
    yield server
    server.close()


@pytest.fixture
def gateways(provider, redis, tmp_path):
    """Starts so many gateways over that Redis, each a process; `more` is further configuration."""
    with contextlib.ExitStack() as processes:

        def start(count, more):
            toml = f'store = "{redis.url}"\n' + toml_of(provider.url, more, providers=("alpha",))
            folders = [tmp_path / f"gateway-{number}" for number in range(count)]
            for folder in folders:
                folder.mkdir()
            with ThreadPoolExecutor(2) as threads:
                made = [Process(toml, folder) for folder in folders]
                return list(threads.map(processes.enter_context, made))

        yield start


@pytest.fixture
def house(open_house):
    """A gateway whose route `default` goes to alpha/m, then beta/m."""
    return open_house()


@pytest.fixture
def lone(open_house):
    """A gateway with one target, alpha/m."""
    return open_house(providers=("alpha",))


@pytest.fixture(params=["blocking", "async"])
def fashion(request):
    """Each story is told with the SDK's blocking client and with its async one."""
    return request.param


@pytest.fixture
def driven():
    """Drives the clients of an SDK in their fashion, and closes them in the end: `driven(Openai, client)`."""
    with asyncio.Runner() as runner, contextlib.ExitStack() as clients:

        def made(kind, client):
            sdk = kind(client, runner)
            clients.callback(sdk.close)
            return sdk

        yield made


@pytest.fixture
def openai_of(fashion, driven):
    """Makes OpenAI's client of a gateway, without retries of its own."""
    kind = openai.OpenAI if fashion == "blocking" else openai.AsyncOpenAI

    def made(house, **options):
        return driven(Openai, kind(**{"base_url": f"{house.url}/v1", "api_key": "any", "max_retries": 0} | options))

    return made


@pytest.fixture
def claude_of(fashion, driven):
    """Makes Anthropic's client of a gateway, without retries of its own."""
    kind = anthropic.Anthropic if fashion == "blocking" else anthropic.AsyncAnthropic

    def made(house, **options):
        return driven(Claude, kind(**{"base_url": house.url, "api_key": "any", "max_retries": 0} | options))

    return made
