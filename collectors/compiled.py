"""Compiled functions: numba's code is kept on disk where there is a folder to write to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(inline: Literal["never", "always"] = "never") -> Callable[[Function], Function]:
    """Compile at first use, without the interpreter's lock; kept on disk where numba finds a place for it."""

    def decorate(function: Function) -> Function:
        try:
            made = njit(cache=True, nogil=True, inline=inline)(function)
        except RuntimeError:  # no place for a cache, neither beside the file nor in the user's folder
            made = njit(nogil=True, inline=inline)(function)
        return cast(Function, made)

    return decorate
