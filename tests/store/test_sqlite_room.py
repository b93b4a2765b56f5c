"""What an SQLite file holds is bounded, and goes when its time is over."""

import pytest

from outlast.store.sqlite import sweep
from outlast.store.sqlite.kept import OVERHEAD

from .sqlite_room import Room, rpm


@pytest.fixture
def room(tmp_path):
    """One for each test."""
    with Room(tmp_path) as found:
        yield found


def kept(room, store, *keys):
    """Those of them that are there."""
    return [key for key in keys if room.run(store.get(key)) is not None]


def test_what_was_not_used_for_longest_goes_first(room):
    """To be found is to be used, once anything is written."""
    store = room.open(most_bytes=2 * (OVERHEAD + 3 + 100))
    for key in ("x:a", "x:b"):
        room.run(store.put(key, b"v" * 100, 100.0))
        room.wall.time += 1.0
    assert kept(room, store, "x:a") == ["x:a"]
    room.run(store.put("x:c", b"v" * 100, 100.0))
    assert kept(room, store, "x:a", "x:b", "x:c") == ["x:a", "x:c"]


def test_what_is_larger_than_all_of_it_is_not_kept(room):
    """It drives nothing else out, but what it was to replace is gone."""
    store = room.open(most_bytes=1_000)
    room.run(store.put("x:a", b"one", 10.0))
    room.run(store.put("x:b", b"two", 10.0))
    room.run(store.put("x:b", b"x" * 1_000, 10.0))
    assert kept(room, store, "x:a", "x:b") == ["x:a"]


def test_what_was_promised_makes_no_room(room):
    """Nor does it count: it is the disk that bounds it."""
    store = room.open(most_bytes=500)
    for n in range(5):
        room.run(store.claim(f"own:{n}", b"v" * 200, 100.0))
    room.run(store.put("x:a", b"v" * 200, 100.0))
    room.run(store.put("x:b", b"v" * 200, 100.0))
    assert kept(room, store, *(f"own:{n}" for n in range(5)), "x:a", "x:b") == [*(f"own:{n}" for n in range(5)), "x:b"]


def test_it_counts_right_whatever_happens(room):
    """To what was put, swapped, forgotten and ended."""
    store = room.open()
    room.run(store.put("x:a", b"v" * 10, 10.0))
    room.run(store.put("x:a", b"v" * 20, 10.0))
    room.run(store.put("x:b", b"v" * 30, 10.0))
    room.run(store.swap("x:b", b"v" * 30, b"v" * 40, 100.0))  # promised from now on
    room.run(store.claim("x:c", b"v" * 50, 100.0))
    room.run(store.put("x:d", b"v" * 60, 100.0))
    room.run(store.put("x:e", b"v" * 70, 100.0))
    room.run(store.delete("x:e"))
    assert room.rows("SELECT bytes FROM state") == [(2 * (OVERHEAD + 3) + 20 + 60,)]
    room.wall.time += 20.0
    room.run(store.check())
    assert room.rows("SELECT bytes FROM state") == [(OVERHEAD + 3 + 60,)]
    room.run(store.put("x:c", b"v" * 5, 100.0))
    assert room.rows("SELECT bytes FROM state") == [(2 * (OVERHEAD + 3) + 65,)]
    room.run(store.purge("x:"))
    assert room.rows("SELECT bytes FROM state") == [(0,)]


def test_what_has_ended_leaves_the_file(room):
    """Of every kind, with the next that is written."""
    store = room.open()
    room.run(store.put("x:a", b"one", 10.0))
    room.run(store.append("log:a", [b"one"], 10.0))
    room.run(store.add("sum:a", {"n": 1}, 10.0))
    room.run(store.take([rpm(1.0)], 0.0))
    room.wall.time += 20.0
    room.run(store.check())
    for table in ("kept", "logs", "entries", "sums", "limits"):
        assert room.rows(f"SELECT count(*) FROM {table}") == [(0,)]


def test_much_that_has_ended_leaves_little_by_little(room, monkeypatch):
    """No batch takes long for it."""
    monkeypatch.setattr(sweep, "STEP", 10)
    store = room.open()
    for n in range(25):
        room.run(store.put(f"x:{n}", b"one", 5.0))
    room.wall.time += 20.0
    left = []
    for _ in range(4):
        room.run(store.check())
        left += room.rows("SELECT count(*) FROM kept")
    assert left == [(15,), (5,), (0,), (0,)]


def test_a_log_that_has_ended_begins_anew(room, monkeypatch):
    """Also where its entries are still in the file."""
    monkeypatch.setattr(sweep, "STEP", 0)
    store = room.open()
    room.run(store.append("log:a", [b"one", b"two"], 10.0))
    room.wall.time += 20.0
    assert room.run(store.append("log:a", [b"three"], 10.0)) == 1
    assert room.run(store.read("log:a")) == [b"three"]


def test_all_that_waits_is_written_at_once(room):
    """In one transaction: a thousand promises are a few trips to the disk."""
    store = room.open()
    room.run(store.check())
    before = store._threads.writer
    batches = []
    committed = before._committed
    before._committed = lambda jobs: batches.append(len(jobs)) or committed(jobs)
    room.at_once(*(store.append("log:a", [b"x"], 10.0) for _ in range(1_000)))
    assert sum(batches) == 1_000
    assert len(batches) < 100


def test_a_settlement_is_written_before_it_is_closed(room):
    """Nobody waits for it, but it is not forgotten either."""
    store = room.open()
    room.do(store.settle, [rpm(4.0)])
    room.do(store.tighten, rpm(3.0, "key b"))
    room.close(store)
    [one, two] = room.run(room.open().take([rpm(0.0), rpm(0.0, "key b")], 0.0))
    assert one.left[0].remaining == pytest.approx(6.0)
    assert two.left[0].remaining == pytest.approx(3.0)


def test_after_it_was_closed_it_is_opened_again_when_it_is_used(room):
    """As a client may be."""
    store = room.open()
    room.run(store.claim("own:a", b"mine", 10.0))
    room.run(store.aclose())
    room.run(store.aclose())
    assert room.run(store.get("own:a")).value == b"mine"


def test_what_goes_wrong_with_one_is_told_to_nobody_else(room):
    """A row that nobody can read, for one."""
    store = room.open()
    room.run(store.add("sum:a", {"n": 1}, 10.0))
    db = room.locked()
    db.execute("UPDATE sums SET sums = 'none'")
    db.commit()
    db.close()
    failed, done = room.at_once(store.add("sum:a", {"n": 1}, 10.0), store.add("sum:b", {"n": 1}, 10.0))
    assert str(failed) == "it did not do it (DecodeError)"
    assert done == {"n": 1}


def test_what_is_promised_waits_for_the_disk(room):
    """Alone or among others; what is not, does not."""
    store = room.open()

    def synchronous(db, _now):
        return db.execute("PRAGMA synchronous").fetchone()[0]

    async def how(promised):
        return await store._write(synchronous, promised=promised)

    full, normal = 2, 1
    assert [room.run(how(promised)) for promised in (False, True, False)] == [normal, full, normal]
    for promise in (
        store.claim("own:a", b"one", 10.0),
        store.swap("own:a", b"one", b"two", 10.0),
        store.append("log:a", [b"one"], 10.0),
    ):
        room.run(promise)
        assert store._threads.writer._mode == "full"
        room.run(store.put("x:a", b"one", 10.0))
        assert store._threads.writer._mode == "normal"
    room.at_once(store.put("x:a", b"one", 10.0), store.claim("own:b", b"one", 10.0))
    assert room.run(store.get("own:b")).value == b"one"
