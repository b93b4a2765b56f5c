"""What is told of a fault of our own: what it was and where, never its text.

An exception's text may repeat what a caller or a provider said, and a log must not.
"""

from __future__ import annotations


def told(fault: BaseException) -> str:
    """The kind of the exception and the line that raised it."""
    trace = fault.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(fault).__name__
    module = trace.tb_frame.f_globals.get("__name__", "?")
    return f"{type(fault).__name__} at {module}:{trace.tb_lineno}"
