"""The headers of our answers: who answered, what was tried, what is left of the limits, when to come back."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from email.utils import formatdate
from functools import cache, lru_cache
from math import ceil, floor

from outlast.engine import Asked
from outlast.flow.call import Allowance, Answer, Keyed, Looked
from outlast.gateway.exchange import Headers
from outlast.model.errors import Failure

JSON = (b"content-type", b"application/json")
AS_IT_IS = ((b"x-content-type-options", b"nosniff"),)
"""Beside what a provider says of a body that we have not read."""
WITHOUT_STORE = (b"outlast-store", b"down")
"""The store was not asked: limits hold for each process alone, and nothing that is kept there was looked at."""
LONGEST_SLEEP = 60.0
"""SDKs sleep through a `Retry-After` as long as they take for reasonable; above this we ask them not to retry."""
LONGEST = 512
"""Bytes of a value that callers or configurations have a say in."""
UNITS = {"rpm": b"requests", "tpm": b"tokens"}


def of_answer(answer: Answer, asked: Asked, dialect: str) -> Headers:
    """Who answered, as what, and after how many attempts; what the cache had; what is left of its limits."""
    headers = request_id(dialect, asked.id)
    headers += _answered(answer.target, answer.source, answer.attempts)
    if answer.dropped:
        headers.append((b"outlast-dropped", plain(", ".join(answer.dropped))))
    if answer.cut is not None:
        headers.append((b"outlast-cut", plain(str(answer.cut))))
    if asked.skipped:
        headers += of_skipped(asked.skipped)
    if answer.degraded:
        headers.append((b"outlast-degraded", b"true"))
        if asked.instead_of:
            headers.append((b"outlast-instead-of", asked.instead_of.encode()))
    if asked.looked is not None:
        headers += of_cache(asked.looked)
    if asked.keyed is not None:
        headers += of_key(asked.keyed)
    if asked.allowances:
        headers += of_limits(asked.allowances, dialect)
    return headers


def of_skipped(skipped: Sequence[str]) -> Headers:
    """Whom the request was not sent to, and why."""
    return [(b"outlast-skipped", plain(", ".join(dict.fromkeys(skipped))))]


def of_cache(looked: Looked) -> Headers:
    """What the cache had: `Cache-Status` as RFC 9211 has it, and `Age` of an answer that it gave."""
    why, left = looked.why.encode(), floor(looked.left)
    status = [b"outlast"]
    if not looked.given:
        status.append(b"fwd=" + why)
    elif looked.found == "spare":
        status += [b"fwd=" + why, b"ttl=%d" % left, b"detail=stale-if-error"]
    else:
        status += [b"hit", b"ttl=%d" % left]
    status += [b"stored"] if looked.kept else []
    status += [b"collapsed"] if looked.shared else []
    status += [b'key="%s"' % looked.key.encode()] if looked.key else []
    headers = [(b"cache-status", b"; ".join(status))]
    if looked.given and looked.age is not None:
        headers.append((b"age", b"%d" % floor(looked.age)))
    return headers


def of_key(keyed: Keyed) -> Headers:
    """What became of the idempotency key: is the answer an earlier one, until when will it be given, or why not."""
    headers: Headers = [(b"idempotent-replayed", b"true")] if keyed.replayed else []
    if keyed.left is not None:
        headers.append((b"idempotency-expires", formatdate(time.time() + keyed.left, usegmt=True).encode()))
    status = keyed.word
    if keyed.unkept:
        status += f'; not-kept; detail="{keyed.unkept}"'
    return [*headers, (b"outlast-idempotency", plain(status))]


@cache
def of_stream(media_type: bytes) -> Headers:
    """What lets the pieces of a stream through as they come; not to be changed."""
    kind = media_type + b"; charset=utf-8"
    return [(b"content-type", kind), (b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]


@lru_cache(maxsize=1024)
def _answered(target: str, source: str, attempts: int) -> Headers:
    """The same few over and over; not to be changed."""
    who = [(b"outlast-target", plain(target))] if target else []
    return [*who, (b"outlast-source", source.encode()), (b"outlast-attempts", b"%d" % attempts)]


def request_id(dialect: str, id_: str) -> Headers:
    """The id of the request, under the names that the dialect's SDKs look for."""
    value = id_.encode()
    headers = [(b"x-request-id", value)]
    if dialect == "anthropic":
        headers.append((b"request-id", value))
    return headers


def of_failure(failure: Failure) -> Headers:
    """When to come back, or that it is of no use; and what was tried."""
    headers = [(b"outlast-attempts", b"%d" % len(failure.attempts))]
    if failure.target:
        headers.append((b"outlast-target", plain(failure.target)))
    wait = failure.retry_after
    if wait is not None:
        headers.append((b"retry-after", b"%d" % max(1, ceil(wait))))  # "0" would mean: at once, and for ever
        headers.append((b"retry-after-ms", b"%d" % max(1, ceil(wait * 1000))))
    if not failure.retryable or (wait is not None and wait > LONGEST_SLEEP):
        headers.append((b"x-should-retry", b"false"))
    return headers


def of_limits(allowances: Iterable[Allowance], dialect: str, retry_after: float | None = None) -> Headers:
    """The RateLimit fields of the IETF draft, and the vendor's own beside them: the tightest limit of each name.

    Args:
        allowances: what is left of the caller's limits.
        dialect: whose words are used beside the draft's.
        retry_after: what the answer says in `Retry-After`; no limit may promise room later than that.
    """
    tightest: dict[str, Allowance] = {}
    for allowance in allowances:
        known = tightest.setdefault(allowance.name, allowance)
        if allowance.remaining < known.remaining:
            tightest[allowance.name] = allowance
    if not tightest:
        return []
    latest = float("inf") if retry_after is None else retry_after
    rows = tightest.values()
    policies = ", ".join(f'"{a.name}";q={ceil(a.limit)};w={ceil(a.period)}' for a in rows)
    left = ", ".join(f'"{a.name}";r={int(a.remaining)};t={ceil(min(a.reset, latest))}' for a in rows)
    headers = [(b"ratelimit-policy", policies.encode()), (b"ratelimit", left.encode())]
    for allowance in rows:
        if allowance.name in UNITS:
            headers += _in_the_vendors_words(allowance, UNITS[allowance.name], dialect)
    return headers


def _in_the_vendors_words(allowance: Allowance, unit: bytes, dialect: str) -> Headers:
    limit, remaining = b"%d" % ceil(allowance.limit), b"%d" % int(allowance.remaining)
    if dialect == "anthropic":
        start = b"anthropic-ratelimit-" + unit
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ceil(time.time() + allowance.reset)))
        return [(start + b"-limit", limit), (start + b"-remaining", remaining), (start + b"-reset", at.encode())]
    if dialect not in {"openai", "responses"}:
        return []
    return [
        (b"x-ratelimit-limit-" + unit, limit),
        (b"x-ratelimit-remaining-" + unit, remaining),
        (b"x-ratelimit-reset-" + unit, f"{allowance.reset:.3f}s".encode()),
    ]


def plain(text: str) -> bytes:
    """A value that is safe in a header: printable ASCII, and not too long; "?" stands for all else."""
    clean = "".join(sign if " " <= sign <= "~" else "?" for sign in text[:LONGEST])
    return clean.strip().encode("ascii")
