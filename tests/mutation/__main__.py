"""Change the code, one small thing at a time, and see whether a test notices: `make mutate`."""

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from . import cold, ledger
from .forks import BROKEN, MISFIT, PASSED, Ended, Work, in_forks
from .mutants import Mutant, mutants_of
from .session import OPTIONS, Order, Reach, Tests, in_mutants, look

SURVIVED, NOTICED, BY_TIME, UNREACHED, AT_IMPORT = "survived", "noticed", "by time", "unreached", "at import"
GETS_BY = {SURVIVED, UNREACHED}


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="make mutate ARGS=…", description=__doc__)
    parser.add_argument("parts", nargs="*", help="only files whose paths hold one of these, such as layers/breaker")
    parser.add_argument("--since", metavar="REF", help="only files that differ from that commit")
    parser.add_argument("--survivors", action="store_true", help="only those that no test noticed the last time")
    parser.add_argument("--unlisted", action="store_true", help="not those that the list accounts for")
    parser.add_argument("--fresh", action="store_true", help="forget what was found out the last time")
    parser.add_argument("--grace", type=float, default=2.0, help="seconds beyond five times what a test takes usually")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="so many at once")
    parser.add_argument(
        "--source", nargs="+", default=["src/outlast/layers", "src/outlast/flow"], help="what to change"
    )
    parser.add_argument("--tests", nargs="+", default=["tests/layers", "tests/engine"], help="the tests to run")
    parser.add_argument("--list", default="docs/mutation.md", help="the survivors that are accounted for")
    parser.add_argument("--state", default=".mutation", help="the directory for what is found out")
    return parser.parse_args(words)


@dataclass
class Found:
    """What became of one mutant, and which test it met last."""

    outcome: str
    test: str
    print: str


class Results:
    """What is known of every mutant, kept line by line so that a run may be broken off and go on."""

    def __init__(self, path: Path, fingerprint: str) -> None:
        self._path = path
        self._print = fingerprint
        self.known: dict[str, Found] = {}
        for line in path.read_text().splitlines() if path.exists() else []:
            told = json.loads(line)
            self.known[told["mutant"]] = Found(told["outcome"], told["test"], told["print"])

    def add(self, mutant: Mutant, outcome: str, test: str = "") -> None:
        """Take note of one."""
        self.known[mutant.name] = Found(outcome, test, self._print)
        line = {"mutant": mutant.name, "outcome": outcome, "test": test, "print": self._print}
        with self._path.open("a") as out:
            out.write(json.dumps(line, ensure_ascii=False) + "\n")

    def of(self, mutant: Mutant) -> str | None:
        """What became of it, if that was with this very code and these tests."""
        found = self.known.get(mutant.name)
        return found.outcome if found and found.print == self._print else None

    def survived(self, mutant: Mutant) -> bool:
        """Did it get by the last time, or is it new?"""
        found = self.known.get(mutant.name)
        return found is None or found.outcome in GETS_BY

    def noticed(self) -> dict[str, str]:
        """By mutant, the test that noticed it."""
        return {name: found.test for name, found in self.known.items() if found.test and found.outcome == NOTICED}


def fingerprint(places: Iterable[Path]) -> str:
    """Of all code that is in these directories and files."""
    whole = hashlib.sha256()
    for path in sorted({path for place in places for path in (place.rglob("*.py") if place.is_dir() else [place])}):
        whole.update(str(path).encode() + b"\0" + path.read_bytes())
    return whole.hexdigest()[:16]


def package_of(place: Path) -> Path:
    """The outermost package that this directory or file belongs to."""
    while (place.parent / "__init__.py").exists():
        place = place.parent
    return place


def changed_since(ref: str) -> set[Path]:
    """The files that differ from that commit."""
    git = subprocess.run(
        ["git", "diff", "--name-only", "--relative", ref, "--"], check=True, capture_output=True, text=True
    )
    return {Path(line).resolve() for line in git.stdout.splitlines()}


def chosen(args: argparse.Namespace) -> list[Mutant]:
    """The mutants that are asked for."""
    since = changed_since(args.since) if args.since else None
    found = []
    for source in map(Path, args.source):
        for path in sorted(source.rglob("*.py")):
            file = path.relative_to(source.parent).as_posix()
            wanted = not args.parts or any(part in path.as_posix() for part in args.parts)
            if wanted and (since is None or path.resolve() in since):
                found += mutants_of(path.resolve(), file)
    return found


class Run:
    """One run over some mutants."""

    def __init__(self, args: argparse.Namespace, mutants: list[Mutant], listed: Container[str]) -> None:
        self._args = args
        self._listed = listed
        self._mutants = mutants
        self._out = os.fdopen(os.dup(1), "w", buffering=1)
        state = Path(args.state)
        state.mkdir(exist_ok=True)
        self._prints = fingerprint([*{package_of(Path(source)) for source in args.source}, *map(Path, args.tests)])
        self._reached = state / "reach.json"
        self._marked = state / "reach.print"
        if args.fresh:
            for path in state.iterdir():
                path.unlink()
        self._path = state / "results.jsonl"
        self.results = Results(self._path, self._prints)

    def all(self) -> None:
        """Find out what becomes of each."""
        todo = [mutant for mutant in self._mutants if self._is_open(mutant)]
        self._out.write(f"{len(self._mutants)} mutants, {len(todo)} to try\n")
        if not todo:
            return
        self._in_child(self._warm)
        self.results = Results(self._path, self._prints)
        self._cold([mutant for mutant in todo if self.results.of(mutant) in {None, AT_IMPORT}])

    def _is_open(self, mutant: Mutant) -> bool:
        if self._args.unlisted and mutant.name in self._listed:
            return False
        if self._args.survivors and not self.results.survived(mutant):
            return False
        return self.results.of(mutant) in {None, AT_IMPORT}

    def _in_child(self, work: Work) -> None:
        """Collect and run in a process of its own, so that this one imports nothing of the code."""
        pid = os.fork()
        if not pid:
            status = BROKEN
            try:
                status = work(lambda _: None)
            finally:
                sys.stdout.flush()
                os._exit(status)
        _, status = os.waitpid(pid, 0)
        if status:
            raise SystemExit("the tests could not be run: see above")

    def _warm(self, _: object) -> int:
        tests = Tests(self._with)
        pytest.main([*OPTIONS, *self._args.tests], plugins=[tests])
        return PASSED if tests.done else BROKEN

    def _with(self, items: list[pytest.Item]) -> None:
        reach = self._reach(items)
        order = Order(reach, self._args.tests, self.results.noticed(), self._listed)
        todo = [mutant for mutant in self._mutants if self._is_open(mutant) and not mutant.cold]
        reached = [mutant for mutant in todo if reach.of(mutant)]
        for mutant in set(todo) - set(reached):
            self.results.add(mutant, UNREACHED)
        for number, (mutant, ended, test) in enumerate(
            in_mutants(reached, items, order, reach, self._args.jobs), start=1
        ):
            self._note(mutant, ended, test)
            self._progress(number, len(reached))

    def _reach(self, items: list[pytest.Item]) -> Reach:
        if self._reached.exists() and self._marked.exists() and self._marked.read_text() == self._prints:
            return Reach.load(self._reached, self._args.grace)
        self._out.write(f"seeing what each of {len(items)} tests reaches\n")
        look(items, [str(Path(source).resolve()) for source in self._args.source], self._reached)
        self._marked.write_text(self._prints)
        return Reach.load(self._reached, self._args.grace)

    def _cold(self, mutants: list[Mutant]) -> None:
        if not mutants:
            return
        reach = Reach.load(self._reached, self._args.grace)
        order = Order(reach, self._args.tests, self.results.noticed(), self._listed)
        tests = {mutant: order.of(mutant) for mutant in mutants}
        reached = [mutant for mutant in mutants if tests[mutant]]
        for mutant in set(mutants) - set(reached):
            self.results.add(mutant, UNREACHED)

        def work_of(mutant: Mutant) -> Work:
            return cold.work_of(mutant, tests[mutant], reach)

        for number, (mutant, ended) in enumerate(in_forks(reached, work_of, self._args.jobs), start=1):
            self._note(mutant, ended, tests[mutant][ended.test] if ended.test is not None else "")
            self._progress(number, len(reached))

    def _note(self, mutant: Mutant, ended: Ended, test: str) -> None:
        if ended.status == BROKEN:
            raise RuntimeError(f"{mutant.name}: {ended.fault}")
        if ended.status == MISFIT:
            outcome = AT_IMPORT
        elif ended.by_time:
            outcome = BY_TIME
        else:
            outcome = SURVIVED if ended.status == PASSED else NOTICED
        self.results.add(mutant, outcome, "" if outcome == SURVIVED else test)

    def _progress(self, number: int, of: int) -> None:
        if number % 100 == 0 or number == of:
            self._out.write(f"{number} of {of}\n")


def report(mutants: list[Mutant], results: Results, listed: dict[str, ledger.Entry]) -> bool:
    """Tell what became of them; is every survivor accounted for?"""
    write = sys.stdout.write
    by_file: dict[str, Counter[str]] = {}
    new: list[Mutant] = []
    for mutant in mutants:
        outcome = results.of(mutant) or (SURVIVED if results.survived(mutant) else NOTICED)
        kind = outcome if outcome not in GETS_BY else "listed" if mutant.name in listed else "new"
        by_file.setdefault(mutant.file, Counter())[kind] += 1
        if kind == "new":
            new.append(mutant)
    for file, count in by_file.items():
        got_by = f"{count['listed']} survivors accounted for, {count['new']} not"
        write(f"{file:32} {count.total():5} mutants, {got_by}\n")
    gone = _gone(mutants, results, listed)
    if gone:
        write("\nListed, but noticed by a test now, or no longer possible; take them out of the list:\n")
        write("".join(f"{name}\n" for name in gone))
    if new:
        write("\nNo test notices these. Write one, or remove the code, or list them with the reason:\n")
        for file in dict.fromkeys(mutant.file for mutant in new):
            rows = (mutant for mutant in new if mutant.file == file)
            write(f"\n### `{file}`\n")
            write("".join(f"{ledger.entry_of(mutant).row()} line {mutant.lines[0]}\n" for mutant in rows))
    return not new


def _gone(mutants: list[Mutant], results: Results, listed: dict[str, ledger.Entry]) -> list[str]:
    """Rows of the files looked at that are no survivors."""
    files = {mutant.file for mutant in mutants}
    getting_by = {mutant.name for mutant in mutants if results.survived(mutant)}
    return [entry.name for entry in listed.values() if entry.file in files and entry.name not in getting_by]


def main() -> int:
    """0 when every survivor is accounted for."""
    args = arguments()
    listed = ledger.read(Path(args.list))
    mutants = chosen(args)
    if not mutants:
        sys.stdout.write("nothing to change there\n")
        return 0
    run = Run(args, mutants, listed)
    run.all()
    return 0 if report(mutants, run.results, listed) else 1


if __name__ == "__main__":
    sys.exit(main())
