"""The one boundary: a person sees a sentence, never a stack."""

from __future__ import annotations

import contextlib
import logging
import secrets
from collections.abc import Iterator

import streamlit as st

from ops_core.errors import OpsError
from ops_core.locale import Translator
from ui import links, rescue, session
from ui.text import plain

LOG = logging.getLogger("opsdeck")


@contextlib.contextmanager
def boundary(t: Translator) -> Iterator[None]:
    """Turn what goes wrong inside into a sentence: an `OpsError` says it itself, anything else is our fault.

    For the latter the person gets an apology with a number, and the log the stack under that number.
    """
    try:
        yield
    except OpsError as error:
        _refused(error, t)
    except Exception:
        number = secrets.token_hex(4)
        LOG.exception("error %s", number)
        st.error(t("shell.apology", id=number), icon=":material/error:")


def _refused(error: OpsError, t: Translator) -> None:
    st.error(plain(error.sentence(t)), icon=":material/error:")
    if error.code == "unknown_workspace":
        with st.container(horizontal=True, gap="xsmall"):
            for name in session.workspace_names(t.language):
                links.link(links.first(), plain(name), icon=":material/arrow_forward:", workspace=name)
    if error.code == "value_no_purchases":
        links.link("import", t("shell.load_file"), icon=":material/upload_file:")
    if error.code == "workspace_damaged":
        rescue.offer(str(error.values["path"]), t)
