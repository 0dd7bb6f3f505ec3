"""The forms in which results are given."""

from enum import StrEnum


class Form(StrEnum):
    """How results are given."""

    table = "table"
    json = "json"
    html = "html"
