"""One small change at a time to the source of a module: what a mistake of a keystroke would be.

A mutant replaces the text of one syntax node and leaves all other lines as they are, so that its diff can be read.
Its name is the function it is in, the old lines and the new ones: stable as long as these lines are.
Left alone are types, which mypy proves, and words for people: docstrings and texts with values in them.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from tests.mutants.kin import Kin

COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
SWAPPED = {"min": "max", "max": "min", "any": "all", "all": "any"}
UNWRAPPED = {"abs", "round"}
FLOAT_STEP = 0.01  # 10 mV, or a hundredth of a permille


class Mutant(NamedTuple):
    """A whole mutated source. `name` tells it from all others of its module, `place` is the function it is in."""

    name: str
    place: str
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """All of them, from top to bottom."""
    starts = [0]
    for text in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(text.encode()))
    raw, seen, tree = source.encode(), Counter[str](), ast.parse(source)
    for place, node, text in _changes(tree, Kin(tree)):
        assert node.end_lineno is not None and node.end_col_offset is not None
        begin, end = starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset
        first, last = starts[node.lineno - 1], starts[node.end_lineno]
        old = raw[first:last].decode()
        new = (raw[first:begin] + text.encode() + raw[end:last]).decode()
        name = f"{place}: {_words(old)} → {_words(new)}"
        seen[name] += 1
        number = f" #{seen[name]}" if seen[name] > 1 else ""
        yield Mutant(name + number, place, (raw[:begin] + text.encode() + raw[end:]).decode())


def _words(text: str) -> str:
    """Lines as one, without comments."""
    return " ".join(word for line in text.splitlines() for word in line.partition("  # ")[0].split())


MODULE = "module"
Change = tuple[str, ast.expr | ast.stmt | ast.keyword, str]


def _changes(tree: ast.AST, kin: Kin, place: str = MODULE) -> Iterator[Change]:
    """Each changeable node with its new texts, under the name of its function."""
    for child in ast.iter_child_nodes(tree):
        if _is_annotation(tree, child) or _is_words(child):
            continue
        here = place
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            here = child.name if place == MODULE else f"{place}.{child.name}"
        if isinstance(child, ast.expr | ast.stmt | ast.keyword):
            for text in (*_texts(child), *kin.texts(child)):
                yield here, child, text
        for condition in _conditions(child):
            yield here, condition, "True"
            yield here, condition, "False"
        if isinstance(child, ast.For):
            yield here, child.iter, "()"
        yield from _changes(child, kin, here)


def _is_annotation(parent: ast.AST, child: ast.AST) -> bool:
    return child in (getattr(parent, "annotation", None), getattr(parent, "returns", None))


def _is_words(node: ast.AST) -> bool:
    """A docstring, or a text with values in it."""
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _conditions(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.comprehension):
        return node.ifs
    return [node.test] if isinstance(node, ast.If) else []


def _texts(node: ast.AST) -> Iterator[str]:
    """What may stand there instead."""
    of_type = _OF_TYPE.get(type(node))
    return of_type(node) if of_type else iter(())


def _compare(node: ast.Compare) -> Iterator[str]:
    for index, operator in enumerate(node.ops):
        for other in COMPARED[type(operator)]:
            operators = [*node.ops[:index], other(), *node.ops[index + 1 :]]
            yield ast.unparse(ast.Compare(node.left, operators, node.comparators))


def _join(node: ast.BoolOp) -> Iterator[str]:
    other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield f"({ast.unparse(ast.BoolOp(other, node.values))})"
    for rest in _all_but_one(node.values):
        yield f"({ast.unparse(rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest))})"


def _turn(node: ast.UnaryOp) -> Iterator[str]:
    if isinstance(node.op, ast.Not | ast.USub):
        yield f"({ast.unparse(node.operand)})"


def _compute(node: ast.BinOp) -> Iterator[str]:
    if type(node.op) in COMPUTED:
        yield f"({ast.unparse(ast.BinOp(node.left, COMPUTED[type(node.op)](), node.right))})"


def _choose(node: ast.IfExp) -> Iterator[str]:
    yield f"({ast.unparse(node.body)})"
    yield f"({ast.unparse(node.orelse)})"


def _constant(node: ast.Constant) -> Iterator[str]:
    value = node.value
    if isinstance(value, bool):
        yield str(not value)
    elif isinstance(value, int):
        yield str(value + 1)
        yield f"({value - 1})"
    elif isinstance(value, float):
        yield str(round(value + FLOAT_STEP, 6))
        yield f"({round(value - FLOAT_STEP, 6)})"


def _call(node: ast.Call) -> Iterator[str]:
    """Another function, one argument left out, two neighbours that changed places."""
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name in SWAPPED:
        yield ast.unparse(ast.Call(ast.Name(SWAPPED[name]), node.args, node.keywords))
    if name in UNWRAPPED:
        yield f"({ast.unparse(node.args[0])})"
    for keywords in _all_but_one(node.keywords):
        yield ast.unparse(ast.Call(node.func, node.args, keywords))
    if name not in SWAPPED:
        for index in range(len(node.args) - 1):
            swapped = [*node.args[:index], node.args[index + 1], node.args[index], *node.args[index + 2 :]]
            text = ast.unparse(ast.Call(node.func, swapped, node.keywords))
            if text != ast.unparse(node):
                yield text


def _row(node: ast.List | ast.Tuple | ast.Set) -> Iterator[str]:
    """One element left out; a set stays a set."""
    if isinstance(getattr(node, "ctx", ast.Load()), ast.Load) and len(node.elts) > isinstance(node, ast.Set):
        for elements in _all_but_one(node.elts):
            text = ast.unparse(type(node)(elements))
            yield text if text.startswith(("[", "{", "(")) else f"({text})"


def _table(node: ast.Dict) -> Iterator[str]:
    for rows in _all_but_one(list(zip(node.keys, node.values, strict=True))):
        yield ast.unparse(ast.Dict([key for key, _ in rows], [value for _, value in rows]))


def _return(node: ast.Return) -> Iterator[str]:
    """Nothing, but for what is nothing or as good as nothing already."""
    if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value in (None, False)):
        yield "return None"


def _drop(node: ast.stmt) -> Iterator[str]:
    yield "pass"


def _all_but_one(these: Sequence[Any]) -> Iterator[list[Any]]:
    for index in range(len(these)):
        yield [*these[:index], *these[index + 1 :]]


_OF_TYPE: dict[type[ast.AST], Callable[[Any], Iterator[str]]] = {
    ast.Compare: _compare,
    ast.BoolOp: _join,
    ast.UnaryOp: _turn,
    ast.BinOp: _compute,
    ast.IfExp: _choose,
    ast.Constant: _constant,
    ast.Call: _call,
    ast.List: _row,
    ast.Tuple: _row,
    ast.Set: _row,
    ast.Dict: _table,
    ast.Return: _return,
    ast.Expr: _drop,
    ast.Assign: _drop,
    ast.AugAssign: _drop,
    ast.Raise: _drop,
    ast.Continue: _drop,
    ast.Break: _drop,
}
