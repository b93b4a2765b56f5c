"""A real server of a real, if tiny, model behind the gateway: `transformers serve`, on the processor.

It takes five gigabytes to install, so that it is a group of its own: `make test-local-model`. `make test` skips it and
says so.
"""

import os
import subprocess
from pathlib import Path

import openai
import pytest
from bench.ports import reserved
from tests.gateway.house import House, toml_of

from outlast.model.events import FailedOver

HERE = Path(__file__).parent
BIN = HERE.parents[1] / ".venv-local-model" / "bin"
SERVER = BIN / "transformers"
ASKED = {"model": "default", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 24, "temperature": 0.0}

pytestmark = [
    pytest.mark.skipif(not SERVER.exists(), reason="no local model server is installed: run make test-local-model"),
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The address of a server of the tiny model."""
    folder = tmp_path_factory.mktemp("models")
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "HF_HUB_OFFLINE": "1"}
    subprocess.run([BIN / "python", HERE / "tiny.py", folder / "tiny"], env=env, check=True, capture_output=True)
    with (
        reserved() as port,
        subprocess.Popen(
            [
                SERVER,
                "serve",
                "--host",
                "127.0.0.1",
                "--port",
                str(port),
                *("--device", "cpu", "--dtype", "float32", "tiny"),
            ],
            cwd=folder,
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as server,
    ):
        said = []
        for line in server.stderr:
            said.append(line)
            if "Uvicorn running" in line:
                break
        else:
            pytest.fail("the server ended: " + "".join(said)[-2000:])
        yield f"http://127.0.0.1:{port}"
        server.terminate()
        server.communicate(timeout=120)


@pytest.fixture
def dead():
    """A port where nobody listens."""
    with reserved() as port:
        yield port


@pytest.fixture
def house(served, dead, tmp_path):
    """A gateway whose first provider is not there, and whose second is the real server."""
    missing = f'[providers.dead]\ntype = "openai-compatible"\nbase_url = "http://127.0.0.1:{dead}/v1"\n'
    local = f'[providers.local]\ntype = "openai-compatible"\nbase_url = "{served}/v1"\n'
    route = '[routes.default]\ntargets = ["dead/tiny", "local/tiny"]\n'
    with House(toml_of("", missing + local + route, providers=()), tmp_path) as house:
        yield house


@pytest.fixture
def client(house):
    """OpenAI's SDK."""
    with openai.OpenAI(base_url=f"{house.url}/v1", api_key="any", max_retries=0) as client:
        yield client


def test_it_answers_whole_and_streamed_alike(house, client):
    """The same babble both ways, with its finish and its usage; the dead provider costs nothing but a step."""
    whole = client.chat.completions.create(**ASKED)
    chunks = list(client.chat.completions.create(**ASKED, stream=True, stream_options={"include_usage": True}))
    pieces = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    finishes = {choice.finish_reason for chunk in chunks for choice in chunk.choices} - {None}
    assert whole.choices[0].message.content == "".join(pieces)
    assert {whole.choices[0].finish_reason} == finishes
    assert whole.usage.completion_tokens == chunks[-1].usage.completion_tokens > 0
    assert {event.to_target for event in house.ear.of(FailedOver)} == {"local/tiny"}


def test_a_caller_may_leave_in_the_middle(house, client):
    """Nothing is held afterwards, and the server answers the next one."""
    with client.chat.completions.create(**(ASKED | {"max_tokens": 400}), stream=True) as stream:
        next(iter(stream))
    assert client.chat.completions.create(**ASKED).choices[0].message.content
    house.heard(2)
