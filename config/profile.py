"""A profile: which tables of a wallet database make up which sets.

A profile is a TOML file, ``config/profiles/NAME.toml``, read strictly. This module holds its model; the checks
that need a real database are the daemon's.
"""

import msgspec


class SetProfile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One set: all rows of one table that take part, each row one entity.

    ``key`` names the columns that identify a row; ``local`` those that never leave this device; ``where`` is an SQL
    condition over the table's columns that a row must meet to take part; sets are written in ascending ``order``
    (parents first) and deleted from in descending order. An ``optional`` set is off until a setting switches it on.
    ``guard`` sets count for the brake on mass deletes, except rows that meet the SQL condition ``spent`` or that
    moved to the set ``moves_to`` in the same change.
    """

    name: str
    table: str
    key: tuple[str, ...]
    local: tuple[str, ...] = ()
    where: str | None = None
    order: int = 0
    optional: bool = False
    guard: bool = False
    spent: str | None = None
    moves_to: str | None = None


class GhostRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Rows of ``table`` that meet ``where`` are ghosts: kept out of all sets.

    A ghost is deleted in the transaction that brings a row of the set ``replaced_by`` whose columns equal the
    ghost's as ``match`` (ghost column to set column) says.
    """

    table: str
    where: str
    replaced_by: str
    match: dict[str, str]


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What walletsync needs to know of one kind of wallet database."""

    name: str
    version: int
    required_columns: dict[str, tuple[str, ...]]  # by table
    sets: tuple[SetProfile, ...]
    ghosts: tuple[GhostRule, ...] = ()
