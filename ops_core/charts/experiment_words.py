"""Sentences of an experiment: verdict, numbers, what to mind, titles that state a finding."""

from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd

from ops_core.analyses.experiments import ExperimentResult
from ops_core.analyses.inference import SRM_BLOCKS, SRM_WARNS
from ops_core.analyses.verdicts import change_text, difference_text, level_text
from ops_core.charts.experiments import age_rows, daily_rows
from ops_core.locale import Translator

_OUTLIER_WEIGHT = 0.2  # of half an interval: two fifths of a standard error
_CUPED_WORTH_SAYING = 0.05
_SAY_VISIBLE = ("too_small", "no_difference")  # verdicts whose own sentence has the smallest visible difference


def headline(result: ExperimentResult, t: Translator) -> str:
    """The verdict, with what has to be cleared up first."""
    return result.verdict.sentence(t)


def paragraph(result: ExperimentResult, t: Translator, escaped: Callable[[str], str] = str) -> str:
    """The verdict's numbers: both arms, the difference with its interval and p-value, the guardrails, the bet.

    Markdown; `escaped` makes a name from the data safe in it.
    """
    row = _verdict_row(result)
    if row is None:
        return t("experiments.no_comparison")
    kind, scale = row["kind"], row["difference"]
    sentences = [
        t(
            "experiments.numbers",
            metric=escaped(row["metric"]), arm=escaped(row["arm"]), mean=level_text(kind, row["mean"], t),
            control=escaped(result.control),
            control_mean=level_text(kind, row["control_mean"], t),
            difference=difference_text(kind, row["difference"], t, scale),
            interval=t.interval(
                difference_text(kind, row["low"], t, scale, unit=False),
                difference_text(kind, row["high"], t, scale, unit=False),
            ),
            level=_level(result, t), p=t.p_value(row["p_adjusted"]),
        )
    ]  # fmt: skip
    if not row["is_clear"] and result.verdict.reason not in _SAY_VISIBLE and not math.isnan(row["smallest_visible"]):
        visible = difference_text(kind, row["smallest_visible"], t, row["smallest_visible"]).lstrip("+")
        sentences.append(t("experiments.visible", visible=visible, power=t.share(result.query.power, 0)))
    if result.verdict.reason == "too_small" and not math.isnan(row["users_for_tenth"]):
        sentences.append(t("experiments.users_for_tenth", users=t.compact(row["users_for_tenth"])))
    guardrails = result.metrics[(result.metrics["role"] == "guardrail") & ~result.metrics["is_control"]]
    if len(guardrails):
        harmed = guardrails[guardrails["is_clear"]]["metric"].unique()
        sentences.append(
            t("experiments.guardrails_harmed", names=t.join([escaped(name) for name in harmed]))
            if len(harmed)
            else t("experiments.guardrails_quiet")
        )
    if not math.isnan(row["p_best"]):
        sentences.append(t("experiments.bet", arm=escaped(row["arm"]), share=t.share(row["p_best"])))
    return t.sentences(sentences)


def split_note(result: ExperimentResult, t: Translator) -> str:
    """What is wrong with the split of users over the arms; empty when nothing is."""
    if not result.srm_p_value < SRM_WARNS:
        return ""
    planned = " : ".join(t.number(100 * share) for share in result.arms["planned_share"])
    found = " : ".join(t.number(n) for n in result.arms["n"])
    key = "blocks" if result.srm_p_value < SRM_BLOCKS else "warns"
    return t(f"experiments.split_{key}", planned=planned, found=found, p=t.p_value(result.srm_p_value))


def rows_note(result: ExperimentResult, t: Translator) -> str:
    """That users stand in several rows of a unit table, and what that does; empty where each has one."""
    return t("experiments.several_rows", n=result.n_repeated) if result.n_repeated else ""


def metrics_table(result: ExperimentResult, t: Translator) -> pd.DataFrame:
    """The metrics as people read them: each row's figures in its metric's own unit, as texts; roles in words."""
    rows = result.metrics

    def told(name: str, write: Callable[..., str]) -> list[str]:
        return [write(kind, value, t) for kind, value in zip(rows["kind"], rows[name], strict=True)]

    return rows.assign(
        role=[t(f"experiments.role_{role}") for role in rows["role"]],
        **{name: told(name, level_text) for name in ("mean", "control_mean")},
        **{name: told(name, difference_text) for name in ("difference", "low", "high", "expected_loss")},
    )


def notes(result: ExperimentResult, t: Translator, escaped: Callable[[str], str] = str) -> list[str]:
    """What to mind before the verdict is acted on: the split, users in several rows, a segment's users only."""
    segment = result.query.segment
    of_segment = t("experiments.of_segment", segment=escaped(segment.name)) if segment else ""
    return [note for note in (split_note(result, t), rows_note(result, t), of_segment) if note]


def facts(result: ExperimentResult, t: Translator) -> list[str]:
    """Short facts on who is in the numbers and who is not."""
    immature, missing = (
        int(result.arms["n_immature"].sum()),
        int(result.metrics.groupby("metric")["n_missing"].sum().max()),
    )
    found = [t("experiments.fact_users", n=int(result.arms["n"].sum()))]
    counts = (
        ("immature", immature), ("several_arms", result.n_several_arms), ("without_arm", result.n_without_arm),
        ("missing", missing),
    )  # fmt: skip
    found += [t(f"experiments.fact_{name}", n=n) for name, n in counts if n]
    caps = result.metrics.drop_duplicates("metric").dropna(subset=["cap"])
    found += [t("experiments.fact_cap", metric=row.metric, cap=t.number(row.cap)) for row in caps.itertuples()]
    found += _outliers(result, t)
    kept = result.metrics.groupby("metric", sort=False)["variance_kept"].min()
    found += [
        t("experiments.fact_cuped", metric=metric, share=t.share(1 - share, 0))
        for metric, share in kept.items()
        if 1 - share >= _CUPED_WORTH_SAYING
    ]
    return found


def forest_title(result: ExperimentResult, t: Translator) -> str:
    """How many of the metrics are clear."""
    compared = result.metrics[~result.metrics["is_control"]]
    clear = compared[compared["is_clear"]]
    if clear.empty:
        return t("experiments.forest_none_clear")
    row = clear.iloc[0]
    found = t("experiments.forest_clear", metric=row["metric"], change=change_text(row["kind"], row["difference"], t))
    rest = len(compared) - len(clear)
    return t("experiments.forest_rest_open", finding=found) if rest else found


def daily_title(result: ExperimentResult, t: Translator) -> str:
    """Which of the two bands excludes zero at the last reading."""
    last = daily_rows(result).iloc[-1]
    fixed = last["low"] > 0 or last["high"] < 0
    always = last["always_low"] > 0 or last["always_high"] < 0
    return t(f"experiments.daily_{'both' if fixed and always else 'fixed' if fixed else 'neither'}")


def ages_title(result: ExperimentResult, t: Translator) -> str:
    """From which day on the interval excludes zero."""
    ages = age_rows(result)
    clear = ((ages["low"] > 0) | (ages["high"] < 0)).tolist()
    if not clear[-1]:
        return t("experiments.ages_never")
    first = len(clear) - clear[::-1].index(False) if False in clear else 0
    return t("experiments.ages_from", n=int(ages["day"].iloc[first]))


def _outliers(result: ExperimentResult, t: Translator) -> list[str]:
    """Metrics in which a single user alone moves the difference noticeably."""
    found = []
    for row in result.metrics[~result.metrics["is_control"] & result.metrics["cap"].isna()].to_dict("records"):
        half = (row["high"] - row["low"]) / 2
        shift = row["largest"] / row["n"] if row["n"] else 0.0
        if row["kind"] in ("mean", "revenue") and shift > half * _OUTLIER_WEIGHT:
            largest, moved = t.number(row["largest"]), t.number(shift, 2)
            found.append(t("experiments.fact_outlier", metric=row["metric"], largest=largest, shift=moved))
    return found


def _verdict_row(result: ExperimentResult) -> dict | None:
    compared = result.metrics[~result.metrics["is_control"] & result.metrics["p_value"].notna()]
    if compared.empty:
        return None
    told = compared[(compared["metric"] == result.verdict.metric) & (compared["arm"] == result.verdict.arm)]
    return (told if len(told) else compared).iloc[0].to_dict()


def _level(result: ExperimentResult, t: Translator) -> str:
    return t.share(1 - result.query.alpha, 0)
