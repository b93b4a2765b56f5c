"""All mutants of a file: where each is, what it is called, and its code."""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import CodeType

from .operators import changed, is_condition

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
SHOWN = (ast.expr, ast.keyword, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return)
TYPING = {"Annotated", "Literal", "TypeVar", "Meta", "ParamSpec"}


@dataclass(frozen=True, eq=False)
class Mutant:
    """One change. Its name survives changes elsewhere: file, function, the code before and after; no line numbers.

    Attributes:
        path: the file.
        file: its name in lists.
        where: the function, or class, or nothing for the module.
        before: what the code says.
        after: what the mutant says.
        lines: from the first to the last line of the statement's own code, inclusive.
        cold: the code runs when the module is imported, and so must be changed before that.
    """

    path: Path
    file: str
    where: str
    before: str
    after: str
    lines: tuple[int, int]
    cold: bool
    _tree: ast.Module = field(repr=False)
    _parent: ast.AST = field(repr=False)
    _place: tuple[str, int | None] = field(repr=False)
    _node: ast.AST = field(repr=False)

    @property
    def name(self) -> str:
        """Its name in lists."""
        return f"{self.file} {self.where}: {self.before} → {self.after}"

    def code(self) -> CodeType:
        """The whole module with this change."""
        before = _put(self._parent, self._place, self._node)
        try:
            return compile(self._tree, str(self.path), "exec", dont_inherit=True)
        finally:
            _put(self._parent, self._place, before)


@dataclass
class Scope:
    """Where in a file a node stands."""

    where: tuple[str, ...] = ()
    lines: tuple[int, int] = (0, 0)
    inside: bool = False
    again: set[str] = field(default_factory=set)


def mutants_of(path: Path, file: str) -> list[Mutant]:
    """All mutants of that file, in its order; `file` is what lists call it."""
    tree = ast.parse(path.read_text())
    found = []
    seen: Counter[tuple[str, str, str]] = Counter()
    for parent, place, node, scope in _places(tree, Scope()):
        for new in islice(changed(node, parent, scope.again), None if scope.inside else 1):
            ast.fix_missing_locations(ast.copy_location(new, node))
            before, after = _told(parent, place, node, new)
            where = ".".join(scope.where)
            seen[where, before, after] += 1
            number = seen[where, before, after]
            after += f" #{number}" if number > 1 else ""
            found.append(
                Mutant(path, file, where, before, after, scope.lines, not scope.inside, tree, parent, place, new)
            )
    return found


Placed = tuple[ast.AST, tuple[str, int | None], ast.AST, Scope]


def _places(parent: ast.AST, scope: Scope) -> Iterator[Placed]:
    """Every node that may be changed, with the field of its parent that holds it."""
    for name, value in ast.iter_fields(parent):
        nodes = enumerate(value) if isinstance(value, list) else [(None, value)]
        for index, node in nodes:
            if isinstance(node, ast.AST) and not _is_left_alone(parent, name, node, scope):
                inner = _entered(parent, name, node, scope)
                yield parent, (name, index), node, inner
                yield from _places(node, inner)


def _is_left_alone(parent: ast.AST, name: str, node: ast.AST, scope: Scope) -> bool:
    """Types, docstrings, sentences, decorators, and the defaults of configuration, which the schema's test holds."""
    if name in {"annotation", "returns", "decorator_list", "format_spec", "type_params", "pattern", "bases"}:
        return True
    if isinstance(parent, ast.ClassDef) and (name == "keywords" or _is_default_of_config(parent, node)):
        return True
    if isinstance(parent, ast.JoinedStr) and isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    return not scope.inside and _is_of_types(node)


def _is_default_of_config(parent: ast.ClassDef, node: ast.AST) -> bool:
    return parent.name.endswith("Config") and isinstance(node, ast.Assign | ast.AnnAssign)


def _is_of_types(node: ast.AST) -> bool:
    """Outside of functions: words and what makes types."""
    if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id.startswith("__") for t in node.targets):
        return True
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    made_of = node.value if isinstance(node, ast.Subscript) else node.func if isinstance(node, ast.Call) else None
    return isinstance(made_of, ast.Name) and made_of.id in TYPING


def _entered(parent: ast.AST, name: str, node: ast.AST, scope: Scope) -> Scope:
    """The scope of what is in the node."""
    if isinstance(node, FUNCTIONS):
        lines = (node.lineno, node.body[0].lineno)
        return Scope((*scope.where, node.name), lines, scope.inside, _assigned_again(node))
    if isinstance(parent, FUNCTIONS) and name == "body":
        scope = Scope(scope.where, scope.lines, inside=True, again=scope.again)
    if isinstance(node, ast.ClassDef):
        return Scope((*scope.where, node.name), (node.lineno, node.lineno), scope.inside)
    if isinstance(node, ast.stmt | ast.match_case):
        return Scope(scope.where, _lines(node), scope.inside, scope.again)
    return scope


def _lines(node: ast.stmt | ast.match_case) -> tuple[int, int]:
    """The lines of a statement, without those of the statements in it."""
    own = [part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr | ast.withitem | ast.pattern)]
    located = [part for part in (sub for whole in own for sub in ast.walk(whole)) if hasattr(part, "lineno")]
    if isinstance(node, ast.stmt):
        located.append(node if not hasattr(node, "body") else ast.Pass(lineno=node.lineno, end_lineno=node.lineno))
    return min(part.lineno for part in located), max(part.end_lineno for part in located)


def _assigned_again(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Names that have a value already when they are assigned, at least once."""
    names = Counter(node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg))
    stores = (node for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    names.update(node.id for node in stores)
    return {name for name, times in names.items() if times > 1}


def _told(parent: ast.AST, place: tuple[str, int | None], node: ast.AST, new: ast.AST) -> tuple[str, str]:
    """The code before and after, with as much around it as makes it clear."""
    if isinstance(parent, ast.arguments):
        argument = _argument(parent, place)
        return f"{argument}={ast.unparse(node)}", f"{argument}={ast.unparse(new)}"
    clear = not isinstance(node, ast.Constant) and not is_condition(node, parent)
    if clear or not isinstance(parent, SHOWN):
        return _one_line(node), _one_line(new)
    before = _one_line(parent)
    old = _put(parent, place, new)
    after = _one_line(parent)
    _put(parent, place, old)
    return before, after


def _argument(arguments: ast.arguments, place: tuple[str, int | None]) -> str:
    """The name of the argument whose default is in that place."""
    name, index = place
    if name == "kw_defaults":
        return arguments.kwonlyargs[index or 0].arg
    named = [*arguments.posonlyargs, *arguments.args]
    return named[len(named) - len(arguments.defaults) + (index or 0)].arg


def _one_line(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())


def _put(parent: ast.AST, place: tuple[str, int | None], node: ast.AST) -> ast.AST:
    """Put the node in that place; what stood there before."""
    name, index = place
    if index is None:
        before = getattr(parent, name)
        setattr(parent, name, node)
    else:
        nodes = getattr(parent, name)
        before, nodes[index] = nodes[index], node
    return before
