"""Machines by name: what is as good as new is forgotten when there are many, and looked for seldom."""

from outlast.flow.kept import Kept


class Machine:
    """Idle from a certain time on; it counts how often it was asked."""

    def __init__(self, since):
        self.since = since
        self.asked = 0

    def idle(self, now):
        self.asked += 1
        return now >= self.since


def kept(many, *since):
    """So many machines, each idle since its time."""
    made = Kept(many)
    for number, when in enumerate(since):
        made.put(f"{number}", Machine(when), 0.0)
    return made


def test_what_is_idle_goes_when_there_are_many_and_nothing_else_ever_does():
    """Four are many; the fifth makes room."""
    of = kept(4, 1.0, 9.0, 1.0, 9.0)
    new = Machine(9.0)
    assert of.put("new", new, 1.0) is new
    assert list(of) == ["1", "3", "new"]


def test_nobody_looks_while_there_are_few():
    """Three are few."""
    of = kept(4, 0.0, 0.0, 0.0)
    of.put("new", Machine(0.0), 1.0)
    assert [machine.asked for machine in of.values()] == [0, 0, 0, 0]


def test_where_most_stay_twice_as_many_are_many_from_then_on():
    """Three of four are busy: it looks again at eight. Two of four: it looks again at four."""
    looks = {}
    for busy in (3, 2):
        of = kept(4, *[9.0] * busy, *[0.0] * (4 - busy))
        looks[busy] = []
        for number in range(12):
            before = of["0"].asked
            count = len(of)
            of.put(f"more {number}", Machine(9.0), 1.0)
            if of["0"].asked > before:
                looks[busy].append(count)
    assert looks == {3: [4, 8], 2: [4, 4, 8]}


def test_by_default_a_thousand_are_many():
    """The thousandth goes in beside all others, the next one looks."""
    of = Kept()
    for number in range(1_000):
        of.put(f"{number}", Machine(0.0), 1.0)
    assert len(of) == 1_000
    of.put("new", Machine(9.0), 1.0)
    assert list(of) == ["new"]
