"""A test from a table that is counted already: each arm's difference with its interval, the verdict in words."""

from __future__ import annotations

from collections.abc import Callable

import plotly.graph_objects as go

from ops_core.analyses.counted import CountedResult
from ops_core.analyses.inference import SRM_BLOCKS, SRM_WARNS
from ops_core.analyses.verdicts import change_text, difference_text, level_text
from ops_core.charts import theme
from ops_core.charts.palette import LIGHT, Palette
from ops_core.locale import Translator

_VALUE_INSET, _RIGHT = 108, 216  # pixels of the number columns
_UNEVEN = 1.5


def draw(result: CountedResult, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """One row per arm other than the control: the relative change with its interval, filled where it is clear."""
    rows = result.metrics.to_dict("records")
    kind = kind_of(result)
    fig = theme.figure(palette, height=64 + 52 * len(rows), right=_RIGHT, top=26)
    theme.number_header(fig, palette, t("counted.difference"), inset=_VALUE_INSET)
    theme.number_header(fig, palette, t("experiments.interval_95", level=t.share(1 - result.query.alpha, 0)))
    factor = 100.0 if kind == "proportion" else 1.0  # shares are drawn in percentage points
    reached = [0.0]
    for y, row in enumerate(rows):
        clear = bool(row["p_adjusted"] < result.query.alpha)
        color = palette.change(row["difference"], "up", clear)
        theme.row_name(fig, palette, y, str(row["arm"]), t("counted.against", control=_control(result)), lift=0.36)
        texts = [difference_text(kind, row[name], t, row["difference"]) for name in ("difference", "low", "high")]
        if row["low"] == row["low"]:
            theme.interval(
                fig, palette, y, *(row[name] * factor for name in ("difference", "low", "high")), color=color,
                clear=clear, hover=f"{row['arm']}<br>{texts[0]} ({t.interval(texts[1], texts[2])})",
            )  # fmt: skip
            reached += [row["low"] * factor, row["high"] * factor]
        sign = ("▲ " if row["difference"] > 0 else "▼ ") if clear else ""
        theme.number_column(fig, palette, [(y, sign + texts[0])], inset=_VALUE_INSET, bold=clear, color=color)
        theme.number_column(fig, palette, [(y, _interval(row, kind, t))])
    low, high = min(reached), max(reached)
    room = 0.06 * (high - low or 1.0)
    fig.update_xaxes(
        range=[low - room, high + room], zeroline=True, zerolinecolor=palette.axis, showline=False,
        showgrid=True, gridcolor=palette.grid, nticks=3, tickformat="+.1f" if kind == "proportion" else None,
    )  # fmt: skip
    fig.update_yaxes(range=[len(rows) - 0.4, -0.5], showticklabels=False, showgrid=False)
    return fig


def headline(result: CountedResult, t: Translator) -> str:
    """The verdict in words."""
    code, row = result.verdict
    names = {"rate": rate_name(result, t), "arm": row["arm"], "control": _control(result)}
    change = change_text(kind_of(result), row["difference"], t)
    return t(f"counted.verdict_{code}", change=change, **names)


def paragraph(result: CountedResult, t: Translator, escaped: Callable[[str], str] = str) -> str:
    """The verdict's numbers: both rates with numerator and denominator, difference, interval, lift, p-value.

    Markdown; `escaped` makes a name from the data safe in it.
    """
    _, row = result.verdict
    kind = kind_of(result)
    arms = {record["arm"]: record for record in result.arms.to_dict("records")}
    said = [escaped(_arm(arms[name], kind, t)) for name in (row["arm"], _control(result))]
    sentence = t(
        "counted.numbers",
        treatment=said[0],
        control=said[1],
        difference=difference_text(kind, row["difference"], t, row["difference"]),
        interval=_interval(row, kind, t),
        lift=t.signed_share(row["relative"]),
        lift_interval=t.interval(t.signed_share(row["relative_low"]), t.signed_share(row["relative_high"])),
        level=t.share(1 - result.query.alpha, 0),
        p=t.p_value(row["p_adjusted"]),
    )
    unit = t(f"counted.read_by_{result.query.per}", denominator=escaped(result.query.denominator))
    return t.sentences([sentence, unit])


def warnings(result: CountedResult, t: Translator) -> list[str]:
    """What has to be known before the numbers are used."""
    found = []
    totals = " : ".join(t.number(total) for total in result.arms["denominator"])
    if result.srm_p_value < SRM_WARNS:
        code = "blocks" if result.srm_p_value < SRM_BLOCKS else "warns"
        found.append(
            t(f"counted.split_{code}", column=result.query.denominator, totals=totals, p=t.p_value(result.srm_p_value))
        )
    if result.query.per == "count" and result.uneven_days > _UNEVEN:
        found.append(t("counted.too_sure", times=t.number(result.uneven_days, 1)))
    if result.n_rows_left_out:
        found.append(t("counted.left_out", n=result.n_rows_left_out))
    return found


def split_fact(result: CountedResult, t: Translator) -> str:
    """The split of the denominator over the arms, with the p-value of an equal one."""
    totals = " : ".join(t.number(total) for total in result.arms["denominator"])
    return t("counted.split_fact", column=result.query.denominator, totals=totals, p=t.p_value(result.srm_p_value))


def rate_name(result: CountedResult, t: Translator) -> str:
    """What is compared: numerator ÷ denominator."""
    return t("counted.rate_name", numerator=result.query.numerator, denominator=result.query.denominator)


def kind_of(result: CountedResult) -> str:
    """`proportion` where no arm has more successes than trials, else `ratio`: how its values are written."""
    return "proportion" if (result.arms["numerator"] <= result.arms["denominator"]).all() else "ratio"


def _control(result: CountedResult) -> str:
    return str(result.arms.loc[result.arms["is_control"], "arm"].iloc[0])


def _arm(record: dict[str, object], kind: str, t: Translator) -> str:
    return t(
        "counted.arm",
        arm=record["arm"],
        rate=level_text(kind, record["rate"], t),
        numerator=t.number(record["numerator"]),
        denominator=t.number(record["denominator"]),
    )


def _interval(row: object, kind: str, t: Translator) -> str:
    low, high = (difference_text(kind, row[name], t, row["difference"], unit=False) for name in ("low", "high"))
    return t.interval(low, high)
