"""What a request that came asks for: whose page, in which vendor's words, and whether that vendor would take it.

/alpha/v1/chat/completions ──whereabouts()──▶ "alpha", "chat/completions" ──understood()──▶ Asked ──refused()──▶ None
"""

from __future__ import annotations

import json
import re
from typing import cast

from outlast.lab.answer import Asked, Json, Kind, Vendor
from outlast.lab.conduct import Conduct
from outlast.lab.connection import MOST, Received
from outlast.lab.ledger import Seen
from outlast.lab.script import Behaviour, status
from outlast.lab.vendors import gemini_reading
from outlast.lab.vendors.demands import Refusal, check

ROUTES: dict[tuple[str, str], tuple[Vendor, Kind]] = {
    ("POST", "chat/completions"): ("openai", "chat"),
    ("POST", "beta/chat/completions"): ("openai", "chat"),
    ("POST", "responses"): ("responses", "chat"),
    ("POST", "responses/input_tokens"): ("responses", "count_tokens"),
    ("POST", "embeddings"): ("openai", "embeddings"),
    ("POST", "messages"): ("anthropic", "chat"),
    ("POST", "messages/count_tokens"): ("anthropic", "count_tokens"),
    ("POST", "v2/chat"): ("cohere", "chat"),
    ("POST", "v2/embed"): ("cohere", "embeddings"),
    ("POST", "models:generateContent"): ("gemini", "chat"),
    ("POST", "models:streamGenerateContent"): ("gemini", "chat"),
    ("POST", "models:embedContent"): ("gemini", "embeddings"),
    ("POST", "models:batchEmbedContents"): ("gemini", "embeddings"),
    ("POST", "models:countTokens"): ("gemini", "count_tokens"),
    ("POST", "api/chat"): ("ollama", "chat"),
    ("POST", "api/embed"): ("ollama", "embeddings"),
    ("GET", "api/tags"): ("ollama", "models"),
    ("GET", "models"): ("openai", "models"),
}
"""Method and page of what is served."""
_OTHER_VERSION = re.compile(r"(.*/|)(v2/(?:chat|embed|rerank)|api/(?:chat|embed|tags))")


def whereabouts(path: str) -> tuple[str, str]:
    """The provider's name, and what follows `/v1/`; of another version with its name."""
    path = path.partition("?")[0]
    google = gemini_reading.whereabouts(path)
    if google is not None:
        return google
    found = _OTHER_VERSION.fullmatch(path)
    if found is not None:
        return found[1].strip("/"), found[2]
    name, _, page = path.rpartition("/v1/")
    return name.strip("/"), page


def json_object(data: bytes) -> Json | None:
    """The JSON object that these bytes are; None when they are none."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def understood(received: Received, page: str, seen: Seen, created: int, conduct: Conduct) -> Asked:
    """What is asked, of which vendor, by whose habits."""
    vendor, kind = ROUTES.get((received.method, page), ("openai", "models"))
    if kind == "models" and "anthropic-version" in received.headers:
        vendor = "anthropic"
    place = gemini_reading.place(received.path) if vendor == "gemini" else {}
    body = cast("Json", gemini_reading.spelt(seen.json)) if place else seen.json
    accent = conduct.accent if vendor == "openai" else ""
    prefill = "none" if accent == "deepseek" and not page.startswith("beta/") else conduct.prefill
    return Asked(vendor, kind, body, seen.number, created, seen.provider, prefill, place=place, accent=accent)


def refused(asked: Asked, received: Received, body_json: Json | None) -> Behaviour | None:
    """What the vendor says to a request that it would not take; None when it would."""
    if len(received.body) > MOST:
        return status(413, message=f"The request is longer than {MOST} bytes.")
    if body_json is None:
        return status(400, message="The body is not a JSON object.")
    try:
        check(asked, received.headers)
    except Refusal as refusal:
        return status(refusal.status, error=refusal.code, message=refusal.message, param=refusal.param)
    return None
