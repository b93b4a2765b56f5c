"""How much room a request needs in a target's window, looked at closely only where it may be too little."""

from __future__ import annotations

from outlast.model.messages import Request
from outlast.model.target import Target
from outlast.model.tokens import tokens_of

SURE = 2
"""The first estimate of a prompt, by its bytes, is hardly ever too low by more than this."""


HOPELESS = 4
"""Nor is it too high by more than this; what is beyond is not read for a closer look."""


def room_for_answer(request: Request, target: Target, unsaid: int = 0) -> int:
    """Tokens that the answer may need there, `unsaid` of them where the caller sets no limit; half a window at most."""
    tokens = request.max_tokens or unsaid
    if target.max_output:
        tokens = min(tokens, target.max_output)
    return min(tokens, target.window // 2) if target.window else tokens


def may_lack_room(request: Request, target: Target) -> bool:
    """May the window be too small? Cheap; False is certain, but for texts that no vocabulary knows."""
    return bool(target.window) and SURE * request.tokens + (request.max_tokens or 0) > target.window


def lacks_room(request: Request, target: Target) -> bool:
    """Is the window likely too small for the prompt and its answer?"""
    if not may_lack_room(request, target):
        return False
    if request.tokens > HOPELESS * target.window:
        return True
    limit = request.max_tokens or 0
    answer = min(limit, target.max_output) if target.max_output else limit
    return tokens_of(request, target.vocabulary) + answer > target.window
