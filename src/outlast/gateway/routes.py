"""What answers which path: a request in, an answer out.

There is no server and no socket here, so that an application can have the same in-process (`outlast.transport`).

    POST /v1/chat/completions · /v1/embeddings     as OpenAI        GET /v1/models · /v1/models/{id}   as any of them
    GET, DELETE /v1/responses/{id}                 what is remembered of answers (`recall`)
    POST /v1/messages                              as Anthropic     GET /livez · /readyz · /healthz
    POST /v1/generate                              our own          GET /metrics
    GET, POST, DELETE of what `[pass_through]` lists: passed on unread to whoever speaks the caller's dialect
    POST /api/chat · /api/embed · /api/generate    as Ollama        and what its clients ask beside (`ollama_pages`)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from outlast.build import Outlast
from outlast.dialects import wire
from outlast.edge.deadline import smaller
from outlast.engine import Asked
from outlast.flow.stream import Stream
from outlast.gateway import headers as with_headers
from outlast.gateway import kept_answers, models, ollama_loads, ollama_pages
from outlast.gateway.auth import WISHES, Door, fit, idempotency, priority, timeout, wishes
from outlast.gateway.endpoints import all_paths, endpoint_at
from outlast.gateway.exchange import Headers, Inbound, Outbound
from outlast.gateway.flow import Flow, now
from outlast.gateway.passage import Passage
from outlast.gateway.passing import METHODS, PassThrough
from outlast.gateway.recall import Asking, Recall, recall_of
from outlast.gateway.tokens import Tokens
from outlast.model.errors import Caller, Failure
from outlast.model.passed import Head, Passed
from outlast.ports import Dialect

MODELS = ("/v1/models", "/v1beta/models")
HEALTH = ("/", "/livez", "/readyz", "/healthz")
PLAIN = (*HEALTH, "/metrics", *MODELS)
MODEL = tuple(f"{path}/" for path in MODELS)
KEPT = "/v1/responses/"
METRICS = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
TEXT = (b"content-type", b"text/plain; charset=utf-8")


class Surface:
    """Answers HTTP requests.

    Args:
        outlast: the engine and its configuration.
        dialects: the wire formats, by name.
        metrics: gives the page of metrics, None where there are none.
        door: who may come in; by the keys and tokens of the configuration unless given.
        alone: no other process answers at this address.

    Raises:
        ConfigError: the configuration asks for tokens that cannot be verified here.
    """

    __slots__ = ("_dialects", "_door", "_metrics", "_outlast", "_passing", "_recall", "_semantic", "draining")

    def __init__(
        self,
        outlast: Outlast,
        dialects: Mapping[str, Dialect],
        metrics: Callable[[], Awaitable[bytes]] | None = None,
        door: Door | None = None,
        *,
        alone: bool = True,
    ) -> None:
        self._outlast = outlast
        self._dialects = dialects
        self._metrics = metrics
        self._door = door or _door(outlast)
        self._semantic = outlast.config.server.errors == "semantic"
        self._passing = PassThrough(outlast.config.pass_through)
        self._recall = recall_of(outlast, dialects["responses"], alone=alone)
        self.draining = False

    async def answer(self, inbound: Inbound) -> Outbound:
        """The answer to a request. Raises nothing but a cancellation."""
        outbound = await self._answer(inbound)
        guard = self._outlast.guard
        if guard is not None and guard.down:
            outbound.headers.append(with_headers.WITHOUT_STORE)
        return outbound

    async def _answer(self, inbound: Inbound) -> Outbound:
        endpoint = endpoint_at(inbound.path)
        if endpoint is None or inbound.method != "POST":
            if self._recall is not None and kept_answers.asked_for(inbound):
                return await self._kept(inbound, self._recall)
            passes = inbound.path in self._passing and not self._is_plain(inbound)
            return await (self._passed(inbound) if passes else self._plain(inbound))
        dialect = self._dialects[endpoint.dialect]
        asked = Asked(inbound.id)
        asking: Asking | None = None
        try:
            self._note_caller(asked, inbound.headers)
            if (told := ollama_loads.loaded(inbound, self._outlast.config.routes)) is not None:
                return _whole(200, with_headers.request_id("ollama", inbound.id), told)
            request = dialect.parse(endpoint.operation, inbound.body, inbound.asked)
            inbound.body = b""  # the request has it, and lets go of it when a stream has begun
            if self._recall is not None and dialect.name == "responses":
                request, asking = await self._recall.begin(request, asked.caller, inbound.id)
            answer = await self._outlast.engine.answer(request, asked)
        except Failure as failure:
            return self._failed(dialect, failure, asked)
        head = with_headers.of_answer(answer, asked, dialect.name)
        if isinstance(answer, Stream):
            head += with_headers.of_stream(dialect.streams.media_type)
            emit = self._outlast.io.emit
            keep = None if asking is None else partial(asking.streamed, answer.target)
            flow = Flow(answer, dialect.writer(request), dialect.name, inbound.id, emit, keep)
            return Outbound(200, head, flow=flow)
        answer.created = answer.created or now()
        body = dialect.render(answer, request)
        if asking is not None:
            await asking.whole(answer.target, body, native=body is answer.raw)
        return _whole(200, head, body)

    async def _kept(self, inbound: Inbound, recall: Recall) -> Outbound:
        """An answer that is remembered, or what is done about it; as ever where it is not."""
        dialect, asked = self._dialects["responses"], Asked(inbound.id)
        try:
            self._note_caller(asked, inbound.headers)
            body = await kept_answers.page(recall, inbound, asked.caller)
        except Failure as failure:
            return self._failed(dialect, failure, asked)
        if body is not None:
            return _whole(200, with_headers.request_id(dialect.name, inbound.id), body)
        return await (self._passed(inbound) if inbound.path in self._passing else self._plain(inbound))

    async def _passed(self, inbound: Inbound) -> Outbound:
        """The answer to what is passed on unread."""
        wrong = self._passing.refusal(inbound)
        if wrong is not None:
            return self.failed(inbound, wrong)
        dialect = self._dialects[_vendor(inbound)]
        asked = Asked(inbound.id)
        try:
            self._note_caller(asked, inbound.headers)
            request = self._passing.request(inbound, dialect.name)
            inbound.body = b""
            answer = await self._outlast.engine.answer(request, asked)
        except Failure as failure:
            return self._failed(dialect, failure, asked)
        headers = with_headers.of_answer(answer, asked, dialect.name)
        if isinstance(answer, Stream):
            head = answer.opening
            status, own = (head.status, head.headers) if isinstance(head, Head) else (200, ())
            return Outbound(status, [*own, *with_headers.AS_IT_IS, *headers], flow=Passage(answer))
        status, own = (answer.head.status, answer.head.headers) if isinstance(answer, Passed) else (200, ())
        length = [] if status == 204 else [(b"content-length", b"%d" % len(answer.raw))]
        return Outbound(status, [*own, *with_headers.AS_IT_IS, *length, *headers], answer.raw)

    def _note_caller(self, asked: Asked, headers: dict[bytes, bytes]) -> None:
        """Who asks, how urgently, and for how long. Raises `Failure`."""
        asked.caller = self._door.caller(headers)
        if not WISHES.isdisjoint(headers):
            asked.priority = priority(headers)
            asked.timeout = timeout(headers)
            asked.wishes = wishes(headers)
            asked.fit = fit(headers)
            asked.key, asked.date = idempotency(headers), now()
        asked.timeout = smaller(asked.timeout)  # whoever we are mounted in may be in a hurry

    def room(self, inbound: Inbound, usual: int) -> int:
        """Bytes that its body may have."""
        return max(usual, self._passing.config.max_upload) if self._passing.streams(inbound) else usual

    def window(self, inbound: Inbound) -> int | None:
        """Bytes of its body that are waited for before it is handed on; None: all of it."""
        return self._passing.config.window if self._passing.streams(inbound) else None

    def refusal(self, inbound: Inbound) -> Failure | None:
        """Why a request will be refused whatever its body says; so that nobody waits for a large one in vain."""
        if self._is_plain(inbound):
            return None
        if inbound.path in self._passing:
            wrong = self._passing.refusal(inbound)
            if wrong is not None:
                return wrong
        elif not self._answers(inbound):
            return self._nothing_here(inbound)
        try:
            self._door.caller(inbound.headers)
        except Failure as failure:
            return failure
        return None

    def _answers(self, inbound: Inbound) -> bool:
        """Is there something here that looks at who asks, and answers?"""
        if self._recall is not None and kept_answers.asked_for(inbound):
            return True
        return endpoint_at(inbound.path) is not None and inbound.method == "POST"

    def _is_plain(self, inbound: Inbound) -> bool:
        """Is there something here that needs no engine?"""
        path = inbound.path
        if ollama_pages.page(inbound.method, path) is not None:
            return True
        if inbound.method not in {"GET", "HEAD"} or (path == "/metrics" and self._metrics is None):
            return False
        return path in PLAIN or path.startswith(MODEL)

    def failed(self, inbound: Inbound, failure: Failure) -> Outbound:
        """The answer that tells a failure which happened before the request could be read."""
        endpoint = endpoint_at(inbound.path)
        name = endpoint.dialect if endpoint else _vendor(inbound)
        out = self._failed(self._dialects[name], failure, Asked(inbound.id))
        if failure.status == 405:
            out.headers.append((b"allow", self._allowed(inbound)))
        return out

    def _allowed(self, inbound: Inbound) -> bytes:
        """The methods that its path takes."""
        if inbound.path in self._passing:
            return ", ".join(sorted(METHODS)).encode()
        posted = endpoint_at(inbound.path) or ollama_pages.PATHS.get(inbound.path) == "POST"
        return b"POST" if posted else b"GET, HEAD"

    def _failed(self, dialect: Dialect, failure: Failure, asked: Asked) -> Outbound:
        status, body = dialect.error(failure, asked.id)
        head = with_headers.request_id(dialect.name, asked.id)
        head += with_headers.of_failure(failure)
        head += with_headers.of_limits(asked.allowances, dialect.name, failure.retry_after)
        if asked.skipped:
            head += with_headers.of_skipped(asked.skipped)
        if asked.looked is not None:
            head += with_headers.of_cache(asked.looked)
        if asked.keyed is not None:
            head += with_headers.of_key(asked.keyed)
        return _whole(failure.status if self._semantic else status, head, body)

    async def _plain(self, inbound: Inbound) -> Outbound:
        """What needs no engine."""
        path = inbound.path
        if not self._is_plain(inbound):
            return self.failed(inbound, self._nothing_here(inbound))
        if path in HEALTH:
            return self._health(inbound)
        try:
            self._door.caller(inbound.headers)
            if path == "/metrics" and self._metrics is not None:
                return _whole(200, with_headers.request_id("", inbound.id), await self._metrics(), METRICS)
            page = ollama_pages.page(inbound.method, path)
            if page is not None:
                told = wire.dumps(page(self._outlast.config.routes, inbound.body))
                return _whole(200, with_headers.request_id("ollama", inbound.id), told)
            return self._models(inbound, path.partition("/models")[2].removeprefix("/"))
        except Failure as failure:
            return self.failed(inbound, failure)

    def _nothing_here(self, inbound: Inbound) -> Failure:
        path = inbound.path
        if endpoint_at(path) is not None:
            return Caller("this path takes POST", status=405)
        listed = path in PLAIN or (path.startswith(MODEL) and ":" not in path)  # after a colon Google names a method
        if listed and inbound.method not in {"GET", "HEAD"}:
            return Caller("this path takes GET", status=405)
        if path in ollama_pages.PATHS:
            return Caller(f"this path takes {ollama_pages.PATHS[path]}", status=405)
        if (refused := ollama_pages.refused(path)) is not None:
            return refused
        if path.startswith(KEPT):
            return Caller(
                "no answer of that id is remembered here for this caller; a provider may keep it: to have requests for "
                "it passed on, list /v1/responses under paths in [pass_through]",
                status=404,
            )
        there = ", ".join((*all_paths(), *PLAIN, *ollama_pages.PATHS, *self._passing.config.paths))
        return Caller(f"there is nothing at this path; there is: {there}", status=404)

    def _health(self, inbound: Inbound) -> Outbound:
        head = with_headers.request_id("", inbound.id)
        if inbound.path == "/":  # Ollama's command asks for it before anything else
            return _whole(200, head, b"outlast is running\n", TEXT)
        if self.draining and inbound.path != "/livez":
            return _whole(503, [(b"retry-after", b"5"), *head], b'{"status":"draining"}')
        guard = self._outlast.guard
        if guard is not None and guard.down and inbound.path != "/livez":
            return _whole(200, head, wire.dumps({"status": "degraded", "store": guard.why}))
        return _whole(200, head, b'{"status":"ok"}')

    def _models(self, inbound: Inbound, name: str) -> Outbound:
        routes, vendor = self._outlast.config.routes, _vendor(inbound)
        body = models.one(routes, name, vendor) if name else models.listed(routes, vendor)
        return _whole(200, with_headers.request_id(vendor, inbound.id), body)


def _door(outlast: Outlast) -> Door:
    rules = outlast.config.tokens
    return Door(outlast.config.keys, Tokens(rules) if rules is not None else None)


def _vendor(inbound: Inbound) -> str:
    """Whose manners a caller of a path that several have, or none, expects."""
    if inbound.path.startswith("/api/"):
        return "ollama"
    if inbound.path.startswith("/v2/"):
        return "cohere"
    if b"x-goog-api-key" in inbound.headers or inbound.path.startswith("/v1beta/"):
        return "gemini"
    return "anthropic" if b"anthropic-version" in inbound.headers else "openai"


def _whole(status: int, headers: Headers, body: bytes, kind: tuple[bytes, bytes] = with_headers.JSON) -> Outbound:
    return Outbound(status, [kind, (b"content-length", b"%d" % len(body)), *headers], body)
