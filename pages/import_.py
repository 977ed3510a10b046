"""Page."""

from __future__ import annotations

import ui


def render() -> None:
    """Draw the page."""
    view = ui.screen()
    ui.page_head(view.t("shell.page_import"), "")


if __name__ == "__main__":
    from app import main

    main()
