"""What a kind of store says of itself to be tested."""

import asyncio


class Base:
    """The hooks."""

    alike = 0.05

    def make(self):
        """A new store, with nothing in it."""
        raise NotImplementedError

    def run(self, coroutine):
        """What the coroutine gives."""
        raise NotImplementedError

    def pass_(self, seconds):
        """Let so much time pass for the stores that were made."""
        raise NotImplementedError

    def other(self, store):
        """Another opening of the same place, as another process has it."""
        raise NotImplementedError

    def do(self, call, *args):
        """Do on the loop what needs no waiting."""

        async def done():
            return call(*args)

        return self.run(done())

    def at_once(self, coroutines):
        """What all of them give, begun together."""

        async def gathered():
            return await asyncio.gather(*coroutines)

        return self.run(gathered())
