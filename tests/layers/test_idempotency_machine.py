"""Who owns a key, under any sequence of claims, renewals, ends, deaths and losses: several processes over one store."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from outlast.layers.idempotency.config import IdempotencyConfig
from outlast.layers.idempotency.keeper import Keeper
from outlast.layers.idempotency.lease import Lease
from outlast.layers.idempotency.record import Record, packed, unpacked
from outlast.ports import StoreFailed
from outlast.store import Memory

from .calls import Ear, a_call

LEASE, LIFE = 30.0, 1_000.0
CONFIG = IdempotencyConfig(lease=LEASE, lifetime=LIFE)
NAME = "idempotency1:k"
PROCESSES = 2
WHO = st.integers(0, PROCESSES - 1)
FATE = st.sampled_from(["", "", "", "before", "after"])
"""What becomes of a command: it is done, is not and fails, or is done and fails all the same."""


def done(coroutine):
    """What it gives: memory never waits."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


class Wire:
    """What a process has of the store, with a fate for what it asks next."""

    shared = notifies = True

    def __init__(self, store):
        self.store = store
        self.fate = ""

    def __getattr__(self, what):
        async def ask(*args):
            fate, self.fate = self.fate, ""
            if fate == "before":
                raise StoreFailed("not done")
            got = await getattr(self.store, what)(*args)
            if fate == "after":
                raise StoreFailed("done, and not heard")
            return got

        return ask


class Dice(Ear):
    """Each call is another owner."""

    def random(self):
        self.dice = (self.dice * 7 + 0.123456789) % 1.0
        return self.dice


def _one_of(those, number):
    """One of these processes."""
    names = sorted(those)
    return names[number % len(names)]


class Keys(RuleBasedStateMachine):
    """What holds at every step:

    - nobody has a key that the store has given, and that its owner has renewed, within the last lease
    - what is done is what the key gives, until its life is over: nobody writes there any more
    - whoever has lost a key writes nothing
    - who was given the key by the store and has written nothing since, or was heard, finds it there: no end is lost
    """

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.store = Memory(lambda: self.now)
        self.wires = [Wire(self.store) for _ in range(PROCESSES)]
        self.keepers = [Keeper(wire, CONFIG) for wire in self.wires]
        self.call = a_call(Dice(dice=0.5))
        self.leases = {}
        self.meant = {}  # who ─▶ the record that it has found silent, and means to take over
        self.written = {}  # owner ─▶ when the store last took something of it
        self.over = None  # what was done, and until when it is kept

    def _stands(self):
        """What the store truly has."""
        found = done(self.store.get(NAME))
        return (None, 0.0) if found is None else (unpacked(found), found.left)

    def _note(self, before):
        """Take note of who has written."""
        now, _ = self._stands()
        if now is not None and now != before:
            self.written[now.owner] = self.now
        return now

    @rule(seconds=st.sampled_from([11.0, 31.0, 31.0, 400.0]))
    def wait(self, seconds):
        """Time passes."""
        self.now += seconds

    @precondition(lambda self: len(self.leases) + len(self.meant) < PROCESSES)
    @rule(who=WHO, fate=FATE)
    def ask(self, who, fate):
        """A request comes with the key to a process that does not work on it."""
        who = _one_of(set(range(PROCESSES)) - set(self.leases) - set(self.meant), who)
        before, _ = self._stands()
        keeper, self.wires[who].fate = self.keepers[who], fate
        found = done(keeper.claim(NAME, keeper.running(self.call, "body"), self.call))
        if isinstance(found, Lease):
            assert before is None or fate, "the store gave a key away that somebody had"
            self.leases[who] = found
        elif before.state == "running" and before.silence(found.left) <= 0:
            self.meant[who] = found
        self._note(before)

    @precondition(lambda self: self.meant)
    @rule(who=WHO, fate=FATE)
    def take_over(self, who, fate):
        """Who has found the owner silent takes the key over; meanwhile anything may have happened."""
        who = _one_of(self.meant, who)
        found = self.meant.pop(who)
        before, left = self._stands()
        keeper, self.wires[who].fate = self.keepers[who], fate
        mine = keeper.running(self.call, "body", unpacked(found).lost + 1)
        lease = done(keeper.take_over(NAME, found, mine, self.call))
        if lease is not None:
            self.leases[who] = lease
        after = self._note(before)
        if after is not None and before is not None and after.owner != before.owner:
            assert before.state == "running"
            assert before.age(left) >= LEASE, "a living owner's key was taken"

    @precondition(lambda self: self.leases)
    @rule(who=WHO, fate=FATE)
    def renew(self, who, fate):
        """The owner says that it lives."""
        who = _one_of(self.leases, who)
        before, _ = self._stands()
        self.wires[who].fate = fate
        if not self.leases[who].lost:
            done(self.keepers[who]._renew(NAME, self.leases[who], self.call))
        self._note(before)

    @precondition(lambda self: self.leases)
    @rule(who=WHO, fate=FATE, again=st.booleans())
    def end(self, who, fate, again):
        """The call is over: with an answer, or with a failure that may pass."""
        who = _one_of(self.leases, who)
        lease = self.leases.pop(who)
        before, left = self._stands()
        last = self.written.get(lease.record.owner)
        heard = lease.sure and not lease.lost
        record = None if again else Record("done", "body", LIFE, owner=lease.record.owner)
        self.wires[who].fate = fate
        ended = done(self.keepers[who].end(NAME, lease, record, self.call))
        after = self._note(before)
        mine = before is not None and before.owner == lease.record.owner and before.state == "running"
        if not mine and before is not None:
            assert packed(after) == packed(before), "who had lost the key wrote there"
            assert not ended
        if mine and heard and not fate:
            assert ended, "an end was lost"
            assert last is not None
            assert left > 0
        if after is not None and after.state == "done" and after != before:
            self.over = (after, self.now + LIFE)

    @precondition(lambda self: self.leases)
    @rule(who=WHO)
    def die(self, who):
        """The process is gone."""
        self.leases.pop(_one_of(self.leases, who))

    @invariant()
    def what_is_done_stays(self):
        """Until its life is over."""
        if self.over is not None and self.now < self.over[1]:
            assert self._stands()[0] == self.over[0]


Keys.TestCase.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
TestKeys = Keys.TestCase
