"""How numbers read in a table: the same decimals in every cell, and no p-value of 0.000."""

from __future__ import annotations

import json
import math

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest


def page() -> None:
    import pandas as pd

    from ops_core import Workspace
    from ops_core.charts.palette import LIGHT
    from ops_core.locale import translator
    from ui import current
    from ui.tables import Column, table

    current.show(current.Screen(workspace=Workspace.memory(), t=translator("en"), palette=LIGHT))
    frame = pd.DataFrame({"p": [0.0004, 0.0421, float("nan")], "share": [0.1, 0.25, 1.0], "amount": [1234.5, 2.0, 0.0]})
    columns = (Column("p", "p", "p"), Column("share", "Share", "bar"), Column("amount", "Amount", "money"))
    table(frame, columns, name="numbers")


@pytest.fixture(scope="module")
def shown() -> AppTest:
    run = AppTest.from_function(page).run()
    assert not run.exception
    return run


def test_small_p_values_are_said_as_such(shown: AppTest):
    frame: pd.DataFrame = shown.dataframe[0].value
    assert frame["p"].tolist() == ["<0.001", "0.042", "—"]


def test_shares_and_amounts_have_the_same_decimals_in_every_cell(shown: AppTest):
    frame = shown.dataframe[0].value
    known = json.loads(shown.dataframe[0].proto.columns)
    settings = {name: one["type_config"] for name, one in known.items() if "type_config" in one}
    assert frame["share"].tolist() == [10, 25, 100]
    assert settings["share"]["format"] == "%.1f%%"
    assert (settings["share"]["min_value"], settings["share"]["max_value"]) == (0, 100)
    # The step tells Streamlit how many decimals a localized number has.
    assert settings["amount"]["format"] == "localized"
    assert math.isclose(settings["amount"]["step"], 0.01)
