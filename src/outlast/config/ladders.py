"""Are the ladders of the routes such that each rung can bring something?"""

from __future__ import annotations

from outlast.config.errors import ConfigError, Path
from outlast.config.routes import Routes
from outlast.layers.cache import CacheConfig
from outlast.model.errors import Failure
from outlast.model.rungs import name_of
from outlast.model.target import Route


def check_ladders(routes: Routes, cache: CacheConfig) -> None:
    """Raise `ConfigError` for the first rung that can not."""
    for route in routes:
        path: Path = ("routes", route.name, "degrade")
        names = [name_of(rung) for rung in route.degrade]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f'"{name}" is listed twice', path)
        if "stale" in names:
            _check_stale(route, cache, path)
        if "weaker" in names and not route.weaker:
            raise ConfigError('the rung "weaker" leads nowhere; give weaker = "a route"', path)
        if route.weaker and not {"weaker", "simplify"} & set(names):
            raise ConfigError('no rung leads to the route in weaker; list "weaker" in degrade', path)
        if route.weaker:
            _check_weaker(route, routes)


def _check_stale(route: Route, cache: CacheConfig, path: Path) -> None:
    windows = cache.windows if route.cache is None else route.cache
    if windows is None or windows.stale_if_error <= 0:
        raise ConfigError('nothing is kept for the rung "stale"; give cache = {stale_if_error = 600} here', path)


def _check_weaker(route: Route, routes: Routes) -> None:
    path: Path = ("routes", route.name, "weaker")
    if route.weaker == route.name:
        raise ConfigError("a route is no weaker than itself; name another", path)
    try:
        routes.find(route.weaker)
    except Failure as failure:
        raise ConfigError(failure.message, path) from None
