"""The page about simulated providers: its files load, its commands print what it says, and it leaves nothing out."""

import re
import subprocess
import tomllib
from pathlib import Path

import msgspec
import pytest

from outlast.lab.conduct import Conduct
from outlast.lab.named import CONSTRUCTORS
from outlast.lab.outages import KINDS, Outage
from outlast.lab.quotas import Limits
from outlast.lab.sim_file import SimFile, parse

from .sim_process import SimProcess, environment

PAGE = (Path(__file__).parents[2] / "docs" / "sim.md").read_text()
PLACE = "http://127.0.0.1:9000"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", blocks("toml"))
def test_each_file_of_the_page_is_a_good_one(text):
    """It loads, and shows every field of a provider but those that are explained by a table."""
    file = parse(text, "sim.toml", {})
    shown = {name for table in tomllib.loads(text)["providers"].values() for name in table}
    assert file.port == 9000
    assert file.providers["alpha"].key == "sim-key"
    assert shown == set(Conduct.__struct_fields__)


def test_the_page_leaves_no_field_out():
    """Each field has a row in a table, each kind of outage and each behaviour is named."""
    rows = set(re.findall(r"^\| `([a-z_]+)`", PAGE, re.MULTILINE))
    for shape in (Conduct, Limits, Outage):
        assert {item.encode_name for item in msgspec.structs.fields(shape)} <= rows, shape
    named = set(re.findall(r"`([a-z-]+)`", PAGE))
    assert set(KINDS) | set(CONSTRUCTORS) - {"stream"} <= named
    assert {"--config", "--port", "--host", "--seed"} <= set(re.findall(r"`(--[a-z]+)`", PAGE))


def test_without_a_file_it_is_as_the_page_says(tmp_path):
    """The lines that are shown, but for the port and the command's body."""
    shown = blocks("text")[0]
    with SimProcess(tmp_path, "--port", "0") as running:
        printed = "\n".join(running.said).replace(running.url, PLACE)
    pattern = ".*".join(re.escape(part) for part in shown.strip().split("…"))
    assert re.fullmatch(pattern, printed, re.DOTALL), printed
    assert SimFile().port == 9000


def test_the_commands_of_the_page_print_what_it_says(tmp_path):
    """Each is run, in order, against the same simulation."""
    with SimProcess(tmp_path, "--port", "0") as running:
        for block in blocks("console"):
            for part in block.removeprefix("$ ").split("\n$ "):
                command, _, expected = re.fullmatch(r"((?:[^\n]*\\\n)*[^\n]*)(\n?)(.*)", part, re.DOTALL).groups()
                done = subprocess.run(
                    ["bash", "-euo", "pipefail", "-c", command.replace(PLACE, running.url)],
                    cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=120, check=True,
                )  # fmt: skip
                pattern = ".*".join(re.escape(piece) for piece in expected.strip().split("..."))
                assert re.search(pattern, done.stdout, re.DOTALL), done.stdout
