"""Real files through `Workspace.load`: kinds guessed without a mapping, published numbers met, rows accounted for."""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import pytest

from ops_core import IntakeError, Workspace


@pytest.fixture
def workspace():
    with Workspace.memory() as made:
        yield made


def one(workspace: Workspace, query: str) -> tuple:
    with workspace.store.cursor() as cursor:
        return cursor.execute(query).fetchone()


@pytest.mark.parametrize(
    ("name", "mapping", "kind", "account"),
    [
        ("ecom.csv", None, "events", (31_106, 31_076, 30, 0)),
        ("cookie_cats.csv", None, "units", (90_189, 90_189, 0, 0)),
        ("jdata_user_gbk.csv", None, "users", (29_999, 29_999, 0, 0)),
        ("tianchi_user_behavior.csv", None, "events", (1_999, 1_895, 104, 0)),
        ("telco_churn.csv", None, "users", (7_043, 7_043, 0, 0)),
        ("tmall_orders.csv", {"user_id": "订单编号"}, "orders", (28_010, 28_010, 0, 0)),
        ("cdnow/CDNOW_master.txt", None, "orders", (69_659, 69_404, 255, 0)),
        ("hostile/ab_data_quoted_lines.csv", None, "units", (57_829, 57_828, 0, 1)),
    ],
)
def test_accounts(shared_data: Path, workspace: Workspace, name, mapping, kind, account):
    report = workspace.load(shared_data / name, mapping=mapping)
    assert report.kind == kind
    assert (report.rows_read, report.rows_loaded, report.rows_duplicate, report.rows_quarantined) == account


def test_online_retail_with_cancellations(shared_data: Path, workspace: Workspace):
    report = workspace.load(shared_data / "online_retail.parquet")
    assert (report.kind, report.rows_read, report.rows_quarantined) == ("orders", 541_909, 135_080)
    assert report.rows_loaded + report.rows_duplicate == 406_829
    cohort = """
        WITH firsts AS (SELECT user_key, date_trunc('month', min(occurred_at)) AS month FROM events GROUP BY 1)
        SELECT count(DISTINCT user_key) FILTER (bucket = '2010-12-01'),
               count(DISTINCT user_key) FILTER (bucket = '2011-01-01'),
               count(DISTINCT user_key) FILTER (bucket = '2011-02-01')
        FROM (SELECT user_key, date_trunc('month', occurred_at) AS bucket FROM events) JOIN firsts USING (user_key)
        WHERE month = '2010-12-01'
    """
    assert one(workspace, cohort) == (948, 362, 317)
    assert one(workspace, "SELECT count(*) FROM users") == (4_372,)


def test_online_retail_as_the_published_revenue_counts_it(shared_data: Path, workspace: Workspace, tmp_path: Path):
    with duckdb.connect() as connection:
        sales = connection.execute(
            "SELECT * FROM read_parquet($source) WHERE CustomerID IS NOT NULL AND UnitPrice > 0"
            " AND NOT starts_with(InvoiceNo, 'C')",
            {"source": str(shared_data / "online_retail.parquet")},
        ).df()
    sales.to_csv(tmp_path / "sales.csv", index=False)
    report = workspace.load(tmp_path / "sales.csv")
    assert (report.rows_loaded, report.n_stored) == (397_884, 18_532)
    assert one(workspace, "SELECT sum(value)::VARCHAR, count(DISTINCT user_key) FROM events") == (
        "8911407.904000", 4_338,
    )  # fmt: skip


def test_tmall_without_a_user_column_is_refused_with_what_to_do(shared_data: Path, workspace: Workspace):
    with pytest.raises(IntakeError, match=r"No column says which user a row belongs to\. Found: 订单编号"):
        workspace.load(shared_data / "tmall_orders.csv")


# No user column: as events they are refused with what to do; a person may still keep them as a plain table.
_TABLES = {"dates_ambiguous.csv", "dates_mixed.csv", "dates_impossible.csv", "dates_dst_gap.csv", "dates_1904.xlsx"}


def test_nasty_files_through_the_whole_import(shared_data: Path):
    folder = shared_data / "nasty"
    with (folder / "EXPECTED.csv").open(encoding="utf-8", newline="") as file:
        expected = list(csv.DictReader(file))
    wrong = {row["file"]: found for row in expected if (found := _difference(folder, row))}
    assert wrong == {}


def _difference(folder: Path, row: dict[str, str]) -> str:
    with Workspace.memory() as workspace:
        try:
            report = workspace.load(folder / row["file"], kind="units" if row["file"] in _TABLES else "auto")
        except IntakeError as refusal:
            untouched = one(workspace, "SELECT count(*) FROM batches") == (0,)
            allowed = "refuse" in row["expect"] and untouched and len(str(refusal)) > 20
            return "" if allowed else f"refused: {refusal.code}"
        if row["expect"] == "refuse" and row["file"] != "gzip_named.csv":
            return "loaded"
        if report.rows_read != report.rows_loaded + report.rows_duplicate + report.rows_quarantined:
            return "rows lost"
        kept = report.rows_loaded + (report.rows_duplicate if row["file"] == "events_dup_rows.csv" else 0)
        wanted = 12 if row["file"] == "gzip_named.csv" else int(row["rows"])
        warns = row["expect"] == "load_warn" and not (report.notes or report.rows_quarantined or report.rows_duplicate)
        # Users nobody knows can only be said where a users file is there.
        if warns and row["file"] != "events_unknown_users.csv":
            return "nothing said"
        return "" if kept == wanted else f"{kept} rows kept, not {wanted}"
