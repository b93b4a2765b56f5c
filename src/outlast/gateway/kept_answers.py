"""Answers that are remembered, for who asks for one by its id.

GET /v1/responses/{id} · GET /v1/responses/{id}/input_items · DELETE /v1/responses/{id}
"""

from __future__ import annotations

import re
from urllib.parse import parse_qs

from msgspec import Raw

from outlast.dialects import wire
from outlast.dialects.responses import earlier
from outlast.dialects.responses.earlier import Turn
from outlast.gateway.exchange import Inbound
from outlast.gateway.recall import Recall
from outlast.model.caller import Caller
from outlast.model.errors import Caller as BadRequest

_PATH = re.compile(r"/v1/responses/([^/]+)(/input_items)?")
_MOST = 100
_USUAL = 20


def asked_for(inbound: Inbound) -> bool:
    """Is this a request for such an answer?"""
    match = _PATH.fullmatch(inbound.path)
    return match is not None and (inbound.method == "GET" or (inbound.method == "DELETE" and not match[2]))


async def page(recall: Recall, inbound: Inbound, caller: Caller) -> bytes | None:
    """What is answered, in OpenAI's words; None where this is for others to answer.

    So it is where nothing is remembered by that id for this caller, and where a provider has yet to forget it.

    Raises:
        Caller: it is asked for in a way that is not offered.
        Rejected: the store is out of reach.
    """
    match = _PATH.fullmatch(inbound.path)
    id_ = match[1] if match is not None else ""
    turn = await recall.turn(id_, caller, inbound.id)
    if turn is None:
        return None
    if inbound.method == "DELETE":
        await recall.forget(id_, turn, caller, inbound.id)
        return None if turn.keeper else wire.dumps({"id": id_, "object": "response", "deleted": True})
    query = {name: values[-1] for name, values in parse_qs(inbound.query).items()}
    if match is not None and match[2]:
        return _listed(id_, turn, query)
    if query.get("stream", "").lower() == "true":
        raise BadRequest("an answer that is remembered is not streamed again: leave out stream").about("stream")
    return bytes(turn.response)


def _listed(id_: str, turn: Turn, query: dict[str, str]) -> bytes:
    """The items of its input, in pages."""
    given = enumerate(earlier.items_in(turn.input))
    items = [_with_id(item, f"in_{id_.removeprefix('resp_')}_{place}") for place, item in given]
    if query.get("order") != "asc":
        items.reverse()
    names = [str(item["id"]) for item in items]
    after = query.get("after", "")
    if after and after not in names:
        raise BadRequest("after must be the id of an item in this list").about("after")
    start = names.index(after) + 1 if after else 0
    shown = items[start : start + _limit(query.get("limit", ""))]
    edges = {"first_id": shown[0]["id"], "last_id": shown[-1]["id"]} if shown else {"first_id": None, "last_id": None}
    more = start + len(shown) < len(items)
    return wire.dumps({"object": "list", "data": shown, "has_more": more} | edges)


def _with_id(item: Raw, own: str) -> dict[str, object]:
    """An item as it is listed: with its type, and an id of its own."""
    fields = {name: wire.value(value) for name, value in wire.fields(bytes(item)).items()}
    content = fields.get("content")
    if isinstance(content, str):
        kind = "output_text" if fields.get("role") == "assistant" else "input_text"
        fields["content"] = [{"type": kind, "text": content}]
    return {"type": "message", **fields, "id": fields.get("id") or own}


def _limit(said: str) -> int:
    if not said:
        return _USUAL
    if not said.isdecimal() or not 1 <= int(said) <= _MOST:
        raise BadRequest(f"limit must be a number from 1 to {_MOST}").about("limit")
    return int(said)
