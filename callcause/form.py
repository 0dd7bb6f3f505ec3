"""The forms and languages in which results are given."""

from enum import StrEnum


class Form(StrEnum):
    """How results are given."""

    table = "table"
    json = "json"
    html = "html"


class Language(StrEnum):
    """In which language a person reads."""

    en = "en"
    zh = "zh"
