"""What a type checker knows of what is extracted and counted. Read by mypy, see test_typing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict, assert_type

import outlast
from outlast import AsyncClient, Client, Extracted, Extracting
from outlast.extraction import ReadExtracting
from outlast.model.messages import Counted


@dataclass
class Invoice:
    total: float


class Row(TypedDict):
    total: float


SCHEMA: dict[str, object] = {"type": "object"}


async def asynchronously(client: AsyncClient) -> None:
    extracted = await client.extract("hi", schema=Invoice, model="fast", timeout=3.0)
    assert_type(extracted, Extracted[Invoice])
    assert_type(extracted.value.total, float)
    assert_type(extracted.reply, outlast.Reply)
    assert_type((await client.extract("hi", schema=list[Invoice])).value, list[Invoice])
    assert_type((await client.extract("hi", schema=Row)).value, Row)
    assert_type((await client.extract("hi", schema=SCHEMA)).value, Any)
    extracting = client.extract_stream("hi", schema=Invoice, temperature=0.5)
    assert_type(extracting, Extracting[Invoice])
    async for part in extracting:
        assert_type(part, object)
    assert_type(extracting.value, Invoice)
    await client.extract("hi")  # type: ignore[call-overload]
    counted = await client.count([{"role": "user", "content": "hi"}], model="fast", tools=[])
    assert_type(counted, Counted)
    assert_type((counted.tokens, counted.estimated), tuple[int, bool])
    await client.count("hi", model=1)  # type: ignore[arg-type]


def blocking(client: Client) -> None:
    assert_type(client.extract("hi", schema=Invoice), Extracted[Invoice])
    assert_type(client.extract("hi", schema=SCHEMA), Extracted[Any])
    assert_type(client.extract_stream("hi", schema=Invoice), ReadExtracting[Invoice])
    client.extract("hi", schema=Invoice, timeout="soon")  # type: ignore[call-overload]
    assert_type(client.count("hi", timeout=3.0), Counted)
    client.count("hi", timeout="soon")  # type: ignore[arg-type]
