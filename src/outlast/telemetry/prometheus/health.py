"""Metrics of targets and credentials that are out, slow, tested, or back."""

from __future__ import annotations

from outlast.model.events import BackIn, BreakerChanged, Diverted, PauseAwaited, ProbeSent, Refused, TakenOut
from outlast.telemetry.prometheus.page import TARGET, Page, Takes, Waits

STATES = {"closed": 0, "open": 1, "half_open": 2, "forced_open": 1, "disabled": 0, "observe": 0}
"""Of a circuit; the last three are an operator's words, which hold it open or let everything pass."""


class Health:
    """Counts them; `takes` is what it does with each kind of event."""

    def __init__(self, page: Page, wait: Waits) -> None:
        self._wait = wait
        self._target = page.target
        self._name = page.name
        self._gates = page.counter(
            "gate_refusals_total", "Calls that a circuit or a pause refused when they had come to it.", *TARGET, "gate"
        )
        self._diverted = page.counter(
            "diverted_total", "Calls that a target which starts slowly sent to the others.", *TARGET
        )
        self._probes = page.counter("probes_total", "Calls that tested a target which is out.", *TARGET, "gate")
        self.states = page.gauge(
            "circuit_breaker_state",
            "A target's circuit: 0 closed, 1 open, 2 half open; 1 also while an operator holds it open, 0 while he "
            "holds it closed.",
            *TARGET,
        )
        self._transitions = page.counter(
            "circuit_breaker_transitions_total", "Changes of a target's circuit.", *TARGET, "from_state", "to_state"
        )
        self._outs = page.counter(
            "taken_out_total", "Times that a target or a credential was taken out.", "scope", "name", "kind"
        )
        self._backs = page.counter(
            "back_in_total", "Times that what was taken out proved to work again.", "scope", "name"
        )
        self.takes: Takes = {
            Refused: self._refused_one,
            Diverted: self._diverted_one,
            ProbeSent: self._probe_sent,
            BreakerChanged: self._breaker_changed,
            TakenOut: self._taken_out,
            BackIn: self._back_in,
            PauseAwaited: self._pause_awaited,
        }

    def _pause_awaited(self, event: PauseAwaited) -> None:
        self._wait("pause", event.seconds)

    def _refused_one(self, event: Refused) -> None:
        self._gates.at((*self._target(event.target), event.gate)).value += 1

    def _diverted_one(self, event: Diverted) -> None:
        self._diverted.at(self._target(event.target)).value += 1

    def _probe_sent(self, event: ProbeSent) -> None:
        self._probes.at((*self._target(event.target), event.gate)).value += 1

    def _breaker_changed(self, event: BreakerChanged) -> None:
        target = self._target(event.target)
        self.states.at(target).value = STATES[event.after]
        self._transitions.at((*target, event.before, event.after)).value += 1

    def _taken_out(self, event: TakenOut) -> None:
        self._outs.at((event.scope, *self._name(event.name), event.kind)).value += 1

    def _back_in(self, event: BackIn) -> None:
        self._backs.at((event.scope, *self._name(event.name))).value += 1
