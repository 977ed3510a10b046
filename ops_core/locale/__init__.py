"""Every word on screen, in English and Chinese, and the shapes of numbers, dates and money.

`translator("zh")` gives the one object that pages, charts, exports and errors speak through.
"""

from ops_core.locale.translator import LANGUAGES, Translator, translator, usual_currency

__all__ = ["LANGUAGES", "Translator", "translator", "usual_currency"]
