"""Remembers answers to callers of OpenAI's Responses API, and puts what a request refers to in its place.

    request ─ store: false? ─▶ as it is, and its answer is not remembered
       │
       ├─ previous_response_id, item_reference: made by the provider that keeps this route's answers, or unknown to us
       │       where there is one: left, for that provider knows ─────────────▶ engine
       └─ else what was remembered stands in the input; what is not known is refused ─▶ engine
                                                                                          │
    a later request ◀─ store ◀─ the answer, whole or at the end of its stream ────────────┘

What one caller was answered no other one finds. The store is written to behind the caller's back, and this process
knows it until that is done; where others could be asked for it next, the caller waits for that, as long as it may take.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from zlib import crc32

from msgspec import Raw, Struct

from outlast.build import Outlast
from outlast.config import ResponsesConfig
from outlast.dialects import wire
from outlast.dialects.responses import earlier
from outlast.dialects.responses.earlier import Item, Turn
from outlast.flow.faults import told
from outlast.gateway.recall_names import key_of
from outlast.model.caller import Caller
from outlast.model.errors import Caller as BadRequest
from outlast.model.errors import Failure, Rejected
from outlast.model.events import Fault, StoreTrouble
from outlast.model.messages import Request
from outlast.model.remembered import Remembered
from outlast.model.target import Route
from outlast.ports import Dialect, Io, Keeping, Stored

DIALECT = "responses"
MEND = "send the whole conversation as input instead"


class Asking(Struct, eq=False):
    """A request whose answer is to be remembered.

    Attributes:
        recall: remembers it.
        caller: who asks.
        call: the request's id.
        model: as the caller named it.
        input: what is asked, without what came before.
        previous: the answer that it goes on from; empty where there is none.
    """

    recall: Recall
    caller: Caller
    call: str
    model: str
    input: Raw
    previous: str

    async def whole(self, target: str, response: bytes, *, native: bool) -> None:
        """This is the answer, which the caller is about to get; `native`: it is its target's own, byte for byte.

        Raises nothing but a cancellation.
        """
        await self._keep(target, lambda: response, native=native)

    async def streamed(self, target: str, last: bytes, native: bool) -> None:
        """This is the last piece of the answer; as for `whole`."""
        await self._keep(target, lambda: earlier.response_in(last), native=native)

    async def _keep(self, target: str, response: Callable[[], bytes], *, native: bool) -> None:
        try:
            await self.recall.keep(self, response(), self._keeper(target) if native else "")
        except Exception as fault:  # noqa: BLE001  (ours, and told; it spoils no answer)
            self.recall.io.emit(Fault("remember a response", told(fault), self.call))

    def _keeper(self, name: str) -> str:
        """The provider of that target, if it keeps what it answers itself."""
        targets = self.recall.find(self.model).targets
        return next((target.provider.name for target in targets if target.name == name and target.keeps(DIALECT)), "")


class Recall:
    """What is remembered.

    Args:
        config: for how long, and how much.
        store: where.
        io: the world.
        dialect: reads a request whose references have been filled in.
        find: the route of a model. Raises `Failure` where there is none.
        most: bytes of a request that has been filled in.
        shared: others may be asked for what is remembered here, so that an answer is given when it is.
    """

    __slots__ = ("_config", "_dialect", "_most", "_pending", "_shared", "_store", "find", "io")

    def __init__(
        self,
        config: ResponsesConfig,
        *,
        store: Keeping,
        io: Io,
        dialect: Dialect,
        find: Callable[[str], Route],
        most: int,
        shared: bool,
    ) -> None:
        self._config = config
        self._shared = shared
        self._store = store
        self.io = io
        self._dialect = dialect
        self.find = find
        self._most = most
        self._pending: dict[str, Stored] = {}  # what the store is being given

    # -- before a request is answered --------------------------------------------------------------------------

    async def begin(self, request: Request, caller: Caller, call: str) -> tuple[Request, Asking | None]:
        """The request with what it refers to in its place; and what to `keep` its answer with, where that is wanted.

        Raises:
            Caller: what it refers to is not known here, or is too much.
            Rejected: the store is out of reach.
        """
        said = earlier.refers(request.body)
        given, previous = said.input, said.previous_response_id or ""
        if request.needs.state:
            request, given = await self._filled(request, caller, call, said)
        if said.store is False or request.operation != "chat":
            return request, None
        request.remembered = Remembered(f"{crc32(request.body):x}.{len(request.body)}", previous)
        return request, Asking(self, caller, call, request.model, Raw(bytes(given)), previous)

    async def _filled(self, request: Request, caller: Caller, call: str, said: earlier.Refers) -> tuple[Request, Raw]:
        """The request and its own input, with what is remembered in place of what refers to it."""
        own = earlier.items_in(said.input)
        if not (said.previous_response_id or earlier.referred(own)):
            return request, said.input
        keeper = self.find(request.model).keeper(request.dialect)
        before, previous = await self._chain(said.previous_response_id or "", keeper, caller, call)
        found = await self._found(earlier.referred([*before, *own]), keeper, caller, call)
        if not (before or found):
            return request, said.input
        items = earlier.in_place(own, found)
        body = earlier.filled(request.body, [*earlier.in_place(before, found), *items], previous)
        if len(body) > self._most:
            raise BadRequest(f"with what it refers to, the request is larger than {self._most} bytes", status=413)
        return self._dialect.parse(request.operation, body), Raw(wire.dumps(items))

    async def _chain(self, previous: str, keeper: str, caller: Caller, call: str) -> tuple[list[Raw], str]:
        """All that was said up to that answer; and the answer before it, if its keeper knows that and the rest."""
        turns: list[list[Raw]] = []
        while previous and len(turns) <= self._config.turns:
            value = await self._get(key_of("answer", previous, caller), call)
            turn = earlier.turn_in(value) if value else None
            if keeper and (turn is None or turn.keeper == keeper):
                break
            if turn is None:
                raise BadRequest(
                    f"Previous response with id '{plain(previous)}' not found. {self._forgotten()}",
                    code="previous_response_not_found",
                ).about("previous_response_id")
            turns.append(earlier.said_in(turn))
            previous = turn.previous
        if len(turns) > self._config.turns:
            raise self._too_much("previous_response_id", "goes back over")
        return [item for turn in reversed(turns) for item in turn], previous

    async def _found(self, names: Sequence[str], keeper: str, caller: Caller, call: str) -> Mapping[str, Item]:
        """The items of these names that are to stand in the request."""
        if len(names) > self._config.turns:
            raise self._too_much("input", "refers to")
        values = await asyncio.gather(*(self._get(key_of("item", name, caller), call) for name in names))
        found = {}
        for name, value in zip(names, values, strict=True):
            item = earlier.item_in(value) if value else None
            if item is None and not keeper:
                raise BadRequest(f"Item with id '{plain(name)}' not found. {self._forgotten()}", status=404).about(
                    "input"
                )
            if item is not None and not (keeper and item.keeper == keeper):
                found[name] = item
        return found

    def _forgotten(self) -> str:
        config = self._config
        return (
            f"An answer is remembered for the caller who got it, for {config.lifetime:g} s after it was last referred "
            f"to and up to {config.largest} bytes, unless the request said store: false. If there is none, {MEND}."
        )

    def _too_much(self, param: str, what: str) -> BadRequest:
        return BadRequest(f"the request {what} more than {self._config.turns} answers: {MEND}").about(param)

    # -- after it ----------------------------------------------------------------------------------------------

    async def keep(self, asking: Asking, response: bytes, keeper: str) -> None:
        """Remember an answer; `keeper` is the provider that keeps it too, if any."""
        id_, output = earlier.output_of(response)
        if not id_:
            return
        turn = Turn(Raw(response), asking.input, asking.previous, keeper)
        entries = {key_of("answer", id_, asking.caller): wire.dumps(turn)}
        for name, item in earlier.names_of(output):
            entries[key_of("item", name, asking.caller)] = wire.dumps(Item(item, keeper))
        done = self._put({key: it for key, it in entries.items() if len(it) <= self._config.largest}, asking.call)
        if self._shared and done is not None:
            await done.wait()

    # -- what is remembered itself -----------------------------------------------------------------------------

    async def turn(self, id_: str, caller: Caller, call: str) -> Turn | None:
        """What is remembered under that id for this caller. Raises `Rejected` when the store is out of reach."""
        value = await self._get(key_of("answer", id_, caller), call)
        return earlier.turn_in(value) if value else None

    async def forget(self, id_: str, turn: Turn, caller: Caller, call: str) -> None:
        """Forget that answer and its items. Raises `Rejected` when the store is out of reach."""
        _, output = earlier.output_of(bytes(turn.response))
        names = [name for name, _ in earlier.names_of(output)]
        keys = [key_of("answer", id_, caller), *(key_of("item", name, caller) for name in names)]
        for key in keys:
            self._pending.pop(key, None)
            try:
                await self._store.delete(key)
            except Exception as error:  # noqa: BLE001  (whatever a store raises)
                raise self._out_of_reach(error, "delete", call) from None

    # -- the store ---------------------------------------------------------------------------------------------

    async def _get(self, key: str, call: str) -> bytes | None:
        """What is kept there; it is kept on, when half of its time has gone."""
        try:
            stored = self._pending.get(key) or await self._store.get(key)
        except Exception as error:  # noqa: BLE001  (whatever a store raises)
            raise self._out_of_reach(error, "get", call) from None
        if stored is None:
            return None
        if stored.left < self._config.lifetime / 2:
            self._put({key: stored.value}, call)
        return stored.value

    def _out_of_reach(self, error: Exception, doing: str, call: str) -> Failure:
        self.io.emit(StoreTrouble(call, doing, told(error)))
        return Rejected(
            f"what was answered earlier cannot be looked up just now: try again, or {MEND}",
            gate="responses",
            code="store_unavailable",
            retry_after=1.0,
        )

    def _put(self, entries: Mapping[str, bytes], call: str) -> asyncio.Event | None:
        """Have these kept, behind the caller's back; tells when that is over, if it is begun at all."""
        kept = {key: Stored(value, self._config.lifetime) for key, value in entries.items()}
        if not kept:
            return None
        self._pending |= kept
        begun, done = None, asyncio.Event()
        try:
            begun = self.io.begin(self._putting(kept, call, done))
            if begun is None:
                self.io.emit(StoreTrouble(call, "put", "too much is being kept at once"))
        finally:
            if begun is None:
                self._settle(kept)
        return None if begun is None else done

    async def _putting(self, kept: Mapping[str, Stored], call: str, done: asyncio.Event) -> None:
        try:
            if self._shared:  # each is a way to the store and back
                await asyncio.gather(*(self._put_one(key, stored) for key, stored in kept.items()))
            else:
                for key, stored in kept.items():
                    await self._put_one(key, stored)
        except Exception as error:  # noqa: BLE001  (whatever a store raises)
            self.io.emit(StoreTrouble(call, "put", told(error)))
        finally:
            self._settle(kept)
            done.set()

    async def _put_one(self, key: str, stored: Stored) -> None:
        if self._pending.get(key) is stored:  # else it was forgotten meanwhile
            await self._store.put(key, stored.value, stored.left)

    def _settle(self, kept: Mapping[str, Stored]) -> None:
        for key, stored in kept.items():
            if self._pending.get(key) is stored:
                del self._pending[key]


def recall_of(outlast: Outlast, dialect: Dialect, *, alone: bool) -> Recall | None:
    """What remembers answers, as the configuration says; None where nothing is remembered.

    Where several processes answer, one that remembered for itself would know every second turn of a conversation.
    """
    config, io = outlast.config.responses, outlast.io
    if not config.enabled or not (alone or outlast.store.shared):
        return None
    store = outlast.store if outlast.guard is None else outlast.guard.patient(config.patience)

    def find(model: str) -> Route:
        return outlast.engine.routes.find(model)

    most, shared = outlast.config.server.max_body, outlast.store.shared
    return Recall(config, store=store, io=io, dialect=dialect, find=find, most=most, shared=shared)


def plain(id_: str) -> str:
    """A caller's own word, as it may stand in an error."""
    return "".join(sign for sign in id_[:100] if sign.isprintable() and sign not in "'\"\\")
