"""What a failure of one way says: whether another way may do better, and whether this one is to be left alone.

A wrong request is wrong everywhere; a refused key, an empty account or a model that does not exist here are not. An
error that carries an HTTP answer is read as the engine reads a provider's answers.
"""

from __future__ import annotations

import msgspec

from outlast.guard.classify import Classify, classified, header_of, status_of
from outlast.guard.judge import CALLERS_OWN
from outlast.model.errors import Failure, Outcome, Rejected

NO_MODEL = "\0"
"""Nobody's message speaks of it."""

NO_WORDS = b'{"error": {}}'
"""The body of an answer that is known by its status only."""


def meaning_of(error: Exception, name: str, classify: Classify | None = None) -> Failure:
    """The failure class of an error of any library, met by the way of that name; `classify` is asked first."""
    if classify is not None and classify(error) is not None:
        return classified(error, classify)
    status = None if isinstance(error, Failure) else status_of(error)
    return classified(error) if status is None else _as_answered(status, error, name)


def onward(verdict: Failure) -> bool:
    """May another way do better?"""
    if isinstance(verdict, Rejected):
        return verdict.gate not in CALLERS_OWN
    return verdict.onward or verdict.outcome in {"failure", "throttled"}


def for_its_circuit(name: str, classify: Classify | None) -> Classify:
    """What the circuit of that way learns: what another may do better counts as its failure."""

    def outcome(error: Exception) -> Outcome | None:
        said = None if classify is None else classify(error)
        if said is not None or isinstance(error, Rejected):
            return said
        verdict = meaning_of(error, name)
        meant: Outcome = "failure" if verdict.outcome == "neutral" and verdict.onward else verdict.outcome
        return None if classified(error).outcome == meant else meant

    return outcome


def _as_answered(status: int, error: Exception, name: str) -> Failure:
    """What an HTTP answer with this status and body means, as of a provider."""
    from outlast.dialects.classify import classify  # noqa: PLC0415  (who meets no such error does not pay for it)
    from outlast.model.target import Provider, Target  # noqa: PLC0415  (as above)

    target = Target(name, Provider(name, "openai", ""), model=NO_MODEL)
    headers = getattr(getattr(error, "response", None), "headers", None) or getattr(error, "headers", None)
    return classify(status, header_of(headers), _body_of(error), target)


def _body_of(error: Exception) -> bytes:
    """The body of the answer, where the library has kept it; else what an SDK has read from it."""
    try:
        content = getattr(getattr(error, "response", None), "content", None)
    except Exception:  # noqa: BLE001  (a library's way to say that it was never read)
        content = None
    if isinstance(content, bytes) and content:
        return content
    body = getattr(error, "body", None)
    if not isinstance(body, dict):
        return NO_WORDS
    try:
        return msgspec.json.encode(body if "error" in body else {"error": body})
    except (TypeError, ValueError):
        return NO_WORDS
