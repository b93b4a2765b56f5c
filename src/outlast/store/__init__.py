"""Where answers and other things are kept for a time, behind the port `Store`: in memory, or elsewhere and guarded."""

from outlast.store.guard import Guard
from outlast.store.memory import Memory

__all__ = ["Guard", "Memory"]
