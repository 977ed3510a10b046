"""Message catalogues: gettext `.po` files, one pair (en, zh) per room, compiled in memory.

Keys are dotted names, not English sentences, so that both languages are written as texts of their own. Nothing is
installed into the process: sessions of different languages share it.
"""

from __future__ import annotations

import functools
import gettext
import io
from importlib import resources

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po


@functools.cache
def messages(language: str) -> gettext.GNUTranslations:
    """All rooms' messages of one language as one compiled catalogue.

    Raises:
        ValueError: a key stands in two files, or a message has no text.
    """
    merged = Catalog(locale=language)
    for path in sorted(resources.files(__package__).joinpath(language).iterdir(), key=lambda entry: entry.name):
        if not path.name.endswith(".po"):
            continue
        for message in read_po(io.BytesIO(path.read_bytes()), locale=language):
            if not message.id:
                continue
            texts = message.string if isinstance(message.string, tuple) else (message.string,)
            if message.id in merged:
                raise ValueError(f"{language}/{path.name}: the key {message.id!r} stands in another file, too")
            if not all(texts):
                raise ValueError(f"{language}/{path.name}: the key {message.id!r} has no text")
            merged[message.id] = message
    compiled = io.BytesIO()
    write_mo(compiled, merged)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
