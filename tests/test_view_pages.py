"""A view is saved, opened, renamed and deleted from the bar, on pages with and without data, in both languages."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from streamlit.testing.v1 import AppTest

from ops_core import Segment, Workspace
from ops_core.analyses import saved_views
from tests.support import workspace_of

ROWS = [(f"u{day}", "visit", f"2026-09-{day:02d}") for day in range(1, 15)]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPSDECK_HOME", str(tmp_path))
    with workspace_of(ROWS, as_of="2026-09-15") as made:
        made.backup(tmp_path / "shop.duckdb")
    Workspace.open(tmp_path / "empty.duckdb").close()
    return tmp_path


def page(address: str, workspace: str, locale: str = "en-GB", **parameters: str | list[str]) -> AppTest:
    app = AppTest.from_string(f"import app\napp.main(start={address!r})\n", default_timeout=60)
    app.context = {"locale": locale, "timezone": "UTC", "theme": "light"}
    app.query_params["workspace"] = workspace
    for name, text in parameters.items():
        app.query_params[name] = text
    return app.run()


def links(app: AppTest, name: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """Page and parameters of the links that bear a view's name."""
    found = [link.proto for link in app.get("page_link") if link.proto.label.startswith(name)]
    return [(proto.page, parse_qsl(proto.query_string)) for proto in found]


def save(app: AppTest, name: str) -> AppTest:
    open_dialog(app, "views_save")
    app.text_input(key="views_name").set_value(name)
    return app.button(key="views_save_confirm").click().run()


def open_dialog(app: AppTest, key: str) -> None:
    """A browser runs only the dialog anew; here the whole page is, so that its button is pressed in both runs."""
    app.button(key=key).click().run()
    app.button(key=key).click()


def test_a_saved_view_is_offered_on_every_page_with_what_was_chosen(home):
    app = save(page("trends", "shop", period=["2026-09-01", "2026-09-05"], compare="none"), "First days")
    assert not app.exception
    chosen = [("period", "2026-09-01"), ("period", "2026-09-05"), ("compare", "none")]
    for address, locale in (("trends", "en-GB"), ("settings", "zh-CN")):
        shown = page(address, "shop", locale)
        ((target, parameters),) = links(shown, "First days")
        assert target.endswith("trends")
        assert dict(parameters)["workspace"] == "shop"
        assert [one for one in parameters if one[0] not in ("workspace", "lang")] == chosen


def test_a_view_belongs_to_its_workspace(home):
    save(page("batches", "empty"), "Mine")
    assert links(page("batches", "empty"), "Mine")
    assert not links(page("batches", "shop"), "Mine")


def test_a_name_that_is_taken_is_refused_in_a_sentence(home):
    app = save(save(page("batches", "empty", "zh-CN"), "周会"), "周会")
    assert "周会" in app.error[0].value
    assert len(links(page("batches", "empty", "zh-CN"), "周会")) == 1


def test_a_view_is_renamed_and_deleted(home):
    app = save(page("batches", "empty"), "Old")
    open_dialog(app, "views_change")
    app.text_input(key="views_new_name.Old").set_value("New")
    app = app.button(key="views_rename").click().run()
    assert not app.exception
    open_dialog(app, "views_change")
    app = app.button(key="views_delete").click().run()
    assert not links(app, "New")
    with Workspace.open(home / "other.duckdb") as other:
        assert saved_views.saved_views(other) == []


def test_a_saved_segment_is_deleted_after_a_question_and_everybody_is_shown(home):
    with Workspace.open(home / "shop.duckdb") as workspace:
        workspace.save_segment(Segment("Early birds", user_ids=frozenset({"u1", "u2"})))

    def offered() -> bool:
        return any("Early birds" in radio.options for radio in page("trends", "shop").radio)

    app = page("trends", "shop", segment="Early birds")
    open_dialog(app, "segment_delete")
    assert offered(), "asked first"
    app = app.button(key="segment_delete_confirm").click().run()
    assert not app.exception
    assert "segment" not in app.query_params
    assert not offered()
