"""The simulated provider's own pages under `/_sim`: look at what it saw, change what it does while it runs.

GET  /_sim             what there is          GET  /_sim/requests?provider=alpha    what was seen, keys blacked out
POST /_sim/script      {"provider": "alpha", "behaviours": ["cut-4", 503, {"ok": {"first": 2}}], "default": "ok"}
POST /_sim/reset       forget scripts and requests
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import msgspec

from outlast.lab.answer import Json, dumps
from outlast.lab.faults import FAULTS
from outlast.lab.named import CONSTRUCTORS
from outlast.lab.script import Behaviour, body, status

if TYPE_CHECKING:
    from outlast.lab.provider import SimulatedProvider

Word = str | int | dict[str, dict[str, object]]


class Script(msgspec.Struct, forbid_unknown_fields=True):
    """What `/_sim/script` takes."""

    provider: str = ""
    behaviours: list[Word] = []
    default: Word | None = None


def controlled(house: SimulatedProvider, method: str, path: str, data: bytes) -> Behaviour:
    """Does what a control request asks, and gives the answer to it."""
    page, _, query = path.partition("?")
    match method, page.rstrip("/"):
        case "GET", "/_sim":
            return _json({"behaviours": list(CONSTRUCTORS), "faults": list(FAULTS)})
        case "GET", "/_sim/requests":
            provider = parse_qs(query).get("provider", [None])[0]
            return _json({"requests": [seen.told() for seen in house.requests(provider)]})
        case "POST", "/_sim/script":
            return _scripted(house, data)
        case "POST", "/_sim/reset":
            house.reset()
            return _json({"reset": True})
    return status(404, message="There is no such page; see GET /_sim.")


def _scripted(house: SimulatedProvider, data: bytes) -> Behaviour:
    try:
        script = msgspec.json.decode(data, type=Script)
        house.script(script.provider, *script.behaviours, default=script.default)
    except (msgspec.DecodeError, ValueError) as error:
        return status(400, message=str(error))
    return _json({"provider": script.provider, "waiting": house.waiting(script.provider)})


def _json(value: Json) -> Behaviour:
    return body(dumps(value), name="control")
