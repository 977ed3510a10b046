"""Sentences and names for value: what a new user is worth, what one costs, whether customers come back."""

from __future__ import annotations

import pandas as pd

from ops_core.analyses.value import OTHER, ValueResult
from ops_core.analyses.value_model import ValueModelResult
from ops_core.charts.trends_words import group_name
from ops_core.locale import Translator
from ops_core.model.intervals import FEW


def at_age(result: ValueResult) -> pd.DataFrame:
    """LTV per group at the age of the curves, groups with users only."""
    rows = result.ltv[(result.ltv["age_days"] == result.curve_age_days) & (result.ltv["users"] > 0)]
    return rows.reset_index(drop=True)


def headline(result: ValueResult, t: Translator) -> str:
    """Payback where spend is known, else which group is worth more, as far as the intervals go."""
    if not result.curve_age_days:
        return t("value.headline_unripe", age=result.query.ages_days[0])
    if result.has_spend:
        return _headline_spend(result, t)
    rows, age = at_age(result), result.curve_age_days
    whole = t("value.headline", value=t.money(rows["value"].sum() / rows["users"].sum()), age=age)
    apart = _apart(rows)
    if apart is None:
        return whole
    best, worst = apart
    return t(
        "value.headline_apart", value=t.money(rows["value"].sum() / rows["users"].sum()), age=age,
        best=group_name(best["group"], t), best_value=t.money(best["ltv"]), worst=group_name(worst["group"], t),
        worst_value=t.money(worst["ltv"]),
    )  # fmt: skip


def paragraph(result: ValueResult, t: Translator) -> str:
    """ARPU, ARPPU, buying again, and who is left out."""
    figures = result.period
    parts = [
        t("value.paragraph_period", revenue=t.money(figures["revenue"]), arpu=t.money(figures["arpu"]),
          arppu=t.money(figures["arppu"]), paying=t.number(figures["paying"]), active=t.number(figures["active"])),
        t("value.paragraph_repeat", rate=t.share(figures["repeat_rate"]), repeat=t.number(figures["repeat_buyers"]),
          buyers=t.number(figures["buyers"]),
          range=t.interval(t.share(figures["repeat_low"]), t.share(figures["repeat_high"]))),
    ]  # fmt: skip
    if result.n_left_out:
        parts.append(t("value.paragraph_left_out", n=result.n_left_out))
    return t.sentences(parts)


def channels_title(result: ValueResult, t: Translator) -> str:
    """How many channels have paid back; the total is no channel, nor is the rest, which holds several."""
    if result.query.breakdown is None:
        return t("value.total_title")
    rows = result.channels[result.channels["cac"].notna()]
    single = rows[rows["group"].str.rstrip("*") != OTHER]
    rows = single if len(single) else rows
    back = rows["payback_days"].notna()
    return t("value.channels_title", n=int(back.sum()), of=t.number(len(rows)), age=result.curve_age_days)


def spend_notes(result: ValueResult, t: Translator) -> list[str]:
    """What is missing on the side of the costs."""
    notes = []
    missing = result.channels[result.channels["missing_days"] > 0]
    if len(missing):
        named = [
            t("value.missing_days", channel=group_name(row.group, t), days=t.number(row.missing_days),
              users=t.number(row.missing_users))
            for row in missing.itertuples()
        ]  # fmt: skip
        notes.append(t("value.note_missing_days", channels=t.join(named)))
    unknown = result.channels[result.channels["spend"].isna()]
    if len(unknown):
        notes.append(t("value.note_no_spend", channels=t.join([group_name(name, t) for name in unknown["group"]])))
    for row in result.unmatched_spend.itertuples():
        key = "value.note_unmatched" if row.channel else "value.note_unallocated"
        notes.append(t(key, channel=row.channel, amount=t.money(row.amount)))
    return notes


def repeat_title(result: ValueResult, t: Translator) -> str:
    """The newest complete bucket's rates."""
    whole = result.buckets[~result.buckets["partial"] & (result.buckets["buyers"] > 0)]
    known = whole[whole["buy_again_rate"].notna()]
    if whole.empty or known.empty:
        return t("value.repeat_title_plain")
    return t(
        "value.repeat_title", repeat=t.share(whole["repeat_rate"].iloc[-1]),
        again=t.share(known["buy_again_rate"].iloc[-1]),
    )  # fmt: skip


def interval_title(result: ValueResult, t: Translator) -> str:
    """Half of the purchases come within so many days of the one before."""
    marks = result.interval_days
    if not marks["n"]:
        return t("value.interval_none")
    if marks["n"] < FEW:
        return t("value.interval_few", n=int(marks["n"]))
    return t("value.interval_title", median=t.number(marks["median"]), late=t.number(marks["late"]))


def prediction_title(result: ValueModelResult, t: Translator) -> str:
    """What customers will bring, or why nothing is said."""
    if result.refusals:
        return t("value.prediction_refused")
    return t(
        "value.prediction_title", value=t.money(result.customers["value"].sum()),
        n=result.n_customers, days=result.query.horizon_days,
    )  # fmt: skip


def refusal_texts(result: ValueModelResult, t: Translator) -> list[str]:
    """Why nothing is predicted, a sentence per reason."""
    holdout = result.holdout
    values = {
        "customers": t.number(result.n_customers),
        "repeaters": t.number(result.n_repeaters),
        "error": t.signed_share(holdout.total_error) if holdout else "",
        "group_error": t.share(holdout.group_error) if holdout else "",
    }
    return [t(f"value.refusal_{reason}", **values) for reason in result.refusals]


def holdout_title(result: ValueModelResult, t: Translator) -> str:
    """How far the forecast of the last days was off."""
    holdout = result.holdout
    if holdout is None:
        return t("value.holdout_none")
    side = "high" if holdout.total_error >= 0 else "low"
    return t(f"value.holdout_{side}", error=t.share(abs(holdout.total_error)), days=holdout.days)


def _headline_spend(result: ValueResult, t: Translator) -> str:
    rows = result.channels[result.channels["cac"].notna()]
    back = rows[rows["payback_days"].notna()].sort_values("payback_days")
    age = result.curve_age_days
    late = rows[rows["payback_days"].isna()]
    if back.empty:
        return t("value.headline_no_payback", age=age)
    first = back.iloc[0]
    named = {"channel": group_name(first["group"], t), "days": t.number(first["payback_days"])}
    if late.empty:
        last = back.iloc[-1]
        if len(back) == 1:
            return t("value.headline_payback_one", **named)
        return t("value.headline_payback_all", slow=group_name(last["group"], t),
                 slow_days=t.number(last["payback_days"]), **named)  # fmt: skip
    return t("value.headline_payback_some", late=t.join([group_name(name, t) for name in late["group"]]), age=age,
             **named)  # fmt: skip


def _apart(rows: pd.DataFrame) -> tuple[pd.Series, pd.Series] | None:
    """The best and the worst group when their intervals do not touch."""
    known = rows[rows["low"].notna()]
    if len(known) < 2:
        return None
    best, worst = known.loc[known["ltv"].idxmax()], known.loc[known["ltv"].idxmin()]
    return (best, worst) if best["low"] > worst["high"] else None
