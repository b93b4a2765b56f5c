"""The conformance vectors that no other file of this folder plays: the bulkhead's, and those that are still to come."""

import ast
from pathlib import Path

import pytest

from outlast.lab.scripted_io import ScriptedWaiter
from outlast.layers.bulkhead import Full, Slots, SlotsConfig
from outlast.testing import run

NOT_YET = {
    "RL-32": "needs limits that processes share",
    "AC-01": "needs the adaptive limit",
    "AC-02": "needs the adaptive limit",
    "AC-12": "needs the adaptive limit",
    "HG-02": "needs hedging",
    "HG-03": "needs hedging",
    "HG-06": "needs hedging",
    "HG-07": "needs hedging",
    "HG-10": "needs hedging",
    "CO-02": "needs idempotency",
    "TO-01": "a timer of the attempt: played against providers",
    "TO-03": "a timer of the attempt: played against providers",
    "TO-04": "a timer of the attempt: played against providers",
    "TO-06": "a timer of the attempt: played against providers",
    "BH-04": "a stream that is dropped: played against providers",
}
"""Vectors that are not played here, and why."""

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


@pytest.mark.parametrize("vector", [name for name in ALL.split() if name not in NOT_YET])
def test_every_vector_is_played(vector):
    """By a test whose name or table has its id."""
    here = Path(__file__).parent
    tables = [ast.parse(path.read_text()) for path in here.glob("test_vectors_*.py")]
    tables.append(ast.Module([node for node in ast.parse(Path(__file__).read_text()).body if _is_test(node)], []))
    words = {word for tree in tables for node in ast.walk(tree) for word in _words(node)}
    assert any(vector in word for word in words)


def _is_test(node):
    return isinstance(node, ast.FunctionDef) and node.name.startswith("test_bh")


def _words(node):
    if isinstance(node, ast.FunctionDef):
        yield "-".join(node.name.removeprefix("test_").upper().split("_")[:2])
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def test_bh_02_a_waiter_that_was_cancelled_leaves_nothing_behind():
    """One slot, one place; the waiter goes, then the holder: both are free again."""

    async def story():
        slots = Slots(SlotsConfig(slots=1, queue=1))
        holder = slots.enter("a", 2, 0.0, 10.0, ScriptedWaiter)
        waiting = slots.enter("a", 2, 0.0, 10.0, ScriptedWaiter)
        assert (holder.granted, waiting.granted) == (True, False)
        assert isinstance(slots.enter("a", 2, 0.0, 10.0, ScriptedWaiter), Full)
        slots.leave(waiting, 0.1)
        slots.leave(holder, 0.2)
        assert (slots.used, slots.waiting) == (0, 0)
        assert slots.enter("a", 2, 0.3, 10.0, ScriptedWaiter).granted

    run(story())
