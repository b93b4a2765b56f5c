"""Pictures and files written into a text: `data:image/png;base64,iVBOR…`."""

from __future__ import annotations


def split_data_url(url: str) -> tuple[str, str]:
    """Media type and base64 of a data address; both empty for any other address."""
    if not url.startswith("data:"):
        return "", ""
    head, comma, data = url[5:].partition(",")
    if not comma or not head.endswith(";base64"):
        return "", ""
    return head.split(";", 1)[0], data


def data_url(media_type: str, data: str) -> str:
    """The data address of these."""
    return f"data:{media_type};base64,{data}"


_BEGINNINGS = {"iVBORw0KGgo": "image/png", "/9j/": "image/jpeg", "R0lGOD": "image/gif", "UklGR": "image/webp"}
"""How the base64 of a picture begins."""


def picture_type(data: str) -> str:
    """The media type of a picture of which only the base64 is known; a PNG when nothing tells."""
    return next((kind for beginning, kind in _BEGINNINGS.items() if data.startswith(beginning)), "image/png")
