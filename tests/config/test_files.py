"""Good files mean what they say."""

import hashlib

import pytest

from outlast.catalog import Catalog, ModelRow, ProviderRow, builtin
from outlast.config import load, parse, schema
from outlast.layers.bulkhead import GATEWAY
from outlast.layers.limits import LimitConfig
from outlast.model.target import Price, Timers

WHOLE = """
[server]
port = 8080
errors = "semantic"

[providers.openai]
key = "${MY_KEY}"
limits = { rpm = 500, usd_per_day = 50 }

[providers.openai.models."gpt-6-luna"]
price = { input = 0.05, output = 0.25 }
window = 9000
timers = { stall = 4 }
limits = { concurrent = 3 }

[providers.inhouse]
type = "vllm"
base_url = "http://gpu-7:8000"
headers = { X-Team = "search" }
quirks = { max_tokens_name = "max_tokens" }

[providers.inhouse.models.ours]
family = "gpt-6-luna"
reasoning = false
weight = 3

[routes.default]
targets = ["openai/gpt-6-luna", "inhouse/ours"]
order = "weighted"
max_latency = 2.5
max_cost = 0.1
weights = { "openai/gpt-6-luna" = 9 }

[keys.ci]
key = "caller-secret"
priority = "low"
trusted = true
limits = { rpm = 10 }

[users]
rpm = 6

[breaker]
failures = 3

[admission]
queue = 50

[timers]
connect = 1
"""


@pytest.fixture
def whole():
    return parse(WHOLE, {"MY_KEY": "sk-mine"})


def test_a_provider_takes_from_the_catalog_what_it_does_not_say(whole):
    """One line is enough for a provider that everybody knows."""
    openai = whole.providers["openai"]
    assert (openai.base_url, openai.dialect, openai.auth) == ("https://api.openai.com/v1", "openai", "bearer")
    assert openai.key.reveal() == "sk-mine"


def test_a_provider_under_another_name_follows_the_row_of_its_type(whole):
    """The port and path of the row complete its address; without a key nothing is sent."""
    ours = whole.providers["inhouse"]
    assert (ours.base_url, ours.auth, whole.kinds["inhouse"]) == ("http://gpu-7:8000/v1", "none", "vllm")
    assert ours.headers == {"X-Team": "search"}
    assert ours.quirks.max_tokens_name == "max_tokens"


def test_a_model_takes_from_the_catalog_what_it_does_not_say(whole):
    """Only what differs is written; the rest of the row stays."""
    luna = whole.routes.find("openai/gpt-6-luna").targets[0]
    assert (luna.window, luna.max_output, luna.sampling) == (9000, 128_000, False)
    assert luna.price == Price(input=0.05, output=0.25)


def test_timers_build_on_one_another(whole):
    """The table of all, then what a reasoning model needs, then the model's own."""
    luna = whole.routes.find("openai/gpt-6-luna").targets[0]
    assert luna.timers == Timers(connect=1, first_content=60, stall=4, max_stream=600, whole=600)
    ours = whole.routes.find("inhouse/ours").targets[0]
    assert ours.timers == Timers(connect=1)


def test_a_route_keeps_its_order_its_bounds_and_its_weights(whole):
    """Weights of the route go before those of the model."""
    route = whole.routes.find("default")
    assert [target.name for target in route.targets] == ["openai/gpt-6-luna", "inhouse/ours"]
    assert [target.weight for target in route.targets] == [9, 3]
    assert (route.order, route.max_latency, route.max_cost) == ("weighted", 2.5, 0.1)


def test_the_family_makes_a_switch_of_provider_not_a_switch_of_model(whole):
    """Routing is more patient between different models."""
    assert {target.family for target in whole.routes.find("default").targets} == {"gpt-6-luna"}


def test_a_callers_key_is_kept_only_as_its_digest(whole):
    """Whoever reads the configuration in memory does not learn it."""
    key = whole.keys[hashlib.sha256(b"caller-secret").hexdigest()]
    assert (key.name, key.priority, key.trusted, key.limits) == ("ci", 3, True, LimitConfig(rpm=10))


def test_limits_are_found_by_provider_and_by_target(whole):
    """Those without any are not listed."""
    assert whole.limits == {
        "openai": LimitConfig(rpm=500, usd_per_day=50),
        "openai/gpt-6-luna": LimitConfig(concurrent=3),
    }
    assert whole.users == LimitConfig(rpm=6)


def test_a_layers_table_changes_only_what_it_says(whole):
    """The gateway's queue has other defaults than a target's."""
    assert (whole.layers.breaker.failures, whole.layers.breaker.probes) == (3, 2)
    assert (whole.layers.admission.queue, whole.layers.admission.wait) == (50, GATEWAY.wait)
    assert (whole.server.port, whole.server.errors, whole.server.host) == (8080, "semantic", "127.0.0.1")


def test_anything_can_be_switched_off():
    """`enabled = false` works on a provider, a model, a route, a key and a layer, and asks for no key."""
    config = parse(
        """
        breaker.enabled = false
        [providers.openai]
        enabled = false
        key = "${NOT_SET}"
        [providers.groq]
        key = "g"
        models."openai/gpt-oss-20b".enabled = false
        [routes.default]
        targets = ["openai/gpt-6-luna", "groq/gpt-oss-20b", "groq/gpt-oss-120b"]
        [routes.other]
        enabled = false
        targets = ["openai/gpt-6-luna"]
        [keys.a]
        enabled = false
        """,
        {},
    )
    assert list(config.providers) == ["groq"]
    assert [route.name for route in config.routes] == ["default"]
    assert [target.model for target in config.routes.find("default").targets] == ["openai/gpt-oss-120b"]
    assert config.keys == {}
    assert config.layers.breaker.enabled is False


def test_a_file_without_routes_has_those_of_the_marked_models():
    """The order is that of the file."""
    config = parse('[providers.anthropic]\nkey="a"\n[providers.openai]\nkey="o"\nfast="gpt-6-sol"', {})
    assert [target.name for target in config.routes.find("default").targets] == [
        "anthropic/claude-sonnet-5-5", "openai/gpt-6.1-sol",
    ]  # fmt: skip
    assert [target.name for target in config.routes.find("fast").targets] == [
        "anthropic/claude-haiku-5-5", "openai/gpt-6-sol",
    ]  # fmt: skip


def test_one_row_adds_a_provider():
    """A row in the catalog is all that a file and the environment need."""
    row = ProviderRow(
        title="Acme", dialect="openai", base_url="https://llm.acme.example/v1", key_env=("ACME_KEY",), default="acme-1"
    )
    catalog = Catalog(builtin().providers | {"acme": row}, builtin().models | {"acme-1": ModelRow(at={"acme": "a1"})})
    config = parse("", {"ACME_KEY": "k"}, catalog)
    assert [target.name for target in config.routes.find("default").targets] == ["acme/a1"]
    assert parse("[providers.acme]\nkey='k'", {}, catalog).providers["acme"].dialect == "openai"


@pytest.mark.parametrize(
    ("text", "environment", "port"),
    [
        ("port = '${PORT}'", {"PORT": "81"}, 81),
        ("port = '${PORT:-82}'", {}, 82),
        ("port = '${PORT:-82}'", {"PORT": ""}, 82),
        ("port = '8${PORT}'", {"PORT": "3"}, 83),
    ],
)
def test_a_value_may_come_from_the_environment(text, environment, port):
    """Numbers too; an empty variable counts as not set where there is a default."""
    assert parse(f"[server]\n{text}", environment).server.port == port


def test_a_doubled_dollar_sign_is_left_alone():
    """For what really looks like a variable."""
    assert parse('[server]\nhost = "$${HOST}"', {}).server.host == "${HOST}"


def test_keys_may_stand_in_files_beside_the_configuration(tmp_path):
    """As secrets are mounted; the line end is not part of them."""
    (tmp_path / "openai.key").write_text("sk-file\n")
    (tmp_path / "caller.key").write_text("caller\n")
    file = tmp_path / "outlast.toml"
    file.write_text("[providers.openai]\nkey_file='openai.key'\n[keys.app]\nkey_file='caller.key'")
    config = load(file, {"OPENAI_API_KEY": "not this"})
    assert config.providers["openai"].key.reveal() == "sk-file"
    assert hashlib.sha256(b"caller").hexdigest() in config.keys


def test_the_file_is_looked_for_in_order(tmp_path, monkeypatch):
    """What was asked for, then what the environment says, then the one that lies about."""
    for name in ("asked", "told", "outlast"):
        (tmp_path / f"{name}.toml").write_text(f"[server]\nhost = '{name}'")
    monkeypatch.chdir(tmp_path)
    told = {"OUTLAST_CONFIG": str(tmp_path / "told.toml")}
    assert load(tmp_path / "asked.toml", told).server.host == "asked"
    assert load(None, told).server.host == "told"
    assert load(None, {}).server.host == "outlast"
    (tmp_path / "outlast.toml").unlink()
    assert load(None, {}).source == ""


def test_a_byte_order_mark_does_no_harm(tmp_path):
    """Some editors write one."""
    (tmp_path / "a.toml").write_bytes(b"\xef\xbb\xbf[server]\nport = 1")
    assert load(tmp_path / "a.toml", {}).server.port == 1


def test_the_published_schema_is_up_to_date(request):
    """`docs/outlast.schema.json` is what editors read."""
    published = request.config.rootpath / "docs" / "outlast.schema.json"
    assert published.read_bytes() == schema()


def test_who_loads_its_models_first_has_the_time_of_those_that_think():
    """A server at home may take long to its first word; its own table says otherwise where it is not so."""
    config = parse('[providers.ollama]\n[routes.default]\ntargets = ["ollama/tiny"]', {})
    assert config.routes.find("default").targets[0].timers == Timers(first_content=60, whole=600)
    quick = parse('[providers.ollama]\ntimers = { first_content = 5 }\n[routes.default]\ntargets = ["ollama/tiny"]', {})
    assert quick.routes.find("default").targets[0].timers == Timers(first_content=5, whole=600)


@pytest.mark.parametrize(
    ("more", "model", "window"),
    [
        ("", "tiny", 4096),
        ("", "gpt-oss:20b", 4096),
        ("quirks = { num_ctx = 32768 }", "gpt-oss:20b", 32768),
        ("quirks = { num_ctx = 999_999 }", "gpt-oss:20b", 131_072),
        ('models."tiny" = { window = 8192 }', "tiny", 8192),
    ],
)
def test_a_window_is_what_its_server_has_loaded(more, model, window):
    """What it surely has, what it is asked for by `num_ctx` if the model has so much, or what its owner says."""
    config = parse(f'[providers.ollama]\n{more}\n[routes.default]\ntargets = ["ollama/{model}"]', {})
    assert config.routes.find("default").targets[0].window == window


@pytest.mark.parametrize(
    ("more", "environment", "url"),
    [
        ('base_url = "http://gpu:11434/v1"', {}, "http://gpu:11434"),
        ('base_url = "http://gpu/ollama/"', {}, "http://gpu/ollama"),
        ("", {"OLLAMA_HOST": "gpu:1/v1/"}, "http://gpu:1"),
        ('dialect = "openai"\nbase_url = "http://gpu:11434/v1"', {}, "http://gpu:11434/v1"),
    ],
)
def test_an_address_with_the_path_of_another_dialect_is_known(more, environment, url):
    """Ollama speaks OpenAI's too, at a path of its own, and many have that address in their files."""
    config = parse(f'[providers.ollama]\n{more}\n[routes.default]\ntargets = ["ollama/x"]', environment)
    assert config.routes.find("default").targets[0].provider.base_url == url
