"""What a caller is told whose key cannot be answered, with the mend."""

from __future__ import annotations

from outlast.model.errors import Caller, Failure, Rejected

GATE = "idempotency"
SOON = 1.0
"""Seconds after which it is worth asking again for what another process is making."""


def other_request() -> Failure:
    """The key belongs to another request."""
    return Caller(
        "this idempotency key was used for another request: send a new key with a new request, "
        "and the same request with the same key",
        code="idempotency_key_reused",
        status=422,
    )


def under_way() -> Failure:
    """Another process is making the call, and there is no news of it here."""
    return Rejected(
        "a request with this idempotency key is being answered: ask again for its answer",
        gate=GATE,
        code="idempotency_key_in_use",
        status=409,
        retry_after=SOON,
    )


def too_large() -> Failure:
    """It was answered, and nobody has the answer any more."""
    return Rejected(
        "a request with this idempotency key was answered, and the answer was too large to be kept: "
        "send a new key to have it made again, or raise [idempotency] largest",
        gate=GATE,
        code="idempotency_answer_not_kept",
        status=409,
    )


def nobody_knows() -> Failure:
    """Its process died over it."""
    return Rejected(
        "the process that answered a request with this idempotency key has died, and nobody knows whether the call was "
        "carried out: send a new key to have it made again",
        gate=GATE,
        code="idempotency_outcome_unknown",
        status=409,
    )


def too_much() -> Failure:
    """Nothing more can be begun."""
    return Rejected(
        "too many requests with idempotency keys are under way", gate=GATE, code="overloaded", retry_after=SOON
    )
