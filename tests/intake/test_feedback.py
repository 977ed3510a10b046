"""What users said: told apart from payments and lists of people, kept as events with a score and a text."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops_core import IntakeError, Workspace
from ops_core.model.time import TimeRules

VOICE = """会员号,提交时间,评分,反馈内容,渠道,城市
007,2026-09-01 10:00:00,9,很好用,App,北京
007,2026-09-08 10:00:00,3,"闪退, 打不开",App,北京
u2,昨天,10,,微信,上海
u3,2026-09-02 09:00:00,不知道,还行,微信,上海
u3,2026-09-02 09:00:00,不知道,还行,微信,上海
"""


def test_scores_and_texts_become_events_of_their_users(tmp_path: Path):
    file = tmp_path / "反馈.csv"
    file.write_text(VOICE, encoding="utf-8")
    with Workspace.memory("Asia/Shanghai") as workspace:
        report = workspace.load(file)
        # 5 rows: line 4 has no time, line 6 repeats line 5.
        assert report.kind == "feedback"
        assert (report.rows_read, report.rows_loaded, report.rows_duplicate, report.rows_quarantined) == (5, 3, 1, 1)
        assert report.quarantined["line"].tolist() == [4]
        assert workspace.event_names()[["event", "n_events", "n_users"]].to_numpy().tolist() == [["feedback", 3, 2]]
        kinds = workspace.properties("event").set_index("name")["type"].to_dict()
        assert kinds | {"score": "text", "text": "text", "channel": "text"} == kinds  # one score is no number
        assert workspace.rules == TimeRules("Asia/Shanghai")
        assert "城市" in kinds
        assert set(workspace.property_values("text")["value"]) == {"很好用", "闪退, 打不开", "还行"}


def test_a_clean_score_is_a_number_and_the_same_file_counts_once(tmp_path: Path):
    file = tmp_path / "nps.csv"
    file.write_text("user_id,date,nps\na,2026-09-01,10\nb,2026-09-02,0\n")
    with Workspace.memory() as workspace:
        assert workspace.load(file).rows_loaded == 2
        assert workspace.properties("event").set_index("name")["type"]["score"] == "number"
        again = workspace.load(file)
        assert (again.batch_id, again.rows_duplicate) == (None, 2)
        workspace.undo(1)
        assert workspace.event_names().empty


def test_reviews_of_paid_orders_stay_orders_and_a_list_of_people_stays_one():
    import pandas as pd

    from ops_core.intake import roles

    def kind(**columns: list[str]) -> str:
        return roles.guess(list(columns), pd.DataFrame(columns)).kind

    day = ["2026-09-01", "2026-09-02"]
    assert kind(user_id=["a", "b"], date=day, amount=["1", "2"], rating=["5", "4"]) == "orders"
    assert kind(user_id=["a", "b"], event=["x", "y"], time=day, score=["5", "4"]) == "events"
    assert kind(user_id=["a", "b"], score=["5", "4"]) == "users"
    assert kind(user_id=["a", "b"], date=day, comment=["good", "bad"]) == "feedback"


def test_feedback_of_nobody_is_refused(tmp_path: Path):
    file = tmp_path / "anonymous.csv"
    file.write_text("date,score\n2026-09-01,10\n2026-09-02,3\n")
    with Workspace.memory() as workspace, pytest.raises(IntakeError, match="which user"):
        workspace.load(file, kind="feedback")


def test_survey_answers_of_a_real_tool_are_recognised(shared_data: Path):
    with Workspace.memory() as workspace:
        report = workspace.load(shared_data / "nps_timeseries.csv")
        assert (report.kind, report.rows_loaded) == ("feedback", 5000)
        scores = workspace.property_values("score").assign(value=lambda frame: frame["value"].astype(float))
        promoters, detractors = (
            int(scores.loc[which, "n"].sum()) for which in (scores["value"] >= 9, scores["value"] <= 6)
        )
        assert (promoters, detractors) == (2309, 1719)
