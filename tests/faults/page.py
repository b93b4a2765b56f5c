"""Writes docs/faults.md from the table that gateway and library are held to: `python -m tests.faults.page`."""

import sys
from pathlib import Path

from . import passing_rows
from .rows import ROWS, TLS
from .terms import DIALECTS, OTHERS

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
GROUPS = {
    "A": "Connect",
    "B": "Statuses and hints",
    "C": "Headers and framing",
    "D": "Bodies",
    "E": "Streams",
}
HEAD = """# Faults

What happens when a provider fails, fault by fault: {count} of them. Every line is played over real sockets against the
whole gateway and against the library (`AsyncClient.chat` and `stream`), in OpenAI's and Anthropic's dialect, whole and
streamed, with one target and with two; this page is written from the table of those tests
(`python -m tests.faults.page`). The names are those of `outlast.testing.FAULTS`, so each can be played by a
[simulated provider](testing.md) against an application of yours.

- **comes to** is the [class](errors.md): the `type` that the gateway logs, and the `kind` of the `Failure` that the
  library raises, when no other target is left.
- **gateway** is the status on OpenAI's / Anthropic's surface. An *error event* ends a stream that had begun: exactly
  the good beginning, the error, and no end marker; so it is with `on_break = "error"`, or when nobody else is left.
- **library** is the `status` of the `Failure`; *raises* means that it comes while the stream is read, after exactly the
  good beginning.
- **attempts** are those on the only target; in brackets those on the first of two.
- **also in** names the further dialects in which it is played: OpenAI's **R**esponses, **C**ohere's, **G**oogle's,
  **O**llama's. What is of the wire alone, and alike for all, is not repeated there. Their surfaces answer with OpenAI's
  status, but for `quota` (402 at Cohere's and Ollama's) and `content_filter` (422 at Cohere's).
- **with another target** tells who answers then: *the next*; *goes on*: the next, from where the stream broke; or
  *nobody*, because no repetition could help.

Limits of time are short here for what stays silent, and hints of a second or more are not waited for. A listening
socket can show A1 and A9 only as a reset; the real ones are in `tests/edge`, with their own classes and hints.
Lines that speak of TLS are played by listeners of their own (`tests/faults/test_tls.py`), in OpenAI's dialect.

In every line: an envelope in the caller's dialect or a `Failure`, nothing of the provider's text, `x-request-id`, one
event and one metric for each attempt, every slot and permit given back.
"""
COLUMNS = (
    "| fault | what the provider does | comes to | gateway | library | attempts | with another target | also in |"
    " and |\n"
    "|---|---|---|---|---|---|---|---|---|\n"
)
PASSED_ON = """
## Passed on unread

What comes of them on a path of `[pass_through]`, here OpenAI's `/v1/audio/speech`. Nobody knows there what an answer
looks like: the status is believed, and that what calls itself JSON is JSON; an error inside a 200 is passed on. A body
that breaks once it has begun is cut, so that it does not look whole.

| fault | what the provider does | comes to | gateway | attempts | with another target | and |
|---|---|---|---|---|---|---|
"""
NAMES = {
    "openai": "OpenAI", "anthropic": "Anthropic", "responses": "Responses", "cohere": "Cohere", "gemini": "Google",
    "ollama": "Ollama",
}  # fmt: skip


def page():
    """The whole page."""
    return (
        HEAD.format(count=len(ROWS) + len(TLS))
        + "".join(f"\n## {letter}. {title}\n\n{COLUMNS}{_rows(letter)}" for letter, title in GROUPS.items())
        + PASSED_ON
        + "".join(_passed(name, row) for name, row in passing_rows.ROWS.items())
    )


def _passed(name, row):
    """A line of what is passed on unread."""
    wanted, failed = row.wanted, row.comes != passing_rows.PASSED
    kind = f"`{row.comes}`" if failed else row.comes
    attempts = f"{wanted.alone} ({wanted.first})" if failed else "1"
    then = ("the next" if wanted.onward else "nobody") if failed else ""
    return f"| `{name}` | {row.what} | {kind} | {wanted.openai} | {attempts} | {then} | {row.must} |\n"


def _rows(letter):
    rows = {name: row for name, row in (ROWS | TLS).items() if name.startswith(letter)}
    return "".join(line for name in sorted(rows, key=_place) for line in _lines(name, rows[name]))


def _place(name):
    """By number; among equals, as the table has it."""
    return int(name.partition("-")[0][1:])


def _lines(name, row):
    """One line, or one for each way of asking where they differ."""
    told = {}
    there = (*DIALECTS, *(dialect for dialect in OTHERS if dialect in row.others))
    for dialect in there:
        for streamed in (False, True):
            told.setdefault(_outcome(row.of(dialect), streamed=streamed), []).append((dialect, streamed))
    for outcome, ways in told.items():
        where = "" if len(told) == 1 else f" ({_ways(ways, there)})"
        also = " ".join(NAMES[dialect][0] for dialect in OTHERS if dialect in dict(ways))
        own = row.of(ways[0][0])
        yield f"| `{name}`{where} | {own.what} | {' | '.join(outcome)} | {also} | {own.must} |\n"


def _ways(ways, there):
    """In which dialects, and how asked; both only where they are not all."""
    dialects = [dialect for dialect in there if dialect in dict(ways)]
    modes = {streamed for _, streamed in ways}
    said = [] if len(dialects) == len(there) else [NAMES[dialect] for dialect in dialects]
    said += [] if len(modes) == 2 else ["streamed" if True in modes else "whole"]
    return ", ".join(said) or "otherwise"


def _outcome(row, *, streamed):
    kind, wanted = row.kind(streamed=streamed), row.expected(streamed=streamed)
    if kind == "ok":
        return "the answer", "", "", "1", ""
    attempts = f"{wanted.alone} ({wanted.first})"
    if kind == "broken_stream":
        return f"`{kind}`", "error event", "raises", attempts, "goes on" if wanted.onward else "nobody"
    statuses = f"{wanted.openai}" if wanted.openai == wanted.anthropic else f"{wanted.openai} / {wanted.anthropic}"
    return f"`{kind}`", statuses, f"{wanted.native}", attempts, "the next" if wanted.onward else "nobody"


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"{PAGE}\n")
