"""What came of it: the figures of the three ways side by side, as rows for people and as JSON for machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil

import msgspec
from msgspec import Struct

from outlast.demo.board import Plan
from outlast.demo.tally import Tally
from outlast.demo.ways import PATIENCE, Key


class Figures(Struct, frozen=True):
    """What the callers of one way received. Times in seconds, over what was answered; None where nothing was.

    Attributes:
        requests: begun by callers.
        answered: whole answers; `failed_over` of them came from another provider than the first choice, `resumed` of
            them broke in mid-stream and were gone on with.
        failed: errors instead of an answer.
        broken: streams that ended with an error, or a cut that the caller could see, after their first words.
        gave_up: callers whose patience was over first.
        truncated: cut streams that look like whole answers.
        unfinished: under way when the demo was ended early.
        upstream: requests that reached the providers.
        cost: US dollars that the providers would bill, also for answers that were of no use.
    """

    way: Key
    title: str
    requests: int
    answered: int
    failed_over: int
    resumed: int
    failed: int
    broken: int
    gave_up: int
    truncated: int
    unfinished: int
    upstream: int
    first_p50: float | None
    first_p99: float | None
    whole_p50: float | None
    whole_p99: float | None
    cost: float

    @property
    def share(self) -> float | None:
        """Answered of the requests that are over."""
        over = self.requests - self.unfinished
        return self.answered / over if over else None


class Summary(Struct, frozen=True):
    """The end of a run.

    Attributes:
        plan: what was to be shown.
        elapsed: seconds that it took, the last answers included.
        interrupted: it was ended early.
        shortened: what of outlast's configuration differs from its defaults.
        ways: outlast first.
        held: slots and permits of the engine that somebody still holds; 0 is right.
    """

    plan: Plan
    elapsed: float
    interrupted: bool
    shortened: tuple[str, ...]
    ways: tuple[Figures, ...]
    held: int

    def rows(self) -> Iterator[tuple[str, ...]]:
        """What is told, line by line: a name, then a cell for each way. The first row has the titles."""
        columns = self.ways
        yield ("", *(one.title for one in columns))
        yield ("requests", *(str(one.requests) for one in columns))
        yield ("answered", *(f"{one.answered}  {percent(one.share)}" for one in columns))
        yield ("  by another provider", *(str(one.failed_over) for one in columns))
        yield ("  resumed in mid-stream", *(str(one.resumed) for one in columns))
        yield ("cut, shown as whole", *(str(one.truncated) for one in columns))
        yield ("failed with an error", *(str(one.failed) for one in columns))
        yield ("broke off, and said so", *(str(one.broken) for one in columns))
        yield (f"no end within {PATIENCE:g} s", *(str(one.gave_up) for one in columns))
        if any(one.unfinished for one in columns):
            yield ("under way at the end", *(str(one.unfinished) for one in columns))
        yield ("first words p50 / p99", *(_times(one.first_p50, one.first_p99) for one in columns))
        yield ("whole answer p50 / p99", *(_times(one.whole_p50, one.whole_p99) for one in columns))
        yield ("asked of the providers", *(str(one.upstream) for one in columns))
        yield ("billed by providers", *(f"${one.cost:.4f}" for one in columns))


def figures(way: Key, title: str, tally: Tally, upstream: int, cost: float, resumed: int = 0) -> Figures:
    """The figures of one way, as they stand; its callers do not notice which streams were `resumed`."""
    return Figures(
        way=way,
        title=title,
        requests=tally.asked,
        answered=tally.answered,
        failed_over=tally.failed_over,
        resumed=resumed,
        failed=tally.outcomes["failed"],
        broken=tally.outcomes["broken"],
        gave_up=tally.outcomes["gave_up"],
        truncated=tally.outcomes["truncated"],
        unfinished=tally.under_way,
        upstream=upstream,
        first_p50=quantile(tally.first, 0.5),
        first_p99=quantile(tally.first, 0.99),
        whole_p50=quantile(tally.whole, 0.5),
        whole_p99=quantile(tally.whole, 0.99),
        cost=cost,
    )


def quantile(values: Sequence[float], share: float) -> float | None:
    """The least value that this share of the values does not exceed; None without values."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)] if values else None


def percent(share: float | None) -> str:
    """A share as people read it, never rounded up to a hundred."""
    if share is None:
        return "-"
    return "100 %" if share == 1 else f"{min(share * 100, 99.9):.1f} %"


def _times(usual: float | None, slow: float | None) -> str:
    return "-" if usual is None or slow is None else f"{usual:.2f} / {slow:.2f} s"


def to_json(summary: Summary) -> str:
    """All of it on one line."""
    return msgspec.json.encode(summary).decode()
