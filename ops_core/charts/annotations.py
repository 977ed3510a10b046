"""The calendar on a chart over time: a band or line for each annotation, its name at the top, its words on hover."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go

from ops_core.charts.theme import Palette, faded
from ops_core.locale import Translator
from ops_core.model.annotations import Annotation

_MOST_LABELS = 6
_LABEL_WIDTH = {"en": 20, "zh": 10}
_ROOM = 9  # a label takes about this part of the axis: one ninth
_DAY = pd.Timedelta(days=1)

Marked = Mapping[pd.Timestamp, Sequence[Annotation]]


def marked_buckets(buckets: Sequence[pd.Timestamp], annotations: Sequence[Annotation]) -> Marked:
    """The annotations of each bucket that has any; single working days only where a bucket is no longer than a day."""
    starts = [pd.Timestamp(bucket) for bucket in buckets]
    if not starts:
        return {}
    usual = starts[-1] - starts[-2] if len(starts) > 1 else _DAY
    found: dict[pd.Timestamp, list[Annotation]] = {}
    for start, end in zip(starts, [*starts[1:], starts[-1] + usual], strict=True):
        last = (end - pd.Timedelta(microseconds=1)).date()
        here = [one for one in annotations if one.touches(start.date(), last)]
        if end - start > _DAY:
            here = [one for one in here if one.kind != "workday"]
        if here:
            found[start] = here
    return found


def words(marked: Marked, bucket: object, t: Translator) -> str:
    """What the calendar says of a bucket; empty where it says nothing."""
    here = marked.get(pd.Timestamp(bucket), ())
    return t.join([text(one, t) for one in here]) if here else ""


def text(annotation: Annotation, t: Translator) -> str:
    """An annotation with its kind, where the words do not say it: holidays speak for themselves."""
    if annotation.kind in ("holiday", "workday", "other"):
        return annotation.text
    return t("annotations.named", kind=t(f"annotations.kind_{annotation.kind}"), text=annotation.text)


def draw_marks(
    fig: go.Figure, marked: Marked, buckets: Sequence[pd.Timestamp], t: Translator, palette: Palette
) -> None:
    """Each annotation from its first to its last bucket, behind the lines; the newest labels that have room."""
    spans: dict[Annotation, list[pd.Timestamp]] = {}
    for bucket, here in marked.items():
        for one in here:
            spans.setdefault(one, []).append(bucket)
    for first, last in dict.fromkeys((span[0], span[-1]) for span in spans.values()):
        line = {"color": palette.comp, "width": 1, "dash": "dot"} if first == last else {"width": 0}
        fig.add_shape(
            type="rect", x0=first, x1=last, y0=0, y1=1, yref="paper", layer="below", line=line,
            fillcolor=faded(palette.comp, 0.14),
        )  # fmt: skip
    room = (buckets[-1] - buckets[0]) / min(_ROOM, len(buckets))
    labelled: list[pd.Timestamp] = []
    for one, span in sorted(spans.items(), key=lambda item: item[1][0], reverse=True):
        middle = span[0] + (span[-1] - span[0]) / 2
        crowded = any(abs(middle - other) < room for other in labelled)
        if one.kind == "workday" or crowded or len(labelled) == _MOST_LABELS:
            continue
        labelled.append(middle)
        width = _LABEL_WIDTH[t.language]
        short = one.text if len(one.text) <= width else one.text[: width - 1] + "…"
        fig.add_annotation(
            x=middle, y=1, yref="paper", text=escaped(short), hovertext=_told(one, t), showarrow=False,
            yanchor="bottom", font={"color": palette.ink2},
        )  # fmt: skip


def _told(annotation: Annotation, t: Translator) -> str:
    days = t.date_range(annotation.first_day, annotation.last_day)
    return f"{days}<br>{escaped(text(annotation, t))}"


def escaped(words: str) -> str:
    """Words as plotly shows them as they stand."""
    # Plotly reads a small set of HTML; a person's words must stay text.
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
