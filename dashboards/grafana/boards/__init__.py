"""All boards, in the order in which an engineer reads them."""

from __future__ import annotations

from collectors.kpi.catalogue import Catalogue
from dashboards.grafana.boards import category, cell, complaints, loop, network, nodes, service
from dashboards.grafana.spec import Board


def all_boards(catalogue: Catalogue) -> list[Board]:
    """Build every board from the catalogue."""
    return [
        network.board(catalogue),
        *category.boards(catalogue),
        cell.board(catalogue),
        nodes.board(catalogue),
        complaints.board(),
        *loop.boards(),
        *service.boards(),
    ]
