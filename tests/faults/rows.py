"""What must come of every named fault: the table that gateway and library are held to, and the page is made of."""

from . import body_rows, connect_rows, framing_rows, hint_rows, status_rows, stream_rows, tls_rows, vendor_rows
from .elsewhere import ELSEWHERE

_EVERY = (
    connect_rows.ROWS
    | status_rows.ROWS
    | hint_rows.ROWS
    | vendor_rows.ROWS
    | framing_rows.ROWS
    | body_rows.ROWS
    | stream_rows.ROWS
)
ROWS = {name: row._replace(others=ELSEWHERE.get(name, {})) for name, row in _EVERY.items()}
"""By the names of `outlast.testing.FAULTS`."""
TLS = tls_rows.ROWS
"""By names that only the tests know."""
