"""YAML as people write menus in it: its traps taken out, and the line of everything kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from hasip.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from hasip.commands.findings import Place

# libyaml reads a menu of 10,000 choices in a tenth of the time.
_Base: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MERGE = "tag:yaml.org,2002:merge"
# A few lines of aliases of aliases stand for thousands of millions of entries.
MOST_ENTRIES = 100_000


class WrittenInt(int):
    """A whole number that remembers how it was written: `0123` is four digits, not octal 83."""

    written: str


class _Loader(_Base):  # type: ignore[misc]
    """Safe YAML in which keys are text as written, whatever they look like."""

    def construct_mapping(
        self, node: yaml.MappingNode, *, deep: bool = False
    ) -> dict[Hashable, object]:
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                key.tag = "tag:yaml.org,2002:str"
        mapping: dict[Hashable, object] = super().construct_mapping(node, deep=deep)
        return mapping

    def construct_written_int(self, node: yaml.ScalarNode) -> WrittenInt:
        number = WrittenInt(self.construct_yaml_int(node))
        number.written = node.value
        return number


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_written_int)


class YamlError(ConfigError):
    """A text that is no YAML."""

    def __init__(self, text: str, line: int) -> None:
        super().__init__(text)
        self.line = line  # 1-based


class YamlText:
    """A text that was read: `content`, and where in it things stand."""

    def __init__(self, text: str) -> None:
        """Read a text; raises `YamlError`."""
        loader = None
        try:
            loader = _Loader(text)
            self._root: yaml.Node | None = loader.get_single_node()
            self._entries: dict[int, dict[str | int, tuple[int, yaml.Node]]] = {}
            if _size(self._root, {}) > max(MOST_ENTRIES, len(text)):
                msg = f"its aliases (*name) stand for more than {MOST_ENTRIES} entries"
                raise YamlError(msg, 1)
            self._repeated = tuple(_repeated_keys(self._root, set()))
            self.content: object = (
                None if self._root is None else loader.construct_document(self._root)
            )
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = 1 if mark is None else mark.line + 1
            raise YamlError(error.problem or error.context or "is no YAML", line) from error
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            raise YamlError(str(error) or type(error).__name__, 1) from error
        finally:
            if loader is not None:
                loader.dispose()

    @property
    def repeated_keys(self) -> tuple[tuple[str, int], ...]:
        """Return the keys that stand twice in one mapping, each with the line of the second."""
        return self._repeated

    def line_of(self, place: Place) -> int:
        """Return the line of a place, or of what is nearest around it; 1-based."""
        node, line = self._root, 1
        for part in place:
            found = self._entries_of(node).get(_key(node, part))
            if found is None:
                break
            line, node = found
        return line

    def take_apart(self) -> None:
        """Free what is no longer asked for, bit by bit.

        Freed at once, the 400,000 objects of a large menu would hold up all threads for 40 ms.
        """
        nodes, self._root = [self._root], None
        self._entries.clear()
        while nodes:
            node = nodes.pop()
            if isinstance(node, yaml.CollectionNode):
                parts, node.value = node.value, []
                is_mapping = isinstance(node, yaml.MappingNode)
                nodes += [part for pair in parts for part in pair] if is_mapping else parts

    def _entries_of(self, node: yaml.Node | None) -> dict[str | int, tuple[int, yaml.Node]]:
        """Return what stands in a node; looked through once, since much may be wrong in it."""
        if id(node) not in self._entries:
            self._entries[id(node)] = _entries(node)
        return self._entries[id(node)]


def _key(node: yaml.Node | None, part: str | int) -> str | int:
    return part if isinstance(node, yaml.SequenceNode) else str(part)


def _entries(node: yaml.Node | None) -> dict[str | int, tuple[int, yaml.Node]]:
    """Return the line and the value of every entry; of two that are the same the last counts."""
    if isinstance(node, yaml.MappingNode):
        return {
            key.value: (key.start_mark.line + 1, value)
            for key, value in node.value
            if isinstance(key, yaml.ScalarNode)
        }
    if isinstance(node, yaml.SequenceNode):
        return {at: (item.start_mark.line + 1, item) for at, item in enumerate(node.value)}
    return {}


def _size(node: yaml.Node | None, known: dict[int, int]) -> int:
    """Return how many entries there are once each alias is what it stands for."""
    if node is None or isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in known:
        known[id(node)] = 0  # until it is known: an alias may stand in what it stands for
        parts = (
            [part for pair in node.value for part in pair]
            if isinstance(node, yaml.MappingNode)
            else node.value
        )
        known[id(node)] = 1 + sum(_size(part, known) for part in parts)
    return known[id(node)]


def _repeated_keys(node: yaml.Node | None, seen: set[int]) -> Iterator[tuple[str, int]]:
    if id(node) in seen:  # an alias, perhaps of what it stands in
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        keys: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                if key.value in keys:
                    yield key.value, key.start_mark.line + 1
                keys.add(key.value)
            yield from _repeated_keys(value, seen)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _repeated_keys(item, seen)
