"""Names that a hurried hand takes for each other: members of one enum, fields of one type in one class.

Each is replaced by the next one of its kind, the last by the first. A string of a StrEnum is kin to a longer one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator


class Kin:
    """What a module has of them. Members are those that it names, in the order in which it names them first."""

    def __init__(self, tree: ast.Module) -> None:
        self._next: dict[str, str] = {}
        self._strings: set[ast.AST] = set()
        members: dict[str, dict[str, None]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr.isupper():
                members.setdefault(node.value.id, {})[ast.unparse(node)] = None
            elif isinstance(node, ast.ClassDef):
                self._meet(node)
        for names in members.values():
            self._next |= _ring(names)

    def _meet(self, node: ast.ClassDef) -> None:
        fields: dict[str, list[str]] = {}
        for line in node.body:
            if isinstance(line, ast.AnnAssign):
                fields.setdefault(ast.unparse(line.annotation), []).append(f".{ast.unparse(line.target)}")
        for names in fields.values():
            self._next = _ring(names) | self._next
        if any(isinstance(base, ast.Name) and base.id == "StrEnum" for base in node.bases):
            self._strings |= {line.value for line in node.body if isinstance(line, ast.Assign)}

    def texts(self, node: ast.AST) -> Iterator[str]:
        """What may stand for it instead."""
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            if (whole := ast.unparse(node)) in self._next:
                yield self._next[whole]
            elif (field := f".{node.attr}") in self._next:
                yield ast.unparse(node.value) + self._next[field]
        elif node in self._strings and isinstance(node, ast.Constant):
            yield repr(f"{node.value}x")


def _ring(names: Iterable[str]) -> dict[str, str]:
    """Each with the next one; nothing for one alone."""
    row = list(names)
    return dict(zip(row, [*row[1:], *row[:1]], strict=True)) if len(row) > 1 else {}
