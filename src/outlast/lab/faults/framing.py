"""The named faults of group C that are heads and framing: not quite HTTP/1.1, or odd and good all the same."""

from __future__ import annotations

from outlast.lab.answer import Asked, compose
from outlast.lab.by_hand import JSON_HEAD, headed, in_chunks, raw_answer, under
from outlast.lab.rendering import answer_body, whole
from outlast.lab.script import Behaviour, drip, hang_up, later, ok, reset, silent, status, steps
from outlast.lab.steps import Body, Fin, Pause, Raw, Silence, Step

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %(kind)b\r\ncontent-length: %(length)d\r\n"


def _line(first: bytes) -> Behaviour:
    """A good answer under this status line."""
    return under(first + b"\r\ncontent-type: %(kind)b\r\ncontent-length: %(length)d\r\n\r\n", Fin())


def _length(value: bytes) -> Behaviour:
    """A good answer whose length is told like this."""
    return under(b"HTTP/1.1 200 OK\r\ncontent-type: %(kind)b\r\ncontent-length:" + value + b"\r\n\r\n", Fin())


def _with(line: bytes) -> Behaviour:
    """A good answer with one more line in its head."""
    return under(_HEAD + line + b"\r\n\r\n", Fin())


def _trickled() -> Behaviour:
    def play(asked: Asked) -> list[Step]:
        del asked
        head = JSON_HEAD + b"x-odd: a\r\n" * 100
        return [step for byte in head for step in (Raw(bytes([byte])), Pause(0.02))]

    return Behaviour("trickle", play)


def _good(name: str, *before: Step, then: tuple[Step, ...] = ()) -> Behaviour:
    return Behaviour(name, lambda asked: [*before, *ok().play(asked), *then])


_CUTS: dict[str, Behaviour] = {
    "C1-fin-first": hang_up(),
    "C2-rst-first": reset(),
    "C4-billed-then-silent": silent(),
    "C6-half-status-line-fin": steps("half", Raw(b"HTTP/1.1 20"), Fin()),
    "C6-half-header-fin": steps("half", Raw(JSON_HEAD[:30]), Fin()),
    "C7-half-header-silence": steps("half", Raw(JSON_HEAD[:30]), Silence()),
    "C9-drip": drip(0.2),
    "C12-early-413": Behaviour("early", status(413).play, early=True),
    "C14-http-0.9": steps("0.9", Raw(b"<html>hello</html>"), Fin()),
}
_FORGED = JSON_HEAD + b"content-length: 15\r\n\r\nFORGED-RESPONSE"
_FRAMES: dict[str, Behaviour] = {
    "C16-length-too-short": headed(length=-10),
    "C16-length-too-long": headed(length=10),
    "C17-second-response": raw_answer(
        "forged",
        # in one write: what comes after the next question was put cannot be told from its answer
        lambda data: [Raw(JSON_HEAD + b"content-length: %d\r\n\r\n%s" % (len(data), data) + _FORGED)],
    ),
    "C19-te-and-cl": raw_answer(
        "te-cl",
        lambda data: [
            Raw(JSON_HEAD + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n"),
            Raw(b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data)),
        ],
    ),
    "C20-two-lengths": headed(b"content-length: 3"),
    "C20-bad-chunk": steps("chunk", Raw(JSON_HEAD + b"transfer-encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n"), Fin()),
    "C21-header-1-mib": later(lambda: headed(b"x-big: " + b"a" * (1 << 20))),
    "C21-headers-20000": later(lambda: headed(*(b"x-%d: a" % number for number in range(20_000)))),
    "C22-nul-in-header": headed(b"x-odd: a\x00b"),
    "C22-bare-lf": headed(b"x-odd: a\nx-next: b"),
    "C22-utf8-header": headed("x-odd: é✓".encode()),
    "C22-latin1-header": headed(b"x-odd: \xe9"),
    "C24-no-content-type": raw_answer(
        "no-type", lambda data: [Raw(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(data)), Body(data)]
    ),
    "C24-odd-content-type": Behaviour(
        "odd", lambda asked: whole(answer_body(asked, compose(asked)), asked, content_type="x/?; =")
    ),
}
_LINES: dict[str, Behaviour] = {
    "C30-http-1.0": under(b"HTTP/1.0 200 OK\r\ncontent-type: %(kind)b\r\ncontent-length: %(length)d\r\n\r\n", Fin()),
    "C30-http-1.0-no-length": under(b"HTTP/1.0 200 OK\r\ncontent-type: %(kind)b\r\n\r\n", Fin()),
    "C30-http-1.2": _line(b"HTTP/1.2 200 OK"),
    "C30-http-2": _line(b"HTTP/2 200"),
    "C30-lower-case": _line(b"http/1.1 200 OK"),
    "C31-no-reason": _line(b"HTTP/1.1 200"),
    "C31-empty-reason": _line(b"HTTP/1.1 200 "),
    "C31-odd-reason": _line(b"HTTP/1.1 200 Alles \xfcberstanden"),
    "C31-two-spaces": _line(b"HTTP/1.1  200 OK"),
    "C32-status-099": _line(b"HTTP/1.1 099 Early"),
    "C32-status-1000": _line(b"HTTP/1.1 1000 Late"),
    "C32-status-20": _line(b"HTTP/1.1 20 OK"),
    "C32-status-words": _line(b"HTTP/1.1 OK 200"),
    "C32-status-negative": _line(b"HTTP/1.1 -200 OK"),
    "C33-switching-101": steps(
        "101", Raw(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: canary\r\nconnection: upgrade\r\n\r\ncanary"), Fin()
    ),
    "C33-interim-then-fin": steps("102", Raw(b"HTTP/1.1 102 Processing\r\n\r\n"), Fin()),
    "C33-interim-then-silence": steps("102", Raw(b"HTTP/1.1 102 Processing\r\n\r\n"), Silence()),
    "C34-blank-line-first": _line(b"\r\nHTTP/1.1 200 OK"),
    "C34-all-bare-lf": under(b"HTTP/1.1 200 OK\ncontent-type: %(kind)b\ncontent-length: %(length)d\n\n", Fin()),
}
_FIELDS: dict[str, Behaviour] = {
    "C35-upper-case": under(b"HTTP/1.1 200 OK\r\nCONTENT-TYPE: %(kind)b\r\nCONTENT-LENGTH: %(length)d\r\n\r\n", Fin()),
    "C35-no-space": under(b"HTTP/1.1 200 OK\r\ncontent-type:%(kind)b\r\ncontent-length:%(length)d\r\n\r\n", Fin()),
    "C35-space-before-colon": _with(b"x-odd : canary"),
    "C35-no-colon": _with(b"canary"),
    "C35-no-name": _with(b": canary"),
    "C35-folded": _with(b"x-odd: canary\r\n and more"),
    "C35-content-range": _with(b"content-range: bytes 0-9/10"),
    "C35-keep-alive-0": _with(b"keep-alive: timeout=0"),
    "C35-close-and-short": under(
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: %(kind)b\r\ncontent-length: %(length)d9\r\n\r\n", Fin()
    ),
    "C35-closes-unsaid": _good("closes", then=(Fin(),)),
    "C36-length-plus": _length(b" +%(length)d"),
    "C36-length-minus": _length(b" -%(length)d"),
    "C36-length-hex": _length(b" 0x%(length)x"),
    "C36-length-spaces": _length(b"  \t%(length)d  "),
    "C36-length-with-space": _length(b" %(length)d 1"),
    "C36-length-empty": _length(b""),
    "C36-length-list": _length(b" %(length)d, %(length)d"),
    "C36-length-huge": _length(b" 99999999999999999999%(length)d"),
    "C36-length-words": _length(b" canary%(length)d"),
}
_CHUNKS: dict[str, Behaviour] = {
    "C37-trailers": in_chunks(end=b"0\r\nx-trailer: canary\r\n\r\n"),
    "C37-extensions": in_chunks(lambda data: b"%x;canary=1;b\r\n%b\r\n" % (len(data), data)),
    "C37-upper-hex": in_chunks(lambda data: b"000%X\r\n%b\r\n" % (len(data), data)),
    "C37-size-negative": in_chunks(lambda data: b"-%x\r\n%b\r\n" % (len(data), data)),
    "C37-size-0x": in_chunks(lambda data: b"0x%x\r\n%b\r\n" % (len(data), data)),
    "C37-size-huge": in_chunks(lambda data: b"fffffffffffffffff\r\n%b\r\n" % data),
    "C37-size-too-small": in_chunks(lambda data: b"%x\r\n%b\r\n" % (len(data) - 1, data)),
    "C37-no-last-chunk": in_chunks(lambda data: b"%x\r\n%b\r\n" % (len(data), data), b"", Fin()),
    "C37-endless-trailers": in_chunks(end=b"0\r\n" + b"x-trailer: canary\r\n" * 8000),
    "C38-te-gzip-chunked": in_chunks(lines=b"transfer-encoding: gzip\r\n"),
    "C38-te-twice": in_chunks(lines=b"transfer-encoding: chunked\r\n"),
    "C38-te-case": under(
        b"HTTP/1.1 200 OK\r\ncontent-type: %(kind)b\r\nTransfer-Encoding: Chunked\r\n\r\n%(length)x\r\n",
        Raw(b"\r\n0\r\n\r\n"),
    ),
    "C38-te-identity": under(
        b"HTTP/1.1 200 OK\r\ncontent-type: %(kind)b\r\ntransfer-encoding: identity\r\n\r\n", Fin()
    ),
}
_SLOW: dict[str, Behaviour] = {
    "C39-head-trickles": _trickled(),
}

FRAMING_FAULTS: dict[str, Behaviour] = _CUTS | _FRAMES | _LINES | _FIELDS | _CHUNKS | _SLOW
"""By name; `outlast.lab.faults` holds them with the others."""
