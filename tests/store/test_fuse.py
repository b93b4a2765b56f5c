"""Whether a store is asked at all: the machine, over any story."""

from hypothesis import given
from hypothesis import strategies as st

from outlast.store.fuse import Fuse

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask")),
        st.tuples(st.sampled_from(["good", "bad"]), st.integers(0, 9)),
        st.tuples(st.just("probe"), st.booleans(), st.floats(0.0, 0.999)),
        st.tuples(st.just("pass"), st.floats(0.0, 5.0)),
    ),
    max_size=60,
)


@given(STEPS, st.integers(1, 4), st.floats(0.0, 0.999))
def test_it_blows_after_so_many_in_a_row_and_is_mended_by_a_probe_alone(steps, failures, dice):
    """What was asked in an earlier epoch changes nothing; the next probe is due within half and one and a half."""
    fuse, now, asked, run = Fuse(failures, 1.0), 10.0, [], 0
    for step, *rest in steps:
        before = fuse.down, fuse.epoch
        if step == "ask":
            asked.append(fuse.epoch)
        elif step == "pass":
            now += rest[0]
        elif step == "probe":
            mended = fuse.probed(now, lambda: rest[1], well=rest[0])  # noqa: B023
            assert mended is (before[0] and rest[0])
            assert fuse.down is (before[0] and not rest[0])
            if fuse.down:
                assert now + 0.5 <= fuse.probe_at < now + 1.5
            run = 0 if mended else run
        elif asked:
            epoch = asked[rest[0] % len(asked)]
            counts = epoch == before[1] and not before[0]
            if step == "good":
                fuse.good(epoch)
                run = 0 if counts else run
            else:
                run += counts
                blown = fuse.bad(epoch, now, lambda: dice)
                assert blown is (counts and run == failures)
                assert fuse.down is (before[0] or blown)
                run = 0 if blown else run
                assert not blown or now + 0.5 <= fuse.probe_at < now + 1.5
        assert fuse.epoch == before[1] + (fuse.down is not before[0])
        if fuse.down is not before[0]:
            assert fuse.since == now
        assert run < failures


def test_a_probe_is_due_when_its_time_has_come():
    """And not before."""
    fuse = Fuse(1, 2.0)
    fuse.blow(100.0, lambda: 0.25)
    assert fuse.wait(100.0) == 1.5
    assert fuse.wait(101.5) == fuse.wait(200.0) == 0.0
