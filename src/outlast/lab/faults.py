"""The named faults, by the row of the list of faults that they stand for and plain words: "E31-fin-after-4".

A connect · B status and hints · C headers and framing · D bodies · E streams. What needs its own kind of listener (TLS,
names that do not resolve) is in `unreachable(...)`, which only virtual time can play to the letter.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from typing import cast

from outlast.lab.answer import Asked, Json, compose, dumps
from outlast.lab.rendering import answer_body, whole
from outlast.lab.script import (
    Behaviour,
    body,
    cut,
    done_only,
    drip,
    empty,
    error_event,
    hang_up,
    html,
    later,
    no_done,
    not_http,
    ok,
    pings,
    reset,
    silent,
    stall,
    status,
    steps,
    throttled,
    truncated_json,
    unreachable,
)
from outlast.lab.steps import Body, Fin, Headers, Raw, Silence, Step
from outlast.lab.stream_faults import STREAM_FAULTS

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


def edited_json(name: str, edit: Callable[[Json], object]) -> Behaviour:
    """A whole answer whose JSON was changed."""

    def play(asked: Asked) -> Iterator[Step]:
        yield from whole(dumps(edit(json.loads(answer_body(asked, compose(asked))))), asked)

    return Behaviour(name, play)


def raw_answer(name: str, make: Callable[[bytes], list[Step]]) -> Behaviour:
    """A good whole body, put on the wire by hand."""
    return Behaviour(name, lambda asked: make(answer_body(asked, compose(asked))))


def _headed(*lines: bytes, edit: Callable[[bytes], bytes] = lambda data: data, length: int = 0) -> Behaviour:
    """A good body under a head with odd lines; `length` is added to the true content length."""

    def make(data: bytes) -> list[Step]:
        sent = edit(data)
        size = b"content-length: %d\r\n" % (len(sent) + length)
        return [Raw(_HEAD + b"".join(line + b"\r\n" for line in lines) + size + b"\r\n"), Body(sent), Fin()]

    return raw_answer("headed", make)


def _with_choices(value: object) -> Behaviour:
    return edited_json("choices", lambda reply: reply | {"choices" if "choices" in reply else "content": value})


def _with_content(value: object) -> Behaviour:
    def edit(reply: Json) -> object:
        choices = cast("list[dict[str, Json]]", reply.get("choices") or [])
        for choice in choices:
            choice["message"]["content"] = value
        return reply if choices else reply | {"content": [{"type": "text", "text": value}]}

    return edited_json("content", edit)


def _with_usage(value: object) -> Behaviour:
    return edited_json("usage", lambda reply: reply | {"usage": value})


def _with_finish(openai: str, anthropic: str) -> Behaviour:
    def edit(reply: Json) -> object:
        choices = cast("list[Json]", reply.get("choices") or [])
        for choice in choices:
            choice["finish_reason"] = openai
        return reply if choices else reply | {"stop_reason": anthropic}

    return edited_json("finish", edit)


def _without(name: str) -> Behaviour:
    return edited_json("without", lambda reply: {key: value for key, value in reply.items() if key != name})


def _other_vendor() -> Behaviour:
    def play(asked: Asked) -> Iterator[Step]:
        other = Asked(vendor="openai" if asked.vendor == "anthropic" else "anthropic", body=asked.body)
        yield from whole(answer_body(other, compose(other)), asked)

    return Behaviour("other-vendor", play)


def _gzipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def _wild(headers: Headers) -> Behaviour:
    """429 with the headers of some vendor."""
    return throttled(headers=dict(headers))


def _named(faults: dict[str, Behaviour]) -> dict[str, Behaviour]:
    return {name: Behaviour(name, fault.play, fault.early) for name, fault in faults.items()}


_CONNECT = {
    "A1-refused": unreachable("refused"),
    "A2-black-hole": unreachable("blackhole"),
    "A4-rst-at-once": reset(),
    "A6-random-bytes": not_http(),
    "A7-ssh-banner": steps("ssh", Raw(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), Silence()),
    "A9-no-such-name": unreachable("dns"),
    "A12-tls-alert": unreachable("tls"),
}
_STATUS = {
    "B1-invalid-request": status(400),
    "B2-context-length": status(
        400,
        error="context_length_exceeded",
        type="invalid_request_error",
        message="prompt is too long: 200001 tokens > 200000 maximum",
    ),
    "B4-credit-balance": status(400, message="Your credit balance is too low to access the API."),
    "B5-key-refused": status(401),
    "B6-payment": status(402),
    "B7-region": status(403),
    "B8-no-model": status(404, message="The model does not exist."),
    "B9-method": status(405),
    "B11-conflict": status(409),
    "B12-too-large": status(413),
    "B14-legal": status(451),
    "B15-server-error": status(500),
    "B16-not-implemented": status(501),
    "B17-html-502": html(502),
    "B19-503-retry-after-1": status(503, {"retry-after": "1"}),
    "B21-cloudflare-520": html(520),
    "B21-cloudflare-524": html(524),
    "B22-overloaded-529": status(529),
    "B24-should-not-retry": status(500, {"x-should-retry": "false"}),
    "B25-should-retry": status(400, {"x-should-retry": "true"}),
    "B26-retry-after-1": throttled(1),
    "B27-retry-after-quarter": throttled(0.25),
    "B28-retry-after-ms": throttled(9, {"retry-after-ms": "1500"}),
    "B29-retry-after-0": throttled(0),
    "B30-retry-after-negative": throttled(-5),
    "B31-retry-after-nan": throttled("nan"),
    "B32-retry-after-inf": throttled("inf"),
    "B32-retry-after-1e400": throttled("1e400"),
    "B33-retry-after-words": throttled("soon"),
    "B34-retry-after-day": throttled(86400),
    "B36-retry-after-date": throttled("Thu, 01 Jan 2026 00:00:02 GMT", {"date": "Thu, 01 Jan 2026 00:00:00 GMT"}),
    "B37-retry-after-2015": throttled("Wed, 21 Oct 2015 07:28:00 GMT"),
    "B39-retry-after-year-99999": throttled("Fri, 31 Dec 99999 23:59:59 GMT"),
    "B41-reset-1s": _wild((("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "1s"))),
    "B41-reset-6m0s": _wild((("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "6m0s"))),
    "B42-reset-rfc3339": _wild(
        (
            ("date", "Thu, 01 Jan 2026 00:00:00 GMT"),
            ("anthropic-ratelimit-requests-remaining", "0"),
            ("anthropic-ratelimit-requests-reset", "2026-01-01T00:00:02Z"),
        )
    ),
    "B43-insufficient-quota": status(429, type="insufficient_quota", error="insufficient_quota"),
    "B44-redirect-307": status(307, {"location": "http://127.0.0.1:9/elsewhere"}),
    "B44-redirect-308": status(308, {"location": "http://127.0.0.1:9/elsewhere"}),
    "B46-no-content-204": steps("204", Raw(b"HTTP/1.1 204 No Content\r\n\r\n")),
    "B46-partial-206": status(206, body='{"id":'),
    "B46-hundred-100s": Behaviour(
        "100", lambda asked: [Raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 100), *ok().play(asked)]
    ),
    "B46-early-hints-103": Behaviour(
        "103", lambda asked: [Raw(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"), *ok().play(asked)]
    ),
}
_FRAMING = {
    "C1-fin-first": hang_up(),
    "C2-rst-first": reset(),
    "C4-billed-then-silent": silent(),
    "C6-half-status-line-fin": steps("half", Raw(b"HTTP/1.1 20"), Fin()),
    "C6-half-header-fin": steps("half", Raw(_HEAD[:30]), Fin()),
    "C7-half-header-silence": steps("half", Raw(_HEAD[:30]), Silence()),
    "C9-drip": drip(0.2),
    "C12-early-413": Behaviour("early", status(413).play, early=True),
    "C14-http-0.9": steps("0.9", Raw(b"<html>hello</html>"), Fin()),
    "C16-length-too-short": _headed(length=-10),
    "C16-length-too-long": _headed(length=10),
    "C17-second-response": raw_answer(
        "forged",
        lambda data: [
            Raw(_HEAD + b"content-length: %d\r\n\r\n" % len(data) + data),
            Raw(_HEAD + b"content-length: 15\r\n\r\nFORGED-RESPONSE"),
        ],
    ),
    "C19-te-and-cl": raw_answer(
        "te-cl",
        lambda data: [
            Raw(_HEAD + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n"),
            Raw(b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data)),
        ],
    ),
    "C20-two-lengths": _headed(b"content-length: 3"),
    "C20-bad-chunk": steps("chunk", Raw(_HEAD + b"transfer-encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n"), Fin()),
    "C21-header-1-mib": later(lambda: _headed(b"x-big: " + b"a" * (1 << 20))),
    "C21-headers-20000": later(lambda: _headed(*(b"x-%d: a" % number for number in range(20_000)))),
    "C22-nul-in-header": _headed(b"x-odd: a\x00b"),
    "C22-bare-lf": _headed(b"x-odd: a\nx-next: b"),
    "C22-utf8-header": _headed("x-odd: é✓".encode()),
    "C22-latin1-header": _headed(b"x-odd: \xe9"),
    "C24-no-content-type": raw_answer(
        "no-type", lambda data: [Raw(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(data)), Body(data)]
    ),
    "C24-odd-content-type": Behaviour(
        "odd", lambda asked: whole(answer_body(asked, compose(asked)), asked, content_type="x/?; =")
    ),
    "C26-gzip": _headed(b"content-encoding: gzip", edit=_gzipped),
    "C26-gzip-broken": _headed(b"content-encoding: gzip", edit=lambda data: _gzipped(data)[:20] + b"\xff" * 20),
    "C26-gzip-cut": _headed(b"content-encoding: gzip", edit=lambda data: _gzipped(data)[:-12]),
    "C26-gzip-unlabelled": _headed(edit=_gzipped),
    "C26-unknown-coding": _headed(b"content-encoding: rot13"),
    "C27-gzip-bomb": _headed(b"content-encoding: gzip", edit=lambda _: _gzipped(b"a" * (64 << 20))),
}
_BODIES = {
    "D1-empty": empty(),
    "D2-truncated-json": truncated_json(),
    "D3-html-200": html(200),
    "D4-null": body(b"null"),
    "D4-list": body(b"[]"),
    "D4-string": body(b'"ok"'),
    "D5-not-utf8": _headed(edit=lambda data: data.replace(b"simulated", b"\xff\xfe")),
    "D6-lone-surrogate": _headed(edit=lambda data: data.replace(b"simulated", b"\\ud800")),
    "D7-nul-in-text": _headed(edit=lambda data: data.replace(b"simulated", b"\\u0000")),
    "D9-huge-number": _headed(edit=lambda data: data.replace(b'_tokens":', b'_tokens":1' + b"0" * 400)),
    "D11-nested": later(lambda: body(b"[" * 100_000 + b"]" * 100_000)),
    "D12-32-mib": later(lambda: ok("a" * (32 << 20))),
    "D14-error-in-200": error_event(0),
    "D14-error-string-in-200": body(b'{"error":"something went wrong"}'),
    "D16-choices-empty": _with_choices([]),
    "D17-choices-null": _with_choices(None),
    "D17-choices-missing": _without("choices"),
    "D19-content-null": _with_content(None),
    "D19-content-empty": _with_content(""),
    "D19-content-list": _with_content([{"type": "text", "text": "hello"}]),
    "D21-content-filter": _with_finish("content_filter", "refusal"),
    "D22-unknown-finish": _with_finish("eos", "eos"),
    "D24-usage-missing": _without("usage"),
    "D24-usage-null": _with_usage(None),
    "D24-usage-negative": _with_usage({"prompt_tokens": -1, "completion_tokens": -1, "input_tokens": -1}),
    "D24-usage-words": _with_usage("many"),
    "D26-other-vendor": _other_vendor(),
}
_TIMED_STREAMS = {
    "E19-role-then-silence": stall(0),
    "E20-stall-after-4": stall(4),
    "E22-headers-rst": cut(0, "rst"),
    "E24-done-only": done_only(),
    "E25-no-done": no_done(),
    "E26-first-event-rate-limit": error_event(0, "rate_limit_error", "rate_limit_exceeded"),
    "E26-first-event-invalid": error_event(0, "invalid_request_error"),
    "E28-error-after-4": error_event(4),
    "E29-pings-after-4": pings(4),
    "E30-pings-then-answer": pings(0, every=2.0, count=3),
    "E31-fin-after-4": cut(4, "fin"),
    "E31-rst-after-4": cut(4, "rst"),
    "E38-slow-tokens": ok(first=1.0, between=1.0),
}

FAULTS: dict[str, Behaviour] = _named(_CONNECT | _STATUS | _FRAMING | _BODIES | _TIMED_STREAMS | STREAM_FAULTS)
"""Every named fault."""
