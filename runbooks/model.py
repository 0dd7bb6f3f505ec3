"""The types of the runbooks: causes, checks, conditions, precedence, derived names.

All are frozen. Weights are log-odds (natural logarithm); units stand beside each threshold.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from runbooks.condition import Condition, ConditionSyntaxError, Outcome, Value, parse_sql, parse_text

Category = Literal["all", "registration", "access", "drop", "mos", "csfb"]
CATEGORIES: tuple[Category, ...] = ("all", "registration", "access", "drop", "mos", "csfb")
Level = Literal["own", "cell", "neighbour", "node", "network"]
LEVELS: tuple[Level, ...] = ("own", "cell", "neighbour", "node", "network")
Scope = Literal["ticket", "subscriber", "call", "cell", "neighbour", "node", "network"]
IsFault = Literal["true", "false", "unknown"]
NameType = Literal["number", "bool", "word"]
NodeType = Literal[
    "enb", "mme", "sgw", "pgw", "pcrf", "sbc", "pcscf", "icscf", "scscf", "as", "hss", "dns",
    "mgcf", "mgw", "rtp_proxy", "msc", "emsc", "other",
]  # fmt: skip
LogOdds = Annotated[float, Field(ge=-20, le=20, allow_inf_nan=False)]
Id = Annotated[str, Field(min_length=1, pattern=r"^[A-Za-z0-9_.-]+$")]
CaseValue = Value | int | None


class Place(NamedTuple):
    """Where an entry stands: file name and line number from 1; line 0 = not read from a file."""

    file: str = ""
    line: int = 0


class LocatedDict(dict[str, Any]):
    """A YAML mapping that knows where it and each of its keys stand."""

    __slots__ = ("file", "key_lines", "line")

    def __init__(self, file: str, line: int) -> None:
        super().__init__()
        self.file, self.line = file, line
        self.key_lines: dict[str, int] = {}


class _Entry(BaseModel):
    """A frozen entry that refuses unknown keys and remembers its place."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    place: Place = Field(default=Place(), exclude=True, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _take_place(cls, data: object) -> object:
        if isinstance(data, LocatedDict):
            if "place" in data:
                raise ValueError("key 'place' is reserved")
            return {**data, "place": Place(data.file, data.line)}
        return data


class Bilingual(BaseModel):
    """A text in English and Chinese."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    en: str
    zh: str

    def in_language(self, lang: str) -> str:
        """Return the Chinese text for `zh`, the English one for anything else."""
        return self.zh if lang == "zh" else self.en


def _word_of_truth(value: object) -> object:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else value


class Cause(_Entry):
    """What may be behind a complaint, who acts and how.

    `prior` is the starting log-odds of the cause within its category. 0 is the documented default:
    how common causes are is not known. Where a source quotes a share, the prior is a quarter of its log-odds
    against the others (one study does not carry over whole), and `prior_origin` names the source.
    """

    id: Id
    category: Category
    title: Bilingual
    departments: tuple[Bilingual, ...] = Field(min_length=1)
    remedy: Bilingual
    is_fault: Annotated[IsFault, BeforeValidator(_word_of_truth)]
    source_tag: tuple[str, ...] = ()
    family: str
    prior: LogOdds = 0.0
    prior_origin: str = "default-unverified"
    guilty_node_type: NodeType | None = None
    intermediate: bool = False
    gives_way_to: Category | None = None

    @property
    def no_fault(self) -> bool:
        """True when the network did what it should (runbooks section 9, rule 8)."""
        return self.is_fault == "false"


class _Conditional(_Entry):
    """An entry with one condition, as text of the condition language or as SQL."""

    when: str | None = None
    sql: str | None = None
    applies_when: str | None = None
    level: Level = "own"
    hit: LogOdds = 0.0
    miss: LogOdds = 0.0
    origin: str = ""
    shares: tuple[Id, ...] = ()

    @model_validator(mode="after")
    def _parse(self) -> Self:
        if (self.when is None) == (self.sql is None):
            raise ValueError("give one of the keys 'when' and 'sql'")
        _ = self.condition, self.applies
        return self

    @cached_property
    def condition(self) -> Condition:
        """The parsed condition."""
        return parse_text(self.when) if self.when is not None else parse_sql(self.sql or "")

    @cached_property
    def applies(self) -> Condition | None:
        """When this is a MISS the condition is NOT_APPLICABLE; None = always applies."""
        return parse_text(self.applies_when) if self.applies_when is not None else None


class ConditionSpec(_Conditional):
    """One condition of a check, the cause it speaks for and how strongly.

    `hit` and `miss` are added to the log-odds of `cause`; `against` is added to other causes on a HIT.
    `decisive`: a HIT would decide alone. `shares` names evidence groups: of the hits of one cause that share
    a group only the strongest counts.
    """

    cause: Id
    unit: str = "-"
    decisive: bool = False
    against: dict[str, LogOdds] = Field(default_factory=dict)


class Route(_Conditional):
    """A condition that shifts weight between several causes but supports none by itself."""

    causes: tuple[Id, ...] = Field(min_length=1)


class Case(_Entry):
    """One worked example of a check: values in, outcome out.

    `condition` (from 1) expects of that condition or route alone; without it of the whole check.
    """

    name: str = Field(min_length=1)
    given: dict[str, CaseValue] = Field(default_factory=dict)
    expect: Outcome
    condition: int | None = Field(default=None, ge=1)


class Check(_Entry):
    """A question of a decision tree with its conditions."""

    id: Id
    category: Category
    order: int = Field(ge=1)
    scope: Scope
    question: Bilingual
    needs: tuple[str, ...] = ()
    rule: str
    rule_origin: str = ""
    applies_when: str | None = None
    conditions: tuple[ConditionSpec, ...] = ()
    routes: tuple[Route, ...] = ()
    runs_after: tuple[str, ...] = ()
    cases: tuple[Case, ...] = ()

    @model_validator(mode="after")
    def _parse(self) -> Self:
        _ = self.applies
        return self

    @cached_property
    def applies(self) -> Condition | None:
        """When this is a MISS the whole check is NOT_APPLICABLE; None = always applies."""
        return parse_text(self.applies_when) if self.applies_when is not None else None

    @property
    def routes_only(self) -> bool:
        """True when the check supports no cause by itself."""
        return not self.conditions

    @property
    def entries(self) -> tuple[ConditionSpec | Route, ...]:
        """Conditions, then routes: the order that `Case.condition` counts in."""
        return self.conditions + self.routes

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that the conditions, routes and applicability read, each once."""
        parsed = [self.applies, *(c for entry in self.entries for c in (entry.condition, entry.applies))]
        return tuple(dict.fromkeys(name for condition in parsed if condition for name in condition.names))

    @property
    def causes(self) -> tuple[str, ...]:
        """Causes that a HIT supports, each once."""
        return tuple(dict.fromkeys(condition.cause for condition in self.conditions))


class Precedence(_Entry):
    """Declared order of section 9: when one of `before` is supported by a HIT, each of `after` loses `damp`.

    `before` and `after` are cause ids; the loader has spread patterns such as `acc-*` and left out
    of `after` what stands in `before`. `at_least`: the hit must be of this level or nearer to the user.
    `stops`: the tree ends there (rule 7a).
    """

    id: Id
    before: tuple[str, ...] = Field(min_length=1)
    after: tuple[str, ...] = Field(min_length=1)
    damp: Annotated[float, Field(gt=0, le=20, allow_inf_nan=False)]
    at_least: Level = "network"
    stops: bool = False
    rule: str
    reason: Bilingual


class NameSpec(_Entry):
    """A derived value that a condition may use, beside record fields and KPIs.

    `hits_of`: the value is true when one of these checks hits, false when none hits and one is a MISS,
    else not known; the engine fills it in after those checks, the evidence does not hold it.
    """

    name: str
    type: NameType
    unit: str = "-"
    definition: str = Field(min_length=10)
    values: tuple[str, ...] = ()
    hits_of: tuple[str, ...] = ()


class TreeRun(_Entry):
    """A tree that also runs for tickets of another category; `when` limits it to some of them."""

    category: Category
    when: str | None = None
    reason: str

    @cached_property
    def condition(self) -> Condition | None:
        """The parsed `when`; None = for all tickets of that category."""
        return parse_text(self.when) if self.when is not None else None


class Unanswerable(_Entry):
    """Something that a rule asks and the records cannot answer, with what it would need."""

    check: Id
    asks: str
    would_need: str


class Code(BaseModel):
    """A protocol code and its meaning in a complaint; `vendor` is filled for Diameter only."""

    model_config = ConfigDict(frozen=True)
    protocol: str
    vendor: int | None
    code: str
    name_en: str
    fault_class: Literal["user", "network", "mixed", "none"]
    meaning: str
    check_ids: tuple[str, ...]
    departments: tuple[str, ...]


class Runbooks(BaseModel):
    """Everything the engine needs to know about causes and checks; `version` is a hash of the content."""

    model_config = ConfigDict(frozen=True)

    checks: Mapping[str, Check]
    causes: Mapping[str, Cause]
    departments: Mapping[str, str]
    precedence: tuple[Precedence, ...]
    names: Mapping[str, NameSpec]
    also_runs: Mapping[str, tuple[TreeRun, ...]] = Field(default_factory=dict)
    unanswerable: tuple[Unanswerable, ...] = ()
    codes: tuple[Code, ...] = ()
    version: str = ""

    @cached_property
    def by_category(self) -> Mapping[str, tuple[Check, ...]]:
        """Checks of each category in their order."""
        return {
            category: tuple(
                sorted(
                    (c for c in self.checks.values() if c.category == category), key=lambda c: (c.order, c.id)
                )
            )
            for category in CATEGORIES
        }

    def causes_of(self, category: str) -> tuple[Cause, ...]:
        """Causes of one category."""
        return tuple(cause for cause in self.causes.values() if cause.category == category)


__all__ = [
    "CATEGORIES",
    "LEVELS",
    "Bilingual",
    "Case",
    "Cause",
    "Check",
    "Code",
    "ConditionSpec",
    "ConditionSyntaxError",
    "NameSpec",
    "Place",
    "Precedence",
    "Route",
    "Runbooks",
    "TreeRun",
    "Unanswerable",
]
