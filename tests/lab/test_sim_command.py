"""`outlast sim` as a process: what it prints works, files are read and read again, and it ends as it should."""

import json
import shlex
import signal
import socket
import subprocess

import anthropic
import httpx2
import openai
import pytest

from .sim_process import PATIENCE, SimProcess, command

HI = [{"role": "user", "content": "hi"}]


def fails(done, *words):
    """One line with all these words, status 2, and nothing else."""
    assert (done.returncode, done.stdout) == (2, ""), done
    (line,) = done.stderr.splitlines()
    assert line.startswith("outlast: ")
    for word in words:
        assert word in line


def told(running):
    """What each provider was told, and how it is."""
    with httpx2.Client(timeout=PATIENCE, trust_env=False) as client:
        return client.get(f"{running.url}/_sim/providers").json()["providers"]


def test_without_a_file_two_providers_answer_and_what_is_printed_works(tmp_path):
    """The command as it is printed, and both official SDKs at the printed base URLs."""
    with SimProcess(tmp_path, "--port", "0") as running:
        done = subprocess.run(
            shlex.split(running.hears("try:").removeprefix("try:")), capture_output=True, timeout=120, check=True
        )
        assert "simulated provider alpha" in json.loads(done.stdout)["choices"][0]["message"]["content"]
        line = running.hears("  beta")
        bases = dict(word.split("=", 1) for word in line.replace("OpenAI SDK: base_url", "openai").replace(
            "Anthropic SDK: base_url", "anthropic").split() if "=" in word)  # fmt: skip
        with openai.OpenAI(base_url=bases["openai"], api_key="any") as chat:
            assert "provider beta" in chat.chat.completions.create(model="m", messages=HI).choices[0].message.content
        with anthropic.Anthropic(base_url=bases["anthropic"], api_key="any") as claude:
            assert "provider beta" in claude.messages.create(model="m", max_tokens=50, messages=HI).content[0].text
        assert set(told(running)) == {"alpha", "beta"}
        assert not any("others can reach" in line for line in running.said)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_well(tmp_path, number):
    """Status 0, also while an answer is under way, and no traceback."""
    (tmp_path / "sim.toml").write_text('port = 0\n[providers.alpha]\ndefault = "silent"\n')
    with SimProcess(tmp_path) as running, socket.create_connection(_place(running)) as link:
        body = json.dumps({"model": "m", "messages": HI})
        head = f"POST /alpha/v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n"
        link.sendall(f"{head}content-type: application/json\r\n\r\n{body}".encode())
        with httpx2.Client(timeout=PATIENCE, trust_env=False) as client:
            client.get(f"{running.url}/_sim/requests?wait=1&timeout={PATIENCE}")
        running.signal(number)
        assert running.ended() == 0
        assert "Traceback" not in "".join(running.said)


def test_the_file_in_this_folder_is_found_and_its_seed_gives_the_same_run(tmp_path):
    """Twice the same, another seed otherwise."""
    text = "port = 0\nseed = {}\n[providers.gamma]\nerrors = [{{ rate = 0.5, behaviour = 500 }}]\n"
    runs = []
    for seed in (1, 1, 2):
        (tmp_path / "sim.toml").write_text(text.format(seed))
        with SimProcess(tmp_path) as running, httpx2.Client(timeout=PATIENCE, trust_env=False) as client:
            url = f"{running.url}/gamma/v1/chat/completions"
            runs.append([client.post(url, json={"model": "m", "messages": HI}).status_code for _ in range(30)])
            assert running.said[0].endswith(", as sim.toml says")
    assert runs[0] == runs[1] != runs[2]
    assert {*runs[0]} == {200, 500}


def test_options_go_before_the_file(tmp_path):
    """Port and host of the command line."""
    (tmp_path / "other.toml").write_text('port = 1\nhost = "192.0.2.1"\n')
    with SimProcess(tmp_path, "--config", "other.toml", "--port", "0", "--host", "127.0.0.1") as running:
        assert running.url.startswith("http://127.0.0.1:")


def test_an_address_that_others_reach_is_said(tmp_path):
    """Allowed, with a warning."""
    with SimProcess(tmp_path, "--host", "0.0.0.0", "--port", "0") as running:
        assert running.hears("others can reach 0.0.0.0")


def test_a_hangup_signal_reads_the_file_again(tmp_path):
    """What changed is named and holds at once; what did not keeps its state; a bad file changes nothing."""
    file = tmp_path / "sim.toml"
    file.write_text("port = 0\n[providers.alpha]\ndefault = 500\n[providers.beta]\n[providers.gamma]\n")
    with SimProcess(tmp_path) as running, httpx2.Client(timeout=PATIENCE, trust_env=False) as client:
        ask = {"model": "m", "messages": HI}
        assert client.post(f"{running.url}/alpha/v1/chat/completions", json=ask).status_code == 500
        assert client.post(f"{running.url}/beta/v1/chat/completions", json=ask).status_code == 200
        file.write_text("port = 0\n[providers.alpha]\ndefault = 501\n[providers.beta]\n[providers.delta]\n")
        running.signal(signal.SIGHUP)
        running.hears("sim.toml was read again; changed: alpha, delta, gamma")
        assert client.post(f"{running.url}/alpha/v1/chat/completions", json=ask).status_code == 501
        assert {name: each["requests"] for name, each in told(running).items()} == {"alpha": 2, "beta": 1, "delta": 0}
        file.write_text('port = 0\n[providers.alpha]\ndefault = "ctu-3"\n')
        running.signal(signal.SIGHUP)
        assert 'sim.toml:3: providers.alpha.default: unknown behaviour "ctu-3"' in running.hears("nothing was changed")
        assert client.post(f"{running.url}/alpha/v1/chat/completions", json=ask).status_code == 501
        running.signal(signal.SIGTERM)
        assert running.ended() == 0


def test_a_hangup_signal_without_a_file_changes_nothing(tmp_path):
    """There is nothing to read."""
    with SimProcess(tmp_path, "--port", "0") as running:
        running.signal(signal.SIGHUP)
        running.hears("no file to read again")
        assert set(told(running)) == {"alpha", "beta"}


def test_a_conduct_is_changed_while_it_runs(tmp_path):
    """Over the control page, by whoever watches."""
    with SimProcess(tmp_path, "--port", "0") as running, httpx2.Client(timeout=PATIENCE, trust_env=False) as client:
        url = f"{running.url}/alpha/v1/chat/completions"
        client.post(f"{running.url}/_sim/providers/alpha", json={"outages": [{"kind": "brown-out", "share": 1}]})
        assert client.post(url, json={"model": "m", "messages": HI}).status_code == 503
        assert told(running)["alpha"]["outages"] == ["brown-out"]
        wrong = client.post(f"{running.url}/_sim/providers/alpha", json={"outages": [{"kind": "bron-out"}]})
        assert wrong.status_code == 400
        assert 'did you mean "brown-out"?' in wrong.text.replace('\\"', '"')


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("port = 99999", ["sim.toml", "a port is a number"]),
        ("[providers.alpha]\nfist = 1", ["sim.toml:2: providers.alpha.fist", 'did you mean "first"?']),
        ('[providers."a/b"]', ["sim.toml", "cannot stand in a path"]),
        ("providers = 1", ["sim.toml:1: providers: expected a table"]),
        ("[providers.alpha", ["sim.toml:1: not TOML"]),
        ('[providers.alpha]\nkey = "${NO_SUCH}"', ["providers.alpha.key", "NO_SUCH is not set"]),
    ],
)
def test_a_wrong_file_is_told_in_one_line(tmp_path, text, words):
    """Where it is wrong, how to mend it, status 2."""
    (tmp_path / "sim.toml").write_text(text)
    fails(command(tmp_path), *words)


def test_what_cannot_be_opened_is_told_in_one_line(tmp_path):
    """A file that is not there or is no text, a port that is taken or none, an address that is not ours."""
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    fails(command(tmp_path, "--config", "none.toml"), "none.toml", "cannot read it")
    fails(command(tmp_path, "--config", "bytes.toml"), "bytes.toml", "not UTF-8")
    fails(command(tmp_path, "--port", "70000"), "a port is a number")
    fails(command(tmp_path, "--host", "no-such-host.invalid"), "cannot listen on no-such-host.invalid")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        fails(command(tmp_path, "--port", str(port)), f"cannot listen on 127.0.0.1:{port}", "in use")


def _place(running):
    host, _, port = running.url.removeprefix("http://").partition(":")
    return host, int(port)
