"""Forks ingests and kills them: a process of its own, so that no thread of the tests is forked.

Nothing here runs a query before the fork, so polars has started no thread of its pool. Reads lines of JSON
(`store`, `tree`, and `after_s` or `at_event`) and answers each with how the ingest ended.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

from collectors.ingest import ingest
from collectors.kpi.catalogue import load_catalogue
from collectors.records.schema import load_schemas
from collectors.store import Store


def child(order: dict[str, object]) -> None:
    left = order.get("at_event")
    if isinstance(left, int):
        count = [left]

        def on_event(name: str, _: object) -> None:
            if name in EVENTS:
                count[0] -= 1
                if count[0] <= 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(on_event)
    with Store.open(str(order["store"])) as store:
        ingest(store, [str(order["tree"])])


EVENTS = frozenset(
    {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.listdir", "os.scandir", "fcntl.flock"}
)


def run(order: dict[str, object]) -> int:
    """Fork, perhaps kill, and wait; returns the wait status."""
    pid = os.fork()
    if pid == 0:
        try:
            child(order)
        except BaseException as error:  # noqa: BLE001 - the child must never return into the loop
            sys.stderr.write(f"{error!r}\n")
            os._exit(1)
        os._exit(0)
    after = order.get("after_s")
    if isinstance(after, float):
        end = time.monotonic() + after
        while time.monotonic() < end:
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                return status
            time.sleep(0.001)
        os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]


def main() -> None:
    load_schemas()
    load_catalogue()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        status = run(json.loads(line))
        print(json.dumps({"killed": os.WIFSIGNALED(status), "status": status}), flush=True)


if __name__ == "__main__":
    main()
