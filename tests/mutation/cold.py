"""Mutants of what runs at import: their modules are imported anew, in a child that has imported nothing of them yet."""

import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

import pytest

from .forks import FAILED
from .mutants import Mutant
from .session import OPTIONS, Reach, Tests, run


def module_of(path: Path) -> str:
    """The name by which that file is imported."""
    parts = [] if path.stem == "__init__" else [path.stem]
    folder = path.parent
    while (folder / "__init__.py").exists():
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts)


class Loader(SourceFileLoader):
    """Loads a mutant in its file's place."""

    def __init__(self, name: str, mutant: Mutant) -> None:
        super().__init__(name, str(mutant.path))
        self._mutant = mutant

    def get_code(self, fullname: str) -> CodeType:
        """The mutant's."""
        return self._mutant.code()


class Finder(MetaPathFinder):
    """Finds the mutant where its module is asked for."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant
        self._name = module_of(mutant.path)

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """The mutant, or nothing for every other module."""
        if fullname != self._name:
            return None
        return spec_from_file_location(fullname, self._mutant.path, loader=Loader(fullname, self._mutant))


def work_of(mutant: Mutant, tests: list[str], reach: Reach) -> Callable[[Callable[[int], None]], int]:
    """Import everything with the mutant in it, and run those tests; that it cannot be imported is noticed too."""

    def work(tell: Callable[[int], None]) -> int:
        sys.meta_path.insert(0, Finder(mutant))
        status = FAILED

        def chosen(items: list[pytest.Item]) -> None:
            nonlocal status
            by_name = {item.nodeid: item for item in items}
            status = run([by_name[test] for test in tests], reach, tell) if by_name.keys() >= set(tests) else FAILED

        pytest.main([*OPTIONS, *sorted({test.split("::")[0] for test in tests})], plugins=[Tests(chosen)])
        return status

    return work
