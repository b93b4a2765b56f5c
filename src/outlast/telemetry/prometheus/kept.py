"""Metrics of answers that were made already, are being made, or are less than what was asked for."""

from __future__ import annotations

from outlast.model.events import (
    CacheKept,
    CacheLooked,
    CacheRenewed,
    Degraded,
    Joined,
    KeyFound,
    KeyKept,
    RanOn,
    StoreTrouble,
)
from outlast.telemetry.prometheus.page import Page, Takes
from outlast.telemetry.tally import Counts


class Kept:
    """Counts them; `takes` is what it does with each kind of event."""

    def __init__(self, page: Page, cost: Counts) -> None:
        self._cost = cost
        self._target = page.target
        self._route = page.route
        self._looks = page.counter(
            "cache_lookups_total",
            "Requests that were looked for among the answers kept; found is fresh, renew (given, and renewed), spare "
            "(for when nobody answers) or none.",
            "route",
            "found",
        )
        self._kept = page.counter(
            "cache_kept_total", "Answers that came while the cache was on, kept (yes) or not (no).", "route", "kept"
        )
        self._renewals = page.counter(
            "cache_renewals_total",
            'Answers asked for anew behind a caller\'s back; kind is "ok" or the failure class.',
            "route",
            "kind",
        )
        self._stores = page.counter(
            "store_failures_total", "Times that the store did not do what it was asked, or not in time.", "doing"
        )
        self._joined = page.counter(
            "coalesced_total", "Calls that waited for what the same request brought, under way already.", "route"
        )
        self._keys = page.counter(
            "idempotency_keys_total",
            "Requests with an idempotency key; found is nothing (it is made), answer or refusal (given again), running "
            "(waited for), busy, other, spent (refused) or dead (its process died over it).",
            "route",
            "found",
        )
        self._keys_kept = page.counter(
            "idempotency_kept_total",
            "What came of requests with an idempotency key, kept for the next one (yes) or not (no).",
            "route",
            "kept",
        )
        self._ran_on = page.counter(
            "idempotency_ran_on_total",
            'Calls that went on to their end when no caller was left; kind is "ok" or the failure class.',
            "route",
            "kind",
        )
        self._rungs = page.counter(
            "degrade_rungs_total",
            "Rungs of ladders that were tried after a failure; answered is yes or no.",
            "route",
            "rung",
            "answered",
        )
        self.takes: Takes = {
            CacheLooked: self._cache_looked,
            CacheKept: self._cache_kept,
            CacheRenewed: self._cache_renewed,
            StoreTrouble: self._store_trouble,
            Joined: self._joined_one,
            Degraded: self._rung_tried,
            KeyFound: self._key_found,
            KeyKept: self._key_kept,
            RanOn: self._call_ran_on,
        }

    def _cache_looked(self, event: CacheLooked) -> None:
        self._looks.at((*self._route(event.route), event.found)).value += 1

    def _cache_kept(self, event: CacheKept) -> None:
        self._kept.at((*self._route(event.route), "no" if event.reason else "yes")).value += 1

    def _cache_renewed(self, event: CacheRenewed) -> None:
        self._renewals.at((*self._route(event.route), event.kind)).value += 1
        if event.cost:
            self._cost.at(self._target(event.target)).value += event.cost

    def _store_trouble(self, event: StoreTrouble) -> None:
        self._stores.at((event.doing,)).value += 1

    def _joined_one(self, event: Joined) -> None:
        self._joined.at(self._route(event.route)).value += 1

    def _key_found(self, event: KeyFound) -> None:
        self._keys.at((*self._route(event.route), event.found)).value += 1

    def _key_kept(self, event: KeyKept) -> None:
        self._keys_kept.at((*self._route(event.route), "no" if event.reason else "yes")).value += 1

    def _call_ran_on(self, event: RanOn) -> None:
        self._ran_on.at((*self._route(event.route), event.kind)).value += 1
        if event.cost:
            self._cost.at(self._target(event.target)).value += event.cost

    def _rung_tried(self, event: Degraded) -> None:
        self._rungs.at((*self._route(event.route), event.rung, "no" if event.reason else "yes")).value += 1
