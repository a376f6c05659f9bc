"""One small change at a time to the source of a module: what a mistake of a keystroke would be.

A mutant replaces the text of one syntax node and leaves all other lines as they are, so that its diff can be read.
Its name is the function it is in, the old lines and the new ones: stable as long as these lines are.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

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
}
SWAPPED = {"min": "max", "max": "min"}
FLOAT_STEP = 0.01  # 10 mV, or a hundredth of a permille
DROPPED = ast.Expr | ast.Assign | ast.AugAssign


class Mutant(NamedTuple):
    """A whole mutated source. `name` tells it from all others of its module."""

    name: str
    line: int
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """All of them, from top to bottom."""
    starts = [0]
    for text in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(text.encode()))
    raw, seen = source.encode(), Counter[str]()
    for place, node, text in _changes(ast.parse(source)):
        assert node.end_lineno is not None and node.end_col_offset is not None
        begin, end = starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset
        first, last = starts[node.lineno - 1], starts[node.end_lineno]
        old = raw[first:last].decode()
        new = (raw[first:begin] + text.encode() + raw[end:last]).decode()
        name = f"{place}: {_words(old)} → {_words(new)}"
        seen[name] += 1
        number = f" #{seen[name]}" if seen[name] > 1 else ""
        yield Mutant(name + number, node.lineno, (raw[:begin] + text.encode() + raw[end:]).decode())


def _words(text: str) -> str:
    """Lines as one, without comments."""
    return " ".join(word for line in text.splitlines() for word in line.partition("  # ")[0].split())


Change = tuple[str, ast.expr | ast.stmt | ast.keyword, str]


def _changes(tree: ast.AST, place: str = "module") -> Iterator[Change]:
    """Each changeable node with its new texts, under the name of its function."""
    for child in ast.iter_child_nodes(tree):
        here = place
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            here = child.name if place == "module" else f"{place}.{child.name}"
        if isinstance(child, ast.expr | ast.stmt | ast.keyword):
            for text in _texts(child, in_function=place != "module"):
                yield here, child, text
        if isinstance(child, ast.If):
            yield here, child.test, "True"
            yield here, child.test, "False"
        if not _is_annotation(tree, child) and not _is_words(child):
            yield from _changes(child, here)


def _is_annotation(parent: ast.AST, child: ast.AST) -> bool:
    """Types are proven by mypy, not by running."""
    return child in (getattr(parent, "annotation", None), getattr(parent, "returns", None))


def _is_words(node: ast.AST) -> bool:
    """Docstrings, and messages for people."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _texts(node: ast.expr | ast.stmt | ast.keyword, in_function: bool) -> Iterator[str]:
    """What may stand there instead."""
    if isinstance(node, ast.Compare):
        yield from _compared(node)
    elif isinstance(node, ast.BoolOp):
        yield from _joined(node)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield f"({ast.unparse(node.operand)})"
    elif isinstance(node, ast.BinOp) and type(node.op) in COMPUTED:
        yield f"({ast.unparse(ast.BinOp(node.left, COMPUTED[type(node.op)](), node.right))})"
    elif isinstance(node, ast.IfExp):
        yield f"({ast.unparse(node.body)})"
        yield f"({ast.unparse(node.orelse)})"
    elif isinstance(node, ast.Constant):
        yield from _constants(node.value)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SWAPPED:
        yield ast.unparse(ast.Call(ast.Name(SWAPPED[node.func.id]), node.args, node.keywords))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "_replace":
        for keyword in node.keywords:
            rest = [other for other in node.keywords if other is not keyword]
            yield ast.unparse(ast.Call(node.func, node.args, rest))
    elif isinstance(node, DROPPED) and in_function and not _is_words(node):
        yield "pass"
    elif isinstance(node, ast.List) and len(node.elts) > 0:
        for element in node.elts:
            yield ast.unparse(ast.List([other for other in node.elts if other is not element], ast.Load()))


def _compared(node: ast.Compare) -> Iterator[str]:
    for index, operator in enumerate(node.ops):
        for other in COMPARED[type(operator)]:
            operators = [*node.ops[:index], other(), *node.ops[index + 1 :]]
            yield ast.unparse(ast.Compare(node.left, operators, node.comparators))


def _joined(node: ast.BoolOp) -> Iterator[str]:
    other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield f"({ast.unparse(ast.BoolOp(other, node.values))})"
    for value in node.values:
        rest = [kept for kept in node.values if kept is not value]
        yield f"({ast.unparse(rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest))})"


def _constants(value: object) -> Iterator[str]:
    if isinstance(value, bool):
        yield str(not value)
    elif isinstance(value, int):
        yield str(value + 1)
        yield f"({value - 1})"
    elif isinstance(value, float):
        yield str(round(value + FLOAT_STEP, 6))
        yield f"({round(value - FLOAT_STEP, 6)})"
