"""Where answers and other things are kept for a time, behind the port `Keeping`; `memory` is this process's own."""

from outlast.store.bounded import Bounded
from outlast.store.memory import Memory

__all__ = ["Bounded", "Memory"]
