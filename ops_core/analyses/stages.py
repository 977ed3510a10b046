"""Life-cycle stages: introduction → growth → maturity → decline → churned, everybody in exactly one.

Counted: known users, at the start of a local day; "days ago" counts whole local days, 1 = the last complete day.
Definitions §5. In order: churned when last active more than `churn_days` ago; decline when more than `active_days` ago;
maturity with `mature_active_days` active days in the last `recent_days`; growth when activated; introduction while
first seen at most `introduction_days` ago; and decline for the rest, who came, did not take and are past the start.
Users who were never active count from the day they were first seen.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import asdict, dataclass, field, replace
from numbers import Integral

import numpy as np
import pandas as pd

from ops_core.engine import stages as engine
from ops_core.engine.selection import user_ids
from ops_core.errors import QueryError
from ops_core.model.segment import Segment
from ops_core.model.time import date_of, day_number
from ops_core.workspace import Workspace, one_state

STAGES = ("introduction", "growth", "maturity", "decline", "churned")
NOT_YET = "not_yet"  # a week ago, of users first seen since
SETTING = "stage_rules"
CHURN_PERCENTILE = 90
FEWEST_GAPS = 30
_INTRODUCTION, _GROWTH, _MATURITY, _DECLINE, _CHURNED = range(5)


@dataclass(frozen=True)
class StageRules:
    """The thresholds of the stages, in days, and what makes a user activated (default: a second active day).

    Raises:
        QueryError: thresholds that contradict each other.
    """

    introduction_days: int = 7
    active_days: int = 14
    churn_days: int = 28
    recent_days: int = 28
    mature_active_days: int = 8
    activation_event: str | None = None

    def __post_init__(self) -> None:
        days = (self.introduction_days, self.active_days, self.churn_days, self.recent_days, self.mature_active_days)
        rising = all(isinstance(one, Integral) for one in days) and 0 < self.active_days < self.churn_days
        if not rising or self.introduction_days < 1 or not 1 <= self.mature_active_days <= self.recent_days:
            found = (
                f"{self.active_days} < {self.churn_days}, {self.introduction_days} ≥ 1, "
                f"{self.mature_active_days} ≤ {self.recent_days}"
            )
            raise QueryError("stage_rules", found=found)

    @classmethod
    def of(cls, workspace: Workspace) -> StageRules:
        """The workspace's own rules: as set, else the defaults with its activation event."""
        saved = dict(workspace.store.setting(SETTING) or {})
        saved.setdefault("activation_event", workspace.store.setting("activation_event"))
        return cls(**saved)

    def keep(self, workspace: Workspace) -> None:
        """Make these the workspace's own rules."""
        with workspace.store.write() as cursor:
            workspace.store.put_setting(cursor, SETTING, asdict(self))

    @staticmethod
    def reset(workspace: Workspace) -> None:
        """Back to the product's rules."""
        with workspace.store.write() as cursor:
            workspace.store.put_setting(cursor, SETTING, None)

    def churned_after(self, days: float) -> StageRules:
        """The same rules with another churn limit, in whole days; "alive" ends before it."""
        churn = max(2, math.ceil(days))
        return replace(self, churn_days=churn, active_days=min(self.active_days, churn - 1))

    def with_(self, **changes: object) -> StageRules:
        """The same rules with some thresholds changed."""
        return replace(self, **changes)


@dataclass(frozen=True, eq=False)
class StagesResult:
    """Everybody's stage on a day and a week before.

    `counts`: stage (in order), users, share (of all known users; nan without any), users_before, share_before.
    `transitions`: from_stage (a week ago, `not_yet` for users first seen since), to_stage, users: every user once; the
        sums by to_stage are `users`, those by from_stage `users_before`.
    """

    rules: StageRules
    at: dt.date
    counts: pd.DataFrame
    transitions: pd.DataFrame
    keys: np.ndarray = field(repr=False)
    stage_of: np.ndarray = field(repr=False)
    stage_before: np.ndarray = field(repr=False)
    workspace: Workspace = field(repr=False)

    @property
    def n_users(self) -> int:
        """Known users on the day."""
        return len(self.keys)

    @property
    def matrix(self) -> pd.DataFrame:
        """The moves as a square: from_stage (with `not_yet`, at the end `all`), a column per stage of now, users (sum).

        The last row is the sum of the columns: the users of each stage now.
        """
        square = self.transitions.pivot_table(index="from_stage", columns="to_stage", values="users", sort=False)
        square = square[list(STAGES)].astype(int)
        square.loc["all"] = square.sum()
        return square.assign(users=square.sum(axis=1)).reset_index().rename_axis(columns=None)

    def count(self, stage: str, before: str | None = None) -> int:
        """Users in a stage; with `before`, only those who were in that stage a week ago."""
        rows = self.transitions[self.transitions["to_stage"] == stage]
        return int((rows if before is None else rows[rows["from_stage"] == before])["users"].sum())

    def users(self, stage: str, before: str | None = None) -> list[str]:
        """Ids of the users in a stage; with `before`, only those who were in that stage a week ago.

        Raises:
            QueryError: there is no such stage.
        """
        chosen = self.stage_of == _place(stage, STAGES)
        if before is not None:
            chosen &= self.stage_before == _place(before, (*STAGES, NOT_YET))
        return user_ids(self.workspace.store, self.keys[chosen])


@dataclass(frozen=True)
class ChurnSuggestion:
    """The 90th percentile of users' own gaps between active days: `days`, from `n_gaps` gaps."""

    days: float
    n_gaps: int


@one_state
def stages(
    workspace: Workspace,
    at: dt.date | str | None = None,
    rules: StageRules | None = None,
    segment: Segment | None = None,
) -> StagesResult:
    """The stage of every known user at the start of the day `at` (default: as-of), and seven days before.

    Raises:
        QueryError: no data (before that day), a day after as-of, or an activation event that no event has.
    """
    rules = rules or StageRules.of(workspace)
    end_day = _end_day(workspace, at)
    histories = engine.histories(workspace.store, segment, rules.activation_event)
    now = histories.standing(end_day, rules.recent_days)
    if not len(now.users):
        raise QueryError("stages_without_data", day=date_of(end_day).isoformat())
    earlier = histories.standing(end_day - 7, rules.recent_days)
    stage_of = _stage(now, end_day, rules)
    stage_before = np.full(len(now.users), len(STAGES), dtype=np.int8)
    stage_before[np.searchsorted(now.users, earlier.users)] = _stage(earlier, end_day - 7, rules)
    matrix = np.bincount(stage_before * len(STAGES) + stage_of, minlength=(len(STAGES) + 1) * len(STAGES))
    return StagesResult(
        rules=rules,
        at=date_of(end_day),
        counts=_counts(matrix.reshape(len(STAGES) + 1, len(STAGES))),
        transitions=pd.DataFrame(
            [(a, b) for a in (*STAGES, NOT_YET) for b in STAGES], columns=["from_stage", "to_stage"]
        ).assign(users=matrix),
        keys=now.users,
        stage_of=stage_of,
        stage_before=stage_before,
        workspace=workspace,
    )


@one_state
def suggest_churn_days(
    workspace: Workspace, at: dt.date | str | None = None, segment: Segment | None = None
) -> ChurnSuggestion:
    """How long users stay away and still come back: nine of ten gaps between active days are not longer.

    Raises:
        QueryError: too few gaps to say, no data, or a day after as-of.
    """
    end_day = _end_day(workspace, at)
    histories = engine.histories(workspace.store, segment, None)
    gaps = engine.gaps_between_active_days(histories.days, end_day)
    if len(gaps) < FEWEST_GAPS:
        raise QueryError("too_few_gaps", n=len(gaps), least=FEWEST_GAPS)
    return ChurnSuggestion(float(np.percentile(gaps, CHURN_PERCENTILE)), len(gaps))


def _stage(standing: engine.Standing, end_day: int, rules: StageRules) -> np.ndarray:
    seen_ago = end_day - standing.first_seen_day
    never = standing.last_active_day == engine.NEVER
    active_ago = np.where(never, seen_ago, end_day - standing.last_active_day)
    is_new = ~standing.is_activated & (seen_ago <= rules.introduction_days)
    return np.select(
        [
            active_ago > rules.churn_days,
            active_ago > rules.active_days,
            standing.recent_active_days >= rules.mature_active_days,
            standing.is_activated,
            is_new,
        ],
        [_CHURNED, _DECLINE, _MATURITY, _GROWTH, _INTRODUCTION],
        default=_DECLINE,
    ).astype(np.int8)


def _counts(matrix: np.ndarray) -> pd.DataFrame:
    users, before = matrix.sum(axis=0), matrix.sum(axis=1)[: len(STAGES)]
    return pd.DataFrame(
        {
            "stage": STAGES,
            "users": users,
            "share": users / users.sum() if users.sum() else np.nan,
            "users_before": before,
            "share_before": before / before.sum() if before.sum() else np.nan,
        }
    )


def _end_day(workspace: Workspace, at: dt.date | str | None) -> int:
    if workspace.as_of_us is None:
        raise QueryError("no_data_yet")
    # As-of within a day: that day counts as far as it is there.
    last = int(workspace.rules.local_days(np.array([workspace.as_of_us - 1]))[0]) + 1
    if at is None:
        return last
    if day_number(at) > last:
        raise QueryError("stages_after_data", day=date_of(day_number(at)).isoformat(), last=date_of(last).isoformat())
    return day_number(at)


def _place(stage: str, known: tuple[str, ...]) -> int:
    if stage not in known:
        raise QueryError("unknown_stage", value=stage, allowed=list(known))
    return known.index(stage)
