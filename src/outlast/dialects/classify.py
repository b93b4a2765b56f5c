"""What a provider's refusal means: status, error code, type and phrases, into one failure class.

    body ─▶ envelope (code, type, details, message) ─▶ 1. a code that says it all
                                                        2. a phrase, where providers have no code
                                                        3. the status
                                                        4. a type that says little (`api_error`), where no status does

Codes beat statuses; `x-should-retry` beats both for the same target. An error inside a 200, whole or in a stream,
takes the same way with status 200. Messages are our own: of the provider's text only numbers and known words go on.
Tables: one row for each way a provider has of saying it.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import Struct

from outlast.dialects import hints
from outlast.dialects.wire import BROKEN
from outlast.model.errors import (
    SCHEMA_REFUSED,
    BadResponse,
    Caller,
    Conflict,
    ContentFilter,
    ContextLength,
    Credential,
    Failure,
    Legal,
    Missing,
    Permission,
    Quota,
    Throttled,
    Transient,
    Unsupported,
)
from outlast.model.target import Target
from outlast.ports import Header

_JSON = msgspec.json.Decoder()
_WORD = re.compile(r"[A-Za-z][A-Za-z_]{0,47}")
_LONG = 4096
"""How much of a provider's message is searched for phrases."""


class Envelope(Struct, frozen=True):
    """What an error body says: its words from the most to the least precise, its text, and a delay."""

    words: tuple[str, ...] = ()
    status: int = 0
    message: str = ""
    delay: float | None = None


CODES: dict[str, type[Failure]] = {
    **dict.fromkeys(
        ("context_length_exceeded", "context_window_exceeded", "model_context_window_exceeded", "prompt_too_long",
         "input_too_long", "max_context_length_exceeded"), ContextLength),
    **dict.fromkeys(
        ("content_policy_violation", "content_filter", "responsibleaipolicyviolation", "invalid_prompt", "bio_policy",
         "misalignment_policy_violation", "moderation_blocked", "content_blocked", "prohibited_content",
         "image_content_policy_violation"),
        ContentFilter),
    **dict.fromkeys(
        ("insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded",
         "project_spend_limit_exceeded", "organization_usage_limit_exceeded", "billing_error",
         "billing_hard_limit_reached", "billing_not_active", "enforced_spend_limit_reached",
         "contract_spend_limit_reached", "payment_required", "insufficient_credits", "insufficient_balance",
         "credit_limit"), Quota),
    **dict.fromkeys(
        ("rate_limit_exceeded", "rate_limit_error", "slow_down", "ramp_limit_exceeded", "resource_exhausted",
         "too_many_requests", "rate_limited", "rate_limit_reached", "rate_limit"), Throttled),
    **dict.fromkeys(
        ("invalid_api_key", "authentication_error", "invalid_authentication", "unauthenticated", "api_key_invalid",
         "account_deactivated", "expired_api_key", "token_expired", "unauthorized", "authentication_required"),
        Credential),
    **dict.fromkeys(
        ("permission_error", "permission_denied", "unsupported_country_region_territory", "insufficient_permissions",
         "data_residency_mismatch", "access_denied"), Permission),
    **dict.fromkeys(
        ("model_not_found", "model_not_available", "model_deprecated", "model_retired", "model_decommissioned",
         "model_not_supported", "unknown_model", "deploymentnotfound", "deployment_not_found"), Missing),
    **dict.fromkeys(
        ("overloaded_error", "server_is_overloaded", "service_unavailable_error", "engine_overloaded",
         "engine_overloaded_error", "capacity_exceeded", "overloaded", "service_unavailable", "unavailable",
         "timeout_error", "deadline_exceeded", "internal_server_error"), Transient),
    **dict.fromkeys(("conflict_error",), Conflict),
}  # fmt: skip
"""Codes and types that say what is the matter whatever the status is."""

TOO_LARGE = frozenset({"rate_limit_exceeded", "tokens"})
"""Words with a 413 that say: this one request has more tokens than the account has in a minute."""

VAGUE: dict[str, type[Failure]] = {
    **dict.fromkeys(
        ("invalid_request_error", "invalid_argument", "failed_precondition", "request_too_large", "bad_request",
         "not_found_error", "validation_error", "unprocessable_entity", "invalid_image", "invalid_image_format",
         "invalid_base64_image", "invalid_image_url", "invalid_image_mode", "image_too_large", "image_too_small",
         "image_parse_error", "image_file_too_large", "unsupported_image_media_type", "empty_image_file",
         "failed_to_download_image", "image_file_not_found"), Caller),
    **dict.fromkeys(("tokens", "requests"), Throttled),
}  # fmt: skip
"""Types that are heard only where the status says nothing: in a 200 or a 5xx."""

OVERLOADED = frozenset({"overloaded_error", "server_is_overloaded", "engine_overloaded", "engine_overloaded_error",
                        "capacity_exceeded", "overloaded"})  # fmt: skip
SLOW = frozenset({"timeout_error", "deadline_exceeded"})

_REFUSED = frozenset({200, 400, 413, 422, 500})
PHRASES: tuple[tuple[type[Failure], frozenset[int], re.Pattern[str]], ...] = (
    (Quota, frozenset({200, 400, 402, 403, 429}), re.compile(
        r"credit balance|specified api usage limits|exceeded your current quota|insufficient (?:credit|fund|balance)"
        r"|billing (?:hard )?limit|spend(?:ing)? limit|billing account|api calls / month")),
    (ContextLength, _REFUSED, re.compile(
        r"prompt is too long|maximum context length|context (?:length|window|size)|too many tokens(?!: max tokens)"
        r"|input tokens exceed"
        r"|tokens \+ .?max_new_tokens|input is too long|input token count|prompt (?:contains|has) .{0,20}tokens")),
    (Credential, frozenset({200, 400, 403}), re.compile(
        r"(?:invalid|incorrect|expired|missing) api.?key|api.?key (?:not valid|expired|not found|is invalid)")),
    (Permission, frozenset({200, 400}), re.compile(
        r"user location is not supported|not available in your (?:country|region)")),
    (ContentFilter, frozenset({200, 400, 403, 422, 498}), re.compile(
        r"content (?:management |usage )?policy|usage guidelines|content.?filter|safety (?:system|filter|policy)"
        r"|blocked by (?:our )?(?:content|safety|moderation)|flagged (?:by|as)")),
    (Missing, frozenset({200, 400, 404, 410}), re.compile(
        r"try pulling|^model: |model\b.{0,120}(?:not found|does not exist|not exist|decommissioned|retired|deprecated)"
        r"|(?:no such|unknown|unsupported) model|not found.{0,20}model")),
    (Unsupported, frozenset({200, 400, 500, 501}), re.compile(
        r"does not support (?:tools|thinking|chat|completion|generate|insert|embeddings)\b")),
)  # fmt: skip
"""What is told in words only, and the statuses under which the words are believed."""

SCHEMA = re.compile(
    r"response_?(?:format|schema|json_?schema)|output_(?:config|format)|text\.format|json.?schema|structured.?output"
)
"""Words of a refusal that speaks of the JSON schema of the answer."""

STATUSES: dict[int, type[Failure]] = {
    401: Credential, 402: Quota, 403: Permission, 405: Unsupported, 408: Transient, 409: Conflict, 425: Transient,
    429: Throttled, 451: Legal, 498: Credential, 499: Transient, 501: Unsupported,
}  # fmt: skip
"""Statuses that are a class of their own; any other 4xx is `Caller`, any other 5xx `Transient` or `BadResponse`."""

_SLOW_STATUSES = frozenset({504, 522, 524})
_HINTED = (Throttled, Transient, BadResponse, Conflict)

_WORDS: dict[type[Failure], str] = {
    BadResponse: "answered with something that is not its protocol",
    Caller: "refuses the request as invalid",
    Conflict: "says that something else is under way",
    ContentFilter: "will not answer this for reasons of content",
    Credential: "refuses our key",
    Legal: "may not answer for legal reasons",
    Missing: "does not have this model",
    Permission: "does not permit this",
    Quota: "says that the money or allowance of our account is used up",
    Throttled: "says that we ask too often",
    Transient: "cannot answer just now",
    Unsupported: "does not do this at all",
}


def classify(status: int, header: Header, body: bytes, target: Target) -> Failure:
    """The failure that an answer with this status means."""
    envelope = read(body)
    failure = _made(status, envelope, target)
    if isinstance(failure, _HINTED):
        failure.retry_after = _hint(failure, header, envelope)
    advice = (header(b"x-should-retry") or b"").strip().lower()
    if advice == b"false":
        failure.again = "never"
    elif advice == b"true" and failure.again == "never":
        failure.again = "backoff"
    return failure


def in_band(error: object, target: Target) -> Failure:
    """The failure that an error inside a 200 means: the value of `error`, or a whole envelope."""
    envelope = _envelope(error if isinstance(error, dict) and "error" in error else {"error": error})
    return _made(200, envelope or Envelope(), target)


def read(body: bytes) -> Envelope | None:
    """The provider's error envelope in a body; None for anything else, such as a proxy's web page."""
    if not body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
        return None
    try:
        content = _JSON.decode(body.removeprefix(b"\xef\xbb\xbf"))
    except BROKEN:
        return None
    if isinstance(content, list) and content:
        content = content[0]  # Gemini wraps its stream errors in a list
    return _envelope(content) if isinstance(content, dict) else None


def _envelope(content: dict[str, Any]) -> Envelope | None:
    error = content.get("error")
    if isinstance(error, dict):
        details = error.get("details")
        inner = error.get("innererror")
        words = (*_detail_words(details), *_detail_words(inner), error.get("code"), error.get("type"))
        return Envelope(
            words=_words(*words, error.get("status")),
            status=_number(error.get("code")),
            message=_message(error.get("message")),
            delay=_delay(details),
        )
    code = content.get("code")
    said = error or content.get("message") or content.get("detail")
    if not said and content.get("object") != "error":  # vLLM's, which may lack words
        return None
    kind = content.get("type")
    return Envelope(words=_words(code, kind), message=_message(said), status=_number(code))


def _words(*words: object) -> tuple[str, ...]:
    return tuple(word.lower() for word in words if isinstance(word, str))


def _detail_words(details: object) -> list[object]:
    """Anthropic has one object with an `error_code`, Gemini a list of objects with a `reason`, Azure a `code`."""
    rows = details if isinstance(details, list) else [details]
    return [row.get(key) for row in rows if isinstance(row, dict) for key in ("error_code", "reason", "code")]


def _delay(details: object) -> float | None:
    rows = details if isinstance(details, list) else []
    found = [hints.delay(row.get("retryDelay")) for row in rows if isinstance(row, dict)]
    return next((seconds for seconds in found if seconds is not None), None)


def _number(code: object) -> int:
    if isinstance(code, str) and code.isdigit() and len(code) == 3:
        code = int(code)
    return code if isinstance(code, int) and 400 <= code <= 599 else 0


def _message(said: object) -> str:
    return said[:_LONG].lower() if isinstance(said, str) else ""


def _made(status: int, envelope: Envelope | None, target: Target) -> Failure:
    if 300 <= status < 400:
        envelope = None  # whoever sends us elsewhere is not the provider that we asked, whatever else he says
    elif status < 400:
        status = (envelope.status if envelope else 0) or (200 if envelope else status)
    kind = _by_words(status, envelope, target) if envelope else None
    if status in target.provider.quirks.throttle_statuses and kind is not Quota:
        kind = Throttled
    kind = kind or _by_status(status, envelope)
    failure = _build(kind, _say(kind, status, target), status, envelope or Envelope())
    failure.code = failure.code or _code(envelope, target)
    if kind is Caller and envelope is not None and SCHEMA.search(envelope.message):
        failure.code = SCHEMA_REFUSED
    return failure


def _by_words(status: int, envelope: Envelope, target: Target) -> type[Failure] | None:
    if status == 413 and not TOO_LARGE.isdisjoint(envelope.words):
        return ContextLength
    for word in envelope.words:
        if word in CODES:
            return CODES[word]
    for kind, statuses, phrase in PHRASES:
        if status in statuses and phrase.search(envelope.message):
            return kind
    if status == 404 and target.model.lower() in envelope.message:
        return Missing
    if status == 200 or status >= 500:
        return next((VAGUE[word] for word in envelope.words if word in VAGUE), None)
    return None


def _by_status(status: int, envelope: Envelope | None) -> type[Failure]:
    if status in STATUSES:
        return STATUSES[status]
    if 400 <= status < 500:
        return Caller
    return Transient if envelope is not None and (status == 200 or status >= 500) else BadResponse


def _say(kind: type[Failure], status: int, target: Target) -> str:
    words = _WORDS.get(kind, "refuses")
    return f"{target.name} {words}" if status == 200 else f"{target.name} {words} (status {status})"


def _code(envelope: Envelope | None, target: Target) -> str | None:
    """The provider's own code, if it is a plain word and not something of ours that it echoes."""
    key = target.provider.key.reveal().lower()
    for word in envelope.words if envelope else ():
        if _WORD.fullmatch(word) and not (key and (word in key or key in word)):
            return word
    return None


def _build(kind: type[Failure], message: str, status: int, envelope: Envelope) -> Failure:
    """A failure of this class with what the status and the words say beside the class."""
    slow = status in _SLOW_STATUSES or not SLOW.isdisjoint(envelope.words)
    overloaded = status == 529 or not OVERLOADED.isdisjoint(envelope.words)
    if kind is Caller:
        return Caller(message, status=status if 400 <= status < 500 else 400)
    if kind is ContextLength:
        return ContextLength(_too_long(envelope))
    if kind is Transient:
        return Transient(message, status=504 if slow else None, overloaded=overloaded)
    if kind is BadResponse:
        redirect = 300 <= status < 400
        return BadResponse(
            message, status=504 if slow else None, again="never" if redirect else None, overloaded=overloaded
        )
    return kind(message)


_TOO_LONG = (
    re.compile(r"(?P<asked>\d{3,9}) tokens > (?P<most>\d{3,9})"),
    re.compile(r"token count \(?(?P<asked>\d{3,9})\)? exceeds .{0,60}?\((?P<most>\d{3,9})\)"),
    re.compile(r"\((?P<asked>\d{3,9}) tokens\) exceeds the available context size \((?P<most>\d{3,9})"),
    re.compile(r"(?:maximum context length is|limit of|maximum of) (?P<most>\d{3,9}).{0,80}?(?P<asked>\d{3,9}) tokens"),
)


def _too_long(envelope: Envelope) -> str:
    """In the words that frameworks look for, with the provider's numbers where it names them."""
    for pattern in _TOO_LONG:
        if found := pattern.search(envelope.message):
            return f"prompt is too long: {found['asked']} tokens > {found['most']} maximum"
    return "prompt is too long: more tokens than this model takes"


def _hint(failure: Failure, header: Header, envelope: Envelope | None) -> float | None:
    """Resets count only when a limit is what stopped us: some providers send them with every answer."""
    asked = hints.wait_asked(header)
    if asked is None and isinstance(failure, Throttled):
        asked = hints.reset(header)
    return envelope.delay if asked is None and envelope else asked
