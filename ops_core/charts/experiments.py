"""Charts and sentences of an experiment: forest of the metrics, what each reading day would have shown."""

from __future__ import annotations

import math

import pandas as pd
import plotly.graph_objects as go

from ops_core.analyses.experiments import ExperimentResult
from ops_core.analyses.inference import SRM_BLOCKS, SRM_WARNS
from ops_core.analyses.verdicts import change_text, difference_text, level_text
from ops_core.charts.theme import (
    LIGHT,
    Palette,
    band,
    end_label,
    figure,
    interval,
    number_column,
    number_header,
    reference,
    row_name,
)
from ops_core.locale import Translator

_ROLES = ("decision", "reference", "guardrail")
_VALUE_INSET, _RANGE_WIDTH = 128, 226  # pixels of the two number columns in the right margin
_FEWEST_DAYS = 5


def draw(result: ExperimentResult, t: Translator, palette: Palette = LIGHT, relative: bool = True) -> go.Figure:
    """The forest: one row per metric and arm with its interval, filled where the data are clear.

    Relative lift on one axis; absolute differences have units of their own, so each row is scaled to its own interval
    and only the common zero is marked.
    """
    rows = _rows(result)
    fig = figure(palette, height=70 + 46 * len(rows), right=_RANGE_WIDTH, top=26)
    number_header(fig, palette, t("experiments.relative" if relative else "experiments.absolute"), inset=_VALUE_INSET)
    number_header(fig, palette, t("experiments.interval_95", level=_level(result, t)))
    low_name, mid_name, high_name = _PARTS[relative]
    reached = [0.0]
    for y, row in enumerate(rows):
        if isinstance(row, str):
            row_name(fig, palette, y, t(f"experiments.role_{row}"), t(f"experiments.role_{row}_note"), lift=-0.18)
            continue
        scale = 1.0 if relative else max(abs(row[low_name]), abs(row[high_name]), 1e-300)
        color = palette.change(row["difference"], "up" if row["higher_is_better"] else "down", bool(row["is_clear"]))
        row_name(fig, palette, y, _name(result, row), _from_to(row, t), bold=row["role"] == "decision")
        if not math.isnan(row[low_name]):
            interval(
                fig, palette, y, row[mid_name] / scale, row[low_name] / scale, row[high_name] / scale, color=color,
                clear=bool(row["is_clear"]), symbol="square" if row["role"] == "guardrail" else "circle",
                hover=_hover(result, row, t),
            )  # fmt: skip
            reached += [row[low_name] / scale, row[high_name] / scale]
        value = t.signed_share(row[mid_name]) if relative else _difference(row, mid_name, t)
        if row["is_clear"]:
            value = ("▲ " if row["difference"] > 0 else "▼ ") + value
        number_column(fig, palette, [(y, value)], inset=_VALUE_INSET, bold=bool(row["is_clear"]), color=color)
        number_column(fig, palette, [(y, _range_text(row, low_name, high_name, relative, t))])
    reference(fig, palette, x=0, solid=True)
    _axes(fig, palette, reached, len(rows), relative)
    return fig


_PARTS = {True: ("relative_low", "relative", "relative_high"), False: ("low", "difference", "high")}


def draw_daily(
    result: ExperimentResult, t: Translator, palette: Palette = LIGHT, metric: str = "", arm: str = ""
) -> go.Figure:
    """The difference as each reading day would have shown it: fixed-sample band inside the always-valid one."""
    days = daily_rows(result, metric, arm)
    kind = result.metrics.set_index("metric").loc[days["metric"].iloc[0], "kind"]
    kind = kind if isinstance(kind, str) else kind.iloc[0]
    factor = 100.0 if kind in ("proportion", "retention", "funnel") else 1.0
    x = days["day"].tolist()
    fig = figure(palette, height=336, right=92, hover="x")
    fixed, always = _scaled(days, ("low", "high"), factor), _scaled(days, ("always_low", "always_high"), factor)
    band(fig, x, *always, palette.accent, 0.12)
    band(fig, x, *fixed, palette.accent, 0.20)
    values = (days["difference"] * factor).tolist()
    hover = [_day_hover(row, kind, t) for row in days.to_dict("records")]
    fig.add_scatter(
        x=x, y=values, mode="lines", line={"color": palette.accent, "width": 2}, text=hover,
        hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip
    fig.add_scatter(
        x=x[-1:], y=values[-1:], mode="markers", marker={"size": 8, "color": palette.accent}, hoverinfo="skip",
        cliponaxis=False,
    )  # fmt: skip
    last = days.iloc[-1]
    end_label(
        fig, palette, x[-1], values[-1], difference_text(kind, last["difference"], t, unit=False), color=palette.accent
    )
    end_label(fig, palette, x[-1], always[1][-1], t("experiments.always_valid"), color=palette.ink2, shift=8)
    end_label(fig, palette, x[-1], fixed[0][-1], t("experiments.fixed_sample"), color=palette.ink2, shift=6)
    reference(fig, palette, y=0, solid=True)
    # The first days rest on few users; their bands would flatten all that follows.
    reach = max(abs(value) for value in (*always[0][len(x) // 4 :], *always[1][len(x) // 4 :]))
    fig.update_yaxes(range=[-1.1 * reach, 1.1 * reach])
    ticks = x[:: max(1, len(x) // 4)]
    fig.update_xaxes(tickvals=ticks, ticktext=[t.date(day) for day in ticks])
    return fig


def daily_rows(result: ExperimentResult, metric: str = "", arm: str = "") -> pd.DataFrame:
    """The reading days of a metric and arm (default: what the verdict speaks of, else the first) with an interval."""
    daily = result.daily
    wanted_metric = metric or result.verdict.metric or result.query.metrics[0].name
    others = result.arms.loc[~result.arms["is_control"], "arm"].tolist()
    wanted_arm = arm or result.verdict.arm or (others[0] if others else "")
    found = daily[(daily["metric"] == wanted_metric) & (daily["arm"] == wanted_arm) & daily["low"].notna()]
    return found.reset_index(drop=True)


def has_days(result: ExperimentResult) -> bool:
    """Whether there are enough reading days with an interval to draw."""
    return len(daily_rows(result)) >= _FEWEST_DAYS


def headline(result: ExperimentResult, t: Translator) -> str:
    """The verdict, with what has to be cleared up first."""
    sentence = result.verdict.sentence(t)
    if SRM_BLOCKS <= result.srm_p_value < SRM_WARNS:
        return t("experiments.check_split_first", verdict=sentence)
    return sentence


def paragraph(result: ExperimentResult, t: Translator) -> str:
    """The verdict's numbers: both arms, the difference with its interval and p-value, the guardrails, the bet."""
    row = _verdict_row(result)
    if row is None:
        return t("experiments.no_comparison")
    kind, scale = row["kind"], row["difference"]
    sentences = [
        t(
            "experiments.numbers",
            arm=row["arm"], mean=level_text(kind, row["mean"], t), control=result.control,
            control_mean=level_text(kind, row["control_mean"], t),
            difference=difference_text(kind, row["difference"], t, scale),
            interval=t.interval(
                difference_text(kind, row["low"], t, scale, unit=False),
                difference_text(kind, row["high"], t, scale, unit=False),
            ),
            level=_level(result, t), p=t.p_value(row["p_adjusted"]),
        )
    ]  # fmt: skip
    if not row["is_clear"] and result.verdict.reason != "too_small" and not math.isnan(row["smallest_visible"]):
        visible = difference_text(kind, row["smallest_visible"], t, row["smallest_visible"]).lstrip("+")
        sentences.append(t("experiments.visible", visible=visible, power=t.share(result.query.power, 0)))
    guardrails = result.metrics[(result.metrics["role"] == "guardrail") & ~result.metrics["is_control"]]
    if len(guardrails):
        harmed = guardrails[guardrails["is_clear"]]["metric"].unique()
        sentences.append(
            t("experiments.guardrails_harmed", names=t.join(list(harmed)))
            if len(harmed)
            else t("experiments.guardrails_quiet")
        )
    if not math.isnan(row["p_best"]):
        sentences.append(t("experiments.bet", arm=row["arm"], share=t.share(row["p_best"])))
    return ("" if t.language == "zh" else " ").join(sentences)


def split_note(result: ExperimentResult, t: Translator) -> str:
    """What is wrong with the split of users over the arms; empty when nothing is."""
    if not result.srm_p_value < SRM_WARNS:
        return ""
    planned = " : ".join(t.number(100 * share) for share in result.arms["planned_share"])
    found = " : ".join(t.number(n) for n in result.arms["n"])
    key = "blocks" if result.srm_p_value < SRM_BLOCKS else "warns"
    return t(f"experiments.split_{key}", planned=planned, found=found, p=t.p_value(result.srm_p_value))


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
    kept = result.metrics.groupby("metric", sort=False)["variance_kept"].min()
    found += [
        t("experiments.fact_cuped", metric=metric, share=t.share(1 - share, 0))
        for metric, share in kept.items()
        if share < 0.995
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


def _rows(result: ExperimentResult) -> list[str | dict]:
    found: list[str | dict] = []
    compared = result.metrics[~result.metrics["is_control"]]
    for role in _ROLES:
        rows = compared[compared["role"] == role].to_dict("records")
        found += [role, *rows] if rows else []
    return found


def _name(result: ExperimentResult, row: dict) -> str:
    return row["metric"] if len(result.arms) == 2 else f"{row['metric']} · {row['arm']}"


def _from_to(row: dict, t: Translator) -> str:
    return f"{level_text(row['kind'], row['control_mean'], t)} → {level_text(row['kind'], row['mean'], t)}"


def _difference(row: dict, name: str, t: Translator) -> str:
    return difference_text(row["kind"], row[name], t, row["difference"])


def _range_text(row: dict, low: str, high: str, relative: bool, t: Translator) -> str:
    if math.isnan(row[low]):
        return "—"
    if relative:
        return t.interval(t.signed(100 * row[low], 1), t.signed(100 * row[high], 1))
    texts = (difference_text(row["kind"], row[name], t, row["difference"], unit=False) for name in (low, high))
    return t.interval(*texts)


def _hover(result: ExperimentResult, row: dict, t: Translator) -> str:
    return t(
        "experiments.hover",
        name=_name(result, row), difference=_difference(row, "difference", t),
        interval=_range_text(row, "low", "high", False, t), p=t.p_value(row["p_value"]),
        adjusted=t.p_value(row["p_adjusted"]), users=t.number(row["n"]),
    )  # fmt: skip


def _day_hover(row: dict, kind: str, t: Translator) -> str:
    texts = [
        difference_text(kind, row[name], t, row["difference"], unit=False) for name in ("difference", "low", "high")
    ]
    wide = [
        difference_text(kind, row[name], t, row["difference"], unit=False) for name in ("always_low", "always_high")
    ]
    return t(
        "experiments.day_hover",
        day=t.date(row["day"]), difference=texts[0], fixed=t.interval(*texts[1:]), always=t.interval(*wide),
        users=t.number(row["n"]),
    )  # fmt: skip


def _scaled(days: pd.DataFrame, names: tuple[str, str], factor: float) -> tuple[list[float], list[float]]:
    low, high = ((days[name] * factor).tolist() for name in names)
    return low, high


def _axes(fig: go.Figure, palette: Palette, reached: list[float], n_rows: int, relative: bool) -> None:
    low, high = min(reached), max(reached)
    room = 0.06 * (high - low or 1.0)
    fig.update_xaxes(
        range=[low - room, high + room], showgrid=True, gridcolor=palette.grid, showline=False, nticks=5,
        tickformat="+.0%" if high - low > 0.04 else "+.1%", showticklabels=relative,
    )  # fmt: skip
    fig.update_yaxes(range=[n_rows - 0.4, -0.6], showticklabels=False, showgrid=False)


def _verdict_row(result: ExperimentResult) -> dict | None:
    compared = result.metrics[~result.metrics["is_control"] & result.metrics["p_value"].notna()]
    if compared.empty:
        return None
    told = compared[(compared["metric"] == result.verdict.metric) & (compared["arm"] == result.verdict.arm)]
    return (told if len(told) else compared).iloc[0].to_dict()


def _level(result: ExperimentResult, t: Translator) -> str:
    return t.share(1 - result.query.alpha, 0)
