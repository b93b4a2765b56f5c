"""Faults of our own are told by kind and place: their words may quote a prompt."""

from types import SimpleNamespace

from outlast.model.events import Fault


class Broken:
    """A debtor that fails when it is paid."""

    def settle(self, call, end, now):
        raise ValueError("the caller said: my secret plan")


def test_a_debtor_that_fails_keeps_what_it_was_told_to_itself(world):
    """The other debts are paid, and no event holds the words of the exception."""

    async def story():
        stream = await world.answer(stream=True)
        stream.owe(SimpleNamespace(io=world.io, id="1"), [Broken()])
        async for _ in stream:
            pass
        return stream

    assert world.run(story()).finish == "stop"
    (fault,) = world.events(Fault)
    assert fault.where == "settle Broken"
    assert fault.error.startswith("ValueError at ")
    assert "secret" not in fault.error
