"""Every peer's configuration says what the scenario wants, and its callers ask as it wants to be asked."""

import json
import re
import shutil
import tomllib
from pathlib import Path

import pytest
from bench.peers import PEERS
from bench.peers.environment import Mark, NotInstalledError, run
from bench.peers.peer import HERE
from bench.scenario import FAILOVER, OPEN, PLAIN, PREFIX, Place, Scenario, targets

import outlast.config

SCENARIOS = (PLAIN, OPEN, FAILOVER, targets(3))
UPSTREAM = "http://127.0.0.1:7001/v1"
FAILING = PREFIX + "failover"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Where a peer would run."""
    return Place(port=7000, upstream=7001, folder=tmp_path)


def configured(peer: str, place: Place, scenario: Scenario, file: str) -> str:
    """What a peer's file says."""
    PEERS[peer].configure(place, scenario)
    return (place.folder / file).read_text()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_our_own_file_loads_and_has_every_route(place: Place, scenario: Scenario):
    """As the gateway itself reads it."""
    text = configured("outlast", place, scenario, "outlast.toml")
    config = outlast.config.parse(text, {})
    assert config.server.port == 7000
    assert {provider.base_url for provider in config.providers.values()} == {UPSTREAM}
    said = tomllib.loads(text)
    for model, wanted in scenario.routes.items():
        named = said["routes"][model]["targets"]
        assert [target.partition("/")[2] for target in named] == list(wanted)
        assert len(set(named)) == len(wanted)
    assert config.layers.breaker.enabled is scenario.breaker


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_litellm_has_every_target_and_tries_other_ones_in_order(place: Place, scenario: Scenario):
    """Equal targets are deployments, different ones fallbacks; it never retries."""
    said = json.loads(configured("litellm", place, scenario, "litellm.yaml"))
    assert {one["litellm_params"]["api_base"] for one in said["model_list"]} == {UPSTREAM}
    assert said["router_settings"]["num_retries"] == 0
    assert said["router_settings"]["disable_cooldowns"] is not scenario.breaker
    models = [(one["model_name"], one["litellm_params"]["model"]) for one in said["model_list"]]
    if scenario is FAILOVER:
        assert models == [(FAILING, "openai/fail"), (f"{FAILING}-spare1", "openai/kb-1")]
        assert said["router_settings"]["fallbacks"] == [{FAILING: [f"{FAILING}-spare1"]}]
    else:
        assert models == [(name, f"openai/{target}") for name, wanted in scenario.routes.items() for target in wanted]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_tensorzero_has_a_provider_for_every_target_in_order(place: Place, scenario: Scenario):
    """And tells nobody of its use."""
    said = tomllib.loads(configured("tensorzero", place, scenario, "tensorzero.toml"))
    assert said["gateway"]["disable_pseudonymous_usage_analytics"] is True
    for model, wanted in scenario.routes.items():
        own = said["models"][model]
        assert [own["providers"][name]["model_name"] for name in own["routing"]] == list(wanted)
        assert {provider["api_base"] for provider in own["providers"].values()} == {UPSTREAM + "/"}


def test_nginx_passes_on_to_the_upstream(place: Place):
    """With kept connections, unbuffered."""
    text = configured("nginx", place, PLAIN, "nginx.conf")
    assert "listen 127.0.0.1:7000 " in text
    assert "server 127.0.0.1:7001;" in text
    assert "{" in text
    assert text.count("{") == text.count("}")


def test_portkey_is_told_with_each_request_where_to_go(place: Place):
    """One target by headers, several by a configuration in a header."""
    portkey = PEERS["portkey"]
    one = portkey.request(PREFIX + "kb-1", PLAIN, place, stream=False)
    assert one.headers["x-portkey-custom-host"] == UPSTREAM
    assert json.loads(one.body)["model"] == "kb-1"
    several = portkey.request(FAILING, FAILOVER, place, stream=False)
    said = json.loads(several.headers["x-portkey-config"])
    assert said["strategy"] == {"mode": "fallback"}
    assert [target["override_params"]["model"] for target in said["targets"]] == ["fail", "kb-1"]


def test_a_plain_proxy_cannot_fail_over():
    """It is left out of rows that need a choice of targets; the direct call is, too."""
    for name in ("nginx", "direct"):
        assert not PEERS[name].takes(FAILOVER)
        assert PEERS[name].takes(PLAIN)


@pytest.mark.parametrize(
    ("peer", "model"),
    [
        ("outlast", "bench-kb-1"),
        ("litellm", "bench-kb-1"),
        ("tensorzero", "tensorzero::model_name::bench-kb-1"),
        ("nginx", "kb-1"),
        ("direct", "kb-1"),
    ],
)
def test_callers_name_the_model_as_the_peer_knows_it(place: Place, peer: str, model: str):
    """Gateways have to map it, proxies pass it on."""
    asked = json.loads(PEERS[peer].request(PREFIX + "kb-1", PLAIN, place, stream=True).body)
    assert asked["model"] == model
    assert asked["stream"] is True


def test_all_peers_are_asked_the_same(place: Place):
    """The same messages, to the letter."""
    bodies = [json.loads(peer.request(PREFIX + "kb-1", PLAIN, place, stream=False).body) for peer in PEERS.values()]
    assert all(body["messages"] == bodies[0]["messages"] for body in bodies)
    assert len(json.dumps(bodies[0]["messages"])) > 900


def test_a_request_has_its_length_on_the_wire(place: Place):
    """Head and body in one."""
    raw = PEERS["outlast"].request(PREFIX + "kb-1", PLAIN, place, stream=False).raw(7000)
    head, _, body = raw.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:7000\r\n")
    assert f"content-length: {len(body)}".encode() in head


def test_peers_are_pinned_and_hashed_without_an_address():
    """Each list names exact versions, and no index."""
    for name in ("litellm", "tensorzero", "portkey"):
        text = (HERE / f"{name}.txt").read_text()
        pins = re.findall(r"^[\w.-]+(?:\[[\w,-]+\])?(\S\S)", text, re.MULTILINE)
        assert set(pins) == {"=="}
        assert text.count("--hash=sha256:") >= len(pins)
        assert "://" not in text
    lock = json.loads((HERE / "portkey" / "package-lock.json").read_text())
    assert all(said["version"] and said["integrity"] for name, said in lock["packages"].items() if name)
    assert "://" not in "".join(said.get("resolved", "") for said in lock["packages"].values())


@pytest.mark.parametrize("peer", ["litellm", "tensorzero", "portkey", "outlast", "direct"])
def test_every_peer_knows_its_version(peer: str):
    """For the record of a run."""
    assert re.match(r"\d+\.\d+|upstream", PEERS[peer].version())


def test_what_is_installed_is_remembered_by_what_was_asked_for(tmp_path: Path):
    """Another pin means another installation."""
    pins = tmp_path / "pins.txt"
    pins.write_text("one==1")
    assert not Mark(tmp_path, [pins]).holds()
    Mark(tmp_path, [pins]).set()
    assert Mark(tmp_path, [pins]).holds()
    pins.write_text("one==2")
    assert not Mark(tmp_path, [pins]).holds()


def test_an_installer_that_fails_says_why():
    """With the end of what it said."""
    with pytest.raises(NotInstalledError, match="out of luck"):
        run(shutil.which("sh") or "sh", "-c", "echo out of luck >&2; exit 3")
    with pytest.raises(NotInstalledError, match="missing"):
        run("no-such-installer")
