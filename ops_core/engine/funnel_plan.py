"""From a funnel's spec to arrays per block of users: which rows each step needs and how they are fetched."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ops_core.engine import selection, steps
from ops_core.engine.funnel_chained import ChainedBlock, Stretch
from ops_core.engine.funnel_held import HeldRows
from ops_core.engine.funnel_kernel import Array, Between, Window
from ops_core.engine.funnel_spec import Exclusion, FunnelSpec, Step
from ops_core.engine.selection import Conditions
from ops_core.engine.step_chains import Chains
from ops_core.engine.step_layout import Layout, Rows
from ops_core.engine.steps import Source, on_threads
from ops_core.model.filters import Filter
from ops_core.model.segment import Segment
from ops_core.model.time import DAY_US
from ops_core.store import Store

_TAG_BITS, _NO_STEP = 4, 15
_NARROW = 0.7  # a stretch of time below this share of the data is cut out before it is searched


@dataclass(frozen=True)
class Block:
    """The rows of one block of users.

    `parts`: sorted keys per step (steps that share no event); `rows`: (keys, masks) of all steps together.
    `owners`: local user per local entity when a property is held constant, else `None`.
    """

    number: int
    layout: Layout
    parts: Sequence[Array] | None
    rows: tuple[Array, Array] | None
    excluded: Sequence[Array]
    tagged: tuple[Array, Array] | None
    owners: Array | None

    @property
    def everything(self) -> Array:
        """Sorted keys of all events of the users, for a strict funnel."""
        return self.tagged[0]

    def steps_of_everything(self) -> Array:
        """The step that each of all events matches, beyond the last step where it is none; steps share no event."""
        keys, step_of = self.tagged
        if step_of is None:
            step_of = np.full(len(keys), _NO_STEP, np.int8)
            for step, rows in enumerate(self.parts):
                step_of[np.searchsorted(keys, rows)] = step
        return step_of

    def matching(self, step: int) -> Array:
        """Sorted keys of the rows that match a step."""
        if self.parts is not None:
            return self.parts[step]
        keys, masks = self.rows
        return keys[(masks >> step & 1) != 0]

    def all_rows(self, chosen: Array | None = None) -> tuple[Array, Array]:
        """Sorted (keys, masks) of the rows of all steps, of the `chosen` local users only (a mark per user)."""
        pairs = (
            [self.rows]
            if self.parts is None
            else [(keys, np.full(len(keys), 1 << step, np.uint16)) for step, keys in enumerate(self.parts)]
        )
        if chosen is not None:
            pairs = [_of_users(keys, masks, chosen, self.layout) for keys, masks in pairs]
        return steps.merged_masks(pairs)

    def betweens(self, exclusions: Sequence[Exclusion], positions: Sequence[int]) -> list[Between]:
        """The exclusions that lie between two of the steps at `positions`, in terms of those."""
        found = []
        for one, keys in zip(exclusions, self.excluded, strict=True):
            first, last = one.from_step - 1, one.to_step - 1
            if first in positions and last in positions:
                found.append(Between(keys, positions.index(first), positions.index(last), self.owners, self.layout))
        return found


class Plan:
    """What a spec needs from a store; built once, then asked block by block."""

    def __init__(self, store: Store, spec: FunnelSpec) -> None:
        self.store, self.spec = store, spec
        of_user = tuple(one for one in spec.filters if one.is_user_level)
        self.event_filters = tuple(one for one in spec.filters if not one.is_user_level)
        self.n_steps = len(spec.steps)
        self.sources = [self._sources(step, f"s{number}_") for number, step in enumerate(spec.steps)]
        self.excluded = [self._sources(one, f"x{number}_") for number, one in enumerate(spec.exclusions)]
        self.held_column = (
            selection.event_column(store, spec.hold_constant).column_name if spec.hold_constant is not None else None
        )
        self.layout = steps.layout_of(store)
        self.allowed = self._allowed(of_user)
        self._cut_blocks()

    def _sources(self, step: Step | Exclusion, prefix: str) -> list[Source]:
        codes = steps.all_codes(self.store) if step.events is None else self.store.event_codes(step.events)
        conditions = selection.on_events(self.store, self.event_filters + step.filters, prefix)
        return [(code, conditions) for code in dict.fromkeys(codes)]

    def _allowed(self, of_user: tuple[Filter, ...]) -> Array | None:
        """Which users may enter, by user key; `None` for all."""
        found = None
        for segment in (self.spec.segment, Segment("", of_user) if of_user else None):
            keys = selection.user_keys(self.store, segment)
            if keys is not None:
                mark = np.zeros(max(self.layout.n_users, int(keys.max(initial=-1)) + 1), bool)
                mark[keys] = True
                found = mark if found is None else found & mark
        return found

    # Shape -----------------------------------------------------------------------------------------------------

    @cached_property
    def families(self) -> list[tuple[int, ...]]:
        """Steps that share events, together; in order of their first step."""
        codes = [{code for code, _ in sources} for sources in self.sources]
        families: list[set[int]] = []
        for step in range(self.n_steps):
            touching = [family for family in families if any(codes[step] & codes[other] for other in family)]
            families = [family for family in families if family not in touching]
            families.append(set().union({step}, *touching))
        return sorted(tuple(sorted(family)) for family in families)

    @property
    def is_disjoint(self) -> bool:
        """Whether no event can serve two steps."""
        return len(self.families) == self.n_steps

    @cached_property
    def variants(self) -> list[tuple[int, ...]]:
        """The lists of steps that an attempt may walk: with and without each optional one, all of them first."""
        optional = [number for number, step in enumerate(self.spec.steps) if step.optional]
        left_out = [set(chosen) for n in range(len(optional) + 1) for chosen in itertools.combinations(optional, n)]
        paths = [tuple(step for step in range(self.n_steps) if step not in gone) for gone in left_out]
        return sorted((path for path in paths), key=lambda path: (-len(path), path))

    @cached_property
    def window(self) -> Window:
        """The window in key terms."""
        layout = self.layout
        if self.spec.window_us is not None:
            return Window(layout, elapsed=min(self.spec.window_us, layout.span_us))
        rules = self.store.rules
        ends = np.array([layout.base_us, layout.base_us + layout.span_us])
        first, last = (int(day) for day in rules.local_days(ends))
        wall = np.arange(first, last + 2, dtype=np.int64) * DAY_US
        # The first day began before the data, the last one ends after them: keys out there are another user's.
        edges = np.clip(rules.to_utc_us(wall) - layout.base_us, 0, layout.span_us)
        edges[0] = 0
        return Window(layout, day_edges=edges)

    @property
    def mature_end_us(self) -> int:
        """Attempts that start before this instant are mature."""
        spec = self.spec
        if spec.as_of_us is None or (spec.clip and spec.end_us <= spec.as_of_us):
            return spec.end_us
        if spec.window_us is not None:
            return spec.as_of_us - spec.window_us + 1
        rules = self.store.rules
        return rules.day_start_us(int(rules.local_days(np.array([spec.as_of_us]))[0]))

    # Rows ------------------------------------------------------------------------------------------------------

    def block(self, number: int) -> Block:
        """The rows of one block, cut to the time that attempts of the period can touch."""
        excluded = [self._cut(steps.merged(self._blocks(sources, number))) for sources in self.excluded]
        everything = self._everything(number) if self.spec.order == "strict" else None
        if self.held_column:
            keys, masks, owners = self._held.block(number)
            return Block(number, self.layout, None, (keys, masks), excluded, everything, owners)
        if self.is_disjoint:
            parts = [self._cut(steps.merged(self._blocks(sources, number))) for sources in self.sources]
            return Block(number, self.layout, parts, None, excluded, everything, None)
        by_code = [rows for rows in self._masked() if len(rows.block(number))]
        keys, masks = steps.merged_masks(
            [(rows.block(number), rows.block_masks(number)) for rows in by_code] or [_NONE]
        )
        kept = self._kept(keys)
        if kept is not None:
            keys, masks = keys[kept], masks[kept]
        return Block(number, self.layout, None, (keys, masks), excluded, everything, None)

    def chained_block(self, number: int) -> ChainedBlock:
        """The rows of one block of a plain funnel, of all times."""
        parts = [self._rows(source).block(number) for (source,) in self.sources]
        return ChainedBlock(number, self.layout, parts, *self._chains.block(number))

    def prefetch(self, with_chains: bool = False) -> None:
        """Bring the arrays into memory before the blocks are walked by several threads."""
        wanted = list(itertools.chain(*self.excluded))
        if self.held_column:
            self._held  # noqa: B018  a cached property: built here
        elif self.is_disjoint:
            wanted += itertools.chain(*self.sources)
        else:
            self._masked()
        if self.spec.order == "strict":
            wanted += [(code, self._any_row) for code in self._codes]
        on_threads(self.layout, self._rows, {steps.name_of(*source): source for source in wanted}.values())
        if with_chains:
            self._chains  # noqa: B018  a cached property: built here

    def keep_chains(self) -> None:
        """Keep for later questions what was found while all blocks were walked."""
        self._chains.keep()

    def _blocks(self, sources: Sequence[Source], number: int) -> list[Array]:
        return [self._rows(source).block(number) for source in sources]

    def _rows(self, source: Source) -> Rows:
        key = steps.name_of(*source)
        if key not in self._held_rows_by_source:
            self._held_rows_by_source[key] = steps.rows_of(self.store, self.layout, *source)
        return self._held_rows_by_source[key]

    @cached_property
    def _held_rows_by_source(self) -> dict[tuple, Rows]:
        return {}

    @cached_property
    def is_chained(self) -> bool:
        """Whether the steps are plain: one event each, in order, within an elapsed time, nothing excluded."""
        spec = self.spec
        plain = spec.order == "ordered" and spec.reentry == "deepest" and not spec.exclusions
        plain = plain and not spec.hold_constant and spec.window_us is not None and len(self.variants) == 1
        return plain and self.is_disjoint and all(len(sources) == 1 for sources in self.sources)

    @property
    def is_plain_strict(self) -> bool:
        """Whether a strict funnel's attempts can be read off its users' rows: no shared events, nothing excluded."""
        plain = not self.spec.exclusions and not self.held_column and len(self.variants) == 1
        return plain and self.is_disjoint

    @cached_property
    def _chains(self) -> Chains:
        """How the steps of a plain funnel lead to one another."""
        sources = [source for (source,) in self.sources]
        return Chains(self.store, self.layout, sources, [self._rows(source) for source in sources])

    @cached_property
    def _any_row(self) -> Conditions:
        return selection.on_events(self.store, self.event_filters, "all_")

    def _everything(self, number: int) -> tuple[Array, Array | None]:
        """All events of a block's users; with the step of each where keys have bits to spare for it."""
        step_of = {code: step for step, sources in enumerate(self.sources) for code, _ in sources}
        parts = [(self._rows((code, self._any_row)).block(number), step_of.get(code, _NO_STEP)) for code in self._codes]
        narrow = self.layout.time_bits + self.layout.block_bits + _TAG_BITS <= 63
        if not (narrow and self.is_disjoint and not any(step.filters for step in self.spec.steps)):
            return self._cut(steps.merged([keys for keys, _ in parts])), None
        cut = [(self._cut(keys), step) for keys, step in parts]
        tagged, first = np.empty(sum(len(keys) for keys, _ in cut), np.int64), 0
        for keys, step in cut:
            target = tagged[first : first + len(keys)]
            np.left_shift(keys, _TAG_BITS, out=target)
            target |= step
            first += len(keys)
        tagged.sort()
        step_of = tagged.astype(np.uint8)
        step_of &= _NO_STEP
        tagged >>= _TAG_BITS
        return tagged, step_of

    @cached_property
    def _codes(self) -> list[int]:
        return steps.all_codes(self.store)

    def _per_code(self) -> dict[int, list[tuple[int, Conditions]]]:
        found: dict[int, list[tuple[int, Conditions]]] = {}
        for step, sources in enumerate(self.sources):
            for code, conditions in sources:
                found.setdefault(code, []).append((step, conditions))
        return found

    def _masked(self) -> list[Rows]:
        return self._masked_rows

    @cached_property
    def _masked_rows(self) -> list[Rows]:
        return [steps.masked_rows(self.store, self.layout, *item) for item in self._per_code().items()]

    @cached_property
    def _held(self) -> HeldRows:
        clip_us = self.spec.end_us if self.spec.clip else None
        return HeldRows.fetch(self.store, self.layout, self._per_code().items(), self.held_column, clip_us)

    def _cut_blocks(self) -> None:
        # Entities (a user with one value of the held property) outnumber users: blocks shrink until they fit too.
        if not self.held_column:
            return
        while self._held.most_entities >= 1 << (63 - self.layout.time_bits) and self.layout.block_bits > 0:
            self.layout = self.layout.with_blocks(self.layout.block_bits // 2)
            del self._held

    def stretch(self, start_us: int, end_us: int) -> Stretch:
        """When attempts start and end, for a plain funnel; `[start_us, end_us)` in UTC µs."""
        # Beyond the data's own span keys would be those of another user.
        low, high, end = (
            max(0, min(at - self.layout.base_us, self.layout.span_us)) for at in (start_us, end_us, self.spec.end_us)
        )
        return Stretch(low, high, self.window.elapsed, end if self.spec.clip else self.layout.span_us)

    def _cut(self, keys: Array) -> Array:
        kept = self._kept(keys)
        return keys if kept is None else keys[kept]

    @cached_property
    def _stretch(self) -> tuple[int, int]:
        """First and last time that attempts of the period can touch."""
        spec, span = self.spec, self.layout.span_us
        reach = 2 * DAY_US if spec.window_us is None else min(spec.window_us, span)
        last = spec.end_us - self.layout.base_us + (-1 if spec.clip else reach)
        return max(0, spec.start_us - self.layout.base_us), last

    @property
    def _is_narrow(self) -> bool:
        """Whether rows outside the stretch have to go, or are so many that leaving them out pays."""
        first, last = self._stretch
        span = self.layout.span_us
        return min(last, span) - first < _NARROW * span or (self.spec.clip and last < span)

    def _kept(self, keys: Array) -> Array | None:
        if not self._is_narrow:
            return None
        (first, last), times = self._stretch, self.layout.times(keys)
        return (times >= first) & (times <= last)


def _of_users(keys: Array, masks: Array, chosen: Array, layout: Layout) -> tuple[Array, Array]:
    users = layout.users(keys)
    kept = users < len(chosen)
    kept[kept] = chosen[users[kept]]
    return keys[kept], masks[kept]


_NONE = (np.empty(0, np.int64), np.empty(0, np.uint16))
