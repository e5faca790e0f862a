"""TOML files, as people and editors write them: read with one sentence for what is wrong, and written."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_toml(path: Path) -> dict[str, Any]:
    """The values of a file; ValueError names the file and what is wrong with it."""
    if not path.is_file():
        raise ValueError(f"no file at {path}: expected TOML, see vdt/training/recipes for examples")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))  # some editors begin a file with a mark
    except RecursionError as error:
        raise ValueError(f"{path} is not valid TOML: it is nested too deep") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not valid TOML: it is not encoded in UTF-8 ({error.reason})") from error
    except ValueError as error:  # tomllib's own, and numbers of thousands of digits
        raise ValueError(f"{path} is not valid TOML: {str(error).partition(';')[0]}") from error


def to_toml(values: Mapping[str, Any]) -> str:
    """TOML of tables, lists, texts, numbers and truth values."""
    return "".join(f"{_text(key)} = {_value(value)}\n" for key, value in values.items())


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(key)} = {_value(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_value, value)) + "]"
    return repr(value)


def _text(value: str) -> str:
    quoted = "".join(f"\\u{ord(each):04x}" if each in '"\\' or not 32 <= ord(each) != 127 else each for each in value)
    return f'"{quoted}"'
