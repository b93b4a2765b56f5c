"""Who owns a key: a machine that knows what stands in the store, as far as that can be known.

A command that failed may have been carried out. So there may be several things that stand there, and whoever wants to
change it tries them, the newest first; each try is a swap of exactly that, and none can hit what somebody else wrote.
"""

from __future__ import annotations

from msgspec.structs import replace

from outlast.layers.idempotency.record import Record, packed

MOST = 4
"""So many things may stand there; then nothing new is thought of until the store has said which it is."""


class Lease:
    """One key, as its owner sees it.

    Args:
        record: what it was claimed with.
        sure: the store said that this stands there.

    Attributes:
        record: the newest that may stand there.
        sure: the store has said that something of ours stands there.
        lost: somebody else has it: nothing more is to be written.
    """

    __slots__ = ("_may_stand", "lost", "record", "sure")

    def __init__(self, record: Record, *, sure: bool) -> None:
        self.record = record
        self._may_stand = [packed(record)]
        self.sure = sure
        self.lost = False

    def may_stand(self) -> tuple[bytes, ...]:
        """What to try, in this order; the newest once more in the end, since it may come to stand there meanwhile."""
        newest, *older = self._may_stand
        return (newest, *older, newest) if older else (newest,)

    def renewal(self) -> tuple[tuple[bytes, ...], bytes]:
        """What may stand there, and what is to stand there instead; from now on that may stand there, too."""
        may_stand = self.may_stand()
        if len(self._may_stand) < MOST:
            self.record = replace(self.record, beat=self.record.beat + 1)
            self._may_stand.insert(0, packed(self.record))
        return may_stand, self._may_stand[0]

    def stands(self, value: bytes) -> None:
        """The store said that this stands there, which was put there last."""
        self.sure = True
        self._may_stand = [value]

    def taken(self) -> None:
        """The store said that nothing of ours stands there."""
        self.lost = True
