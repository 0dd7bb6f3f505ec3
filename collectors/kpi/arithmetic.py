"""Formulas of arithmetic and `coalesce` over numpy arrays, for tables of few rows.

One formula costs polars more to plan than the rows of one cell take to compute. In plain arithmetic a value
that is not known and one that is no number have the same answer, none, so NaN stands for both; `coalesce`
tells them apart and asks the columns. Formulas with other functions are left to polars.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Node = tuple[Any, ...]  # ("name", counter), ("number", value), (sign, node, node), ("coalesce", node, node)
_NAME = re.compile(r'"([^"]+)"')
_SIGNS: Mapping[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_OPERATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.true_divide,
}  # fmt: skip


def parse(text: str, defaults: Mapping[str, float | None] | None = None) -> Node | None:
    """Parse a formula; None where it holds more than arithmetic and `coalesce`.

    A counter of `defaults` that is not known counts as its default (None: stays not known).
    """
    names = _NAME.findall(text)
    numbered = iter(range(len(names)))
    try:
        tree = ast.parse(_NAME.sub(lambda _: f"_{next(numbered)}", text).strip(), mode="eval")
        return _node(tree.body, names, defaults or {})
    except (SyntaxError, ValueError, LookupError, RecursionError):
        return None


def _node(tree: ast.AST, names: list[str], defaults: Mapping[str, float | None]) -> Node:
    if isinstance(tree, ast.Name) and tree.id[1:].isdigit():
        name = names[int(tree.id[1:])]
        default = defaults.get(name)
        return ("name", name) if default is None else ("coalesce", ("name", name), ("number", float(default)))
    if isinstance(tree, ast.Constant) and type(tree.value) in (int, float):
        return ("number", float(tree.value))  # type: ignore[arg-type]
    if isinstance(tree, ast.BinOp) and type(tree.op) in _SIGNS:
        return _pair(_SIGNS[type(tree.op)], tree.left, tree.right, names, defaults)
    if isinstance(tree, ast.Call) and _is_coalesce(tree):
        return _pair("coalesce", tree.args[0], tree.args[1], names, defaults)
    raise ValueError("more than arithmetic")


def _is_coalesce(call: ast.Call) -> bool:
    """Whether a call is `coalesce` of two."""
    named = isinstance(call.func, ast.Name) and call.func.id.lower() == "coalesce"
    return named and len(call.args) == 2 and not call.keywords


def _pair(
    sign: str, left: ast.AST, right: ast.AST, names: list[str], defaults: Mapping[str, float | None]
) -> Node:
    """Return an operation on two nodes; two numbers are refused, they may be whole ones to SQL."""
    both = _node(left, names, defaults), _node(right, names, defaults)
    if both[0][0] == "number" and (both[1][0] == "number" or sign == "coalesce"):
        raise ValueError("arithmetic of constants")
    return (sign, *both)


class Table:
    """Arrays of the rows of a table; what several formulas have in common is computed once."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame
        self._known: dict[Node, Any] = {}
        self._floats = {name for name, kind in frame.schema.items() if kind == pl.Float64}

    def can(self, node: Node | None) -> bool:
        """Whether every counter of a formula is a column of floats; None (no formula) gives nothing."""
        if node is None or node[0] == "number":
            return True
        return node[1] in self._floats if node[0] == "name" else self.can(node[1]) and self.can(node[2])

    def column(self, name: str, node: Node | None, required: tuple[str, ...] = ()) -> pl.Series:
        """Return a formula's column of that name; null where it gives no number.

        Null too where a `required` counter is not known.
        """
        if node is None:
            return pl.Series(name, [None], dtype=pl.Float64).new_from_index(0, self._frame.height)
        with np.errstate(all="ignore"):
            values = self._value(node)
        known = np.isfinite(values)
        for counter in required:
            known &= ~self._null(("name", counter))
        return pl.Series(name, np.where(known, values, np.nan), nan_to_null=True)

    def _value(self, node: Node) -> Any:
        """Array of a node, or the number of a constant."""
        if node not in self._known:
            self._known[node] = self._computed(node)
        return self._known[node]

    def _computed(self, node: Node) -> Any:
        if node[0] == "number":
            return node[1]
        if node[0] == "name":
            return self._frame[node[1]].to_numpy()
        left, right = self._value(node[1]), self._value(node[2])
        if node[0] == "coalesce":
            return np.where(self._null(node[1]), right, left)
        if node[0] == "/" and node[2][0] == "number":  # polars divides by a constant in this way
            return left * np.true_divide(1.0, right)
        return _OPERATIONS[node[0]](left, right)

    def _null(self, node: Node) -> Mask:
        """Tell where a node is not known, which is not the same as being no number."""
        if node[0] == "name":
            return np.asarray(self._frame[node[1]].is_null().to_numpy())
        if node[0] == "number":
            return np.zeros(self._frame.height, np.bool_)
        left, right = self._null(node[1]), self._null(node[2])
        return left & right if node[0] == "coalesce" else left | right
