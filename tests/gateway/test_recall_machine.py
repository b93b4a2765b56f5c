"""Conversations of several callers, in any order: each request reaches the provider with all that it stands for.

What must hold, whatever is said, referred to, forgotten or not to be kept, and whoever answers:
 - a chain brings what was asked and answered along it, in order and once; a reference brings what was answered there
 - nobody's words reach another caller's request
 - what was forgotten, not to be kept, or another caller's, is refused, and then nothing is sent
"""

import json
import re

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, rule
from tests.engine.world import World

from outlast.testing import ok

from .test_recall import KEYS, Face, reference, user

CALLERS = {"one": "sk-one-0123456789", "two": "sk-two-0123456789"}
KEEPER = '\n[providers.beta.quirks]\nalso = ["responses"]\nkeeps_state = true'
STEPS = 15
ROUTES = '[routes.default]\ntargets = ["alpha/m"]\n[routes.kept]\ntargets = ["beta/m"]\n'


class Said:
    """One answer: whose, under which id, with which items, what was said last, and what it went on from."""

    def __init__(self, caller, told, question, answer, *, parent=None, kept=True, keeper=False):
        self.caller = caller
        self.id = told.id
        self.items = told.items
        self.question = question
        self.answer = answer
        self.parent = parent
        self.known = kept
        self.keeper = keeper

    def chain(self):
        """It and all before it, the oldest first."""
        return [*(self.parent.chain() if self.parent is not None else []), self]

    def words(self):
        """What a provider is told that knows none of it."""
        return [word for said in self.chain() for word in (said.question, said.answer)]


class Conversations(RuleBasedStateMachine):
    """Two callers, a target that keeps nothing and, under another name, one that keeps its answers itself."""

    answers = Bundle("answers")

    def __init__(self):
        super().__init__()
        self.world = World(["alpha/m", "beta/m"], ROUTES + KEYS + KEEPER)
        for target in ("alpha/m", "beta/m"):
            self.world.script(target, *(ok(f"{target}-{number}.") for number in range(STEPS)))
        self.face = Face(self.world)
        self.number = 0

    def teardown(self):
        self.world.wait(1.0)
        assert self.world.close() == {}

    def _ask(self, caller, given, *, model="default", **fields):
        """The answer, what was asked, what must be answered, and whether anybody was asked."""
        target = {"default": "alpha/m", "kept": "beta/m"}[model]
        before = self.world.sent(target)
        told = self.face.ask(given, key=CALLERS[caller], model=model, **fields)
        return told, f"{target}-{before}.", self.world.sent(target) - before

    def _question(self):
        self.number += 1
        return f"question-{self.number}."

    def _sent(self):
        """What of all words the last provider was told, in the order in which they stand there."""
        turns = json.loads(self.face.last_sent())
        text = json.dumps(turns.get("messages") or turns["input"])
        return re.findall(r"question-\d+\.|(?:alpha|beta)/m-\d+\.", text)

    @rule(target=answers, caller=st.sampled_from(list(CALLERS)), stream=st.booleans(), store=st.booleans())
    def begins(self, caller, stream, store):
        """A conversation."""
        question = self._question()
        told, answer, _ = self._ask(caller, question, stream=stream, store=store)
        assert self._sent() == [question]
        return Said(caller, told, question, answer, kept=store)

    @rule(target=answers, earlier=answers, caller=st.sampled_from(list(CALLERS)), stream=st.booleans())
    def goes_on(self, earlier, caller, stream):
        """By its last answer, with who keeps nothing."""
        question = self._question()
        told, answer, sent = self._ask(caller, question, previous_response_id=earlier.id, stream=stream)
        if caller != earlier.caller or not all(said.known for said in earlier.chain()):
            assert (told.status, sent) == (400, 0)
            return earlier
        assert self._sent() == [*earlier.words(), question]
        return Said(caller, told, question, answer, parent=earlier)

    @rule(earlier=answers, caller=st.sampled_from(list(CALLERS)))
    def refers(self, earlier, caller):
        """To what was answered."""
        question = self._question()
        given = [*map(reference, earlier.items), user(question)]
        told, _, sent = self._ask(caller, given, store=False)
        if caller != earlier.caller or not earlier.known:
            assert (told.status, sent) == (404, 0)
        else:
            assert self._sent() == [earlier.answer, question]

    @rule(target=answers, earlier=answers)
    def moves(self, earlier):
        """To who keeps its answers itself, and is told what it does not know."""
        chain = earlier.chain()
        kept = [place for place, said in enumerate(chain) if said.keeper and said.known]
        rest = chain[kept[-1] + 1 :] if kept else chain
        question = self._question()
        told, answer, _ = self._ask(earlier.caller, question, model="kept", previous_response_id=earlier.id)
        if not all(said.known for said in rest):
            return earlier  # it is asked for what nobody here knows, which is its own affair
        assert self._sent() == [*(word for said in rest for word in (said.question, said.answer)), question]
        left = json.loads(self.face.last_sent()).get("previous_response_id")
        assert left == (chain[kept[-1]].id if kept else None)
        return Said(earlier.caller, told, question, answer, parent=earlier, keeper=True)

    @rule(earlier=answers, caller=st.sampled_from(list(CALLERS)))
    def forgets(self, earlier, caller):
        """An answer, which is no longer known; those that went on from it are left without it."""
        mine = caller == earlier.caller and earlier.known
        told = self.face.delete(earlier.id, key=CALLERS[caller])
        assert told.status == (200 if mine and not earlier.keeper else 404)
        if mine:
            earlier.known = False
            assert self.face.get(earlier.id, key=CALLERS[caller]).status == 404


Conversations.TestCase.settings = settings(max_examples=25, stateful_step_count=STEPS, deadline=None)
TestConversations = Conversations.TestCase
