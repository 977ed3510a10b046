"""Saved views keep a page and its parameters; names are unique; nothing is lost on a mistake."""

from __future__ import annotations

import pytest

from ops_core import Workspace
from ops_core.analyses import saved_views
from ops_core.analyses.saved_views import SavedView
from ops_core.errors import StoreError

CHECKOUT = SavedView("Checkout", "funnel", (("period", "2026-09-07"), ("period", "2026-09-13"), ("step1", "a & b")))


@pytest.fixture
def workspace():
    with Workspace.memory() as opened:
        yield opened


def test_a_view_comes_back_as_it_was_saved(workspace):
    saved_views.save(workspace, CHECKOUT)
    saved_views.save(workspace, SavedView(" 留存 ", "retention"))
    assert saved_views.saved_views(workspace) == [CHECKOUT, SavedView("留存", "retention")]


def test_a_name_is_given_once(workspace):
    saved_views.save(workspace, CHECKOUT)
    with pytest.raises(StoreError, match="Checkout"):
        saved_views.save(workspace, SavedView("Checkout ", "trends"))
    with pytest.raises(StoreError, match="name"):
        saved_views.save(workspace, SavedView("  ", "trends"))
    assert saved_views.saved_views(workspace) == [CHECKOUT]


def test_a_renamed_view_keeps_its_page_and_parameters(workspace):
    saved_views.save(workspace, CHECKOUT)
    saved_views.save(workspace, SavedView("Other", "trends"))
    saved_views.rename(workspace, "Checkout", "Checkout")
    with pytest.raises(StoreError, match="Other"):
        saved_views.rename(workspace, "Checkout", "Other")
    with pytest.raises(StoreError, match="Checkot"):
        saved_views.rename(workspace, "Checkot", "New")
    saved_views.rename(workspace, "Checkout", "Purchase")
    assert [one.name for one in saved_views.saved_views(workspace)] == ["Other", "Purchase"]
    assert saved_views.saved_views(workspace)[1].parameters == CHECKOUT.parameters


def test_a_deleted_view_is_gone(workspace):
    saved_views.save(workspace, CHECKOUT)
    saved_views.delete(workspace, "Checkout")
    assert saved_views.saved_views(workspace) == []
    with pytest.raises(StoreError, match="Checkout"):
        saved_views.delete(workspace, "Checkout")
