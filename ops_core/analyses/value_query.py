"""What can be asked about value: which users and purchases, at which ages, by which property."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real

from ops_core.errors import QueryError
from ops_core.model.period import Period
from ops_core.model.segment import Segment

GRAINS = ("day", "week", "month", "quarter")
LONGEST_AGE_DAYS = 730


@dataclass(frozen=True)
class ValueQuery:
    """Value of the users first seen in a period, and the purchases made in it.

    Attributes:
        period: whose new users (for LTV, CAC) and whose purchases (for the rates) are meant.
        grain: bucket of the cohorts and of the rates.
        ages_days: ages at which LTV is read: the value of a user's first d local days, the first one included.
        breakdown: `user.<name>`, usually the channel; `top` values are told apart.
        margin: share of the revenue that is earned, 0–1; LTV/CAC, payback and ROI use it, LTV itself does not.
        segment: users of a segment alone; the answer then has no costs.

    Raises:
        QueryError: an unknown grain, ages outside 1–730, or a margin outside 0–1.
    """

    period: Period
    grain: str = "week"
    ages_days: tuple[int, ...] = (7, 14, 30, 60, 90)
    breakdown: str | None = None
    top: int = 6
    margin: float = 1.0
    segment: Segment | None = None

    def __post_init__(self) -> None:
        Period.checked(self.period)
        Segment.checked(self.segment)
        if not all(isinstance(age, Integral) for age in self.ages_days):
            raise QueryError("value_ages", value=list(self.ages_days), longest=LONGEST_AGE_DAYS)
        object.__setattr__(self, "ages_days", tuple(sorted(set(self.ages_days))))
        if self.grain not in GRAINS:
            raise QueryError("unknown_grain", value=self.grain, allowed=list(GRAINS))
        if not self.ages_days or self.ages_days[0] < 1 or self.ages_days[-1] > LONGEST_AGE_DAYS:
            raise QueryError("value_ages", value=list(self.ages_days), longest=LONGEST_AGE_DAYS)
        if not isinstance(self.margin, Real) or not 0 < self.margin <= 1:
            raise QueryError("value_margin", value=self.margin)
