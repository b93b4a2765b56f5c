"""What a mutant has otherwise than the code: one small change, of the kind that people make by mistake.

    comparison   a bound in or out (`<` and `<=`), a relation turned round (`is` and `is not`)
    condition    always true, always false
    boolean      one operand less, `not` dropped, `any` and `all` exchanged
    arithmetic   `+` and `-`, `*` and `/` exchanged, `%`, `//` and `**` into `*`, a sign dropped
    number       one more, one less; a number below one doubled, or nothing
    word         a name in quotes, such as a state or a kind, empty; sentences are left alone
    bound        `min` and `max` of all but one of what they choose from
    argument     a named one left out
    statement    an assignment, a call, a raise left out; `return` with nothing; `continue` into `break`

A change that a stronger one of the list implies is left out: tests that notice a condition's being always true and its
being always false have seen both sides of it.
"""

import ast
import re
from collections.abc import Iterator

BOUNDS = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
TURNED = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
}
EXCHANGED = {"any": "all", "all": "any"}
WORD = re.compile(r"[a-z][a-z0-9_]*")


def changed(node: ast.AST, parent: ast.AST, again: set[str]) -> Iterator[ast.AST]:
    """What could stand in the node's place. `again` names the variables that its function assigns more than once."""
    if is_condition(node, parent):
        yield from _decided(node, parent)
    match node:
        case ast.Compare():
            yield from _compared(node, parent)
        case ast.BoolOp():
            yield from _operand_less(node)
        case ast.UnaryOp(op=ast.Not()) if not is_condition(node, parent):
            yield node.operand
        case ast.UnaryOp(op=ast.USub()):
            yield node.operand
        case ast.BinOp(op=op) if type(op) in ARITHMETIC:
            yield ast.BinOp(node.left, ARITHMETIC[type(op)](), node.right)
        case ast.Constant() if not isinstance(parent, ast.keyword) or not isinstance(node.value, bool):
            yield from _constant(node.value)
        case ast.Call():
            yield from _called(node)
        case ast.stmt():
            yield from _statement(node, again)
        case _:
            pass


def is_condition(node: ast.AST, parent: ast.AST) -> bool:
    """Does the node decide what is done next?"""
    match parent:
        case ast.If() | ast.While() | ast.IfExp():
            return node is parent.test
        case ast.comprehension():
            return any(node is test for test in parent.ifs)
        case ast.match_case():
            return node is parent.guard
        case _:
            return False


def _decided(node: ast.AST, parent: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Constant):
        return
    if not isinstance(parent, ast.While):  # that would be for ever
        yield ast.Constant(True)
    yield ast.Constant(False)


def _compared(node: ast.Compare, parent: ast.AST) -> Iterator[ast.AST]:
    bounds = {} if _is_of_two(node, parent) else BOUNDS
    turned = {} if is_condition(node, parent) or isinstance(parent, ast.BoolOp) else TURNED
    for place, op in enumerate(node.ops):
        other = bounds.get(type(op)) or turned.get(type(op))
        if other is not None:
            yield ast.Compare(node.left, [*node.ops[:place], other(), *node.ops[place + 1 :]], node.comparators)


def _is_of_two(node: ast.Compare, parent: ast.AST) -> bool:
    """Is it the choice of the larger or smaller of two, so that it makes no difference which of equal ones is taken?"""
    two = {ast.unparse(node.left), *map(ast.unparse, node.comparators)}
    match parent:
        case ast.IfExp():
            return {ast.unparse(parent.body), ast.unparse(parent.orelse)} == two
        case ast.If(body=[ast.Assign(targets=[target], value=value)], orelse=[]):
            return {ast.unparse(target), ast.unparse(value)} == two
        case _:
            return False


def _operand_less(node: ast.BoolOp) -> Iterator[ast.AST]:
    for values in _all_but_one(node.values):
        yield ast.BoolOp(node.op, values) if len(values) > 1 else values[0]


def _all_but_one(values: list[ast.expr]) -> Iterator[list[ast.expr]]:
    for place in range(len(values)):
        yield [*values[:place], *values[place + 1 :]]


def _constant(value: object) -> Iterator[ast.AST]:
    match value:
        case bool():
            yield ast.Constant(not value)
        case float() if 0 < value < 1:
            if value > 1e-3:  # smaller ones are there for rounding
                yield ast.Constant(2 * value)
            yield ast.Constant(0.0)
        case int() | float():
            yield ast.Constant(value + 1)
            if value:
                yield ast.Constant(value - 1)
        case str() if WORD.fullmatch(value):
            yield ast.Constant("")
        case _:
            pass


def _called(node: ast.Call) -> Iterator[ast.AST]:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name in {"min", "max"} and len(node.args) > 1 and not node.keywords:
        for args in _all_but_one(node.args):
            yield ast.Call(node.func, args, []) if len(args) > 1 else args[0]
    elif name in {"min", "max"}:
        yield ast.Call(ast.Name({"min": "max", "max": "min"}[name], ast.Load()), node.args, node.keywords)
    elif name in EXCHANGED:
        yield ast.Call(ast.Name(EXCHANGED[name], ast.Load()), node.args, node.keywords)
    for keyword in node.keywords:
        if keyword.arg is not None and name != "zip":  # its `strict` makes sure of what holds anyway
            yield ast.Call(node.func, node.args, [kept for kept in node.keywords if kept is not keyword])


def _statement(node: ast.stmt, again: set[str]) -> Iterator[ast.AST]:
    match node:
        case ast.Expr(value=ast.Constant()) | ast.Pass():
            pass
        case ast.Expr() | ast.Raise() | ast.Delete() | ast.Break():
            yield ast.Pass()
        case ast.Continue():
            yield ast.Break()
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield ast.Return(ast.Constant(None))
        case ast.Return(value=None):
            yield ast.Pass()
        case ast.AugAssign(op=op):
            yield ast.Pass()
            if type(op) in ARITHMETIC:
                yield ast.AugAssign(node.target, ARITHMETIC[type(op)](), node.value)
        case ast.Assign(targets=targets) if any(_is_missed(target, again) for target in targets):
            yield ast.Pass()
        case ast.AnnAssign(value=ast.expr()) if _is_missed(node.target, again):
            yield ast.Pass()
        case _:
            pass


def _is_missed(target: ast.expr, again: set[str]) -> bool:
    """Could the code run without this assignment, on what was there before?"""
    match target:
        case ast.Name():
            return target.id in again
        case ast.Tuple():
            return all(_is_missed(part, again) for part in target.elts)
        case _:
            return True
