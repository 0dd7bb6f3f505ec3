"""`/ui/map`: cells where they stand and complaints about them, drawn here without a tile server."""

from __future__ import annotations

import math
from typing import Annotated, Any

import polars as pl
from fastapi import APIRouter, Depends, Request, Response
from markupsafe import Markup

from callcause.service.authentication import Principal
from callcause.service.settings import Role
from callcause.web.page import PageRoute, render
from callcause.web.reader import ask, kept_of
from callcause.web.session import sees
from collectors.store import Store

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Viewer = Annotated[Principal, Depends(sees(Role.viewer))]
WIDTH, MARGIN, MOST_HIGH = 900, 24, 1200
MARKED, ROWS = 500, 50
"""Cells with complaints that are drawn one by one, those with most complaints first."""
PICTURE = Markup(
    '<svg class="map" viewBox="0 0 {} {}" role="group" aria-labelledby="map-title">'
    '<path class="cells" d="{}"/>{}</svg>'
)
MARK = Markup(
    '<a href="/ui/cells/{}"><circle class="complaints" cx="{}" cy="{}" r="{}">'
    "<title>{}: {}</title></circle></a>"
)


@router.get("/ui/map")
async def map_page(request: Request, who: Viewer) -> Response:
    """Draw the map; the cells with most complaints stand in a table below it too."""
    kept = kept_of(request.app)
    found = await ask(
        request,
        lambda store: kept.get("map", store.version("cell", "ticket"), lambda: drawn(_cells(store))),
    )
    return render(request, "map.html.j2", **found)


def drawn(cells: pl.DataFrame) -> dict[str, Any]:
    """Return the picture, the cells of the table below it, and how many cells there are."""
    marked = cells.filter(pl.col("n") > 0).head(MARKED)
    return {"picture": map_svg(cells, marked), "marked": marked.head(ROWS).to_dicts(), "n": cells.height}


def _cells(store: Store) -> pl.DataFrame:
    """Cells with a place, with their complaints: ecgi, cell_name, latitude, longitude, n; most first."""
    cells = store.rows("cell").select("ecgi", "cell_name", "latitude", "longitude")
    complaints = store.rows("ticket").group_by("ecgi").agg(pl.len().alias("n")).drop_nulls("ecgi")
    placed = cells.join(complaints, on="ecgi", how="left").drop_nulls(["latitude", "longitude"])
    return (
        placed.with_columns(pl.col("n").fill_null(0)).sort(["n", "ecgi"], descending=[True, False]).collect()
    )


def map_svg(cells: pl.DataFrame, marked: pl.DataFrame) -> Markup:
    """Draw cells as dots of one path, so that ten thousand stay small, and marked ones as links."""
    if cells.is_empty():
        return Markup("")
    where = _Projection(cells)
    placed = where.place(cells)
    dots = "".join(
        f"M{x:.1f} {y:.1f}h0" for x, y in placed.select("x", "y").unique(maintain_order=True).iter_rows()
    )
    marks = [
        MARK.format(ecgi, f"{x:.1f}", f"{y:.1f}", f"{4 + 3 * math.log2(n):.1f}", name or ecgi, n)
        for ecgi, name, n, x, y in where.place(marked).select("ecgi", "cell_name", "n", "x", "y").iter_rows()
    ]
    return PICTURE.format(WIDTH, where.height, dots, Markup("").join(marks))


class _Projection:
    """Degrees to drawing units, with a degree of longitude as short as it is at that latitude."""

    def __init__(self, cells: pl.DataFrame) -> None:
        corner = pl.col("longitude", "latitude")
        lows, highs = cells.select(corner.min()).row(0), cells.select(corner.max()).row(0)
        self._west, self._north = lows[0], highs[1]
        self._shrink = max(math.cos(math.radians((lows[1] + highs[1]) / 2)), 0.05)
        wide, tall = max((highs[0] - lows[0]) * self._shrink, 1e-4), max(highs[1] - lows[1], 1e-4)
        self._scale = min((WIDTH - 2 * MARGIN) / wide, (MOST_HIGH - 2 * MARGIN) / tall)
        self.height = int(tall * self._scale) + 2 * MARGIN

    def place(self, cells: pl.DataFrame) -> pl.DataFrame:
        """Add `x` and `y`."""
        return cells.with_columns(
            x=MARGIN + (pl.col("longitude") - self._west) * self._shrink * self._scale,
            y=MARGIN + (self._north - pl.col("latitude")) * self._scale,
        )
