"""Whole runs over a small shop whose tests notice some things and others not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = '''
"""A till."""
from msgspec import Struct

RATE = 2
UNSEEN = 5


class Basket(Struct):
    items: int = 0
    seen: int = 0

    @property
    def heavy(self):
        return self.items > 3

    @classmethod
    def of(cls, items):
        return cls(items=items)

    async def pay(self):
        return self.items * RATE


class Till:
    __slots__ = ("_open",)

    def __init__(self):
        self._open = True

    def shut(self):
        self._open = False
        return self._open


def counted(of):
    def inner():
        n = 0
        while n < of:
            n += 1
            yield n
    return inner


def never():
    return UNSEEN
'''
CHECKS = """
import pytest
from shop.till import Basket, Till, counted

twice = counted(2)  # a closure that is made before any mutant is


def coroutine(waits):
    with pytest.raises(StopIteration) as end:
        waits.send(None)
    return end.value.value


def test_weight():
    assert Basket(5).heavy is True
    assert Basket(3).heavy is False
    assert Basket.of(4).items == 4


def test_pay():
    assert coroutine(Basket(3).pay()) == 6
    assert coroutine(Basket().pay()) == 0


def test_till():
    assert Till().shut() is False


def test_count():
    assert list(twice()) == [1, 2]
    assert list(counted(1)()) == [1]
"""
SURVIVORS = {
    "| `Basket` | `seen: int = 0` → `seen: int = 1` |",
    "| `Basket.heavy` | `self.items > 3` → `self.items > 4` |",
    "| `Till.__init__` | `self._open = True` → `pass` |",
    "| `Till.__init__` | `self._open = True` → `self._open = False` |",
    "| `` | `UNSEEN = 5` → `UNSEEN = 6` |",
    "| `never` | `return UNSEEN` → `return None` |",
}


@pytest.fixture
def shop(tmp_path):
    """The directory of a shop and its tests."""
    package = tmp_path / "src" / "shop"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "till.py").write_text(CODE)
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "test_till.py").write_text(CHECKS)
    return tmp_path


def run(shop, *args):
    """One run; its exit code, and what it tells."""
    path = os.pathsep.join([str(shop / "src"), str(ROOT)])
    place = ["--source", "src/shop", "--tests", "checks", "--list", "survivors.md", "--jobs", "2", "--grace", "0.3"]
    command = [sys.executable, "-m", "tests.mutation", *place, *args]
    env = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, cwd=shop, env=env, check=False, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def rows(told):
    """The survivors that are told, without reason and line."""
    return {line.rpartition(" | ")[0].rpartition("|")[0] + "|" for line in told.splitlines() if line.startswith("| ")}


def test_what_no_test_notices_is_told(shop):
    """All else is: in properties, classmethods, structs, slots, coroutines, closures, and what runs at import."""
    code, told = run(shop)
    assert code == 1
    assert rows(told) == SURVIVORS

    code, told = run(shop)
    assert "0 to try" in told  # what is known of this very code and these tests is not found out again
    assert (code, rows(told)) == (1, SURVIVORS)

    results = shop / ".mutation" / "results.jsonl"  # broken off after its tenth line, it goes on from there
    results.write_text("".join(results.read_text().splitlines(keepends=True)[:10]))
    code, told = run(shop)
    assert "28 mutants, 18 to try" in told
    assert (code, rows(told)) == (1, SURVIVORS)


def test_survivors_that_are_accounted_for_are_enough(shop):
    """One that is not in the list fails the run; one in the list that a test notices by now is told."""
    listed = [f"{row} that is so |\n" for row in sorted(SURVIVORS)]
    (shop / "survivors.md").write_text("### `shop/till.py`\n" + "".join(listed))
    code, told = run(shop)
    assert code == 0, told
    assert "6 survivors accounted for, 0 not" in told

    assert "28 mutants, 22 to try" in run(shop, "--unlisted", "--fresh")[1]

    checks = shop / "checks" / "test_till.py"
    checks.write_text(CHECKS + "\n\ndef test_four():\n    assert Basket(4).heavy is True\n")
    code, told = run(shop, "--survivors")
    assert "6 to try" in told
    assert "take them out of the list:\nshop/till.py Basket.heavy: self.items > 3 → self.items > 4\n" in told
    assert code == 0

    (shop / "survivors.md").write_text("### `shop/till.py`\n" + "".join(row for row in listed if "never" not in row))
    assert run(shop)[0] == 1


def test_what_is_accounted_for_meets_the_first_tests_only(shop):
    """The others would take long, and notice it; whoever is not in the list meets them too."""
    (shop / "src" / "shop" / "other.py").write_text("def f(a):\n    return a > 3\n")
    (shop / "checks" / "test_other.py").write_text("from shop.other import f\n\ndef test_f():\n    assert f(9)\n")
    (shop / "more").mkdir()
    (shop / "more" / "test_more.py").write_text("from shop.other import f\n\ndef test_g():\n    assert not f(3)\n")
    row = "| `f` | `a > 3` → `a >= 3` |"
    both = ["shop/other", "--tests", "checks", "more"]
    assert row not in rows(run(shop, *both)[1])
    (shop / "survivors.md").write_text(f"### `shop/other.py`\n{row} nobody knows |\n")
    told = run(shop, *both, "--fresh")[1]
    assert "1 survivors accounted for" in told


def test_a_reason_is_wanted(shop):
    """A row without one accounts for nothing."""
    (shop / "survivors.md").write_text("### `shop/till.py`\n| `never` | `return UNSEEN` → `return None` |  |\n")
    code, told = run(shop)
    assert code == 1
    assert "no reason is given for shop/till.py never" in told


def test_only_a_part(shop):
    """A path, or what differs from a commit."""
    (shop / "src" / "shop" / "other.py").write_text("def f(a):\n    return a\n")
    code, told = run(shop, "shop/other")
    assert (code, rows(told)) == (1, {"| `f` | `return a` → `return None` |"})

    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for words in (["init", "-q"], ["add", "src"], ["commit", "-qm", "Open the shop"]):
        subprocess.run([*git, *words], cwd=shop, check=True)
    assert run(shop, "--since", "HEAD") == (0, "nothing to change there\n")
    (shop / "src" / "shop" / "other.py").write_text("def g(a):\n    return a\n")
    assert rows(run(shop, "--since", "HEAD")[1]) == {"| `g` | `return a` → `return None` |"}


def test_tests_that_fail_anyway_tell_nothing(shop):
    """The run says which, and goes no further."""
    (shop / "checks" / "test_wrong.py").write_text("def test_wrong():\n    assert False\n")
    code, told = run(shop)
    assert code == 1
    assert "a test fails without any mutant: checks/test_wrong.py::test_wrong" in told
