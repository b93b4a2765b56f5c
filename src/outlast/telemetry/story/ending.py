"""Who asked, and how it ended: the first two lines of a story."""

from __future__ import annotations

from outlast.model.events import RequestEnded
from outlast.telemetry.story.units import dollars, many, number, seconds


def beginning(call: str, ended: RequestEnded | None) -> str:
    """Which request it was, and whose."""
    if ended is None:
        return f"request {call}"
    streamed = ", streamed" if ended.stream else ""
    route = f" on the route {ended.route}" if ended.route else ""
    who = f" for {ended.caller} ({ended.user_type})" if ended.caller else f" for somebody ({ended.user_type})"
    return f"request {call}: {ended.operation}{route}{streamed},{who}"


def ending(ended: RequestEnded | None) -> str:
    """How it ended, after how long, and what it cost."""
    if ended is None:
        return "its end is not known: it is still under way, or what tells of it has been lost"
    return _answered(ended) if ended.kind == "ok" else _failed(ended)


def _answered(ended: RequestEnded) -> str:
    source = f" ({ended.source})" if ended.source else ""
    by = f" by {ended.target}" if ended.target else ""
    parts = [f"answered{by}{source} in {seconds(ended.seconds)}{_first(ended)}"]
    if ended.instead_of:
        parts.append(f"instead of failing by {ended.instead_of}")
    if ended.resumed:
        parts.append(f"{many(ended.resumed, 'time')} another target went on with its stream")
    return "; ".join(parts + _used(ended))


def _failed(ended: RequestEnded) -> str:
    of = f" of its {seconds(ended.deadline)}" if ended.deadline > 0 and ended.first is None else ""
    code = f" ({ended.code})" if ended.code else ""
    parts = [f"failed after {seconds(ended.seconds)}{of}: {ended.kind}{code}, status {ended.status}{_first(ended)}"]
    if ended.message:
        parts.append(f'the caller was told "{ended.message}"')
    if ended.retry_after is not None:
        parts.append(f"and to come back in {seconds(ended.retry_after)}")
    return "; ".join(parts + _used(ended))


def _first(ended: RequestEnded) -> str:
    return "" if ended.first is None or not ended.stream else f", first content after {seconds(ended.first)}"


def _used(ended: RequestEnded) -> list[str]:
    used = [many(ended.attempts, "attempt")] if ended.attempts else ["nothing was sent"]
    usage = ended.usage
    if usage is not None:
        estimated = " (estimated)" if usage.estimated else ""
        used.append(f"{number(usage.input)} + {number(usage.output)} tokens{estimated}")
    if ended.cost is not None:
        used.append(dollars(ended.cost))
    return used
