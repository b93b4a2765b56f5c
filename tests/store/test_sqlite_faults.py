"""What becomes of promises when the file is locked, full, damaged, deleted or not ours."""

import asyncio
import os
import sqlite3
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from outlast.ports import StoreFailed
from outlast.store.sqlite import SqliteStore, file
from outlast.store.sqlite import line as lines

from .sqlite_room import Room, rpm

NOBODY = 65_534


@pytest.fixture
def room(tmp_path):
    """One for each test."""
    with Room(tmp_path) as found:
        yield found


class TestLocked:
    """Another process writes, and takes its time."""

    def test_what_was_asked_waits_for_it(self, room):
        """Reading goes on meanwhile, and then it is done."""
        store = room.open()
        room.run(store.put("x:a", b"one", 10.0))

        async def story():
            other = room.locked()
            claiming = asyncio.ensure_future(store.claim("own:a", b"mine", 10.0))
            assert (await store.get("x:a")).value == b"one"
            assert not claiming.done()
            other.rollback()
            other.close()
            return await claiming

        assert room.run(story()) is None
        assert room.run(store.get("own:a")).value == b"mine"

    def test_who_leaves_meanwhile_has_it_done_all_the_same(self, room):
        """Never half of it."""
        store = room.open()

        async def story():
            other = room.locked()
            appending = asyncio.ensure_future(store.append("log:a", [b"one", b"two"], 10.0))
            await asyncio.sleep(0)
            appending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await appending
            other.rollback()
            other.close()
            await store.check()
            return await store.read("log:a")

        assert room.run(story()) == [b"one", b"two"]

    def test_who_leaves_keeps_nothing_from_the_others(self, room):
        """Who goes in the same transaction hears what has become of his."""
        store = room.open()
        room.run(store.check())

        async def story():
            other = room.locked()
            asked = [asyncio.ensure_future(store.append("log:a", [b"%d" % n], 10.0)) for n in range(10)]
            await asyncio.sleep(0)
            for leaving in asked[::2]:
                leaving.cancel()
            await asyncio.sleep(0)
            other.rollback()
            other.close()
            async with asyncio.timeout(60.0):
                told = await asyncio.gather(*asked[1::2])
            return told, await store.read("log:a")

        assert room.run(story()) == ([2, 4, 6, 8, 10], [b"%d" % n for n in range(10)])

    def test_nobody_waits_for_ever(self, room, monkeypatch):
        """It has failed then, and nothing was done."""
        monkeypatch.setattr(file, "BUSY", 0.01)
        store = room.open(patience=0.0)
        other = room.locked()
        told = room.at_once(store.claim("own:a", b"mine", 10.0), store.add("x:a", {"n": 1}, 10.0))
        assert [str(error) for error in told] == ["another process holds the file's lock"] * 2
        other.rollback()
        other.close()
        assert room.run(store.claim("own:a", b"mine", 10.0)) is None
        assert room.run(store.add("x:a", {"n": 1}, 10.0)) == {"n": 1}

    def test_it_is_opened_while_another_writes(self, room, monkeypatch):
        """A restart beside a busy process is no failure."""
        monkeypatch.setattr(file, "BUSY", 0.01)
        room.run(room.open().check())
        other = room.locked()
        second = room.open()
        other.rollback()
        other.close()
        assert room.run(second.claim("own:a", b"mine", 10.0)) is None

    def test_no_more_waits_than_can_be_borne(self, room, monkeypatch):
        """What comes too much fails at once."""
        store = room.open()
        room.run(store.check())

        async def story():
            other = room.locked()
            first = asyncio.ensure_future(store.put("x:0", b"", 10.0))
            monkeypatch.setattr(lines, "MOST", 0)
            await asyncio.sleep(0)
            with pytest.raises(StoreFailed, match="more waits for the disk than it can do"):
                await asyncio.gather(*(store.put(f"x:{n}", b"", 10.0) for n in range(3)))
            monkeypatch.undo()
            other.rollback()
            other.close()
            return await asyncio.gather(first, return_exceptions=True)

        room.run(story())


class TestFull:
    """There is no more room on the disk."""

    def test_what_was_acknowledged_is_there(self, room):
        """And nothing else; reading goes on, and so does writing once there is room."""
        store = room.open(most_pages=60)

        async def fill():
            held = 0
            try:
                while True:
                    held = await store.append("log:a", [b"x" * 2_000], 10.0)
            except StoreFailed as failed:
                return held, str(failed)

        held, told = room.run(fill())
        assert told == "the disk is full: make room there"
        assert held > 10
        assert room.run(store.read("log:a")) == [b"x" * 2_000] * held
        room.run(store.delete("log:a"))
        assert room.run(store.claim("own:a", b"y" * 2_000, 10.0)) is None

    def test_what_has_no_room_spoils_nothing_else(self, room):
        """Of what goes together each is judged by itself."""
        store = room.open(most_pages=60)
        too_much, *others = room.at_once(
            store.claim("own:a", b"x" * 1_000_000, 10.0),
            *(store.claim(f"own:{n}", b"mine", 10.0) for n in range(5)),
        )
        assert isinstance(too_much, StoreFailed)
        assert others == [None] * 5
        assert room.run(store.get("own:a")) is None
        assert all(room.run(store.get(f"own:{n}")).value == b"mine" for n in range(5))


class TestDamaged:
    """The file is not what it was."""

    def test_no_file_of_ours_is_set_aside_at_the_start(self, room):
        """With a word, and all of it can still be looked at."""
        room.path.write_bytes(b"no database at all\n" * 1_000)
        store = room.open()
        assert room.run(store.claim("own:a", b"mine", 10.0)) is None
        [aside] = room.folder.glob("store.db.damaged-*")
        assert aside.read_bytes().startswith(b"no database at all")
        [fault] = room.said
        assert fault.error == (
            f"the file is damaged: it was set aside as {aside.name}, and all that it held is lost; a new one was begun"
        )

    def test_what_is_damaged_in_use_is_set_aside_too(self, room):
        """Who asked is told, and the next one finds a new file."""
        store = room.open()
        for n in range(200):
            room.run(store.put(f"x:{n:03}", b"x" * 3_000, 100.0))
        room.close(store)
        self.ruin(room)
        store = room.open()
        failed = [room.at_once(store.put(f"x:{n:03}", b"y" * 3_000, 100.0))[0] for n in range(200)]
        told = [str(error) for error in failed if error is not None]
        assert len(told) == 1
        assert "the file is damaged: it was set aside as store.db.damaged-" in told[0]
        assert [fault.error for fault in room.said] == told
        assert room.run(store.claim("own:a", b"mine", 10.0)) is None
        assert room.run(store.get("x:199")).value == b"y" * 3_000

    @staticmethod
    def ruin(room):
        """Overwrite the second half of it."""
        size = room.path.stat().st_size
        with room.path.open("r+b") as opened:
            opened.seek(size // 2)
            opened.write(b"\xaa" * (size - size // 2))

    def test_two_who_find_it_damaged_set_it_aside_once(self, room):
        """The new file of the first stays."""
        damaged = file.File(room.path)
        room.path.write_bytes(b"no database at all\n" * 1_000)
        known = damaged.identity()
        assert damaged.set_aside(known) is not None
        room.run(room.open().claim("own:a", b"mine", 10.0))
        assert damaged.set_aside(known) is None
        assert room.run(room.open().get("own:a")).value == b"mine"

    def test_a_newer_file_is_left_alone(self, room):
        """Whoever made it wants it again."""
        room.close(room.open())
        db = sqlite3.connect(room.path)
        db.execute("PRAGMA user_version = 99")
        db.close()
        with pytest.raises(StoreFailed, match=r"made by a newer outlast \(its version is 99, this one knows 1\)"):
            room.open()
        assert room.rows("PRAGMA user_version") == [(99,)]
        assert list(room.folder.glob("*.damaged-*")) == []


class TestDeleted:
    """Somebody takes the file away."""

    SAID = "its file was deleted or replaced: what it held is gone, and a new one was begun"

    def test_it_is_begun_anew(self, room):
        """Said aloud: an insert into what nobody can open any more is none."""
        store = room.open()
        room.run(store.claim("own:a", b"mine", 10.0))
        room.path.unlink()
        assert room.run(store.get("own:a")) is None
        assert room.run(store.claim("own:b", b"mine", 10.0)) is None
        assert [fault.error for fault in room.said] == [self.SAID]
        second = room.open()
        assert room.run(second.get("own:a")) is None
        assert room.run(second.get("own:b")).value == b"mine"

    def test_what_was_under_way_has_failed(self, room):
        """It was written into the deleted file; nobody is told that it was kept."""
        store = room.open()
        room.run(store.claim("own:a", b"mine", 10.0))
        room.wall.then = room.path.unlink
        told = room.at_once(store.claim("own:b", b"mine", 10.0), store.append("log:a", [b"one"], 10.0))
        assert [str(error) for error in told if error] == [self.SAID] * 2
        assert room.run(store.claim("own:b", b"mine", 10.0)) is None
        assert room.run(store.read("log:a")) == []

    def test_another_file_in_its_place_is_taken(self, room):
        """As the operator may do who brings a copy back."""
        other = room.open(room.folder / "other.db")
        room.run(other.claim("own:a", b"theirs", 10.0))
        room.close(other)
        store = room.open()
        room.run(store.claim("own:a", b"mine", 10.0))
        (room.folder / "other.db").replace(room.path)
        for end in ("-wal", "-shm"):
            Path(f"{room.path}{end}").unlink()
        assert room.run(store.claim("own:a", b"mine", 10.0)).value == b"theirs"
        assert room.run(store.get("own:a")).value == b"theirs"

    def test_without_its_folder_it_fails_until_there_is_one(self, room):
        """And then goes on by itself."""
        path = room.folder / "sub" / "store.db"
        path.parent.mkdir()
        store = room.open(path)
        room.run(store.claim("own:a", b"mine", 10.0))
        for left in path.parent.iterdir():
            left.unlink()
        path.parent.rmdir()
        for asked in (store.claim("own:a", b"mine", 10.0), store.get("own:a"), store.check()):
            with pytest.raises(StoreFailed, match="there is no folder"):
                room.run(asked)
        path.parent.mkdir()
        assert room.run(store.claim("own:a", b"mine", 10.0)) is None
        room.run(store.check())


class TestNotOurs:
    """It cannot be written to: said at the start, with the mend."""

    MEND = "give this user the right to write to it and to its folder"

    @pytest.fixture
    def place(self):
        """A folder that everybody may enter."""
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            place.chmod(0o755)
            yield place

    @contextmanager
    def as_nobody(self):
        """With the rights of a user who owns nothing, also where root runs the tests."""
        root = os.geteuid() == 0
        if root:
            os.seteuid(NOBODY)
        try:
            yield
        finally:
            if root:
                os.seteuid(0)

    def test_a_folder_that_may_only_be_read(self, place):
        """Nothing can be made there."""
        place.chmod(0o555)
        with self.as_nobody(), pytest.raises(StoreFailed) as failed:
            SqliteStore(place / "store.db")
        assert "Permission denied" in str(failed.value)
        assert self.MEND in str(failed.value)

    def test_a_file_that_may_only_be_read(self, place):
        """By this user."""
        place.chmod(0o777)
        (place / "store.db").touch(0o444)
        with self.as_nobody(), pytest.raises(StoreFailed, match=self.MEND):
            SqliteStore(place / "store.db")

    def test_no_folder(self, place):
        """It is not made: a slip of the pen would be a store that nobody finds."""
        with pytest.raises(StoreFailed, match=f"there is no folder {place}/none: make it, or name another"):
            SqliteStore(place / "none" / "store.db")

    def test_a_folder_of_that_name(self, place):
        """Is no file."""
        with pytest.raises(StoreFailed, match="Is a directory"):
            SqliteStore(place)

    def test_nobody_else_may_read_it(self, room):
        """Nor what SQLite lays beside it: there are prompts and answers in it."""
        room.run(room.open().claim("own:a", b"mine", 10.0))
        for end in ("", "-wal", "-shm"):
            assert Path(f"{room.path}{end}").stat().st_mode & 0o777 == 0o600


class TestClock:
    """The wall clock may be set."""

    YEAR = 365 * 86_400.0

    def test_set_back_it_keeps_nothing_for_ever(self, room):
        """Once more its time at most."""
        store = room.open()
        room.run(store.put("x:a", b"one", 10.0))
        room.run(store.append("log:a", [b"one"], 10.0))
        room.wall.time -= self.YEAR
        assert room.run(store.get("x:a")).left == pytest.approx(10.0)
        room.run(store.check())
        room.wall.time += 9.0
        assert room.run(store.read("log:a")) == [b"one"]
        room.wall.time += 1.1
        assert room.run(store.get("x:a")) is None
        assert room.run(store.read("log:a")) == []

    def test_set_back_it_lets_nobody_wait_for_longer(self, room):
        """Limits stand as they stood."""
        store = room.open()
        room.run(store.take([rpm(10.0)], 0.0))
        room.wall.time -= self.YEAR
        [decision] = room.run(store.take([rpm(1.0)], 0.0))
        assert decision.wait == pytest.approx(10.0)
        room.wall.time += 10.0
        assert room.run(store.take([rpm(1.0)], 0.0))[0].granted

    def test_set_forward_it_ends_what_would_have_ended(self, room):
        """Nobody knows better."""
        store = room.open()
        room.run(store.claim("own:a", b"one", 10.0))
        room.wall.time += self.YEAR
        assert room.run(store.claim("own:a", b"two", 10.0)) is None
