"""What must come of every named fault: one table, which the tests hold the gateway to and the page is written from.

class of a failure ──▶ status on each surface, attempts, what the circuit counts      CLASSES
fault ──▶ class when the answer is whole, class when it is streamed, what is special   ROWS
"""

from typing import NamedTuple

DIALECTS = ("openai", "anthropic")


class Class(NamedTuple):
    """A failure class: what the vendors' surfaces answer, and how often which target is asked.

    `alone` attempts are made on the only target, `first` on the first of two; `onward` says whether the second is
    asked. `circuit` is what each attempt counts as.
    """

    openai: int
    anthropic: int
    alone: int
    first: int
    onward: bool
    circuit: str = "neutral"


CLASSES = {
    "connect": Class(503, 529, 3, 2, True, "failure"),
    "transient": Class(503, 529, 3, 2, True, "failure"),
    "bad_response": Class(502, 502, 3, 2, True, "failure"),
    "timeout": Class(504, 504, 2, 1, True, "failure"),
    "throttled": Class(429, 429, 3, 2, True, "throttled"),
    "quota": Class(429, 402, 1, 1, True),
    "credential": Class(502, 502, 1, 1, True),
    "permission": Class(403, 403, 1, 1, True),
    "missing": Class(404, 404, 1, 1, True),
    "unsupported": Class(503, 529, 1, 1, True),
    "conflict": Class(409, 409, 2, 2, False),
    "caller": Class(400, 400, 1, 1, False),
    "context_length": Class(400, 400, 1, 1, False),
    "legal": Class(451, 451, 1, 1, True),
    "broken_stream": Class(200, 200, 1, 1, False, "failure"),
    "ok": Class(200, 200, 1, 1, False, "success"),
}

USUAL = "This is the simulated provider {provider}, no model at all. You said: hi"
FOUR = "This is the simulated"
TWO = "This is"
TORN = "one two three four"
SHORT = {"whole": 0.3, "first_content": 0.3}
"""Timers for what stays silent before any content."""
STALLS = {"whole": 0.3, "stall": 0.3}
"""Timers for what falls silent in the middle."""


class Row(NamedTuple):
    """One fault.

    Attributes:
        what: what the provider does.
        whole: class that a whole answer comes to.
        streamed: class that a streamed one comes to; the same when left out.
        anthropic: what is different when the provider speaks Anthropic's dialect, as fields of this row.
        alone, first, onward: as in `Class`, where the fault says otherwise than its class.
        status: of both surfaces, where the fault says otherwise than its class.
        hint: seconds that the caller must be told to wait at least.
        said: text of a good answer, or of the good beginning of a broken one, if not the usual.
        finish: the provider's own word for why it stopped, where that must reach the caller.
        finished: the caller got the finish reason before the stream broke.
        timers: of the target, for faults that are silence.
        max_tokens: what the caller asks for, for faults that are slowness.
        must: what holds beside.
    """

    what: str
    whole: str = "ok"
    streamed: str | None = None
    anthropic: dict[str, object] | None = None
    alone: int | None = None
    first: int | None = None
    onward: bool | None = None
    status: int | None = None
    hint: float | None = None
    said: str | None = None
    finish: str | None = None
    finished: bool = False
    timers: dict[str, float] | None = None
    max_tokens: int | None = None
    must: str = ""

    def of(self, dialect):
        """The row as it is for a provider of this dialect."""
        return self._replace(**(self.anthropic or {}), anthropic=None) if dialect == "anthropic" else self

    def kind(self, *, streamed):
        """The class that it comes to."""
        return self.streamed if streamed and self.streamed is not None else self.whole

    def expected(self, *, streamed):
        """What its class means, with what this row says otherwise."""
        base = CLASSES[self.kind(streamed=streamed)]
        said = {name: getattr(self, name) for name in ("alone", "first", "onward")}
        said |= dict.fromkeys(DIALECTS, self.status)
        return base._replace(**{name: value for name, value in said.items() if value is not None})


def hinted(what, seconds, must="", **more):
    """A throttle that says when to come back, later than is waited for here."""
    return Row(what, "throttled", alone=1, first=1, hint=seconds, must=must, **more)


def own(what, must=""):
    """A throttle whose hint is none: the target pauses by our own reckoning."""
    return Row(what, "throttled", must=must)


def stream(what, kind="ok", must="", **more):
    """A fault of streams; the whole answer is good."""
    return Row(what, streamed=kind, must=must, **more)


ROWS = {
    # A. Connect
    "A1-refused": Row("the connection is refused", "connect", must="the first retry is made at once"),
    "A2-black-hole": Row("packets vanish", "timeout", timers=SHORT, must="no attempt outlasts its limit"),
    "A4-rst-at-once": Row("accepts, then resets", "connect"),
    "A6-random-bytes": Row("bytes that are no HTTP", "bad_response", must="not one byte is echoed"),
    "A7-ssh-banner": Row("an SSH server", "bad_response", must="told at once, not by a timer"),
    "A9-no-such-name": Row("the name does not resolve", "connect"),
    "A12-tls-alert": Row("TLS fails", "connect"),
    # B. Statuses and hints
    "B1-invalid-request": Row("400 invalid_request", "caller", must="sent once; our words and the provider's code"),
    "B2-context-length": Row("400 context_length_exceeded", "context_length", must="in words that frameworks parse"),
    "B4-credit-balance": Row("400, credit balance too low", "quota", must="not shown as the caller's fault"),
    "B5-key-refused": Row("401", "credential", must="not shown as a fault of the caller's own key"),
    "B6-payment": Row("402", "quota"),
    "B7-region": Row("403 for the region", "permission"),
    "B8-no-model": Row("404 for the model", "missing"),
    "B9-method": Row("405", "unsupported"),
    "B11-conflict": Row("409", "conflict", must="one repetition, and no other target"),
    "B12-too-large": Row("413", "caller", status=413),
    "B14-legal": Row("451", "legal"),
    "B15-server-error": Row("500", "transient"),
    "B16-not-implemented": Row("501", "unsupported"),
    "B17-html-502": Row("502 with a web page", "bad_response", must="the page is never passed on"),
    "B19-503-retry-after-1": Row(
        "503, `Retry-After: 1`", "transient", alone=1, first=1, hint=1.0, must="never asked again earlier"
    ),
    "B21-cloudflare-520": Row("520 with a web page", "bad_response"),
    "B21-cloudflare-524": Row("524 with a web page", "bad_response", status=504),
    "B22-overloaded-529": Row("529 overloaded", "transient", must="a longer backoff"),
    "B24-should-not-retry": Row("500, `x-should-retry: false`", "transient", alone=1, first=1),
    "B25-should-retry": Row("400, `x-should-retry: true`", "caller", alone=3, first=2),
    "B26-retry-after-1": hinted("429, `Retry-After: 1`", 1.0, "never asked again earlier"),
    "B27-retry-after-quarter": Row("429, `Retry-After: 0.25`", "throttled", must="never asked again earlier"),
    "B28-retry-after-ms": hinted("429, `retry-after-ms: 1500`, `Retry-After: 9`", 1.5, "milliseconds win"),
    "B29-retry-after-0": own("429, `Retry-After: 0`", "no tight loop"),
    "B30-retry-after-negative": own("429, `Retry-After: -5`"),
    "B31-retry-after-nan": own("429, `Retry-After: nan`"),
    "B32-retry-after-inf": own("429, `Retry-After: inf`", "no endless sleep"),
    "B32-retry-after-1e400": own("429, `Retry-After: 1e400`", "no endless sleep"),
    "B33-retry-after-words": own("429, `Retry-After: soon`"),
    "B34-retry-after-day": Row(
        "429, `Retry-After: 86400`", "throttled", alone=1, first=1, hint=86400.0, must="told at once, not slept out"
    ),
    "B36-retry-after-date": hinted("429, a date two seconds after its own `Date`", 2.0, "our clock may be wrong"),
    "B37-retry-after-2015": own("429, a date in 2015"),
    "B39-retry-after-year-99999": own("429, a date in the year 99999"),
    "B41-reset-1s": hinted("429, `x-ratelimit-reset-requests: 1s`", 1.0),
    "B41-reset-6m0s": Row("429, `x-ratelimit-reset-tokens: 6m0s`", "throttled", alone=1, first=1, hint=360.0),
    "B42-reset-rfc3339": hinted("429, `anthropic-ratelimit-requests-reset` in RFC 3339", 2.0),
    "B43-insufficient-quota": Row("429 insufficient_quota", "quota", must="never repeated"),
    "B44-redirect-307": Row("307 elsewhere", "bad_response", alone=1, first=1, must="the other host sees nothing"),
    "B44-redirect-308": Row("308 elsewhere", "bad_response", alone=1, first=1, must="the other host sees nothing"),
    "B46-no-content-204": Row("204", "bad_response"),
    "B46-partial-206": Row("206", "bad_response"),
    "B46-hundred-100s": Row("a hundred 100s before the answer", "bad_response"),
    "B46-early-hints-103": Row("103 before the answer"),
    # C. Headers and framing
    "C1-fin-first": Row("closes before any byte", "connect"),
    "C2-rst-first": Row("resets before any byte", "connect"),
    "C4-billed-then-silent": Row("takes the request and says nothing", "timeout", timers=SHORT, must="told as billed"),
    "C6-half-status-line-fin": Row("half a status line, then the end", "bad_response"),
    "C6-half-header-fin": Row("half a head, then the end", "bad_response"),
    "C7-half-header-silence": Row("half a head, then silence", "timeout", timers=SHORT),
    "C9-drip": Row("one byte each 0.2 s", "timeout", timers=SHORT, must="dripped bytes do not reset a timer"),
    "C12-early-413": Row("413 before it has read the request", "caller", status=413),
    "C14-http-0.9": Row("HTTP/0.9", "bad_response"),
    "C16-length-too-short": Row(
        "`Content-Length` ten too short", "bad_response", must="the connection is not used again"
    ),
    "C16-length-too-long": Row("`Content-Length` ten too long", "bad_response"),
    "C17-second-response": Row("a second answer that nobody asked for", must="the next caller never gets it"),
    "C19-te-and-cl": Row("`Transfer-Encoding` and `Content-Length`", "bad_response", must="one reading only"),
    "C20-two-lengths": Row("two lengths", "bad_response"),
    "C20-bad-chunk": Row("a chunk of size ZZ", "bad_response"),
    "C21-header-1-mib": Row("a header of 1 MiB", "bad_response", must="bounded memory"),
    "C21-headers-20000": Row("20 000 headers", "bad_response", must="bounded memory"),
    "C22-nul-in-header": Row("NUL in a header", "bad_response"),
    "C22-bare-lf": Row("a bare LF in a header", "bad_response"),
    "C22-utf8-header": Row("UTF-8 in a header", must="never passed on"),
    "C22-latin1-header": Row("Latin-1 in a header", must="never passed on"),
    "C24-no-content-type": Row("no `Content-Type`"),
    "C24-odd-content-type": Row("an odd `Content-Type`"),
    "C26-gzip": Row("gzip that nobody asked for", must="our answer never says gzip"),
    "C26-gzip-broken": Row("broken gzip", "bad_response"),
    "C26-gzip-cut": Row("gzip that is cut", "bad_response"),
    "C26-gzip-unlabelled": Row("gzip that does not say so", "bad_response"),
    "C26-unknown-coding": Row("an unknown coding", "bad_response"),
    "C27-gzip-bomb": Row("a gzip bomb", "bad_response", alone=2, first=2, must="asked again once; bounded memory"),
    # D. Bodies
    "D1-empty": Row("200 without a body", "bad_response"),
    "D2-truncated-json": Row("half a JSON document", "bad_response"),
    "D3-html-200": Row("200 with a web page", "bad_response", must="the page is never passed on"),
    "D4-null": Row("`null`", "bad_response"),
    "D4-list": Row("`[]`", "bad_response"),
    "D4-string": Row('`"ok"`', "bad_response"),
    "D5-not-utf8": Row("bytes that are no UTF-8", "bad_response"),
    "D6-lone-surrogate": Row("a lone surrogate", "bad_response"),
    "D7-nul-in-text": Row("NUL in the text", said=USUAL.replace("simulated", "\0", 1), must="the log survives"),
    "D9-huge-number": Row("a number of 400 digits as usage"),
    "D11-nested": Row("100 000 nested arrays", "bad_response"),
    "D12-32-mib": Row("32 MiB of text", "bad_response", must="bounded memory"),
    "D14-error-in-200": Row("200 with an error envelope", "transient"),
    "D14-error-string-in-200": Row("200 with `error` as text", "transient"),
    "D16-choices-empty": Row("no choices; no blocks", "bad_response", anthropic={"whole": "ok", "said": ""}),
    "D17-choices-null": Row("`choices: null`; `content: null`", "bad_response"),
    "D17-choices-missing": Row("no `choices`", "bad_response", anthropic={"what": "as usual", "whole": "ok"}),
    "D19-content-null": Row("`content: null`", said=""),
    "D19-content-empty": Row("empty content", said=""),
    "D19-content-list": Row("content as a list", said="hello", anthropic={"whole": "bad_response"}),
    "D21-content-filter": Row("finish `content_filter`", finish="content_filter", anthropic={"finish": "refusal"}),
    "D22-unknown-finish": Row("finish `eos`", finish="eos"),
    "D24-usage-missing": Row("no usage", must="tokens are estimated"),
    "D24-usage-null": Row("`usage: null`", must="tokens are estimated"),
    "D24-usage-negative": Row("negative usage", must="counters never fall"),
    "D24-usage-words": Row("usage in words", must="tokens are estimated"),
    "D26-other-vendor": Row("the other vendor's body", "bad_response"),
    # E. Streams
    "E1-crlf": stream("CRLF"),
    "E1-cr": stream("CR"),
    "E1-mixed": stream("CR, CRLF and LF in turn"),
    "E1-crlf-split": Row("CR and LF in packets of their own", "bad_response", "ok"),
    "E2-bom": stream("a byte order mark"),
    "E4-odd-fields": stream("`retry:`, `id:`, `event:` without data", must="would break SDKs, so it is not passed on"),
    "E5-no-space": stream("no space after the colon"),
    "E6-several-data-lines": stream("JSON over several `data:` lines"),
    "E7-unknown-events": stream("events that came up later"),
    "E9-byte-by-byte": stream("one byte in each chunk"),
    "E11-no-blank-line": stream("the last event lacks its blank line"),
    "E12-close-delimited": stream("ended by the end of the connection"),
    "E14-done-then-open": stream("complete, and the connection stays open", must="ends at the end marker"),
    "E16-after-done": stream("words after the end marker", must="nothing of them is passed on"),
    "E17-finish-twice": stream("finishes twice", must="one finish"),
    "E19-role-then-silence": Row("a role, then silence", "timeout", timers=SHORT),
    "E20-stall-after-4": Row("silence after four tokens", "timeout", "broken_stream", said=FOUR, timers=STALLS),
    "E21-zero-events": stream("no events", "bad_response", must="not an empty success"),
    "E22-headers-rst": Row("a head, then a reset", "bad_response"),
    "E23-no-finish": Row("ends in order without a finish", "bad_response", "broken_stream", said=FOUR),
    "E24-done-only": stream("the end marker alone", "bad_response"),
    "E25-no-done": stream("lacks only the end marker", must="complete, with a marker of ours"),
    "E26-first-event-rate-limit": Row("an error as first event: rate limit", "throttled", must="the 200 says nothing"),
    "E26-first-event-invalid": Row("an error as first event: invalid request", "caller"),
    "E28-error-after-4": Row("an error after four tokens", "transient", "broken_stream", said=FOUR),
    "E29-pings-after-4": Row("pings after four tokens", "timeout", "broken_stream", said=FOUR, timers=STALLS),
    "E30-pings-then-answer": Row(
        "pings for longer than the limit", "timeout", timers=SHORT, must="pings reset no timer"
    ),
    "E31-fin-after-4": Row("closes after four tokens", "bad_response", "broken_stream", said=FOUR),
    "E31-rst-after-4": Row("resets after four tokens", "bad_response", "broken_stream", said=FOUR),
    "E32-torn-event": Row(
        "cut inside an event", "bad_response", "broken_stream", said=TORN, must="half an event is dropped"
    ),
    "E32-torn-character": Row("cut inside a character", "bad_response", "broken_stream", said=TORN, must="no U+FFFD"),
    "E33-garbled-after-4": stream("an event that is no JSON", "broken_stream", said=FOUR),
    "E34-html-mid-stream": stream(
        "a web page in the middle", "broken_stream", said=FOUR, anthropic={"said": TWO}, must="never passed on"
    ),
    "E36-line-16-mib": stream("a line of 16 MiB before the end marker", "broken_stream", said=USUAL, finished=True),
    "E37-endless": Row("tokens without end", "timeout", "broken_stream", said=" on", timers={"whole": 0.3}),
    "E38-slow-tokens": Row("a token each second", said=TWO, max_tokens=2),
    "E39-tool-calls": Row("tool calls interleaved, numbers that jump", "bad_response", "ok", said=""),
    "E40-fin-close-delimited": stream(
        "closes a body without a length", "broken_stream", said=FOUR, anthropic={"said": TWO}
    ),
}
"""By the names of `outlast.testing.FAULTS`."""
