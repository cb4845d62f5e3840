"""Menus for unit tests, written as in YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hasip.calls.menu import build_menu
from hasip.commands.menu_spec import MenuSpec
from hasip.commands.reading import read

if TYPE_CHECKING:
    from hasip.calls.menu import MenuTree


def menu_tree(**spec: Any) -> MenuTree:
    """Return the tree of a menu given by its keys."""
    return build_menu(read(MenuSpec, spec))
