"""Controls and tables of the segments page."""

from __future__ import annotations

from ops_core.analyses import rfm, segments
from ops_core.analyses.segments import KPIS, RFM_SCHEMES, SHARES, SegmentQuery, SegmentResult
from ops_core.charts import segments as charts
from ops_core.locale import Translator
from ops_core.model.segment import Segment
from ops_core.workspace import Workspace
from ui.choices import pick, pick_many
from ui.current import View
from ui.layout import definition, panel, panel_head
from ui.people import user_list
from ui.properties import groupings
from ui.session import cached, remembered
from ui.tables import Column, table
from ui.text import plain

_SAVED = "saved"
_MOST_VALUES = 200  # a property with more values than that is no grouping
_LARGEST = ""


def by(view: View) -> str | tuple[Segment, ...] | None:
    """Ask what to group by: a property, RFM, or saved segments; () while fewer than two of them are chosen, `None`
    where there are not two."""
    t = view.t
    options = {one.code: one.name for one in groupings(view, "user", most=_MOST_VALUES)}
    options |= {by: t(f"segments.by_{by}") for by in ("stage", *RFM_SCHEMES, _SAVED)}
    chosen = pick("segments_by", options, label=t("segments.by"))
    if chosen != _SAVED:
        return chosen
    saved = {segment.name: segment for segment in remembered(Workspace.segments, view.workspace)}
    names = pick_many(
        "segments_saved", {name: name for name in saved}, label=t("segments.by_saved"), default=list(saved)[:3],
        placeholder=t("segments.saved_choose"), most=8,
    )  # fmt: skip
    if len(saved) < 2:
        return None
    return tuple(saved[name] for name in names) if len(names) >= 2 else ()


def compared(view: View, by: str | tuple[Segment, ...]) -> SegmentResult:
    """Ask for the reference and compare."""
    t = view.t
    first = cached(segments.analyze, view.workspace, SegmentQuery(by, view.period))
    options = {_LARGEST: t("segments.largest")}
    options |= {name: charts.group_name(name, t) for name in first.groups["segment"]}
    reference = pick("segments_reference", options, label=t("segments.reference"))
    if reference == _LARGEST:
        return first
    return cached(segments.analyze, view.workspace, SegmentQuery(by, view.period, reference=reference))


def overview(result: SegmentResult, view: View) -> None:
    """The table of all KPIs by group."""
    t = view.t
    blank = "table_subtitle_no_amounts" if charts.lacks_amounts(result) else "table_subtitle"
    panel_head(t("segments.table_title"), t(f"segments.{blank}", period=view.period_name), name="segments_table")
    columns = [
        Column("segment", t("segments.col_segment")),
        Column("users", t("segments.col_users"), "count"),
        Column("share", t("segments.col_share"), "share"),
        *(Column(kpi, t(f"segments.kpi_{kpi}"), "share" if kpi in SHARES else "money") for kpi in KPIS),
    ]
    frame = charts.overview(result, t)
    if frame["few"].any():
        columns.append(Column("few", t("segments.col_few")))
    table(frame, columns, name="segments_overview", files=True)


def rfm_panel(view: View, by: str) -> None:
    """The RFM classes of today's buyers, and one class as a list of users."""
    t, workspace = view.t, view.workspace
    result = cached(rfm.analyze, workspace, rfm.RfmQuery(RFM_SCHEMES[by]))
    named = result.classes.assign(rfm_class=[charts.group_name(name, t) for name in result.classes["rfm_class"]])
    panel(
        plain(charts.classes_headline(result, t)), t("segments.rfm_subtitle", date=t.datetime(workspace.as_of)),
        charts.draw_classes(result, t, view.palette), named, name="segments_rfm", columns=_class_columns(t),
    )  # fmt: skip
    filled = result.classes[result.classes["users"] > 0].set_index("rfm_class")["users"]
    chosen = pick(
        "segments_class", {name: charts.group_name(name, t) for name in filled.index}, label=t("segments.class")
    )
    name = charts.group_name(chosen, t)
    user_list(
        t("segments.rfm_users", n=int(filled[chosen]), name=plain(name)),
        lambda: sorted(result.segment(workspace, chosen, name).user_ids or ()),
        name="segments_class_users", suggestion=name,
    )  # fmt: skip
    definition(t("segments.definition_rfm"))


def kpi_columns(kpi: str, t: Translator) -> list[Column]:
    """How the table behind the chart of a KPI reads."""
    top, level, change = ("count", "share", "points") if kpi in SHARES else ("money", "money", "money")
    kinds = {
        "segment": "text", "numerator": top, "n": "count", "value": level, "low": level, "high": level,
        "difference": change, "difference_low": change, "difference_high": change, "p_adjusted": "p",
    }  # fmt: skip
    return [Column(name, t(f"segments.col_{name}"), kind) for name, kind in kinds.items()]


def _class_columns(t: Translator) -> list[Column]:
    return [
        Column("rfm_class", t("segments.class")),
        Column("users", t("segments.col_users"), "count"),
        Column("share", t("segments.col_share"), "share"),
        Column("recency_days", t("segments.col_recency"), "number"),
        Column("frequency", t("segments.col_frequency"), "number"),
        Column("monetary", t("segments.col_monetary"), "money"),
        Column("revenue", t("segments.col_revenue"), "money"),
        Column("revenue_share", t("segments.col_revenue_share"), "share"),
    ]
