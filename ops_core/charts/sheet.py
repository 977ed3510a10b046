"""A plotly figure that takes what it is given without checking it, because checking costs more than drawing."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import plotly.graph_objects as go


class Sheet(go.Figure):
    """A figure that takes the house layout, axes, traces, notes and shapes as given.

    Plotly checks every setting, and all earlier notes again at each new one: twenty notes cost 100 ms, twenty traces
    30 ms. Tests check the settings of each chart instead. Whoever asks for `data` gets plotly's own objects.
    """

    @classmethod
    def empty(cls) -> Sheet:
        """A figure without traces and without a template."""
        # One is named because importing streamlit swaps plotly's default for one of placeholder colours, and none is
        # kept because to the browser's plotly a template is a change each time that the page shows the figure again.
        sheet = cls(layout={"template": "none"})
        del sheet._layout["template"]
        return sheet

    def add_annotation(self, **settings: object) -> Sheet:
        """Add a note; settings as in `go.layout.Annotation`."""
        return self._put("annotations", settings)

    def add_shape(self, **settings: object) -> Sheet:
        """Add a shape; settings as in `go.layout.Shape`."""
        return self._put("shapes", settings)

    def add_bar(self, **settings: object) -> Sheet:
        """Add bars; settings as in `go.Bar`."""
        return self._draw("bar", settings)

    def add_scatter(self, **settings: object) -> Sheet:
        """Add a line, dots or texts; settings as in `go.Scatter`."""
        return self._draw("scatter", settings)

    def add_heatmap(self, **settings: object) -> Sheet:
        """Add a heat map; settings as in `go.Heatmap`."""
        return self._draw("heatmap", settings)

    def add_traces(self, *args: object, **settings: object) -> Sheet:
        """Add traces of any other kind, checked by plotly."""
        self._build_traces()
        return super().add_traces(*args, **settings)

    @property
    def data(self) -> tuple[object, ...]:
        """The traces as plotly's objects, checked when someone asks for them."""
        self._build_traces()
        return self["data"]

    @data.setter
    def data(self, traces: object) -> None:
        self._build_traces()
        self["data"] = traces

    def update_xaxes(self, **settings: object) -> Sheet:
        """Change the x axis; settings as in `go.layout.XAxis`."""
        return self._merge("xaxis", settings)

    def update_yaxes(self, **settings: object) -> Sheet:
        """Change the y axis; settings as in `go.layout.YAxis`."""
        return self._merge("yaxis", settings)

    def with_layout(self, settings: dict[str, object]) -> Sheet:
        """Take settings of the layout; later ones of the same name replace them."""
        self._layout.update(settings)
        return self

    def with_room(self, *, left: int | None = None, bottom: int | None = None) -> Sheet:
        """Fix the room, in pixels, of the labels left of the plot or below it.

        Where plotly finds it out itself, the browser draws everything once more with the margins it has found.
        """
        for axis, side, room in (("yaxis", "l", left), ("xaxis", "b", bottom)):
            if room is not None:
                margin = self._layout.get("margin", {})
                self._layout["margin"] = {**margin, side: max(room, margin.get(side, 0))}
                self._merge(axis, {"automargin": False})
        return self

    def to_dict(self) -> dict[str, object]:
        """The figure as plain dictionaries and lists, a copy."""
        return {"data": _copied(self._data), "layout": _copied(self._layout)}

    def _merge(self, axis: str, settings: dict[str, object]) -> Sheet:
        current = self._layout.setdefault(axis, {})
        for name, value in _nested(settings).items():
            both = isinstance(value, dict) and isinstance(current.get(name), dict)
            current[name] = {**current[name], **value} if both else value
        return self

    def _put(self, kind: str, settings: dict[str, object]) -> Sheet:
        self._layout.setdefault(kind, []).append(_nested(settings))
        self._layout_obj._compound_array_props[kind] = None  # noqa: SLF001  (read anew when someone asks for them)
        return self

    def _draw(self, kind: str, settings: dict[str, object]) -> Sheet:
        self._data.append({**_listed(_nested(settings)), "type": kind})
        self._data_defaults.append({})
        return self

    def _build_traces(self) -> None:
        """Plotly's objects for the traces that were put in as they are."""
        known = len(self._data_objs)
        for place, trace in enumerate(self._data_validator.validate_coerce(_copied(self._data[known:])), known):
            trace._parent, trace._trace_ind = self, place  # noqa: SLF001  (as plotly's own `add_traces` does)
            trace._orphan_props.clear()  # noqa: SLF001
            self._data_objs = [*self._data_objs, trace]


def _nested(settings: dict[str, object]) -> dict[str, object]:
    """`font_color="#000"` as `{"font": {"color": "#000"}}`, the way plotly reads it."""
    nested: dict[str, object] = {}
    for name, value in settings.items():
        first, _, rest = name.partition("_")
        if rest:
            inner = nested.setdefault(first, {})
            inner.update(_nested({rest: value}))
        else:
            nested[name] = {**nested[name], **value} if isinstance(nested.get(name), dict) else value
    return nested


def _listed(value: object) -> object:
    """A setting with tables' columns as arrays, and texts and mixed things as lists."""
    if isinstance(value, dict):
        return {name: _listed(part) for name, part in value.items()}
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, (list, tuple)):
        return [_listed(part) if isinstance(part, (dict, list, tuple, np.ndarray)) else part for part in value]
    if isinstance(value, np.ndarray) or hasattr(value, "to_numpy"):
        array = np.asarray(value)
        return array.tolist() if array.dtype.kind == "O" else array
    return list(value) if isinstance(value, Iterable) else value


def _copied(value: object) -> object:
    if isinstance(value, dict):
        return {name: _copied(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_copied(part) if isinstance(part, (dict, list, tuple)) else part for part in value]
    return value
