"""Writes the table of docs/crossing.md from the codecs themselves: `python -m tests.dialects.page`."""

import sys
from pathlib import Path

from .features import ANSWERS, NAMES, REQUESTS

PAGE = Path(__file__).parents[2] / "docs" / "crossing.md"
HEAD = """# What each dialect carries

This page is written by the tests of the codecs (`python -m tests.dialects.page`): each line is one feature of a request
or an answer, written in every dialect and read again. A caller's dialect and a provider's meet in one model, so what
crosses from one to the other is what **both** carry. [Dialects](dialects.md) tells how, field by field.

A request or an answer that stays in its own dialect is passed on as it came, and needs none of this.

## Requests

*yes*: it comes back as it was. *named*: the dialect has no such thing; it is left out or changed, and named in the
header `outlast-dropped` and in `Reply.dropped`. *refused*: without it the answer would not be what was asked for.

{requests}
## Answers

*yes*: it comes back as it was. *as …*: in the dialect's own nearest word. *in part*: it has no place for the rest.

{answers}"""


def page():
    """The whole page."""
    return HEAD.format(requests=_table("a request with", REQUESTS), answers=_table("an answer with", ANSWERS))


def _table(head, rows):
    lines = [(head, *NAMES), ("---",) * (1 + len(NAMES))]
    lines += [(row.name, *(row.at(name) for name in NAMES)) for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"{PAGE}\n")
