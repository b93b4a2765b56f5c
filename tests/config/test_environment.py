"""Without a file, the usual environment variables are the configuration."""

import pytest

from outlast.catalog import builtin
from outlast.config import parse, simulated, with_prices
from outlast.config.environment import address
from outlast.model.target import Price

FOUND = [
    ({"OPENAI_API_KEY": "k"}, "openai", "https://api.openai.com/v1", "bearer"),
    ({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "https://eu.api.openai.com/v1/"}, "openai",
     "https://eu.api.openai.com/v1", "bearer"),
    ({"ANTHROPIC_API_KEY": "k"}, "anthropic", "https://api.anthropic.com", "x-api-key"),
    ({"GOOGLE_API_KEY": "k"}, "gemini", "https://generativelanguage.googleapis.com", "x-goog-api-key"),
    ({"AZURE_OPENAI_API_KEY": "k", "AZURE_OPENAI_ENDPOINT": "https://me.openai.azure.com/"}, "azure",
     "https://me.openai.azure.com/openai/v1", "api-key"),
    ({"MISTRAL_API_KEY": "k"}, "mistral", "https://api.mistral.ai/v1", "bearer"),
    ({"DEEPSEEK_API_KEY": "k"}, "deepseek", "https://api.deepseek.com", "bearer"),
    ({"GROQ_API_KEY": "k"}, "groq", "https://api.groq.com/openai/v1", "bearer"),
    ({"TOGETHER_API_KEY": "k"}, "together", "https://api.together.ai/v1", "bearer"),
    ({"FIREWORKS_API_KEY": "k"}, "fireworks", "https://api.fireworks.ai/inference/v1", "bearer"),
    ({"CO_API_KEY": "k"}, "cohere", "https://api.cohere.com", "bearer"),
    ({"OPENROUTER_API_KEY": "k"}, "openrouter", "https://openrouter.ai/api/v1", "bearer"),
    ({"OLLAMA_HOST": "127.0.0.1"}, "ollama", "http://127.0.0.1:11434", "none"),
    ({"OLLAMA_HOST": "0.0.0.0:9999"}, "ollama", "http://127.0.0.1:9999", "none"),
    ({"OLLAMA_HOST": "https://ollama.lan", "OLLAMA_API_KEY": "k"}, "ollama", "https://ollama.lan", "bearer"),
    ({"VLLM_BASE_URL": "http://gpu:8000"}, "vllm", "http://gpu:8000/v1", "none"),
    ({"LLAMACPP_BASE_URL": "http://[::1]:8080"}, "llamacpp", "http://[::1]:8080/v1", "none"),
    ({"LMSTUDIO_BASE_URL": "http://localhost:1234/v1"}, "lmstudio", "http://localhost:1234/v1", "none"),
]  # fmt: skip


@pytest.mark.parametrize(("environment", "name", "url", "auth"), FOUND, ids=[found[1] for found in FOUND])
def test_a_provider_is_found_by_its_usual_variables(environment, name, url, auth):
    """One variable is all the configuration that a newcomer writes."""
    config = parse("", environment)
    assert [(provider.name, provider.base_url, provider.auth) for provider in config.providers.values()] == [
        (name, url, auth)
    ]
    assert config.providers[name].key.reveal() == ("k" if auth != "none" else "")


def test_without_any_variable_the_simulated_provider_should_answer():
    """So that the first start answers at once."""
    config = parse("", {"PATH": "/bin", "OPENAI_API_KEY": " "})
    assert config.simulated
    assert (config.providers, list(config.routes)) == ({}, [])


def test_the_simulated_configuration_keeps_all_but_the_providers():
    """Two targets of one model, so that a switch can be seen."""
    config = simulated("http://127.0.0.1:9999", parse("[server]\nport = 1", {}))
    assert config.simulated
    assert config.server.port == 1
    for name in ("default", "fast"):
        targets = config.routes.find(name).targets
        assert [target.name for target in targets] == ["sim-one/demo", "sim-two/demo"]
        assert [target.provider.base_url for target in targets] == [
            "http://127.0.0.1:9999/sim-one/v1", "http://127.0.0.1:9999/sim-two/v1",
        ]  # fmt: skip
        assert {target.family for target in targets} == {"simulated"}


def test_routes_are_made_in_the_order_of_the_catalog():
    """Whatever the order of the variables."""
    config = parse("", {"GROQ_API_KEY": "g", "ANTHROPIC_API_KEY": "a", "OPENAI_API_KEY": "o"})
    assert [target.name for target in config.routes.find("default").targets] == [
        "openai/gpt-6.1-sol", "anthropic/claude-sonnet-5-5", "groq/openai/gpt-oss-120b",
    ]  # fmt: skip
    assert [target.name for target in config.routes.find("fast").targets] == [
        "openai/gpt-6-luna", "anthropic/claude-haiku-5-5", "groq/openai/gpt-oss-20b",
    ]  # fmt: skip


def test_a_deployment_is_named_by_its_variable():
    """What a server of one's own serves, no catalog can know."""
    config = parse("", {"VLLM_BASE_URL": "http://gpu:8000", "VLLM_MODEL": "meta/ours"})
    assert [target.name for target in config.routes.find("default").targets] == ["vllm/meta/ours"]
    assert config.routes.find("meta/ours").targets[0].name == "vllm/meta/ours"


def test_a_server_without_a_named_model_joins_no_route():
    """It is asked as provider/model."""
    config = parse("", {"VLLM_BASE_URL": "http://gpu:8000"})
    assert list(config.routes) == []
    assert config.routes.find("vllm/any").targets[0].model == "any"


def test_the_gateway_never_takes_itself_for_a_provider():
    """Its callers use the same variable to find it."""
    own = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "http://127.0.0.1:4000/v1"}
    assert parse("", own).providers["openai"].base_url == "https://api.openai.com/v1"
    assert parse("[server]\nport = 5000", own).providers["openai"].base_url == "http://127.0.0.1:4000/v1"


def test_a_file_without_providers_still_asks_the_environment():
    """Tuning a layer is no reason to write down every provider."""
    config = parse("[breaker]\nfailures = 3", {"OPENAI_API_KEY": "k"})
    assert list(config.providers) == ["openai"]


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "metadata.google.internal", "[fd00:ec2::254]"])
def test_addresses_of_metadata_are_never_taken(host):
    """They give credentials of the machine to whoever asks."""
    with pytest.raises(Exception, match="metadata"):
        address(f"http://{host}/v1", builtin().providers["vllm"])


def test_prices_are_put_on_every_known_target_and_only_there():
    """Once, at start; whoever asks for a target by any of its names sees the same price."""
    text = '[providers.openai]\nkey = "k"\n[providers.openai.models."gpt-4.1".price]\ninput = 1\noutput = 2'
    config = with_prices(parse(text, {}))
    mini = config.routes.find("openai/gpt-4o-mini").targets[0]
    assert mini.price == Price(input=0.15, output=0.6, cached=0.075)
    assert config.routes.find("gpt-4o-mini").targets[0] is mini
    assert config.routes.find("gpt-4.1").targets[0].price == Price(input=1, output=2)
    assert config.routes.find("openai/unheard-of").targets[0].price is None


def test_nobody_is_asked_for_prices_that_no_list_has():
    """To ask costs half a second and a process; models of one's own are on no list."""
    config = parse('[providers.house]\ntype = "vllm"\nbase_url = "http://gpu:8000/v1"\nmodels = { "llama" = {} }', {})

    def find(questions):
        raise AssertionError(f"asked for {questions}")

    assert with_prices(config, find=find) is config
