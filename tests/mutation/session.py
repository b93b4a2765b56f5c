"""pytest's part: the tests are collected once, and run in forked children, each with one mutant in it.

First a child without a mutant runs them all under coverage, to see which test reaches which line. A mutant's child then
runs only those that reach its line: first those that have noticed others in its function, then in the order of their
directories, the quick ones before the slow. The first that fails is enough.
"""

import gc
import json
import time
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType

import pytest
from _pytest.runner import runtestprotocol
from coverage import Coverage

from .forks import FAILED, MISFIT, PASSED, Ended, Work, in_forks, limit
from .mutants import Mutant

OPTIONS = ["-q", "-x", "-p", "no:randomly", "-p", "no:cacheprovider", "-o", "timeout=0", "--no-header", "--tb=short"]


def same_every_time() -> None:
    """Hypothesis tries the same examples every time, and does not look for the simplest that fails."""
    from hypothesis import HealthCheck, Phase, settings  # noqa: PLC0415  (pytest wants to import it first)

    phases = (Phase.explicit, Phase.generate, Phase.target)
    settings.register_profile(
        "mutation", derandomize=True, deadline=None, phases=phases, suppress_health_check=list(HealthCheck)
    )
    settings.load_profile("mutation")


@dataclass
class Reach:
    """Which test reaches which line, and how long each takes, in seconds of processor time.

    Attributes:
        seconds: by test.
        lines: by file and line: the tests.
        grace: what a test may take beyond five times that.
    """

    seconds: dict[str, float]
    lines: dict[str, dict[int, list[str]]]
    grace: float = 2.0

    def of(self, mutant: Mutant) -> list[str]:
        """The tests that a mutant must survive."""
        if mutant.cold:
            return self._near(mutant.path)
        lines = self.lines.get(str(mutant.path), {})
        known = {test for line in range(mutant.lines[0], mutant.lines[1] + 1) for test in lines.get(line, [])}
        return [test for test in self.seconds if test in known]

    def _near(self, path: Path) -> list[str]:
        """For what is run at import: all files of tests that reach the file, or else its neighbours."""
        near = [known for file, known in self.lines.items() if Path(file).parent == path.parent]
        lines = [self.lines[str(path)]] if self.lines.get(str(path)) else near
        files = {test.split("::")[0] for known in lines for tests in known.values() for test in tests}
        return [test for test in self.seconds if test.split("::")[0] in files]

    def save(self, path: Path) -> None:
        """For the next run."""
        path.write_text(json.dumps([self.seconds, self.lines]))

    @classmethod
    def load(cls, path: Path, grace: float) -> "Reach":
        """What was saved."""
        seconds, lines = json.loads(path.read_text())
        numbered = {file: {int(n): tests for n, tests in known.items()} for file, known in lines.items()}
        return cls(seconds, numbered, grace)


class Order:
    """Which tests a mutant meets, and which first. One that is listed meets those of the first directory only."""

    def __init__(
        self, reach: Reach, directories: list[str], noticed: dict[str, str], listed: Container[str] = ()
    ) -> None:
        self._reach = reach
        self._listed = listed
        self._directories = directories
        self._noticed = noticed  # by mutant: the test that noticed it in the last run
        self._good: Counter[tuple[str, ...]] = Counter()

    def of(self, mutant: Mutant) -> list[str]:
        """The tests that reach it, the most promising first."""
        first = self._noticed.get(mutant.name)

        def price(test: str) -> tuple[bool, float]:
            good = 10 * self._good[mutant.file, mutant.where, test] + 3 * self._good[mutant.file, test]
            seconds = 0.001 + self._reach.seconds[test]
            return test != first, seconds * (1 + 3 * self._room(test)) / (1 + good)

        tests = self._reach.of(mutant)
        if mutant.name in self._listed:
            tests = [test for test in tests if self._room(test) == 0] or tests
        return sorted(tests, key=price)

    def learn(self, mutant: Mutant, test: str) -> None:
        """That test has noticed it."""
        self._good[mutant.file, mutant.where, test] += 1
        self._good[mutant.file, test] += 1

    def _room(self, test: str) -> int:
        return next((n for n, directory in enumerate(self._directories) if test.startswith(directory)), 0)


def run(items: list[pytest.Item], reach: Reach, tell: Callable[[int], None]) -> int:
    """Run these tests until one fails."""
    for number, item in enumerate(items):
        tell(number)
        limit(reach.seconds[item.nodeid], reach.grace)
        following = items[number + 1] if number + 1 < len(items) else None
        if any(report.failed for report in runtestprotocol(item, log=False, nextitem=following)):
            return FAILED
    return PASSED


class Tests:
    """A plugin of pytest that collects, and then does something else than to run them all."""

    def __init__(self, then: Callable[[list[pytest.Item]], None]) -> None:
        self._then = then
        self.done = False

    def pytest_configure(self) -> None:
        """Before any test is imported."""
        same_every_time()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """In place of pytest's own loop."""
        if session.testsfailed:
            raise session.Interrupted("the tests cannot be collected")
        self._then(session.items)
        self.done = True
        return True


def look(items: list[pytest.Item], sources: list[str], told: Path) -> None:
    """Run all tests once, without a mutant, and save what each reaches."""

    def work(tell: Callable[[int], None]) -> int:
        seconds, lines, failed = _measured(items, sources, tell)
        Reach(seconds, lines).save(told)
        return FAILED if failed else PASSED

    for _, ended in in_forks([None], lambda _: work, 1):
        if ended.status != PASSED:
            at = items[ended.test].nodeid if ended.test is not None else ended.fault
            raise RuntimeError(f"a test fails without any mutant: {at}")


def _measured(
    items: list[pytest.Item], sources: list[str], tell: Callable[[int], None]
) -> tuple[dict[str, float], dict[str, dict[int, list[str]]], bool]:
    coverage = Coverage(data_file=None, include=[f"{source}/*" for source in sources], config_file=False)
    seconds = {}
    coverage.start()
    for number, item in enumerate(items):
        tell(number)
        coverage.switch_context(item.nodeid)
        since = time.process_time()
        following = items[number + 1] if number + 1 < len(items) else None
        if any(report.failed for report in runtestprotocol(item, log=False, nextitem=following)):
            return {}, {}, True
        seconds[item.nodeid] = time.process_time() - since
    coverage.stop()
    data = coverage.get_data()
    return seconds, {file: data.contexts_by_lineno(file) for file in data.measured_files()}, False


def functions_of(paths: Iterable[Path]) -> dict[str, list[FunctionType]]:
    """All functions that live, by the file of their code."""
    wanted = {str(path) for path in paths}
    found: dict[str, list[FunctionType]] = {}
    for thing in gc.get_objects():
        if isinstance(thing, FunctionType) and thing.__code__.co_filename in wanted:
            found.setdefault(thing.__code__.co_filename, []).append(thing)
    return found


def put_in(mutant: Mutant, functions: list[FunctionType]) -> bool:
    """Give every living function of the file the mutant's code; False when one cannot take it."""
    codes = {(code.co_qualname, code.co_firstlineno): code for code in _codes(mutant.code())}
    for function in functions:
        old = function.__code__
        new = codes.get((old.co_qualname, old.co_firstlineno))
        if new is None or len(new.co_freevars) != len(old.co_freevars):
            return False
        function.__code__ = new
    return True


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def in_mutants(
    mutants: list[Mutant], items: list[pytest.Item], order: Order, reach: Reach, at_once: int
) -> Iterator[tuple[Mutant, Ended, str]]:
    """Run the tests in every mutant; how each ended, and the test that it was at."""
    by_name = {item.nodeid: item for item in items}
    functions = functions_of({mutant.path for mutant in mutants})
    gc.collect()
    gc.freeze()
    chosen: dict[Mutant, list[str]] = {}

    def work_of(mutant: Mutant) -> Work:
        tests = chosen[mutant] = order.of(mutant)

        def work(tell: Callable[[int], None]) -> int:
            if not put_in(mutant, functions.get(str(mutant.path), [])):
                return MISFIT
            return run([by_name[test] for test in tests], reach, tell)

        return work

    for mutant, ended in in_forks(mutants, work_of, at_once):
        tests = chosen.pop(mutant)
        at = tests[ended.test] if ended.test is not None else ""
        if ended.status == FAILED and at:
            order.learn(mutant, at)
        yield mutant, ended, at
