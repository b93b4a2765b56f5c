"""The core asks its Io for the time, for chance and for everything outside; no code of it does so by itself."""

import ast
import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "outlast"
CORE = sorted(
    path
    for floor in ("model", "ports", "dialects", "flow", "layers", "stack.py", "engine.py")
    for path in ([SOURCE / floor] if floor.endswith(".py") else (SOURCE / floor).rglob("*.py"))
)
VENDORS = {"anthropic", "cohere", "gemini", "ollama", "openai"}
OF_A_VENDOR = [path for path in sorted((SOURCE / "dialects").glob("*.py")) if path.stem.partition("_")[0] in VENDORS]
CLOCKS_AND_DICE = re.compile(
    r"^((datetime\.)*(now|utcnow|today)|(datetime\.)?(datetime|date)\.(now|utcnow|today)"
    r"|time\..*|random\..*|secrets\..*|uuid\..*|os\..*|urllib\.request\..*|sys\.(stdout|stderr|stdin|argv|exit).*"
    r"|open|print|input|breakpoint|__import__|exec|eval|compile)$"
)


def called(tree: ast.AST) -> list[tuple[int, str]]:
    """What is called by a plain or dotted name, and where."""
    return [(node.lineno, ast.unparse(node.func)) for node in ast.walk(tree) if isinstance(node, ast.Call)]


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(SOURCE)))
def test_the_core_asks_no_clock_and_throws_no_dice(path):
    """No file of the core calls a clock, dice, a file or the console."""
    assert [(line, name) for line, name in called(ast.parse(path.read_text())) if CLOCKS_AND_DICE.match(name)] == []


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(SOURCE)))
def test_the_core_knows_no_provider_by_name(path):
    """No decision of the core compares a provider's name: how a provider differs is data of the catalog."""
    compared = [
        (node.lineno, ast.unparse(node))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Compare)
        and re.search(r"\bprovider(\.name)?$", ast.unparse(node.left))
        and any(isinstance(other, ast.Constant) and isinstance(other.value, str) for other in node.comparators)
    ]
    assert compared == []


@pytest.mark.parametrize("path", OF_A_VENDOR, ids=lambda path: path.name)
def test_vendors_do_not_know_one_another(path):
    """What is written for one vendor's dialect imports nothing that is written for another's."""
    own = path.stem.partition("_")[0]
    imported = [node.module or "" for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    named = [match[1] for module in imported if (match := re.match(r"outlast\.dialects\.([a-z]+)", module))]
    assert VENDORS & set(named) - {own} == set()


def test_no_module_has_a_name_that_says_nothing():
    """No module is called utils, helpers, common, misc or manager."""
    empty = re.compile(r"^(utils?|helpers?|common|misc|managers?)$")
    assert [str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py") if empty.match(path.stem)] == []
