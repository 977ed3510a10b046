"""Charts and words for resurrection: how long there is hope, and how many of the silent come back each bucket."""

from __future__ import annotations

import plotly.graph_objects as go

from ops_core.analyses.resurrection import ResurrectionResult
from ops_core.charts.offset_lines import Line, draw_lines, share_tick
from ops_core.charts.theme import LIGHT, Palette
from ops_core.locale import Translator

_FEW = 30  # silences; below that a share says little
_MOST_COLUMNS = 26


def draw(result: ResurrectionResult, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """Share of silences that end with the next bucket, by how long they have lasted; with Wilson bands."""
    rows = result.by_silence.head(_MOST_COLUMNS)
    rows = rows[rows["silent"] >= _FEW] if (rows["silent"] >= _FEW).any() else rows
    hover = [
        t("resurrection.hover", k=int(row.silent_buckets), unit=_unit(result, t), share=t.share(row.share),
          low=t.share(row.low), high=t.share(row.high), n=int(row.silent), returned=t.number(row.returned))
        for row in rows.itertuples()
    ]  # fmt: skip
    shares = (rows[side].tolist() for side in ("share", "low", "high"))
    line = Line(list(range(len(rows))), *shares, hover, t("resurrection.next"), palette.accent)
    labels = [t("resurrection.after", k=int(k), unit=_unit(result, t)) for k in rows["silent_buckets"]]
    return draw_lines(palette, [line] if len(rows) else [], labels, t.share, tick=share_tick(t))


def draw_by_bucket(result: ResurrectionResult, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """Share of the dormant users who come back in each complete bucket, with Wilson bands."""
    rows = result.by_bucket[~result.by_bucket["partial"] & result.by_bucket["share"].notna()]
    names = [t.date(bucket.date()) for bucket in rows["bucket"]]
    hover = [
        t("resurrection.bucket_hover", bucket=name, share=t.share(row.share), low=t.share(row.low),
          high=t.share(row.high), n=int(row.resurrected), dormant=t.number(row.dormant))
        for name, row in zip(names, rows.itertuples(), strict=True)
    ]  # fmt: skip
    shares = (rows[side].tolist() for side in ("share", "low", "high"))
    line = Line(list(range(len(rows))), *shares, hover, t("resurrection.share"), palette.accent)
    return draw_lines(palette, [line] if len(rows) else [], names, t.share, tick=share_tick(t))


def title(result: ResurrectionResult, t: Translator) -> str:
    """How many silences end, as far as they were followed, and whether the chance for the next one falls meanwhile."""
    known = result.by_silence[result.by_silence["silent"] >= _FEW]
    if not result.n_silences:
        return t("resurrection.title_none")
    if known.empty:
        return t("resurrection.title_few", n=int(result.n_silences))
    last = known.iloc[-1]
    said = {"share": t.share(last["back_by_then"]), "k": int(last["silent_buckets"]), "unit": _unit(result, t)}
    if len(known) == 1:
        return t("resurrection.title", **said)
    begin, end = known["share"].iloc[0], last["share"]
    first, latest = t.share(begin), t.share(end)
    way = "even" if first == latest else "falls" if end < begin else "rises"
    return t(f"resurrection.title_{way}", first=first, latest=latest, **said)


def _unit(result: ResurrectionResult, t: Translator) -> str:
    return t(f"streaks.unit_{result.query.grain}")
