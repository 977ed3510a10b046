"""The shared screen code, in one list. Pages use `ui.<name>` and Streamlit's own widgets, nothing else.

view = ui.view()                     workspace, t, palette, period, compare, segment, grain
ui.page_head · controls · more       the page's question and its row of controls
ui.pick · pick_many · pick_number · switch      controls that remember themselves in the address
ui.answer · answer_place · note · badges         the finding in words
ui.panels · wide · panel · panel_head           charts with their table and downloads
ui.table · Column                    number tables
ui.user_list                         "n users: list, save as segment"
ui.definition · unavailable          the closing line; a page without its data
ui.cached(analyze, workspace, query) an answer computed once per data version
ui.drawn(name, draw, view, result)   a figure made once per answer, language and theme
"""

from ui.choices import pick, pick_many, pick_number, switch
from ui.current import Screen, View, screen, view
from ui.empty import unavailable
from ui.layout import (
    answer,
    answer_place,
    badges,
    controls,
    definition,
    more,
    note,
    page_head,
    panel,
    panel_head,
    panels,
    wide,
)
from ui.links import link
from ui.people import user_list
from ui.session import cached, drawn, remembered
from ui.tables import Column, table
from ui.text import chip, mark, on_primary, plain, small, spaced

__all__ = [
    "Column",
    "Screen",
    "View",
    "answer",
    "answer_place",
    "badges",
    "cached",
    "chip",
    "controls",
    "definition",
    "drawn",
    "link",
    "mark",
    "more",
    "note",
    "on_primary",
    "page_head",
    "panel",
    "panel_head",
    "panels",
    "pick",
    "pick_many",
    "pick_number",
    "plain",
    "remembered",
    "screen",
    "small",
    "spaced",
    "switch",
    "table",
    "unavailable",
    "user_list",
    "view",
    "wide",
]
