"""Where else faults are played: in the dialects beside the two that meet them all, those that depend on the dialect.

What a provider says in its own words: statuses with its envelope, bodies, streams. Of those that are alike in every
dialect (pages of proxies, hints, framing) there is one of each kind. `{}` is "as in OpenAI's dialect"; what is
otherwise stands there as fields of the row.
"""

from .terms import OTHERS, USUAL


def _in(dialects, **otherwise):
    """The same in each of these dialects."""
    return dict.fromkeys(dialects, otherwise)


_LINES_HAVE_NONE = ("responses", "cohere", "gemini")
"""Dialects whose streams are server-sent events."""
_CODES = ("responses", "gemini")
"""Dialects whose errors have codes."""

_ALIKE = (
    *("B1-invalid-request", "B2-context-length", "B4-credit-balance", "B5-key-refused", "B6-payment", "B7-region"),
    *("B8-no-model", "B9-method", "B11-conflict", "B12-too-large", "B14-legal", "B15-server-error"),
    *("B16-not-implemented", "B17-html-502", "B22-overloaded-529", "B24-should-not-retry", "B34-retry-after-day"),
    *("B44-redirect-307", "B46-no-content-204", "B50-timeout-504", "B53-unavailable-503", "B54-empty-500"),
    *("B58-cut-500", "B70-azure-filter", "B74-gemini-list", "B76-fastapi-500"),
    *("D1-empty", "D2-truncated-json", "D4-null", "D4-list", "D5-not-utf8", "D6-lone-surrogate", "D7-nul-in-text"),
    *("D9-huge-number", "D11-nested", "D14-error-in-200", "D14-error-string-in-200"),
    *("D17-choices-null", "D17-choices-missing", "D19-content-empty"),
    *("D24-usage-missing", "D24-usage-null", "D24-usage-negative", "D24-usage-words", "D26-other-vendor"),
    *("D30-html-as-json", "D30-object-empty", "D31-bom", "D31-not-utf8-elsewhere", "D31-nan", "D31-said-twice"),
    *("D31-surrogate-pair", "D32-error-null", "D33-429-in-200", "D33-402-in-200", "D33-context-in-200"),
    *("D35-ids-odd", "D35-choice-null", "D35-content-number", "D36-reasoning-only", "D38-finish-length"),
    *("D38-usage-floats", "D38-usage-huge"),
    *("E1-crlf", "E1-crlf-split", "E2-bom", "E9-byte-by-byte", "E11-no-blank-line", "E12-close-delimited"),
    *("E14-done-then-open", "E17-finish-twice", "E19-role-then-silence", "E20-stall-after-4", "E21-zero-events"),
    *("E22-headers-rst", "E23-no-finish", "E28-error-after-4", "E29-pings-after-4", "E31-fin-after-4"),
    *("E31-rst-after-4", "E32-torn-event", "E32-torn-character", "E33-garbled-after-4", "E34-html-mid-stream"),
    *("E39-tool-calls", "E40-fin-close-delimited", "E54-reasoning", "E56-wide-characters", "E57-ping-storm"),
    *("E57-blank-lines", "E58-html-as-events", "E58-half-a-character", "E60-first-overloaded", "E60-first-quota"),
    *("E60-first-context", "E60-first-429", "E61-error-bare-json", "E62-other-vendor", "E63-as-plain-text"),
    *("E63-whole-answer",),
)
_SOME = {
    "B43-insufficient-quota": _CODES,
    "B52-authentication-403": _CODES,
    "B53-throttle-in-500": _CODES,
    "B65-gemini-retry-delay": ("gemini",),
    "D33-unavailable-in-200": ("gemini",),
    "D36-refusal": ("responses",),
    "D37-arguments-cut": ("responses", "cohere"),
    "D37-arguments-null": ("gemini", "ollama"),
    "E4-odd-fields": _LINES_HAVE_NONE,
    "E5-no-space": _LINES_HAVE_NONE,
    "E6-several-data-lines": _LINES_HAVE_NONE,
    "E7-unknown-events": _LINES_HAVE_NONE,
    "E52-words-after-finish": ("gemini",),
    "E59-mark-before-event": _LINES_HAVE_NONE,
}
_OTHERWISE = {
    "D16-choices-empty": {"responses": {}, "gemini": {}, "cohere": {}, "ollama": {"what": "a list as message"}},
    "D19-content-null": {"responses": {}, "cohere": {}, "gemini": {}, "ollama": {}},
    "D21-content-filter": {
        "responses": {},
        "gemini": {"what": "finish `SAFETY`", "finish": ("content_filter", "SAFETY")},
    },
    "D22-unknown-finish": {
        "gemini": {"what": "finish `LATER`", "finish": "LATER"},
        "cohere": {"what": "finish `LATER`", "finish": "LATER"},
        "ollama": {"what": "`done_reason: later`", "finish": "later"},
    },
    "D38-finish-error": {
        "gemini": {"what": "finish `MALFORMED_FUNCTION_CALL`", "whole": "bad_response"},
        "cohere": {"what": "finish `ERROR`"},
    },
    "E16-after-done": {
        "responses": {},
        "cohere": {},
        "ollama": {},
    },
    "E25-no-done": _in(
        OTHERS, what="complete but for its finish", streamed="broken_stream", said=USUAL, must="no finish is made up"
    ),
    "E26-first-event-rate-limit": {
        **_in(_CODES),
        **_in(("cohere", "ollama"), what="an error without a code at first", whole="transient"),
    },
    "E26-first-event-invalid": _in(_CODES),
    "E52-finish-never": _in(("cohere", "gemini", "ollama")),
}
ELSEWHERE = {row: _in(OTHERS) for row in _ALIKE} | {row: _in(dialects) for row, dialects in _SOME.items()} | _OTHERWISE
"""By the names of the rows: in which dialects, and what is otherwise there."""
