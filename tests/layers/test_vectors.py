"""The conformance vectors: every one is played by a test of its id, save those that are still to come."""

import ast
from pathlib import Path

import pytest

NOT_YET: dict[str, str] = {}
"""Vectors that are not played, and why."""

ALL = """
    RT-01 RT-02 RT-03 RT-07 RT-13 RT-17 RT-18 RT-19 RT-20 RT-21 RT-23 RT-25 RT-28
    RB-11 RB-12 RB-14 RB-15 RB-17 RB-18
    CB-01 CB-02 CB-04 CB-05 CB-12 CB-14 CB-15 CB-17 CB-20 CB-21 CB-23 CB-26 CB-30 CB-31 CB-33
    CB-50 CB-54 CB-55 CB-57 CB-59
    RL-01 RL-02 RL-03 RL-04 RL-05 RL-06 RL-07 RL-08 RL-09 RL-10 RL-12 RL-13 RL-16 RL-20 RL-21
    RL-24 RL-28 RL-29 RL-30 RL-32
    AC-01 AC-02 AC-12 HG-02 HG-03 HG-06 HG-07 HG-10 TO-01 TO-03 TO-04 TO-06 BH-02 BH-04 CO-02
"""
"""Every vector there is."""

TABLES = sorted(Path(__file__).parents[1].glob("*/test_vectors_*.py"))
"""One file for each family, here or beside the stories of the engine."""


@pytest.mark.parametrize("vector", [name for name in ALL.split() if name not in NOT_YET])
def test_every_vector_is_played(vector):
    """By a test whose name or table has its id."""
    words = {word for path in TABLES for node in ast.walk(ast.parse(path.read_text())) for word in _words(node)}
    assert any(vector in word for word in words)


def _words(node):
    if isinstance(node, ast.FunctionDef):
        yield "-".join(node.name.removeprefix("test_").upper().split("_")[:2])
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def test_no_vector_that_is_played_is_said_to_be_missing():
    """What is still to come has no test."""
    names = {word for path in TABLES for node in ast.walk(ast.parse(path.read_text())) for word in _words(node)}
    assert not [vector for vector in NOT_YET if vector in names]
