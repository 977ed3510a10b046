"""What is planted in the demo workspace, so that every analysis can be held against the truth.

The shop: Spruce Store, sells through four platforms, reports in Shanghai time and in yuan.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from types import MappingProxyType

CHANNELS = ("organic", "feed_ads", "search_ads", "livestream", "invite", "field_sales")
PLATFORMS = ("android", "ios", "mini_program", "h5")
TIERS = ("basic", "silver", "gold", "black")
CITIES = ("shanghai", "beijing", "guangzhou", "shenzhen", "chengdu", "hangzhou", "wuhan", "elsewhere")
CATEGORIES = ("food", "beauty", "home", "electronics", "clothing")
EVENTS = (
    "sign_up", "open_app", "search", "view_item", "add_to_cart", "begin_checkout", "submit_order", "pay",
    "request_refund", "invite_friend", "push_delivered",
)  # fmt: skip
PASSIVE_EVENTS = ("push_delivered",)


@dataclass(frozen=True)
class Truths:
    """The planted effects. Shares are 0–1, dates are local (`zone`), ends are exclusive."""

    zone: str = "Asia/Shanghai"
    n_users: int = 20_000
    first_day: dt.date = dt.date(2026, 3, 16)
    as_of: dt.datetime = dt.datetime(2026, 9, 16)  # wall clock in `zone`: the last week has two of its seven days

    # Of each order placed, the chance that it is paid.
    pay_rate: MappingProxyType[str, float] = field(
        default_factory=lambda: MappingProxyType({"android": 0.80, "ios": 0.84, "mini_program": 0.82, "h5": 0.72})
    )
    incident_platform: str = "android"
    incident_start: dt.date = dt.date(2026, 8, 24)
    incident_end: dt.date = dt.date(2026, 9, 7)
    incident_pay_rate: float = 0.55

    # The chance of being active on the day after signing up, before and since the new welcome tour.
    next_day_return: float = 0.32
    next_day_return_with_tour: float = 0.40
    tour_start: dt.date = dt.date(2026, 7, 6)

    # During the mid-year festival everybody is active this many times as often.
    festival_start: dt.date = dt.date(2026, 6, 15)
    festival_end: dt.date = dt.date(2026, 6, 22)
    festival_lift: float = 1.5

    # Campaigns: share of the assigned users who pay within the window because of the treatment.
    campaign_window_days: int = 14
    coupon_at: dt.datetime = dt.datetime(2026, 7, 13, 10)
    coupon_lift: float = 0.05
    button_at: dt.datetime = dt.datetime(2026, 8, 3, 10)
    button_lift: float = 0.0

    # What the shop pays for a new user, in yuan; the other channels cost nothing. Some days' rows were lost.
    cost_per_new_user: MappingProxyType[str, float] = field(
        default_factory=lambda: MappingProxyType(
            {"feed_ads": 110.0, "search_ads": 140.0, "livestream": 165.0, "field_sales": 260.0}
        )
    )
    spend_lost_channel: str = "livestream"
    spend_lost_days: tuple[dt.date, ...] = (dt.date(2026, 8, 11), dt.date(2026, 8, 12))

    # Of each paid order, the chance that it is refunded in full, 2 to 9 days later.
    refund_rate: float = 0.06
    refund_days: tuple[int, int] = (2, 9)

    @property
    def n_days(self) -> int:
        """Days with data: 26 complete weeks and two days of the next one."""
        return (self.as_of.date() - self.first_day).days

    def day(self, date: dt.date) -> int:
        """The number of a date, counted from the first day with data."""
        return (date - self.first_day).days


TRUTHS = Truths()
