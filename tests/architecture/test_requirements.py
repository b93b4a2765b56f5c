"""What is installed is pinned and hashed, and the lists say nothing of the machine that they were written on."""

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PINNED = sorted((ROOT / "requirements").glob("*.txt"), key=str)
PYTHON = [path for path in PINNED if path.name != "system.txt"]
JAVASCRIPT = ROOT / "tests" / "js" / "package-lock.json"
THANKS = re.compile(r'"funding": \{\s*"url": "[^"]*"\s*\}')
"""Where the authors of a package may be thanked: nothing is fetched from there."""


@pytest.mark.parametrize("path", [*PINNED, JAVASCRIPT], ids=lambda path: path.name)
def test_no_list_names_an_address_or_a_folder_of_a_machine(path):
    """Another machine, with another package index, can use every list."""
    text = THANKS.sub("", path.read_text())
    assert re.findall(r"\w+://\S+|--(?:index|extra-index|find)\S+|/(?:home|root|tmp|work|opt)/\S*", text) == []


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: path.name)
def test_every_python_package_is_pinned_and_hashed(path):
    """Each requirement has one exact version and at least one hash."""
    text = re.sub(r"\s*#.*", "", path.read_text()).replace("\\\n", " ")
    packages = [line for line in text.splitlines() if line.strip()]
    assert packages
    assert [line.split()[0] for line in packages if not re.match(r"\S+==\S+ .*--hash=sha256:\w{64}", line)] == []


def test_every_javascript_package_is_pinned_and_hashed():
    """Each package of the lock file has a version and an integrity."""
    packages = json.loads(JAVASCRIPT.read_text())["packages"]
    assert [name for name, said in packages.items() if name and not (said["version"] and said["integrity"])] == []


def pinned_in(name: str) -> dict[str, str]:
    """The packages of a list, each with its version."""
    return dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "requirements" / name).read_text(), re.MULTILINE))


def names_of(declared: list[str]) -> set[str]:
    """The names of declared requirements."""
    return {re.split(r"[<>=; \[]", line)[0] for line in declared}


def test_what_the_package_declares_is_what_is_pinned():
    """What answering needs is in one list, every extra in the other."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    assert names_of(project["dependencies"] + extras["gateway"]) - set(pinned_in("run.txt")) == set()
    assert names_of([line for extra in extras.values() for line in extra]) - set(pinned_in("dev.txt")) == set()


def test_what_is_tested_is_what_answers():
    """Everything that answering needs has the same version where tests run."""
    tested = pinned_in("dev.txt")
    assert {name: version for name, version in pinned_in("run.txt").items() if tested.get(name) != version} == {}
