"""What Ollama's clients ask beside chats and embeddings: which models there are, and what they can do.

    GET /api/tags · /api/ps · /api/version        POST /api/show

Answered from the routes. Nothing is loaded, fetched or changed from here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from math import inf

import msgspec
from msgspec import Struct

from outlast.config import Routes
from outlast.dialects import wire
from outlast.model.errors import Caller
from outlast.model.target import Route, Target

API = "0.12.6"
"""The version of Ollama's API that is spoken here."""
CHANGING = frozenset({"/api/pull", "/api/push", "/api/create", "/api/copy", "/api/delete"})
_EVER = "1970-01-01T00:00:00Z"

Page = Callable[[Routes, bytes], dict[str, object]]


class _Wanted(Struct):
    model: str = ""
    name: str = ""


_WANTED = msgspec.json.Decoder(_Wanted)


def refused(path: str) -> Caller | None:
    """Why a path that would change models is not offered; None for any other path."""
    if path not in CHANGING:
        return None
    return Caller(
        "models are neither fetched nor changed through here: do that at the server that has them", status=403
    )


def _tags(routes: Routes, body: bytes) -> dict[str, object]:
    del body
    return {"models": [_row(name, routes) for name in routes.models()]}


def _running(routes: Routes, body: bytes) -> dict[str, object]:
    """All that there is, since nothing has to be loaded before it answers."""
    del body
    rows = [(_row(name, routes), routes.find(name)) for name in routes.models()]
    return {"models": [row | {"size_vram": 0, "context_length": _window(route)} for row, route in rows]}


def _version(routes: Routes, body: bytes) -> dict[str, object]:
    del routes, body
    return {"version": API}


def _show(routes: Routes, body: bytes) -> dict[str, object]:
    """What one model can do: all that any of its targets can, for there a request is sent that needs it."""
    wanted = wire.ask(_WANTED, body)
    route = routes.find(wanted.model or wanted.name)
    targets = route.targets
    can = {
        "completion": True,
        "tools": any(target.tools for target in targets),
        "vision": any(target.vision for target in targets),
        "thinking": any(target.reasoning for target in targets),
        "embedding": any(target.embeds for target in targets),
    }
    family = targets[0].family or targets[0].model
    return {
        "details": _details(targets[0]),
        "model_info": {"general.architecture": family, f"{family}.context_length": _window(route)},
        "capabilities": [name for name, able in can.items() if able],
        "modified_at": _EVER,
    }


def _row(name: str, routes: Routes) -> dict[str, object]:
    digest = hashlib.sha256(name.encode()).hexdigest()
    details = _details(routes.find(name).targets[0])
    return {"name": name, "model": name, "modified_at": _EVER, "size": 0, "digest": digest, "details": details}


def _details(target: Target) -> dict[str, object]:
    family = target.family or target.model
    return {
        "parent_model": "", "format": "", "family": family, "families": [family], "parameter_size": "",
        "quantization_level": "",
    }  # fmt: skip


def _window(route: Route) -> int:
    """The tokens that each target takes, as far as that is known; 0 where nothing is."""
    least = min((target.window for target in route.targets if target.window), default=inf)
    return 0 if least == inf else int(least)


PAGES: Mapping[tuple[str, str], Page] = {
    ("GET", "/api/tags"): _tags,
    ("GET", "/api/ps"): _running,
    ("GET", "/api/version"): _version,
    ("POST", "/api/show"): _show,
}
"""By method and path."""
PATHS: Mapping[str, str] = {path: method for method, path in PAGES}
"""Which method each takes."""


def page(method: str, path: str) -> Page | None:
    """What answers there; None when nothing does."""
    return PAGES.get(("GET" if method == "HEAD" else method, path))
