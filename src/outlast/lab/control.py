"""The simulated provider's own pages under `/_sim`: look at what it saw, change what it does while it runs.

GET  /_sim                     all pages, behaviours and faults
GET  /_sim/faults              the named faults, each with one line
GET  /_sim/providers           what each provider was told, and how it is now
POST /_sim/providers/alpha     {"first": 0.4, "limits": {…}}: it conducts itself so from now on
POST /_sim/script              {"provider": "alpha", "behaviours": ["cut-4", 503, {"ok": {"first": 2}}]}
POST /_sim/reset               forget scripts and requests
GET  /_sim/requests            what was seen, keys blacked out: ?provider=alpha&model=m&since=12&wait=3&ended=true
POST /_sim/requests            {"provider": "alpha", "expect": {"attempts": 3}}: does that hold?

A test in any language can do here what Python does with the object.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple, Protocol
from urllib.parse import unquote

import msgspec

from outlast.config.errors import ConfigError
from outlast.lab.answer import Json
from outlast.lab.conduct import Conduct, conduct_of
from outlast.lab.faults import FAULTS
from outlast.lab.ledger import Ledger
from outlast.lab.named import CONSTRUCTORS, Spec, Word
from outlast.lab.origin import foreign
from outlast.lab.script import Behaviour, status
from outlast.lab.summary import summary
from outlast.lab.witness import answered, asked_for, judged

MOST = 1 << 20
"""Bytes of a body that these pages read."""


class House(Protocol):
    """The simulation that is controlled."""

    def script(self, provider: str = "", *specs: Spec, default: Spec | None = None) -> None:
        """Queue behaviours, or change what it does otherwise."""
        ...

    def waiting(self, provider: str = "") -> int:
        """Scripted behaviours that are not yet played."""
        ...

    def conduct(self, provider: str, conduct: Conduct) -> None:
        """From now on the provider conducts itself so."""
        ...

    def conducts(self) -> dict[str, Json]:
        """What each provider was told, and how it is now."""
        ...

    def reset(self) -> None:
        """Forget scripts and requests."""
        ...


class Asking(Protocol):
    """A control request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytearray


class Script(msgspec.Struct, forbid_unknown_fields=True):
    """What `/_sim/script` takes."""

    provider: str = ""
    behaviours: list[Word] = []
    default: Word | None = None


def controlled(house: House, ledger: Ledger, asking: Asking) -> Behaviour:
    """Does what a control request asks, and gives the answer to it."""
    if foreign(asking.headers):
        return status(403, message="These pages are not for web pages of others, nor under a name that others may own.")
    if len(asking.body) > MOST:
        return status(413, message=f"The body is longer than {MOST} bytes.")
    path, _, query = asking.path.partition("?")
    page, name = path.rstrip("/"), ""
    if path.startswith(_PROVIDER):
        page, name = f"{_PROVIDER}NAME", unquote(path.removeprefix(_PROVIDER))
    found = _PAGES.get(f"{asking.method.replace('PUT', 'POST')} {page}")
    if found is None:
        return status(404, message="There is no such page; see GET /_sim.")
    return found.answer(house, ledger, name or query, bytes(asking.body))


def _overview(house: House, ledger: Ledger, query: str, data: bytes) -> Behaviour:
    del house, ledger, query, data
    pages = {name: page.title for name, page in _PAGES.items()}
    return answered({"pages": pages, "behaviours": list(CONSTRUCTORS), "faults": list(FAULTS)})


def _faults(house: House, ledger: Ledger, query: str, data: bytes) -> Behaviour:
    del house, ledger, query, data
    return answered({"faults": _told()})


@cache
def _told() -> Json:
    return {name: summary(fault) for name, fault in FAULTS.items()}


def _providers(house: House, ledger: Ledger, query: str, data: bytes) -> Behaviour:
    del ledger, query, data
    return answered({"providers": house.conducts()})


def _conducted(house: House, ledger: Ledger, name: str, data: bytes) -> Behaviour:
    del ledger
    try:
        house.conduct(name, conduct_of(msgspec.json.decode(data or b"{}")))
    except (msgspec.DecodeError, ConfigError) as error:
        return status(400, message=str(error))
    return answered({"provider": name, **house.conducts()[name]})


def _scripted(house: House, ledger: Ledger, query: str, data: bytes) -> Behaviour:
    del ledger, query
    try:
        script = msgspec.json.decode(data, type=Script)
        house.script(script.provider, *script.behaviours, default=script.default)
    except (msgspec.DecodeError, ValueError) as error:
        return status(400, message=str(error))
    return answered({"provider": script.provider, "waiting": house.waiting(script.provider)})


def _reset(house: House, ledger: Ledger, query: str, data: bytes) -> Behaviour:
    del ledger, query, data
    house.reset()
    return answered({"reset": True})


def _requests(house: House, ledger: Ledger, query: str, data: bytes) -> Behaviour:
    del house, data
    return asked_for(ledger, query)


def _judged(house: House, ledger: Ledger, query: str, data: bytes) -> Behaviour:
    del house, query
    return judged(ledger, data)


class Page(NamedTuple):
    """One page: what it is for, and how it is answered; of `/_sim/providers/NAME` the name is given as its query."""

    title: str
    answer: Callable[[House, Ledger, str, bytes], Behaviour]


_PROVIDER = "/_sim/providers/"
_PAGES = {
    "GET /_sim": Page("this page", _overview),
    "GET /_sim/faults": Page("the named faults, each with one line", _faults),
    "GET /_sim/providers": Page("what each provider was told, and how it is now", _providers),
    "POST /_sim/providers/NAME": Page("how the provider conducts itself from now on", _conducted),
    "POST /_sim/script": Page("behaviours for the next requests, or what is done otherwise", _scripted),
    "POST /_sim/reset": Page("forget scripts and requests", _reset),
    "GET /_sim/requests": Page("what was seen: ?provider= &model= &since= &wait= &ended= &timeout=", _requests),
    "POST /_sim/requests": Page("does what is expected hold?", _judged),
}
