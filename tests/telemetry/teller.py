"""A world whose calls are remembered by a journal and written into a log, both by its virtual clock."""

from tests.engine.world import World

from outlast.telemetry.journal import Journal
from outlast.telemetry.log import Log
from outlast.telemetry.logbook import Search
from outlast.testing import ScriptedIo

NOON = 1_795_262_400.0


class Heard(ScriptedIo):
    """A world that tells other sinks too."""

    def __init__(self):
        super().__init__(0)
        self.sinks = []

    def emit(self, event):
        super().emit(event)
        for sink in self.sinks:
            sink(event)


class Teller(World):
    """A world that can say why."""

    def __init__(self, targets=("alpha/m", "beta/m"), more="", *, decisions=True):
        super().__init__(targets, more, io=Heard())
        self.lines = []
        self.journal = Journal(clock=self.io.now)
        log = Log(self.lines.append, decisions=decisions, clock=lambda: NOON + self.io.now())
        self.io.sinks += [self.journal, log]

    def why(self, call="1"):
        """The story as the journal has it."""
        return self.journal.why(call)

    def logged(self, call="1"):
        """The story as the log has it."""
        search = Search(call)
        search.read(self.lines)
        assert search.broken == 0
        return search.story()

    def text(self, call="1"):
        """All that is told."""
        return "\n".join(self.why(call).told())


def names(story):
    """The kinds of its steps."""
    return [step.name for step in story.steps]
