"""Reads over HTTP: the text of an exporter, a range query of a Prometheus; every failure a SourceError."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, Field

from collectors.errors import SourceError
from collectors.prometheus.exposition import Exposition, Series
from collectors.secret import Secret

MOST_BYTES = 32 * 1024 * 1024


class HttpAccess(BaseModel):
    """How to reach an HTTP source: credentials and trust."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bearer: Secret | None = None
    username: str | None = None
    password: Secret | None = None
    ca_file: Path | None = Field(default=None, description="certificates to trust instead of the system's")

    def client(self, timeout_s: float) -> httpx.AsyncClient:
        """Open a client; its connections are kept between runs."""
        auth = None
        headers = {"User-Agent": "callcause"}
        if self.bearer is not None:
            headers["Authorization"] = f"Bearer {self.bearer.reveal()}"
        elif self.username is not None and self.password is not None:
            auth = httpx.BasicAuth(self.username, self.password.reveal())
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=300)
        trust: Any = True
        if self.ca_file is not None:
            import ssl

            trust = ssl.create_default_context(cafile=str(self.ca_file))
        return httpx.AsyncClient(
            auth=auth, headers=headers, limits=limits, timeout=timeout_s, verify=trust, trust_env=False
        )


async def get_text(client: httpx.AsyncClient, url: str, params: Mapping[str, str] | None, place: str) -> str:
    """Fetch a text of bounded size; SourceError with `place` (source and target) where that fails."""
    try:
        async with client.stream("GET", url, params=params) as answer:
            if answer.status_code in (401, 403):
                raise SourceError("authentication", f"refused: HTTP {answer.status_code}", file=place)
            if answer.status_code != 200:
                raise SourceError("bad_answer", f"answered HTTP {answer.status_code}", file=place)
            body = bytearray()
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise SourceError("bad_answer", f"answered more than {MOST_BYTES} bytes", file=place)
    except httpx.TimeoutException as error:
        raise SourceError("timeout", "did not answer in time", file=place) from error
    except httpx.ConnectError as error:
        raise SourceError("unreachable", "cannot be reached", file=place, hint=str(error) or None) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SourceError("bad_answer", f"broke off: {type(error).__name__}", file=place) from error
    return bytes(body).decode("utf-8", "replace")


async def query_range(
    client: httpx.AsyncClient,
    base: str,
    query: str,
    start: datetime,
    end: datetime,
    step_s: float,
    place: str,
) -> dict[float, Exposition]:
    """Ask for series over time; returns what was there at each step, by Unix time."""
    params = {
        "query": query,
        "start": f"{start.timestamp():.3f}",
        "end": f"{end.timestamp():.3f}",
        "step": f"{step_s:g}",
    }
    text = await get_text(client, f"{base.rstrip('/')}/api/v1/query_range", params, place)
    try:
        answer = httpx.Response(200, text=text).json()
        return _by_time(answer["data"]["result"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SourceError("bad_answer", "answered no matrix of a range query", file=place) from error


def _by_time(result: list[dict[str, Any]]) -> dict[float, Exposition]:
    found: dict[float, Exposition] = {}
    for entry in result:
        labels = dict(entry["metric"])
        name = labels.pop("__name__")
        for at, value in entry["values"]:
            looks = found.setdefault(float(at), Exposition())
            looks.series.setdefault(name, []).append(Series(labels, float(value)))
            looks.counts["samples"] += 1
    return found
