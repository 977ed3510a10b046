"""Published cohort numbers of real shops, through the front door: file in, retention out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from ops_core import Filter, Period, Workspace
from ops_core.analyses import lifecycle, retention, retention_value


@pytest.fixture(scope="module")
def retail(shared_data: Path) -> Iterator[Workspace]:
    """UCI Online Retail, cancellations as they come."""
    with Workspace.memory(time_zone="Europe/London") as workspace:
        workspace.load(shared_data / "online_retail.parquet", kind="orders")
        yield workspace


def cohort(workspace: Workspace, start: str, **options: object) -> list[float]:
    """Users of a monthly cohort, then those back in the months after it."""
    query = retention.RetentionQuery(Period(start, "2011-12-10"), "month", 12, **options)
    cells = retention.analyze(workspace, query).cells
    rows = cells[cells["cohort"] == start].sort_values("offset")
    return [float(rows["users"].iloc[0]), *rows["returned"].iloc[1:]]


def test_online_retail_with_cancellations(retail: Workspace):
    assert cohort(retail, "2010-12-01")[:3] == [948, 362, 317]


def test_online_retail_marks_december_2011_as_not_over(retail: Workspace):
    numbers = cohort(retail, "2010-12-01")
    assert pd.isna(numbers[-1])
    assert not any(pd.isna(number) for number in numbers[:-1])
    query = retention.RetentionQuery(Period("2010-12-01", "2011-12-10"), "month", 12)
    rows = retention.analyze(retail, query).cohorts.set_index("cohort")
    assert rows.index[rows["is_partial"]].astype(str).tolist() == ["2011-12-01"]
    assert rows.index[rows["is_left_censored"]].astype(str).tolist() == ["2010-12-01"]
    flow = lifecycle.analyze(retail, lifecycle.LifecycleQuery(Period("2010-12-01", "2011-12-10"), "month")).flow
    assert flow["partial"].tolist() == [False] * 12 + [True]
    assert flow["new"].iloc[0] == 948
    assert flow["new"].sum() == 4372  # every customer is new once


def test_online_retail_without_cancellations(shared_data: Path):
    frame = pd.read_parquet(shared_data / "online_retail.parquet")
    named = {column.lower().replace(" ", ""): column for column in frame.columns}
    invoice = frame[named.get("invoice", named.get("invoiceno"))].astype(str)
    price = frame[named.get("price", named.get("unitprice"))]
    kept = frame[~invoice.str.startswith("C") & (price > 0) & (frame[named["quantity"]] > 0)]
    with Workspace.memory(time_zone="Europe/London") as workspace:
        workspace.load(kept, kind="orders")
        assert cohort(workspace, "2010-12-01")[:3] == [885, 324, 286]
        # A filter on the events says the same as leaving the rows away.
        bought = (Filter("value", "gt", 0),)
        same = cohort(workspace, "2010-12-01", cohort_filters=bought, return_filters=bought)
        assert same[:3] == [885, 324, 286]


def test_online_retail_revenue_per_cohort_user_is_the_sum_of_its_lines(retail: Workspace, shared_data: Path):
    frame = pd.read_parquet(shared_data / "online_retail.parquet")
    named = {column.lower().replace(" ", "").replace("_", ""): column for column in frame.columns}
    price, at = named.get("price", named.get("unitprice")), pd.to_datetime(frame[named["invoicedate"]])
    lines = pd.DataFrame(
        {"user": frame[named["customerid"]], "month": at.dt.to_period("M"),
         "value": frame[named["quantity"]] * frame[price]}
    ).dropna(subset=["user"])  # fmt: skip
    first = lines.groupby("user")["month"].transform("min")
    age = (lines["month"].dt.year - first.dt.year) * 12 + lines["month"].dt.month - first.dt.month
    expected = lines[first == "2010-12"].groupby(age[first == "2010-12"])["value"].sum()
    result = retention_value.analyze(retail, retention.RetentionQuery(Period("2010-12-01", "2011-12-10"), "month", 12))
    cells = result.cells[result.cells["cohort"] == "2010-12-01"].set_index("offset")
    assert cells.loc[:11, "value"].tolist() == pytest.approx(expected.loc[:11].tolist(), rel=1e-9)
    assert cells.loc[11, "cumulative_per_user"] == pytest.approx(expected.loc[:11].sum() / 948, rel=1e-9)
    assert pd.isna(cells.loc[12, "value"])  # December 2011 is not over
    assert result.n_negative > 0  # cancellations


def test_cdnow_master(shared_data: Path):
    lines = (shared_data / "cdnow" / "CDNOW_master.txt").read_text().split("\n")
    rows = [line.split() for line in lines if line.strip() and not line.strip().startswith("customer")]
    frame = pd.DataFrame(rows, columns=["customer_id", "date", "cds", "amount"])
    frame["date"] = pd.to_datetime(frame["date"], format="%Y%m%d")
    frame["amount"] = frame["amount"].astype(float)
    with Workspace.memory() as workspace:
        workspace.load(
            frame, kind="orders", mapping={"user_id": "customer_id", "occurred_at": "date", "value": "amount"}
        )
        query = retention.RetentionQuery(Period("1997-01-01", "1998-07-01"), "month", 12)
        found = retention.analyze(workspace, query)
        first = found.cells[found.cells["cohort"] == "1997-01-01"].set_index("offset")
        assert (first["users"][0], first["returned"][1]) == (7846, 1157)
        assert found.cohorts["users"].sum() == 23570
        # The master cohort entered in three months; nobody after that.
        assert (found.cohorts["users"] > 0).tolist() == [True] * 3 + [False] * 15
        assert found.cells.loc[found.cells["users"] == 0, "share"].isna().all()
        gone = found.users("1997-01-01", 1, returned=False)
        assert len(gone) == 7846 - 1157
