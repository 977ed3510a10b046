"""From effects to a verdict: ship, stop, keep running, not readable. Part of `analyses.experiments`.

Rules, in this order: a sample ratio mismatch below 0.001 or arms without users are not readable; a guardrail clearly
harmed or a decision metric clearly worse stops; a decision metric clearly better ships; what cannot be told yet keeps
running, unless even the top of the interval of every decision metric is below what would be worthwhile. While windows
are open or the planned size is not reached, "clear" asks for the always-valid interval too: an early look must not
decide on the fixed one, and harm by the fixed one alone holds back what would ship. Of several arms to ship the first
decision metric that ships one tells, by P(best): differences of two metrics are never compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from ops_core.analyses.experiment_plan import SHARE_KINDS, ExperimentQuery
from ops_core.analyses.inference import SRM_BLOCKS, SRM_WARNS
from ops_core.locale import Translator, translator

SHIP, STOP, KEEP_RUNNING, NOT_READABLE = CODES = ("ship", "stop", "keep_running", "not_readable")


@dataclass(frozen=True)
class Verdict:
    """What to do, why, and the numbers the sentence needs.

    `code`: one of `CODES`. `reason`: key of the sentence. `metric`, `arm`: what the reason speaks of, empty when it is
    the whole experiment. `kind`: the metric's kind, which says how its values are written. `check_split`: the split is
    off its plan, too little to withhold the verdict and too much to act on it unexamined (SRM p in 0.001–0.01).
    """

    code: str
    reason: str
    metric: str = ""
    arm: str = ""
    kind: str = ""
    values: Mapping[str, float] = field(default_factory=dict)
    check_split: bool = False

    def sentence(self, t: Translator) -> str:
        """The verdict in the reader's language, with what has to be cleared up first."""
        scale = self.values.get("difference", 1.0)
        texts = {"metric": self.metric, "arm": self.arm}
        for name, value in self.values.items():
            texts[name] = _value_text(name, self.kind, value, scale, t)
        sentence = t(f"experiments.verdict.{self.reason}", **texts)
        return t("experiments.check_split_first", verdict=sentence) if self.check_split else sentence

    def __str__(self) -> str:
        return self.sentence(translator("en"))


def level_text(kind: str, value: float, t: Translator) -> str:
    """A mean as people read it: 44.8 %, ¥29.80, 51.3."""
    if kind in SHARE_KINDS:
        return t.share(value, 1 if value >= 0.1 or value != value else 2)
    return t.money_exact(value) if kind == "revenue" else t.number(value, digits=2)


def difference_text(kind: str, value: float, t: Translator, scale: float = 1.0, unit: bool = True) -> str:
    """A signed difference, shares in percentage points: with two decimals where `scale`, the difference, is small."""
    if kind in SHARE_KINDS:
        text = t.points(value, 1 if abs(scale) >= 0.01 else 2)
        return t("experiments.points", value=text) if unit else text
    return t.signed_money(value) if kind == "revenue" and unit else t.signed(value, digits=2)


def change_text(kind: str, value: float, t: Translator) -> str:
    """A change in words: rises by 3.1 pp, falls by ¥0.40."""
    size = difference_text(kind, abs(value), t, value).lstrip("+")
    direction = "up" if value > 0 else "down" if value < 0 else "none"
    return t(f"experiments.change.{direction}", value=size)


def _value_text(name: str, kind: str, value: float, scale: float, t: Translator) -> str:
    if name in ("mean", "control_mean"):
        return level_text(kind, value, t)
    if name == "difference":
        return change_text(kind, value, t)
    if name in ("low", "high"):
        return difference_text(kind, value, t, scale)
    if name == "visible":
        return difference_text(kind, value, t, value).lstrip("+")
    return t.p_value(value) if name == "p" else t.number(value)


def decide(query: ExperimentQuery, metrics: pd.DataFrame, arms: pd.DataFrame, srm_p_value: float) -> Verdict:
    """The verdict of a whole experiment, from the tables of its result."""
    verdict = _decide(query, metrics, arms, srm_p_value)
    return replace(verdict, check_split=SRM_BLOCKS <= srm_p_value < SRM_WARNS)


def _decide(query: ExperimentQuery, metrics: pd.DataFrame, arms: pd.DataFrame, srm_p_value: float) -> Verdict:
    if len(arms) < 2:
        return Verdict(NOT_READABLE, "one_arm", arm=str(arms["arm"].iloc[0]) if len(arms) else "")
    if srm_p_value < SRM_BLOCKS:
        counts = arms["n"]
        values = {"p": srm_p_value, "lowest": float(counts.min()), "highest": float(counts.max())}
        return Verdict(NOT_READABLE, "srm", values=values)
    decisions = metrics[metrics["role"] == "decision"]
    if decisions.empty:
        return Verdict(NOT_READABLE, "no_decision_metric")
    metrics = metrics.assign(fewest=metrics.groupby("metric")["n"].transform("min"))
    if (metrics.loc[metrics["role"] == "decision", "fewest"] < 2).all():
        immature = float(arms["n_immature"].sum())
        return Verdict(NOT_READABLE, "nobody_ripe" if immature else "nobody", values={"users": immature})
    is_early = bool(arms["n_immature"].sum()) or (query.planned_n or 0) > arms["n"].min()
    compared = metrics[~metrics["is_control"]]
    verdicts = [_of_arm(rows, is_early) for _, rows in compared.groupby("arm", sort=False)]
    shipped = [verdict for verdict in verdicts if verdict.code == SHIP]
    if shipped:
        return _best(shipped, compared)
    running = [verdict for verdict in verdicts if verdict.code == KEEP_RUNNING]
    return (running or verdicts)[0]


def _best(shipped: list[Verdict], compared: pd.DataFrame) -> Verdict:
    order = list(compared["metric"].unique())
    p_best = compared.set_index(["metric", "arm"])["p_best"].fillna(0.0)  # nan where an arm does not vary

    def rank(verdict: Verdict) -> tuple[int, float, float]:
        return order.index(verdict.metric), -p_best[verdict.metric, verdict.arm], -abs(verdict.values["difference"])

    return min(shipped, key=rank)


def _of_arm(rows: pd.DataFrame, is_early: bool) -> Verdict:
    excludes_zero = (rows["always_low"] > 0) | (rows["always_high"] < 0)
    is_settled = rows["is_clear"] & (excludes_zero | (not is_early))
    is_good = (rows["difference"] > 0) == rows["higher_is_better"]
    guards, decides = rows["role"] == "guardrail", rows["role"] == "decision"
    harmed, worse, better = (rows[is_settled & which] for which in (guards, decides & ~is_good, decides & is_good))
    if len(harmed):
        return _verdict(STOP, "guardrail", harmed.iloc[0])
    if len(worse):
        return _verdict(STOP, "mixed" if len(better) else "worse", worse.iloc[0])
    suspect = rows[rows["is_clear"] & (guards | (decides & ~is_good))]
    if len(better) and len(suspect):
        return _verdict(KEEP_RUNNING, "early", suspect.iloc[0])
    if len(better):
        return _verdict(SHIP, "better", better.iloc[0])
    return _not_clear(rows[rows["role"] == "decision"])


def _not_clear(decisions: pd.DataFrame) -> Verdict:
    if decisions["is_clear"].any():
        return _verdict(KEEP_RUNNING, "early", decisions[decisions["is_clear"]].iloc[0])
    gain = decisions["high"].where(decisions["higher_is_better"], -decisions["low"])
    is_below = decisions["worthwhile"] > gain
    if is_below.all():
        return _verdict(STOP, "not_worthwhile", decisions.iloc[0])
    hopeful = decisions[~is_below]
    readable = hopeful[hopeful["smallest_visible"].notna()]
    if readable.empty:
        row = hopeful.iloc[0]
        return _verdict(NOT_READABLE, "no_variance" if row["fewest"] >= 2 else "nobody", row)
    row = readable.iloc[0]
    # Who has the users to see a tenth more or less is not told to wait for more of them.
    reason = "no_difference" if row["users_for_tenth"] <= row["fewest"] else "too_small"
    return _verdict(KEEP_RUNNING, reason, row)


def _verdict(code: str, reason: str, row: pd.Series) -> Verdict:
    values = {
        "difference": row["difference"], "low": row["low"], "high": row["high"], "p": row["p_adjusted"],
        "mean": row["mean"], "control_mean": row["control_mean"], "visible": row["smallest_visible"],
        "users": float(row["n"]),
    }  # fmt: skip
    return Verdict(code, reason, str(row["metric"]), str(row["arm"]), str(row["kind"]), values)
