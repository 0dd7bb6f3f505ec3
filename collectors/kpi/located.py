"""YAML files of the KPI catalogue, read so that every error can name its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from callcause_error import did_you_mean
from collectors.errors import ConfigError

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class LocatedYaml:
    """A YAML mapping with the line of every value: `.data`, and `.line(path)`, 1-based."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            text = path.read_text(encoding="utf-8")
            self._root = yaml.compose(text, Loader=_Loader)
            data = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot be read: {error}", file=str(path)) from error
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = mark.line + 1 if mark else None
            raise ConfigError(
                f"is not YAML: {getattr(error, 'problem', error)}", file=str(path), line=line
            ) from error
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"is not YAML: {error}", file=str(path)) from error
        if not isinstance(data, dict):
            raise ConfigError("must hold a mapping at its top", file=str(path), line=1)
        self.data: dict[Any, Any] = data

    def line(self, path: tuple[object, ...]) -> int:
        """Line of the value at `path` (keys and list indices), or of the nearest one above it."""
        node = self._root
        for part in path:
            child = _child(node, part)
            if child is None:
                break
            node = child
        return int(node.start_mark.line) + 1 if node is not None else 1

    def error(self, message: str, path: tuple[object, ...], hint: str | None = None) -> ConfigError:
        """Make a ConfigError at `path` of this file."""
        key = ".".join(str(part) for part in path)
        return ConfigError(message, file=str(self.path), line=self.line(path), key=key or None, hint=hint)

    def validated(self, model: type[BaseModel], data: object, path: tuple[object, ...]) -> Any:
        """Check `data` as a `model`; the first thing that is wrong becomes a located error."""
        try:
            return model.model_validate(data)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = tuple(path) + tuple(first["loc"])
            hint = None
            if first["type"] == "extra_forbidden":
                hint = did_you_mean(str(first["loc"][-1]), model.model_fields)
            raise self.error(first["msg"], where, hint) from error


def _child(node: Any, part: object) -> Any:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if str(key.value) == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part]
    return None
