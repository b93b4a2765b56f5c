"""`outlast demo`: an outage survived, counted from what callers received.

                       ┌─ through outlast ─▶ the gateway ─▶ its own alpha, beta, gamma, delta
    the same traffic ──┼─ SDK retries ─────────────────────▶ its own alpha, beta, gamma, delta
                       └─ straight ────────────────────────▶ its own alpha, beta, gamma, delta

All three run at the same time: the same requests at the same moments, against copies of the same four simulated
providers, which play the same story over real sockets. One kind of caller reads every answer, and judges it alike.
"""

from outlast.demo.board import Plan
from outlast.demo.closing import closing
from outlast.demo.live import Live
from outlast.demo.log import Log
from outlast.demo.run import Demo, View
from outlast.demo.summary import Figures, Summary, to_json

__all__ = ["Demo", "Figures", "Live", "Log", "Plan", "Summary", "View", "closing", "to_json"]
