"""An answer of several parts, with the layer of resumption in the hand: its legs, and what its caller has of them."""

from outlast.flow.stream import Stream
from outlast.layers.resume import ResumeConfig, resume
from outlast.model.errors import BrokenStream, Connect, Failure
from outlast.model.events import StreamBroke, StreamResumed
from outlast.model.messages import Batch, Chat, Chunk, Usage
from outlast.model.target import Provider, Route, Target, Timers

from .calls import ALPHA, a_call
from .legs import House, Leg, run

TEN = Timers(first_content=10.0)
TAKES = Target(
    name="beta/m",
    provider=Provider("beta", "openai", "http://127.0.0.1:1"),
    model="m",
    family="m",
    prefill=True,
    timers=TEN,
)
SAID = "one two three four five"
REST = " six seven"
FIRST, SECOND = Usage(10, 2), Usage(12, 3)


def cut(target="alpha/m", **more):
    """A break."""
    error = BrokenStream("cut")
    error.target = target
    for name, value in more.items():
        setattr(error, name, value)
    return error


def done(usage=None):
    """The end of an answer."""
    return Batch(b"raw", [Chunk(finish="stop", usage=usage)], last=True)


class Told:
    """An answer whose parts are these legs, or failures to begin one; read by `heard`."""

    def __init__(
        self, *legs, on_break="resume", targets=(ALPHA, TAKES), config=None, most=12, io=None, read=None, **request
    ):
        self.io = io or House()
        self.legs = list(legs)
        self.calls = []
        self.call = a_call(self.io, stream=True)
        self.call.route = Route("m", targets, on_break=on_break)
        self.request = self.call.request
        self.request.read = read or (lambda _: Chat(()))
        self.request.body = b"the question"
        for name, value in request.items():
            setattr(self.request, name, value)
        self.handle = resume(config or ResumeConfig(), most)(self.inner)
        self.stream = None

    async def inner(self, call):
        self.calls.append(call)
        leg = self.legs.pop(0) if self.legs else Connect("nobody is there")
        if isinstance(leg, Failure):
            try:
                raise leg
            finally:
                del leg
        if not isinstance(leg, Leg):
            return leg
        leg.io = self.io
        if leg.doing is not None:
            leg.doing()
        stream = Stream(leg, run(leg.next()), self.io, prompt=call.request.tokens)
        stream.owe(call, (leg,))
        stream.ends = leg.ends
        return stream

    def begun(self):
        self.stream = run(self.handle(self.call))
        return self.stream

    def batches(self):
        """All that is handed over, and then the failure, if there is one."""
        stream, found = self.stream or self.begun(), []
        try:
            while (batch := run(stream.next())) is not None:
                found.append(batch)
        except Failure as failure:
            found.append(failure)
        return found

    def heard(self):
        """The words, and why they ended."""
        *batches, last = self.batches()
        failure = last if isinstance(last, Failure) else None
        chunks = [chunk for batch in [*batches, *([] if failure else [last])] for chunk in batch.chunks]
        return "".join(chunk.text for chunk in chunks), failure or self.stream.finish

    def ways(self):
        return [event.way for event in self.io.of(StreamResumed)]

    def reasons(self):
        return [event.reason for event in self.io.of(StreamBroke)]
