"""Formulas of arithmetic, `coalesce` and `greatest` over numpy arrays, for tables of few rows.

One formula costs polars more to plan than the rows of one cell take to compute. In plain arithmetic a value
that is not known and one that is no number have the same answer, none, so NaN stands for both; the two
functions tell them apart and ask the columns. Formulas with other functions are left to polars.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Node = tuple[Any, ...]  # ("name", counter), ("number", value), (sign or function, node, node)
_NAME = re.compile(r'"([^"]+)"')
_SIGNS: Mapping[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_FUNCTIONS = ("coalesce", "greatest")
_OPERATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.true_divide,
}  # fmt: skip


def parse(text: str, defaults: Mapping[str, float | None] | None = None) -> Node | None:
    """Parse a formula; None where it holds more than arithmetic and the functions of two.

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
        return ("number", float(tree.value))  # type: ignore[arg-type]  # type() does not narrow
    if isinstance(tree, ast.BinOp) and type(tree.op) in _SIGNS:
        return _pair(_SIGNS[type(tree.op)], tree.left, tree.right, names, defaults)
    if isinstance(tree, ast.Call) and (function := _function_of_two(tree)):
        return _pair(function, tree.args[0], tree.args[1], names, defaults)
    raise ValueError("more than arithmetic")


def _function_of_two(call: ast.Call) -> str | None:
    """Name of a known function that is called with two arguments."""
    name = call.func.id.lower() if isinstance(call.func, ast.Name) else ""
    return name if name in _FUNCTIONS and len(call.args) == 2 and not call.keywords else None


def _pair(
    sign: str, left: ast.AST, right: ast.AST, names: list[str], defaults: Mapping[str, float | None]
) -> Node:
    """Return an operation on two nodes; two numbers are refused, they may be whole ones to SQL."""
    both = _node(left, names, defaults), _node(right, names, defaults)
    if both[0][0] == "number" and (both[1][0] == "number" or sign in _FUNCTIONS):
        raise ValueError("arithmetic of constants")
    return (sign, *both)


@lru_cache(maxsize=1024)
def counters_of(node: Node) -> frozenset[str]:
    """Counters that a formula names."""
    if node[0] in ("name", "number"):
        return frozenset((node[1],) if node[0] == "name" else ())
    return counters_of(node[1]) | counters_of(node[2])


class Table:
    """Arrays of the rows of a table; what several formulas have in common is computed once."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._height = frame.height
        self._columns = {column.name: column for column in frame.get_columns()}
        self._known: dict[Node, Any] = {}
        self._floats = {name for name, kind in frame.schema.items() if kind == pl.Float64}

    def can(self, node: Node | None) -> bool:
        """Whether every counter of a formula is a column of floats; None (no formula) gives nothing."""
        return node is None or counters_of(node) <= self._floats

    def column(self, name: str, node: Node | None, required: tuple[str, ...] = ()) -> pl.Series:
        """Return a formula's column of that name; null where it gives no number.

        Null too where a `required` counter is not known.
        """
        if node is None:
            return pl.Series(name, [None], dtype=pl.Float64).new_from_index(0, self._height)
        with np.errstate(all="ignore"):
            values = self._value(node)
        known = np.isfinite(values)
        for counter in required:
            known &= ~self._null(("name", counter))
        if known.all():
            return self._columns[node[1]].alias(name) if node[0] == "name" else pl.Series(name, values)
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
            return self._columns[node[1]].to_numpy()
        left, right = self._value(node[1]), self._value(node[2])
        if node[0] == "coalesce":
            unknown = self._null(node[1])
            return np.where(unknown, right, left) if unknown.any() else left
        if node[0] == "greatest":
            return self._greatest(node, left, right)
        if node[0] == "/" and node[2][0] == "number":  # polars divides by a constant in this way
            return left * np.true_divide(1.0, right)
        return _OPERATIONS[node[0]](left, right)

    def _greatest(self, node: Node, left: Any, right: Any) -> Any:
        """Return the greater of two; one that is not known leaves the other."""
        greater = np.where(self._null(node[2]), left, np.fmax(left, right))
        return np.where(self._null(node[1]), right, greater)

    def _null(self, node: Node) -> Mask:
        """Tell where a node is not known, which is not the same as being no number."""
        if node[0] == "name" and self._columns[node[1]].has_nulls():
            return np.asarray(self._columns[node[1]].is_null().to_numpy())
        if node[0] in ("name", "number"):
            return np.zeros(self._height, np.bool_)
        left, right = self._null(node[1]), self._null(node[2])
        return left & right if node[0] in _FUNCTIONS else left | right
