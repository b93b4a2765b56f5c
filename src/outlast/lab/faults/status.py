"""The named faults of group B that are a status with little around it: the vendor's own envelope, a page, nothing."""

from __future__ import annotations

from outlast.lab.script import Behaviour, html, ok, status, steps
from outlast.lab.steps import Fin, Raw

_ELSEWHERE = "http://127.0.0.1:9/elsewhere"


def _page(code: int) -> Behaviour:
    """A page of plain words."""
    return status(code, {"content-type": "text/plain"}, "canary: upstream connect error or disconnect")


_USUAL: dict[str, Behaviour] = {
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
    "B21-cloudflare-520": html(520),
    "B21-cloudflare-524": html(524),
    "B22-overloaded-529": status(529),
    "B24-should-not-retry": status(500, {"x-should-retry": "false"}),
    "B25-should-retry": status(400, {"x-should-retry": "true"}),
}
_MOVED: dict[str, Behaviour] = {
    "B44-redirect-307": status(307, {"location": _ELSEWHERE}),
    "B44-redirect-308": status(308, {"location": _ELSEWHERE}),
    "B45-redirect-300": status(300, {"location": _ELSEWHERE}),
    "B45-redirect-with-envelope": status(302, {"location": _ELSEWHERE}, '{"error":{"type":"insufficient_quota"}}'),
    "B45-redirect-nowhere": status(303),
    "B46-no-content-204": steps("204", Raw(b"HTTP/1.1 204 No Content\r\n\r\n")),
    "B46-accepted-202": status(202, body='{"status":"queued"}'),
    "B46-partial-206": status(206, body='{"id":'),
    "B46-hundred-100s": Behaviour(
        "100", lambda asked: [Raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 100), *ok().play(asked)]
    ),
    "B46-early-hints-103": Behaviour(
        "103", lambda asked: [Raw(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"), *ok().play(asked)]
    ),
    "B46-processing-102": Behaviour(
        "102", lambda asked: [Raw(b"HTTP/1.1 102 Processing\r\n\r\n" * 3), *ok().play(asked)]
    ),
}
_FURTHER: dict[str, Behaviour] = {
    "B50-timeout-408": status(408),
    "B50-timeout-504": status(504),
    "B50-too-early-425": status(425),
    "B50-cancelled-499": status(499),
    "B51-teapot-418": status(418),
    "B51-misdirected-421": status(421),
    "B51-unprocessable-422": status(422),
    "B51-locked-423": status(423),
    "B51-failed-dependency-424": status(424),
    "B51-gone-410": status(410),
    "B51-fields-too-large-431": status(431),
    "B51-media-type-415": status(415),
    "B52-invalid-token-498": status(498),
    "B52-authentication-403": status(403, type="authentication_error", error="invalid_api_key"),
    "B52-empty-401": status(401, body=""),
    "B53-unavailable-503": status(503),
    "B53-loop-508": status(508),
    "B53-storage-507": status(507),
    "B53-unknown-700": status(700),
    "B53-slow-down-503": status(503, type="slow_down", error="slow_down"),
    "B53-throttle-in-500": status(500, type="rate_limit_error", error="rate_limit_exceeded"),
    "B54-html-500": html(500),
    "B54-html-503": html(503),
    "B54-html-504": html(504),
    "B54-empty-500": status(500, body=""),
    "B54-words-503": _page(503),
    "B54-json-without-envelope-500": status(500, body='{"status":"canary","ok":false}'),
    "B55-cloudflare-521": html(521),
    "B55-cloudflare-522": html(522),
    "B55-cloudflare-523": html(523),
    "B55-cloudflare-525": html(525),
    "B55-cloudflare-526": html(526),
    "B55-cloudflare-527": html(527),
    "B55-cloudflare-530": html(530),
    "B55-proxy-598": html(598),
    "B55-odd-999": html(999),
    "B56-html-400": html(400),
    "B56-html-401": html(401),
    "B56-html-403": html(403),
    "B56-html-404": html(404),
    "B56-html-405": html(405),
    "B56-html-413": html(413),
    "B56-html-429": html(429),
    "B56-empty-429": status(429, body=""),
    "B57-should-not-retry-429": status(429, {"x-should-retry": "false"}),
    "B57-should-retry-garbage": status(500, {"x-should-retry": "canary"}),
}

_HALF = b'HTTP/1.1 %d Odd\r\n%bcontent-length: 100\r\n\r\n{"error":{"message":"canary'
_CUT: dict[str, Behaviour] = {
    "B58-cut-400": steps("cut", Raw(_HALF % (400, b"")), Fin()),
    "B58-cut-401": steps("cut", Raw(_HALF % (401, b"")), Fin()),
    "B58-cut-429": steps("cut", Raw(_HALF % (429, b"retry-after: 86400\r\n")), Fin()),
    "B58-cut-500": steps("cut", Raw(_HALF % (500, b"")), Fin()),
    "B58-bad-chunk-403": steps("chunk", Raw(b"HTTP/1.1 403 Odd\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n"), Fin()),
}

STATUS_FAULTS: dict[str, Behaviour] = _USUAL | _MOVED | _FURTHER | _CUT
"""By name; `outlast.lab.faults` holds them with the others."""
