"""What a mutant has otherwise than the code."""

from textwrap import dedent

import pytest

from .mutants import mutants_of


def told(tmp_path, code):
    """Every change that is made in that code, as it is told."""
    path = tmp_path / "code.py"
    path.write_text(dedent(code))
    mutants = mutants_of(path, "code.py")
    for mutant in mutants:
        mutant.code()  # each can be compiled
    return [f"{mutant.before} → {mutant.after}" for mutant in mutants]


@pytest.mark.parametrize(
    ("line", "changes"),
    [
        ("x = a < b", ["a < b → a <= b"]),
        ("x = a >= b", ["a >= b → a > b"]),
        ("x = a == b", ["a == b → a != b"]),
        ("x = a is not b", ["a is not b → a is b"]),
        ("x = a in b", ["a in b → a not in b"]),
        ("x = a and b", ["a and b → b", "a and b → a"]),
        ("x = a or b or c", ["a or b or c → b or c", "a or b or c → a or c", "a or b or c → a or b"]),
        ("x = not a", ["not a → a"]),
        ("x = -a", ["-a → a"]),
        ("x = a + b", ["a + b → a - b"]),
        ("x = a // b", ["a // b → a * b"]),
        ("x = a ** b", ["a ** b → a * b"]),
        ("x = f(3)", ["f(3) → f(4)", "f(3) → f(2)"]),
        ("x = f(0.0)", ["f(0.0) → f(1.0)"]),
        ("x = f(0.5)", ["f(0.5) → f(1.0)", "f(0.5) → f(0.0)"]),
        ("x = f(1e-9)", ["f(1e-09) → f(0.0)"]),
        ("x = f(True)", ["f(True) → f(False)"]),
        ("x = f('open')", ["f('open') → f('')"]),
        ("x = f('a sentence for people')", []),
        ("x = f'{a} is paused'", []),
        ("x = min(a, b)", ["min(a, b) → b", "min(a, b) → a"]),
        ("x = max(a, b, c)", ["max(a, b, c) → max(b, c)", "max(a, b, c) → max(a, c)", "max(a, b, c) → max(a, b)"]),
        ("x = min(every)", ["min(every) → max(every)"]),
        ("x = any(every)", ["any(every) → all(every)"]),
        ("x = f(a, early=True)", ["f(a, early=True) → f(a)"]),
        ("x = zip(a, b, strict=True)", []),
        ("x = a if c else b", ["a if c else b → a if True else b", "a if c else b → a if False else b"]),
        ("x = [a for a in b if c]", ["c → True", "c → False"]),
        ("return a", ["return a → return None"]),
        ("return None", []),
        ("return", ["return → pass"]),
        ("f(a)", ["f(a) → pass"]),
        ("await a", ["await a → pass"]),
        ("raise a", ["raise a → pass"]),
        ("del a", ["del a → pass"]),
        ("a.b = c", ["a.b = c → pass"]),
        ("x = a", []),
        ("x += a", ["x += a → pass", "x += a → x -= a"]),
        ("x: int = f(a)", []),
        ("assert_type: 'a_word'", []),
    ],
)
def test_one_small_thing_at_a_time(tmp_path, line, changes):
    """Each line, and all that it is changed into."""
    assert told(tmp_path, f"async def f():\n    {line}\n") == changes


def test_a_condition_is_always_true_and_always_false(tmp_path):
    """So its being turned round needs no mutant: whoever notices both has seen both sides."""
    code = """
        def f(a, b):
            if a == b:
                return a
            while a < b:
                a = f(a)
    """
    assert told(tmp_path, code) == [
        "a == b → True",
        "a == b → False",
        "return a → return None",
        "a < b → False",
        "a < b → a <= b",
        "a = f(a) → pass",
    ]


def test_the_larger_of_two_may_be_either_of_equal_ones(tmp_path):
    """`<` and `<=` are the same there, and nobody has to explain it."""
    code = """
        def f(a, b):
            if a > b:
                b = a
            return a if a > b else b
    """
    assert not [change for change in told(tmp_path, code) if ">=" in change]


def test_what_runs_at_import_is_changed_too(tmp_path):
    """Constants, defaults of arguments and of fields; not types, nor the defaults of configuration."""
    code = """
        from typing import Literal

        Kind = Literal["open", "closed"]
        MINUTE = 60.0

        class Ticket(Struct, frozen=True):
            waits: bool = False

        class Config(Struct):
            slots: int = 64

        def f(a, share=0.5, *, least=1):
            return a
    """
    assert told(tmp_path, code) == [
        "MINUTE = 60.0 → MINUTE = 61.0",
        "waits: bool = False → waits: bool = True",
        "least=1 → least=2",
        "share=0.5 → share=1.0",
        "return a → return None",
    ]


def test_a_name_outlives_what_happens_around_it(tmp_path):
    """No line number is part of it; the same change twice in one function is counted."""
    code = "class A:\n    def f(self, a):\n        g(a + 1)\n        h(a + 1)\n"
    path = tmp_path / "code.py"
    path.write_text(code)
    before = [mutant.name for mutant in mutants_of(path, "code.py")]
    assert "code.py A.f: a + 1 → a - 1" in before
    assert "code.py A.f: a + 1 → a - 1 #2" in before
    path.write_text("# a comment\n\n\ndef k(a):\n    return a\n\n\n" + code)
    assert [mutant.name for mutant in mutants_of(path, "code.py") if mutant.where == "A.f"] == before
