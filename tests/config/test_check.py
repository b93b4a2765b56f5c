"""`outlast check` shows what a configuration came to."""

from outlast.check import report
from outlast.config import parse, simulated

FILE = """
[server]
grace = 5
[providers.openai]
key = "o"
limits.rpm = 500
[providers.inhouse]
type = "vllm"
base_url = "http://gpu-7:8000"
headers.X-Team = "search"
[providers.openai.models.gpt-6-luna.price]
input = 0.1
output = 0.5
[routes.default]
targets = ["openai/gpt-6-luna", "inhouse/ours"]
max_latency = 2
hedge = true
[keys.app]
key = "a"
trusted = true
[breaker]
enabled = false
[admission]
queue = 5
[bulkhead.adaptive]
enabled = false
"""

SAID = """\
configuration: outlast.toml

server
  listens on 127.0.0.1:4000
  grace = 5.0

providers
  openai: https://api.openai.com/v1 (openai and responses), with a key
  inhouse: http://gpu-7:8000/v1 (openai, like vllm), without a key, headers X-Team

routes
  default: priority, at most 2 s, hedged
    1. openai/gpt-6-luna (1,050,000 tokens, $0.1 in, $0.5 out per million)
    2. inhouse/ours

keys
  app: normal, trusted, no limits
  each user: no limits

limits
  openai: rpm = 500

layers
"""


def test_the_report_shows_everything_as_it_was_resolved():
    """Providers with addresses, routes with targets, keys with classes; layers come after."""
    assert report(parse(FILE, {})).startswith(SAID)


def test_the_report_shows_what_is_off_and_what_differs():
    """Defaults are in the documents; only what the owner changed is worth a word."""
    lines = report(parse(FILE, {})).splitlines()
    assert "  breaker: off" in lines
    assert "  admission: on, queue = 5" in lines
    assert "  bulkhead: on, adaptive.enabled = False" in lines
    assert "  retry: on" in lines


def test_the_report_says_when_nobody_is_configured():
    """With the way out."""
    said = report(simulated("http://127.0.0.1:1"))
    assert "a simulated provider answers; set OPENAI_API_KEY or the like, or write outlast.toml" in said


def test_it_says_what_is_kept_and_what_there_is_when_nobody_answers():
    """Of each route that has a say in it."""
    routes = """
[providers.openai]
key = "o"
[routes.default]
targets = ["openai/gpt-6-luna"]
cache = {fresh = 60, stale_while_revalidate = 30, stale_if_error = 600}
coalesce = true
degrade = ["stale", "weaker", {static = "later"}]
weaker = "openai/gpt-6.1-sol"
[routes.other]
targets = ["openai/gpt-6-luna"]
cache = {fresh = 0}
coalesce = false
degrade = [{static = "later"}]
"""
    said = report(parse(routes, {}))
    kept = "answers kept for 660 s, the same requests share a call"
    assert f"default: priority, {kept}, if nobody answers: stale, weaker, static (openai/gpt-6.1-sol)\n" in said
    assert "other: priority, answers not kept, no shared calls, if nobody answers: static\n" in said


KEYS = '[providers.openai]\nkey = "o"\n[keys.app]\nkey = "a"\n[keys.other]\nkey = "b"\n'


def test_callers_who_share_an_accounts_files_are_told_of():
    """Several keys mean several callers, and what is passed on unread knows one account alone."""
    told = report(parse(KEYS))
    assert "callers share /v1/files and /v1/uploads: leave them out of [pass_through] paths if they must not" in told
    assert "callers share" not in report(parse(KEYS.replace("[keys.other]", "#").replace('key = "b"', "")))
    assert "callers share" not in report(parse(KEYS + '[pass_through]\npaths = ["/v1/images"]\n'))
    assert "passed on unread" not in report(parse(KEYS + "[pass_through]\nenabled = false\n"))
