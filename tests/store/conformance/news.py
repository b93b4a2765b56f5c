"""Who listens hears of it."""

import asyncio


class News:
    """`listen`, `check` and `aclose`."""

    def heard(self, store, do, key="log:a"):
        """Is it heard of? Waits for as long as it takes, where it is."""

        async def story():
            woken = asyncio.Event()
            end = store.listen(key, woken.set)
            try:
                await do
                async with asyncio.timeout(120.0):
                    await woken.wait()
            finally:
                end()

        self.run(story())

    def test_what_happens_there_is_heard(self):
        """Whatever it is."""
        store = self.make()
        self.heard(store, store.put("log:a", b"one", 10.0))
        self.heard(store, store.delete("log:a"))
        self.heard(store, store.claim("log:a", b"one", 10.0))
        self.heard(store, store.swap("log:a", b"one", b"two", 10.0))
        self.heard(store, store.purge("log:"))
        self.heard(store, store.append("log:a", [b"one"], 10.0))

    def test_each_who_listens_hears_it(self):
        """Until he ends it, which he may do twice."""
        store = self.make()

        async def story():
            first, second = asyncio.Event(), asyncio.Event()
            end_first, end_second = store.listen("log:a", first.set), store.listen("log:a", second.set)
            await store.append("log:a", [b"one"], 10.0)
            async with asyncio.timeout(120.0):
                await first.wait()
                await second.wait()
            end_first()
            end_first()
            first.clear()
            second.clear()
            await store.append("log:a", [b"two"], 10.0)
            async with asyncio.timeout(120.0):
                await second.wait()
            end_second()
            return first.is_set()

        assert self.run(story()) is False

    def test_who_is_woken_sees_what_was_written(self):
        """Not the moment before it."""
        store = self.make()

        async def story():
            woken = asyncio.Event()
            end = store.listen("log:a", woken.set)
            writing = asyncio.ensure_future(store.append("log:a", [b"one"], 10.0))
            seen = []
            async with asyncio.timeout(120.0):
                while not seen:
                    await woken.wait()
                    woken.clear()
                    seen = await store.read("log:a")
            await writing
            end()
            return seen

        assert self.run(story()) == [b"one"]

    def test_it_can_be_worked_with(self):
        """It says so itself."""
        store = self.make()
        assert self.run(store.check()) is None
        assert isinstance(store.shared, bool)
        assert isinstance(store.notifies, bool)
