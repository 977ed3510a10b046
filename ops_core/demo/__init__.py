"""A workspace to look around in: half a year of a shop that does not exist, with effects whose truth is known.

`frames("en")` gives the tables, `load(workspace, "zh")` loads them as a person's files would be loaded. Both languages
tell the same story with the same numbers; only names and values of the shop's own data differ. `TRUTHS` holds what
is planted.
"""

from __future__ import annotations

import datetime as dt
import functools
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ops_core.demo.shop import Shop, build, clock
from ops_core.demo.spend import costs
from ops_core.demo.truths import CATEGORIES, CHANNELS, CITIES, EVENTS, PASSIVE_EVENTS, PLATFORMS, TIERS, TRUTHS, Truths
from ops_core.intake.load import LoadOptions
from ops_core.locale import Translator, translator
from ops_core.model.annotations import Annotation
from ops_core.store.reporting import mark_passive
from ops_core.workspace import Workspace

__all__ = ["TRUTHS", "DemoFrames", "Truths", "frames", "load", "word"]


@dataclass(frozen=True)
class DemoFrames:
    """The demo's tables. Times are wall-clock times in `TRUTHS.zone`; a column's name is in the demo's language
    where it is a property, and the product's word where it plays a role.

    users: user_id, signup_at, four properties. events: user_id, event, occurred_at, value (yuan, refunds negative,
    nan where none), two properties. assignments: experiment, user_id, variant, assigned_at.
    spend: occurred_at (a date), channel, value (yuan).
    """

    users: pd.DataFrame
    events: pd.DataFrame
    assignments: pd.DataFrame
    spend: pd.DataFrame


def word(language: str, kind: str, name: str) -> str:
    """What the demo's data call something: `word("zh", "event", "pay")` is 支付成功.

    Kinds: event, property, channel, platform, tier, city, category, experiment, variant.
    """
    return translator(language)(f"demo.{kind}.{name}")


def frames(language: str = "en") -> DemoFrames:
    """The demo as tables, the same at every call."""
    shop, t = _shop(), translator(language)
    ids = _user_ids(TRUTHS.n_users)
    return DemoFrames(
        users=_users(shop, ids, t),
        events=_events(shop, ids, t),
        assignments=_assignments(shop, ids, t),
        spend=_spend(shop, t),
    )


def load(workspace: Workspace, language: str = "en") -> None:
    """Load the demo into a new workspace in the zone `TRUTHS.zone`, every kind of file of it."""
    tables, t = frames(language), translator(language)
    as_of = TRUTHS.as_of.replace(tzinfo=zoneinfo.ZoneInfo(TRUTHS.zone))
    loaded = ("users", "events", "assignments", "spend")
    for table, kind in ((getattr(tables, kind), kind) for kind in loaded):
        options = LoadOptions(kind, source_time_zone=TRUTHS.zone, as_of=as_of, name=t(f"demo.file.{kind}"))
        workspace.load(table, options=options)
    mark_passive(workspace.store, [word(language, "event", event) for event in PASSIVE_EVENTS])
    workspace.set_annotations(_annotations(t))


def _annotations(t: Translator) -> list[Annotation]:
    """What the shop's people would have noted; the incident they have not found yet."""
    day = dt.timedelta(days=1)
    return [
        Annotation(TRUTHS.festival_start, TRUTHS.festival_end - day, "campaign", t("demo.annotation.festival")),
        Annotation(TRUTHS.tour_start, TRUTHS.tour_start, "release", t("demo.annotation.tour")),
        Annotation(TRUTHS.coupon_at.date(), TRUTHS.coupon_at.date(), "campaign", t("demo.experiment.coupon")),
    ]


@functools.lru_cache(maxsize=1)
def _shop() -> Shop:
    return build(TRUTHS)


def _users(shop: Shop, ids: np.ndarray, t: Translator) -> pd.DataFrame:
    folk = shop.folk
    return pd.DataFrame(
        {
            "user_id": ids,
            "signup_at": clock(TRUTHS, shop.signup_us),
            t("demo.property.channel"): _named(t, "channel", CHANNELS, folk.channel),
            t("demo.property.platform"): _named(t, "platform", PLATFORMS, folk.platform),
            t("demo.property.tier"): _named(t, "tier", TIERS, folk.tier),
            t("demo.property.city"): _named(t, "city", CITIES, folk.city),
        }
    )


def _events(shop: Shop, ids: np.ndarray, t: Translator) -> pd.DataFrame:
    rows = shop.events
    order_ids = np.append(np.char.add("A", np.char.zfill(np.arange(rows.order.max() + 1).astype(str), 6)), "")
    return pd.DataFrame(
        {
            "user_id": ids[rows.user],
            "event": _named(t, "event", EVENTS, rows.event),
            "occurred_at": clock(TRUTHS, rows.at),
            "value": rows.value,
            t("demo.property.category"): _named(t, "category", CATEGORIES, rows.category),
            t("demo.property.order_id"): np.where(rows.order < 0, None, order_ids.astype(object)[rows.order]),
        }
    )


def _assignments(shop: Shop, ids: np.ndarray, t: Translator) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {
                "experiment": t(f"demo.experiment.{assigned.campaign}"),
                "user_id": ids[assigned.user],
                "variant": _named(t, "variant", ("control", assigned.campaign), assigned.treated.astype(int)),
                "assigned_at": clock(TRUTHS, assigned.at),
            }
        )
        for assigned in shop.assigned
    ]
    return pd.concat(parts, ignore_index=True)


def _spend(shop: Shop, t: Translator) -> pd.DataFrame:
    spent = costs(shop.folk, TRUTHS)
    return pd.DataFrame(
        {
            "occurred_at": [TRUTHS.first_day + dt.timedelta(days=int(day)) for day in spent.day],
            "channel": _named(t, "channel", CHANNELS, spent.channel),
            "value": spent.amount,
        }
    )


def _user_ids(n: int) -> np.ndarray:
    return np.char.add("u", (100_001 + np.arange(n)).astype(str)).astype(object)


def _named(t: Translator, kind: str, names: Sequence[str], codes: np.ndarray) -> np.ndarray:
    """Codes as texts; −1 is empty."""
    return np.array([*(t(f"demo.{kind}.{name}") for name in names), None], dtype=object)[codes]
