"""Is a request one that the vendor would take? If not, it is refused in the vendor's way.

Strict on purpose: a client that sends a wrong field, or forgets a needed one, is found out here and not in production.

    headers ──▶ fields and their shapes ──▶ what goes together ──▶ tool calls and results ──▶ the model's own limits
"""

from __future__ import annotations

from collections.abc import Mapping

from outlast.lab.answer import Asked
from outlast.lab.refusal import Refusal
from outlast.lab.vendors.anthropic_demands import check_messages
from outlast.lab.vendors.cohere_demands import check_chat as check_cohere_chat
from outlast.lab.vendors.cohere_demands import check_embed
from outlast.lab.vendors.gemini_demands import check_content
from outlast.lab.vendors.gemini_demands import check_embed as check_gemini_embed
from outlast.lab.vendors.ollama_demands import check_ollama
from outlast.lab.vendors.openai_demands import check_chat, check_embeddings
from outlast.lab.vendors.responses_demands import check_response

__all__ = ["Refusal", "check"]


def check(asked: Asked, headers: Mapping[str, str]) -> None:
    """Raises a `Refusal` for what the vendor would refuse."""
    if "application/json" not in headers.get("content-type", ""):
        raise Refusal("The content type must be application/json.", status=415)
    if not headers.get("authorization", "Bearer ").startswith("Bearer "):
        raise Refusal("The key must be in an Authorization header, after the word Bearer.", status=401)
    if asked.vendor == "anthropic":
        check_messages(asked, headers)
    elif asked.vendor == "responses":
        check_response(asked)
    elif asked.vendor == "cohere":
        (check_embed if asked.kind == "embeddings" else check_cohere_chat)(asked)
    elif asked.vendor == "ollama":
        check_ollama(asked, headers)
    elif asked.vendor == "gemini":
        (check_gemini_embed if asked.kind == "embeddings" else check_content)(asked)
    elif asked.kind == "embeddings":
        check_embeddings(asked)
    else:
        check_chat(asked)
