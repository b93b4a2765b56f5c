"""The documents: every link leads somewhere, and every example runs.

What is done with an example depends on the language that its block names:

    python    all blocks of a page, in order, as one program
    toml      read as an outlast.toml
    console   each line after "$ " is run; the lines below it are what it prints, "..." standing for anything
    json      parsed
    sh        parsed, not run

A comment before a block makes an exception, and says why: `<!-- not run: needs a provider's key -->`.
"""

import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from outlast.catalog.rows import builtin
from outlast.config import parse

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")]
    if "node_modules" not in page.parts
)
EXAMPLES = sorted((ROOT / "examples").glob("**/*.py"))
FENCE = re.compile(r"^( *)```(\S*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
EXCEPTION = re.compile(r"<!-- not run: \S.* -->\n+ *$")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
HELD_ELSEWHERE = {"configuration.md", "providers.md"}
"""Pages whose TOML tests/config/test_documents.py reads, with the files and rows that it speaks of."""
ALONE = {"toml", "json", "sh", "console"}
"""Languages whose blocks are looked at one by one."""
GATEWAY = "127.0.0.1:4000"
LANGUAGES = ALONE | {"python", "text", "javascript", "yaml", "diff", "promql", "mermaid"}


class Block(NamedTuple):
    """One fenced block of a page."""

    page: Path
    line: int
    language: str
    text: str
    runs: bool

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page; `line` is where their text starts."""
    text = page.read_text()
    for match in FENCE.finditer(text):
        before = text[: match.start()]
        line = before.count("\n") + 2
        held = match[2] == "toml" and page.name in HELD_ELSEWHERE
        yield Block(page, line, match[2], textwrap.dedent(match[3]), runs=not held and not EXCEPTION.search(before))


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


PROGRAMS = sorted({block.page for block in BLOCKS if block.language == "python" and block.runs})


def anchors_of(page: Path) -> set[str]:
    """The anchors that headings make, as GitHub makes them."""
    prose = FENCE.sub("", page.read_text())
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.+?)\s*$", prose, re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        number = 1
        unique = slug
        while unique in found:
            unique, number = f"{slug}-{number}", number + 1
        found.add(unique)
    return found


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment without a single key, in which the project's own commands come first."""
    own = str(Path(sys.executable).parent)
    kept = {name: os.environ[name] for name in ("LANG", "SSL_CERT_FILE") if name in os.environ}
    source = str(ROOT / "src")
    return {"PATH": f"{own}:{os.environ['PATH']}", "HOME": str(tmp_path), "PYTHONPATH": source, "COLUMNS": "120"} | kept


def run(command: list[str], where: Path, environment: dict[str, str], given: str = "") -> str:
    """What the command prints. It must succeed."""
    done = subprocess.run(
        command, cwd=where, env=environment, input=given, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    """Each relative link names a file that exists, and each anchor a heading of it."""
    broken = []
    for match in LINK.finditer(FENCE.sub("", page.read_text())):
        link = match[1] or match[2]
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        goal = (page.parent / path).resolve() if path else page
        if not goal.exists() or (anchor and goal.suffix == ".md" and anchor not in anchors_of(goal)):
            broken.append(link)
    assert broken == []


def test_the_readme_is_short():
    """The first page can be read in one sitting: at most 150 lines."""
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_every_block_names_a_language_that_is_known_here():
    """A block without a language, or with one that nobody checks, would be an example that nobody runs."""
    assert [str(block) for block in BLOCKS if block.language not in LANGUAGES] == []


@pytest.mark.parametrize("page", PROGRAMS, ids=lambda page: page.name)
def test_the_python_of_a_page_runs(page, tmp_path, environment):
    """A page's Python blocks, one after another, are a program that ends well."""
    program: list[str] = []
    for block in blocks_of(page):
        if block.language == "python" and block.runs:
            program += [""] * (block.line - 1 - len(program)) + block.text.splitlines()
    script = tmp_path / f"page_{page.stem.replace('-', '_')}.py"  # a page may be called as a module is
    script.write_text("\n".join(program) + "\n")
    run([sys.executable, "-W", "error", str(script)], tmp_path, environment)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_runs(example, tmp_path, environment):
    """Each file of examples/ is a program that ends well without a key or a network."""
    run([sys.executable, "-W", "error", str(example)], tmp_path, environment)


def commands_of(block: Block) -> Iterator[tuple[str, str]]:
    """The commands of a console block, each with what it should print."""
    assert block.text.startswith("$ "), f"{block} does not start with a command"
    for part in block.text.removeprefix("$ ").split("\n$ "):
        lines = part.rstrip("\n").split("\n")
        ends = next((at for at, line in enumerate(lines) if not line.endswith("\\")), len(lines) - 1)
        yield "\n".join(lines[: ends + 1]), "\n".join(lines[ends + 1 :])


def looks_like(expected: str) -> re.Pattern[str]:
    """A pattern of what is expected, where "..." stands for anything."""
    return re.compile(".*".join(re.escape(piece) for piece in expected.strip().split("...")), re.DOTALL)


def is_configuration(block: Block) -> None:
    """It is an outlast.toml that the loader takes where its variables and every provider's key are set."""
    keys = {name for provider in builtin().providers.values() for name in provider.key_env[:1]}
    variables = keys | set(re.findall(r"\$\{(\w+)", block.text))
    parse(block.text, environment=dict.fromkeys(variables, "sk-an-example"))


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.runs and block.language in ALONE], ids=str)
def test_a_block_is_what_it_looks_like(block, tmp_path, environment, request):
    """A configuration loads, JSON and shell can be parsed, and commands end well and print what stands below them."""
    if block.language == "toml":
        is_configuration(block)
    elif block.language == "json":
        json.loads(block.text)
    elif block.language == "sh":
        run(["bash", "-n"], tmp_path, environment, given=block.text)
    else:
        asks = GATEWAY in block.text or "outlast ask" in block.text
        url = request.getfixturevalue("served") if asks else f"http://{GATEWAY}"
        for command, expected in commands_of(block):
            script = command.replace(f"http://{GATEWAY}", url)
            told = environment | {"OUTLAST_URL": url}
            printed = run(["bash", "-euo", "pipefail", "-c", script], tmp_path, told)
            assert not expected or looks_like(expected).search(printed), f"{command} printed:\n{printed}"
