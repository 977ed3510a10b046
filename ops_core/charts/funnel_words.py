"""What a funnel says in words: names, the answer and its paragraph, titles that claim no more than the data shows."""

from __future__ import annotations

import math
from itertools import pairwise

from ops_core.analyses.funnel import ALL, NATURAL_DAY, NONE, OTHER, FunnelComparison, FunnelQuery, FunnelResult
from ops_core.locale import Translator

_FEW = 30
_TIES_WORTH_SAYING = 0.01
_DAY, _HOUR, _MINUTE = 86_400, 3_600, 60


def step_names(query: FunnelQuery, t: Translator) -> list[str]:
    """The steps as people read them: event names, several joined, or "any event"; a repeated one with its turn."""
    if query.order == "unordered":
        return [t("funnel.n_done", n=number) for number in range(1, len(query.steps) + 1)]
    names = [t("funnel.any_event") if step.events is None else " / ".join(step.events) for step in query.steps]
    turns = [names[: place + 1].count(name) for place, name in enumerate(names)]
    return [t("funnel.again", name=name, n=n) if n > 1 else name for name, n in zip(names, turns, strict=True)]


def group_name(group: str, t: Translator) -> str:
    """A breakdown group: its value, or our word for the rest and for a missing value."""
    return {ALL: t("funnel.everybody"), OTHER: t("funnel.other"), NONE: t("funnel.no_value")}.get(group, group)


def window_text(window_seconds: float | str, t: Translator) -> str:
    """The window as people say it: 7 days, 90 minutes, the same day."""
    if window_seconds == NATURAL_DAY:
        return t("funnel.same_day")
    for size, unit in ((_DAY, "days"), (_HOUR, "hours"), (_MINUTE, "minutes")):
        if window_seconds % size == 0 and window_seconds >= size:
            return t(f"funnel.n_{unit}", n=int(window_seconds // size))
    return t("funnel.n_seconds", n=window_seconds)


def p_text(p_value: float, t: Translator) -> str:
    """p = 0.042, p < 0.001."""
    text = t.p_value(p_value)
    return f"p < {text[1:]}" if text.startswith("<") else f"p = {text}"


def span_names(edges: list[float], t: Translator) -> list[str]:
    """Stretches of time for an axis; the unit stands only where the next one has another: <1 min, 1–5, 5–15 min."""
    spans = list(pairwise(edges))
    units = [_unit(low, high) for low, high in spans]
    names = []
    for place, ((low, high), (size, unit)) in enumerate(zip(spans, units, strict=True)):
        if low == 0 and unit != "seconds":
            names.append(t(f"funnel.under_{unit}", value=_short(high / size, t)))
            continue
        bounds = f"{_short(low / size, t)}–{_short(high / size, t)}"
        is_last = place == len(units) - 1 or units[place + 1] != units[place]
        names.append(t(f"funnel.span_{unit}", bounds=bounds) if is_last else bounds)
    return names


def _unit(low: float, high: float) -> tuple[int, str]:
    units = ((_DAY, "days"), (_HOUR, "hours"), (_MINUTE, "minutes"))
    return next(((size, unit) for size, unit in units if (low or high) >= size), (1, "seconds"))


def headline(result: FunnelResult, t: Translator, comparison: FunnelComparison | None = None, against: str = "") -> str:
    """The answer in one sentence. A step is said to have moved only when its test says so after Holm."""
    if not result.n_entered:
        return t("funnel.headline_open", n=result.n_immature) if result.n_immature else t("funnel.headline_nobody")
    if comparison is None or not comparison.second.n_entered:
        return _plain_headline(result, t)
    if comparison.n_shared:
        return t("funnel.headline_shared")
    return _moved_headline(comparison, t, against)


def paragraph(
    result: FunnelResult, t: Translator, period: str, comparison: FunnelComparison | None = None, against: str = ""
) -> str:
    """The numbers behind the answer, and what is not known yet."""
    total, names = result.total, step_names(result.query, t)
    last = total.iloc[-1]
    parts = []
    if result.n_entered:
        share_range = t.interval(t.share(last["share_low"]), t.share(last["share_high"]))
        told = {
            "period": period, "first": _first_name(result, names, t), "last": names[-1],
            "window": window_text(result.query.window_seconds, t), "share": t.share(last["conversion_from_start"]),
        }  # fmt: skip
        entered, converted = t.number(result.n_entered), t.number(result.n_converted)
        parts.append(t("funnel.paragraph", entered=entered, converted=converted, range=share_range, **told))
    parts += _against(result, t, comparison, against, names)
    if result.n_immature:
        parts.append(t("funnel.paragraph_immature", n=result.n_immature))
    if result.n_dropped:
        parts.append(t("funnel.paragraph_dropped", n=result.n_dropped))
    if result.tie_share > _TIES_WORTH_SAYING:
        parts.append(t("funnel.paragraph_ties", share=t.share(result.tie_share)))
    return t.sentences(parts)


def bars_title(result: FunnelResult, t: Translator) -> str:
    """Of 100 who start, how many arrive."""
    names = step_names(result.query, t)
    share = float(result.total["conversion_from_start"].iloc[-1])
    if math.isnan(share):
        return t("funnel.bars_title_empty")
    return t("funnel.bars_title", first=names[0], last=names[-1], of_100=t.number(share * 100, 1))


def differences_title(comparison: FunnelComparison, t: Translator) -> str:
    """Which steps moved beyond chance."""
    steps = comparison.steps
    clear = steps[steps["is_clear"]]
    names = step_names(comparison.first.query, t)
    if clear.empty:
        return t("funnel.differences_none")
    if len(clear) < len(steps):
        moved = [names[int(step) - 1] for step in clear["step"]]
        return t("funnel.differences_some", steps=t.join(moved), n=len(moved))
    return t("funnel.differences_all")


def times_title(result: FunnelResult, t: Translator) -> str:
    """Half of those who convert do so within …"""
    median = float(result.total["median_seconds"].iloc[-1])
    if math.isnan(median):
        return t("funnel.times_title_empty")
    return t("funnel.times_title", time=t.duration(median))


def largest_loss(result: FunnelResult) -> int | None:
    """The step (from 1) after which most stay behind: where the conversion to the next one is lowest; or `None`."""
    table = result.total.iloc[1:]
    table = table[~table["optional"] & table["conversion_from_previous"].notna()]
    if table.empty:
        return None
    return int(table.loc[table["conversion_from_previous"].idxmin(), "step"])


def moved_step(comparison: FunnelComparison | None) -> int | None:
    """The step (from 1) that moved most among those that moved beyond chance; `None` without one."""
    if comparison is None or not comparison.steps["is_clear"].any():
        return None
    clear = comparison.steps[comparison.steps["is_clear"]]
    return int(clear.loc[clear["difference"].abs().idxmax(), "step"])


def _moved_headline(comparison: FunnelComparison, t: Translator, against: str) -> str:
    steps, names = comparison.steps, step_names(comparison.first.query, t)
    clear = steps[steps["is_clear"]]
    if clear.empty:
        return t("funnel.headline_no_move", against=against)
    worst = clear.loc[clear["difference"].abs().idxmax()]
    direction = "fell" if worst["difference"] < 0 else "rose"
    told = {
        "step": names[int(worst["step"]) - 1],
        "points": t.number(abs(worst["difference"]) * 100, 1),
        "against": against,
    }
    if len(clear) > 1:
        return t(f"funnel.headline_{direction}_several", **told, n_moved=t.number(len(clear)))
    return t(f"funnel.headline_{direction}" + ("_only_step" if len(steps) == 1 else ""), **told)


def _plain_headline(result: FunnelResult, t: Translator) -> str:
    names, total = step_names(result.query, t), result.total
    share = float(total["conversion_from_start"].iloc[-1])
    told = {"first": names[0], "last": names[-1], "of_100": t.number(share * 100, 1)}
    if result.n_entered < _FEW:
        return t("funnel.headline_few", n=result.n_entered)
    worst = largest_loss(result)
    table = total.set_index("step")
    others = table.drop(index=[1, worst]) if worst else table.iloc[:0]
    # "The most are lost before X" only where its interval lies below those of all other steps.
    if worst and len(others) and (table.loc[worst, "previous_high"] < others["previous_low"].fillna(1)).all():
        return t("funnel.headline_loss", **told, step=names[worst - 1])
    return t("funnel.headline_plain", **told)


def _first_name(result: FunnelResult, names: list[str], t: Translator) -> str:
    return t("funnel.any_step") if result.query.order == "unordered" else names[0]


def _against(
    result: FunnelResult, t: Translator, comparison: FunnelComparison | None, against: str, names: list[str]
) -> list[str]:
    if comparison is None or not result.n_entered:
        return []
    if not comparison.second.n_entered:
        return [t("funnel.paragraph_no_reference", against=against)]
    overall = comparison.overall.iloc[0]
    parts = [t("funnel.paragraph_reference", against=against, share=t.share(overall["reference_share"]))]
    if comparison.n_shared:
        return [*parts, t("funnel.paragraph_shared", n=comparison.n_shared)]
    clear = comparison.steps[comparison.steps["is_clear"]]
    parts += [_step_sentence(row, names, t) for row in clear.sort_values("p_adjusted").head(2).to_dict("records")]
    if clear.empty:
        row = comparison.overall.iloc[0]
        parts.append(t("funnel.paragraph_unclear", low=t.points(row["low"]), high=t.points(row["high"])))
    return parts


def _step_sentence(row: dict, names: list[str], t: Translator) -> str:
    told = {"step": names[row["step"] - 1], "p": p_text(row["p_adjusted"], t)}
    bounds = {"low": t.points(row["low"]), "high": t.points(row["high"])}
    return t(
        "funnel.paragraph_step", before=t.share(row["reference_share"]), now=t.share(row["share"]), **told, **bounds
    )


def _short(value: float, t: Translator) -> str:
    return t.number(value, 0 if float(value).is_integer() else 1)
