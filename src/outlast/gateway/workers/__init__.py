"""Several processes of the gateway on one machine: one socket, one page of metrics, one command to start and stop them.

supervisor ── binds the socket, forks ──▶ worker 1 … N      each a gateway of its own, on the same socket
│  waits: a worker that ends is started again            │
└─ SIGTERM ─▶ all workers, which finish what they have   └─ pages: each asks the others for theirs at a scrape
"""

from outlast.gateway.workers.pages import Pages
from outlast.gateway.workers.supervisor import Supervisor, Worker

__all__ = ["Pages", "Supervisor", "Worker"]
