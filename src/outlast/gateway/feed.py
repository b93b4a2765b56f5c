"""A large body that is handed on while the caller sends it. Its beginning is kept, so that it can be sent again.

caller ──▶ pieces, 64 KiB at most before somebody takes them ──▶ read() ──▶ the provider
└── kept, up to the window
"""

from __future__ import annotations

import asyncio

from outlast.gateway.conversation import CallerGone, Conversation
from outlast.model.errors import Caller, Cancelled


class CallerFeed:
    """A body. Implements `Feed`.

    Args:
        conversation: whose body it is.
        length: bytes in all; None when the caller did not say.
        window: so many bytes are kept.
        most: a larger body is refused.
        patience: seconds that the caller has for each piece, and for the beginning.
        longest: seconds that it has for everything.
    """

    __slots__ = (
        "_begun",
        "_conversation",
        "_kept",
        "_most",
        "_patience",
        "_size",
        "_until",
        "_window",
        "gone",
        "length",
    )

    def __init__(
        self,
        conversation: Conversation,
        length: int | None,
        *,
        window: int,
        most: int,
        patience: float,
        longest: float,
    ) -> None:
        self._conversation = conversation
        self._kept: list[bytes] = []
        self._size = 0
        self._window = window
        self._begun = False
        self._until = asyncio.get_running_loop().time() + longest
        self._most = most
        self._patience = patience
        self.length = length
        self.gone = False

    @property
    def whole(self) -> bool:
        """Has all of it been read?"""
        return self._conversation.whole and not self._conversation.unread

    async def start(self) -> bytes:
        """Read the beginning: all of a small body, and enough of a large one. Raises as `read` does."""
        try:
            async with asyncio.timeout(self._patience):
                while self._size < self._window // 2 and await self.read():
                    pass
        except TimeoutError:
            raise self._late() from None
        return b"".join(self._kept)

    def begin(self) -> bytes:
        """All that has been read so far. Raises `Caller` when it is gone."""
        if self.gone:
            raise Caller("too much of the upload has been sent to be sent again", code="upload_not_repeatable")
        self._begun = True
        return b"".join(self._kept)

    async def read(self) -> bytes:
        """The next piece; `b""` at the end. Raises `Caller` with status 408 or 413, `Cancelled`."""
        conversation = self._conversation
        try:
            async with asyncio.timeout_at(min(asyncio.get_running_loop().time() + self._patience, self._until)):
                while not (piece := conversation.hand_over()) and not conversation.whole:
                    await conversation.receive()
        except TimeoutError:
            raise self._late() from None
        except CallerGone:
            conversation.leave()
            raise Cancelled("the caller has left while it was sending") from None
        if piece:
            self._keep(piece)
        return piece

    def _late(self) -> Caller:
        return Caller(f"the body comes too slowly: {self._patience:g} s for each piece, and not for ever", status=408)

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._most:
            raise Caller(f"the body is larger than {self._most} bytes", status=413)
        if self._size <= self._window or not self._begun:
            self._kept.append(piece)
        else:
            self._kept.clear()
            self.gone = True
