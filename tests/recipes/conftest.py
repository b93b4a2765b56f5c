"""The worlds of the guard: what a recipe does is the same for plain functions and for coroutine functions."""

from tests.guard.conftest import blocking, loop, world

__all__ = ["blocking", "loop", "world"]
