"""Run all benchmarks, or those named: `python -m bench [module..]`. Exit status 1: one misses its figure."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path


def modules() -> list[str]:
    """Return the names of the benchmarks."""
    return sorted(
        found.name for found in pkgutil.iter_modules([str(Path(__file__).parent)]) if found.name[0] != "_"
    )


def run(name: str) -> int:
    """Run one benchmark as if it were called alone, without arguments."""
    entry = getattr(importlib.import_module(f"bench.{name}"), "main", None)
    if entry is None:
        return 0
    sys.argv = [f"bench.{name}"]
    print(f"== {name}", flush=True)
    try:
        return int(entry() or 0)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0


def main() -> int:
    """Run what is asked for, and say which figures were missed."""
    wanted = sys.argv[1:] or modules()
    unknown = sorted(set(wanted) - set(modules()))
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(modules())}", file=sys.stderr)
        return 2
    missed = [name for name in wanted if run(name)]
    print(f"missed: {', '.join(missed) or 'none'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
