"""The declared order of causes as a graph."""

from __future__ import annotations

from collections.abc import Iterable

from runbooks.model import Precedence


def find_cycle(entries: Iterable[Precedence]) -> list[str]:
    """Return one cycle of causes that go before each other, first and last the same; else nothing."""
    after: dict[str, set[str]] = {}
    for entry in entries:
        for cause in entry.before:
            after.setdefault(cause, set()).update(entry.after)
    done: set[str] = set()
    for start in sorted(after):
        cycle = _walk(start, after, done)
        if cycle:
            return cycle
    return []


def _walk(start: str, after: dict[str, set[str]], done: set[str]) -> list[str]:
    """Depth first without recursion; `done` holds causes that lead into no cycle."""
    path, todo = [start], [sorted(after.get(start, ()))]
    while path:
        if not todo[-1]:
            done.add(path.pop())
            todo.pop()
            continue
        following = todo[-1].pop()
        if following in path:
            return [*path[path.index(following) :], following]
        if following not in done:
            path.append(following)
            todo.append(sorted(after.get(following, ())))
    return []
