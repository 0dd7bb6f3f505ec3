"""`python -m callcause.rehearsal.process CONFIG MOMENT`: `callcause serve` that goes by a shared moment."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from callcause.commands.serving import problems, serve
from callcause.configuration import load_configuration
from callcause.rehearsal.moment import SharedMoment
from callcause.service.logs import start_logging
from callcause.service.service import Service
from callcause.state.base import go_by
from callcause.terminal import fail
from callcause_error import CallcauseError

LOOK_S = 0.05


def main() -> int:
    """Serve until SIGTERM; the same service as `callcause serve`, but for its clock."""
    config, moment = Path(sys.argv[1]), SharedMoment(Path(sys.argv[2]))
    go_by(moment.read)
    try:
        configuration = load_configuration(config)
        wrong = problems(config, configuration)
        if wrong:
            raise wrong[0]
        start_logging()
        asyncio.run(serve(configuration, lambda service: _follow(service, moment)))
    except CallcauseError as error:
        return fail(error)
    return 0


async def _follow(service: Service, moment: SharedMoment) -> None:
    """Wake what waits for a time whenever the moment has moved."""
    seen = moment.read()
    while not service.stopping.is_set():
        await asyncio.sleep(LOOK_S)
        if (now := moment.read()) != seen:
            seen = now
            service.warnings.wake()
            service.work_notices.wake()
            service.effects.wake()


if __name__ == "__main__":
    sys.exit(main())
