"""Pages beside chat and embeddings: pictures, sound, moderation, ranking and files, as strict as their documents.

    request ──page_at()──▶ Page ── demands ──▶ Refusal
                             └──── answer ───▶ Told(bytes, media type)

Pictures, words and scores are made up; files are kept as long as the provider lives.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from email.parser import BytesParser
from email.policy import HTTP
from typing import NamedTuple, cast

from outlast.lab.answer import Json, Vendor, dumps
from outlast.lab.reception import json_object
from outlast.lab.refusal import (
    Misfit,
    Refusal,
    Shape,
    anything,
    fields,
    flag,
    integer,
    items,
    number,
    one_of,
    openai_words,
    text,
    words_or,
)

CREATED = 1_767_225_600
SOUND = b"ID3\x04\x00\x00\x00\x00\x00\x00" + bytes(range(256)) * 64
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 16


class File(NamedTuple):
    """A file that was sent."""

    id: str
    name: str
    purpose: str
    data: bytes


class Asking(NamedTuple):
    """A request for one of these pages: `body` has the fields of its JSON or its form, `data` a form's files."""

    body: Json
    data: dict[str, File]
    files: dict[str, File]
    name: str
    vendor: Vendor


class Told(NamedTuple):
    """An answer."""

    data: bytes
    kind: str = "application/json"


class Page(NamedTuple):
    """What is demanded of a request for a page, and what is answered."""

    shape: Shape | None
    form: bool
    answer: Callable[[Asking], Told]


def _picture(asking: Asking) -> Told:
    picture = base64.b64encode(PICTURE).decode()
    if asking.body.get("stream") is True:
        usage = {"input_tokens": 10, "output_tokens": 100, "total_tokens": 110}
        done = {"type": "image_generation.completed", "b64_json": picture, "created_at": CREATED, "usage": usage}
        part = {"type": "image_generation.partial_image", "b64_json": picture, "partial_image_index": 0}
        events = b"".join(b"event: %b\ndata: %b\n\n" % (str(e["type"]).encode(), dumps(e)) for e in (part, done))
        return Told(events, "text/event-stream")
    count = cast("int", asking.body.get("n") or 1)
    return Told(dumps({"created": CREATED, "data": [{"b64_json": picture}] * count}))


def _speech(asking: Asking) -> Told:
    del asking
    return Told(SOUND, "audio/mpeg")


def _transcription(asking: Asking) -> Told:
    heard = f"{len(asking.data['file'].data)} bytes of sound"
    if asking.body.get("response_format") == "text":
        return Told(heard.encode() + b"\n", "text/plain; charset=utf-8")
    return Told(dumps({"text": heard, "usage": {"type": "duration", "seconds": 1}}))


def _moderation(asking: Asking) -> Told:
    given = asking.body["input"]
    inputs = given if isinstance(given, list) else [given]
    flagged = ["violence" in str(one) for one in inputs]
    results = [
        {"flagged": bad, "categories": {"violence": bad}, "category_scores": {"violence": float(bad)}}
        for bad in flagged
    ]
    model = asking.body.get("model") or "omni-moderation-latest"
    return Told(dumps({"id": "modr-sim", "model": model, "results": results}))


def _ranking(asking: Asking) -> Told:
    documents = cast("list[object]", asking.body["documents"])
    results = [{"index": index, "relevance_score": 1.0 / (index + 1)} for index in range(len(documents))]
    return Told(dumps({"id": "rerank-sim", "results": results, "meta": {"billed_units": {"search_units": 1}}}))


def _keep(asking: Asking) -> Told:
    sent = asking.data["file"]
    digest = hashlib.sha256(sent.data).hexdigest()[:16]
    joint = "_" if asking.vendor == "anthropic" else "-"
    file = File(f"file{joint}{asking.name}0{digest}", sent.name, str(asking.body.get("purpose", "")), sent.data)
    asking.files[file.id] = file
    return Told(dumps(_told(file, asking.vendor)))


def _told(file: File, vendor: Vendor) -> Json:
    if vendor == "anthropic":
        kind = {"type": "file", "mime_type": "text/plain", "created_at": "2026-01-01T00:00:00Z", "downloadable": True}
        return {"id": file.id, "filename": file.name, "size_bytes": len(file.data), **kind}
    return {
        "id": file.id,
        "object": "file",
        "bytes": len(file.data),
        "created_at": CREATED,
        "filename": file.name,
        "purpose": file.purpose,
        "status": "processed",
    }


def _listed(asking: Asking) -> Told:
    rows = [_told(file, asking.vendor) for file in asking.files.values()]
    return Told(dumps({"object": "list", "data": rows, "has_more": False}))


def _shown(asking: Asking) -> Told:
    return Told(dumps(_told(asking.files[asking.name], asking.vendor)))


def _content(asking: Asking) -> Told:
    return Told(asking.files[asking.name].data, "application/octet-stream")


def _dropped(asking: Asking) -> Told:
    del asking.files[asking.name]
    if asking.vendor == "anthropic":
        return Told(dumps({"id": asking.name, "type": "file_deleted"}))
    return Told(dumps({"id": asking.name, "object": "file", "deleted": True}))


_WORD = one_of  # a field that is one of a few words
_SIZED = text
_IMAGES = {
    "prompt": text,
    "model": text,
    "n": integer(1, 10),
    "size": _SIZED,
    "quality": _WORD("standard", "hd", "low", "medium", "high", "auto"),
    "response_format": _WORD("url", "b64_json"),
    "style": _WORD("vivid", "natural"),
    "user": text,
    "background": _WORD("transparent", "opaque", "auto"),
    "moderation": _WORD("low", "auto"),
    "output_compression": integer(0, 100),
    "output_format": _WORD("png", "jpeg", "webp"),
    "partial_images": integer(0, 3),
    "stream": flag,
}
_SPEECH = {
    "model": text,
    "input": text,
    "voice": anything,
    "instructions": text,
    "response_format": _WORD("mp3", "opus", "aac", "flac", "wav", "pcm"),
    "speed": number(0.25, 4.0),
    "stream_format": _WORD("sse", "audio"),
}
_HEARING = ("language", "prompt", "response_format", "temperature", "stream", "chunking_strategy")
_PAGES: dict[tuple[str, str], Page] = {
    ("POST", "images/generations"): Page(fields(_IMAGES, needed=["prompt"]), False, _picture),
    ("POST", "images/edits"): Page(
        fields({"image": anything, "mask": anything, "prompt": text, "model": text, "n": text, "size": text},
               needed=["image", "prompt"]), True, _picture),
    ("POST", "audio/speech"): Page(fields(_SPEECH, needed=["model", "input", "voice"]), False, _speech),
    ("POST", "audio/transcriptions"): Page(
        fields({"file": anything, "model": text, **dict.fromkeys(_HEARING, text)}, needed=["file", "model"]),
        True, _transcription),
    ("POST", "moderations"): Page(
        fields({"input": words_or(items(anything, least=1)), "model": text}, needed=["input"]), False, _moderation),
    ("POST", "rerank"): Page(
        fields({"model": text, "query": text, "documents": items(anything, least=1), "top_n": integer(1),
                "return_documents": flag}, needed=["model", "query", "documents"]), False, _ranking),
    ("POST", "v2/rerank"): Page(
        fields({"model": text, "query": text, "documents": items(text, least=1), "top_n": integer(1),
                "max_tokens_per_doc": integer(1), "priority": integer(0, 999)},
               needed=["model", "query", "documents"]), False, _ranking),
    ("POST", "files"): Page(fields({"file": anything, "purpose": text}, needed=["file", "purpose"]), True, _keep),
    ("GET", "files"): Page(None, False, _listed),
    ("GET", "files/ID"): Page(None, False, _shown),
    ("GET", "files/ID/content"): Page(None, False, _content),
    ("DELETE", "files/ID"): Page(None, False, _dropped),
}  # fmt: skip
_CLAUDES = Page(fields({"file": anything}, needed=["file"]), True, _keep)
_ID = re.compile(r"(files)/([A-Za-z0-9_-]+)")


def page_at(method: str, page: str) -> Page | None:
    """What is at that path; None when it is none of these pages."""
    return _PAGES.get((method, _ID.sub(r"\1/ID", page)))


def answered(
    method: str, page: str, headers: dict[str, str], body: bytes, name: str, files: dict[str, File]
) -> Callable[[], Told]:
    """What answers a request for one of these pages. Raises a `Refusal` for one that the vendor would not take."""
    vendor: Vendor = "anthropic" if "anthropic-version" in headers else "openai"
    found = page_at(method, page) or _PAGES["GET", "files"]
    if vendor == "anthropic" and (method, page) == ("POST", "files"):
        found = _CLAUDES
    given, data = _read(found, headers, body)
    match = _ID.match(page)
    if match and match[2] not in files:
        raise Refusal(f"No such File object: {match[2]}", "id", status=404)
    if found.shape is not None:
        try:
            found.shape(given, ())
        except Misfit as misfit:
            raise openai_words(misfit) from None
    if found.form and "file" in given and "file" not in data:
        raise Refusal("Expected a file: its part has no filename.", "file")
    asking = Asking(given, data, files, match[2] if match else name, vendor)
    return lambda: found.answer(asking)


def _read(page: Page, headers: dict[str, str], body: bytes) -> tuple[Json, dict[str, File]]:
    kind = headers.get("content-type", "")
    if page.shape is None:
        if body or kind:
            raise Refusal("A request of this kind has no body and no content type.", status=400)
        return {}, {}
    if page.form != kind.startswith("multipart/form-data"):
        raise Refusal(f"The content type {kind!r} is not what this takes.", status=415)
    if page.form:
        return _form(kind, body)
    given = json_object(body)
    if given is None:
        raise Refusal("The body is not a JSON object.")
    return given, {}


def _form(kind: str, body: bytes) -> tuple[Json, dict[str, File]]:
    message = BytesParser(policy=HTTP).parsebytes(b"content-type: %b\r\n\r\n" % kind.encode() + body)
    if not message.is_multipart() or message.defects:
        raise Refusal("The form is broken.")
    given: Json = {}
    data: dict[str, File] = {}
    for part in message.iter_parts():
        name = str(part.get_param("name", "", "content-disposition")).removesuffix("[]")
        payload = cast("bytes", part.get_payload(decode=True))
        if part.get_filename() is None:
            given[name] = payload.decode()
        else:
            given[name] = True
            data[name] = File("", str(part.get_filename()), "", payload)
    return given, data
