"""What the metrics page reads off the gateway at each scrape: queues, slots, connections, lost log lines."""

from __future__ import annotations

from collections.abc import Iterable

from outlast.build import Outlast
from outlast.gateway.app import App
from outlast.telemetry.outlet import Outlet
from outlast.telemetry.prometheus import Prometheus
from outlast.telemetry.tally import Labels


def add(metrics: Prometheus, outlast: Outlast, app: App, outlet: Outlet) -> None:
    """Show these beside what the events add up to, and every configured name from the start."""
    routes = outlast.config.routes
    stack, slots = outlast.stack, outlast.config.layers.bulkhead
    metrics.know(
        (target.name for target in routes.targets()),
        (route.name for route in routes),
        slots.slots if slots.enabled else None,
    )

    def queues() -> Iterable[tuple[Labels, float]]:
        yield ("gateway",), float(stack.admission.waiting())
        yield ("targets",), float(stack.bulkhead.waiting())

    metrics.measure("queue_depth", "Requests that wait for a slot.", queues, labels=("queue",))
    memory = outlast.memory
    if memory is not None:
        metrics.measure("cache_memory_bytes", "Bytes of answers that are kept.", lambda: [((), float(memory.size))])
    guard = outlast.guard
    if guard is not None:
        metrics.measure(
            "store_up", "1 while the store is asked, 0 while it is down.", lambda: [((), float(not guard.down))]
        )
    metrics.measure("requests_under_way", "Requests that are being answered.", lambda: [((), float(app.under_way))])
    metrics.measure(
        "log_lines_lost_total",
        "Log lines that could not be written.",
        lambda: [((), float(outlet.lost))],
        kind="counter",
    )
