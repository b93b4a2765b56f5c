"""What every kind of store promises. A kind is held to it by a test class that inherits one of these.

    Keeping    get, put, delete: what a cache asks for
    Store      all of the port
    Shared     and several processes see the same: two openings of one place

The class says how to `make` a store, how to `run` something on it, how to let time `pass_` for it, and, of a shared
one, how to open an `other` on the same place. `alike` are the seconds by which such a store may be off.
"""

from .base import Base
from .claims import Claims
from .keeping import Kept
from .limits import Limits
from .logs import Logs
from .news import News
from .purges import Purges
from .sharing import Sharing
from .sums import Sums


class Keeping(Kept, Base):
    """Of what keeps bytes."""


class Store(Claims, Purges, Logs, Sums, Limits, News, Keeping):
    """Of every store."""


class Shared(Sharing, Store):
    """Of a store that several processes share."""


__all__ = ["Keeping", "Shared", "Store"]
