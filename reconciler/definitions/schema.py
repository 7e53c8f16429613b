"""What the JSON Schemas say of a parsed file, in words and at the right place."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from reconciler.definitions.fault import Fault, shown
from reconciler.definitions.places import Document, Step, fault_at

if TYPE_CHECKING:
    from reconciler.definitions.compiled import SchemaError, SchemaName

_WANTED = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}


_UNITS = "[smhdw]$"
_LONG_DURATION = re.compile("[1-9][0-9]{7,}[smhdw]")
_NOTHING_FITS = re.compile(r"(?!)")
_FITS_UNQUOTED = defaultdict(
    lambda: _NOTHING_FITS,
    boolean=re.compile(r"true|false"),
    integer=re.compile(r"-?[0-9]+"),
    number=re.compile(r"-?[0-9]+(\.[0-9]+)?"),
)


def schema_faults(name: SchemaName, document: Document) -> list[Fault]:
    """Return every fault that the schema finds, in no order."""
    # jsonschema takes longer to import than a thousand files to parse: only where something is validated.
    from reconciler.definitions.compiled import schema_errors  # noqa: PLC0415

    return [fault for error in schema_errors(name, document.data) for fault in _faults(error, document)]


def subject(path: tuple[Step, ...]) -> str:
    """Name a place of a document: `thresholds.window`, `whitelist entry 2`."""
    words = ""
    for step in path:
        if isinstance(step, int):
            words += f" entry {step + 1}"
        else:
            words += f".{step}" if words else step
    return words or "the file"


def _faults(error: SchemaError, document: Document) -> Iterator[Fault]:
    path = error.path
    if error.keyword == "additionalProperties":
        yield from _unknown_fields(error, path, document)
    elif error.keyword == "required":
        yield from _missing_field(error, path, document)
    elif error.keyword == "uniqueItems":
        yield from _repeated_items(error, path, document)
    else:
        say = _SAY.get(error.keyword, _otherwise)
        message, remedy = say(error, document.written(*path))
        yield document.fault(
            *path,
            rule=_RULES.get(error.keyword, "schema"),
            message=f"{subject(path)} {message}",
            remedy=remedy,
        )


def _unknown_fields(error: SchemaError, path: tuple[Step, ...], document: Document) -> Iterator[Fault]:
    known = list(error.schema["properties"])
    for key in (each for each in error.value if each not in known):
        yield fault_at(
            document.key_spot(*path, key).start_mark,
            rule="unknown-field",
            message=f"{shown(key)[1:-1]} is no field of {subject(path) if path else 'this file'}",
            remedy=_instead_of(key, known, error.value),
        )


def _missing_field(error: SchemaError, path: tuple[Step, ...], document: Document) -> Iterator[Fault]:
    properties = error.schema["properties"]
    misspelt = {_meant(key, properties) for key in error.value.keys() - properties.keys()}
    for key in error.expected:
        if key not in error.value and key not in misspelt:
            example = _yaml(properties[key]["examples"][0])
            remedy = f"add a line such as `{key}: {example}`"
            message = f"{subject((*path, key))} is missing"
            yield document.fault(*path, rule="missing-field", message=message, remedy=remedy)


def _instead_of(key: str, known: Collection[str], present: Mapping[str, object]) -> str:
    if (near := _meant(key, known)) is not None:
        return f"did you mean {near}?"
    free = ", ".join(field for field in known if field not in present)
    return f"remove it, or choose of {free}" if free else "remove it"


def _meant(key: str, known: Collection[str]) -> str | None:
    return next(iter(get_close_matches(key.lower().replace("-", "_"), known, n=1, cutoff=0.7)), None)


def _repeated_items(error: SchemaError, path: tuple[Step, ...], document: Document) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for index, item in enumerate(error.value):
        if not isinstance(item, str) or first.setdefault(item, index) == index:
            continue
        line = document.value_spot(*path, first[item]).start_mark.line + 1
        yield document.fault(
            *path,
            index,
            rule="duplicate-item",
            message=f"{shown(item)} stands in {subject(path)} already, on line {line}",
            remedy="delete one of them",
        )


def _type(error: SchemaError, written: str) -> tuple[str, str]:
    kinds = [error.expected] if isinstance(error.expected, str) else error.expected
    wanted = error.schema.get("patternErrorMessage") or " or ".join(_WANTED[kind] for kind in kinds)
    return f"is {_described(error.value, written)}, it must be {wanted}", _retyped(error, kinds[0], written)


def _retyped(error: SchemaError, kind: str, written: str) -> str:
    value = error.value
    if value is None:
        return "write a value, or delete the line"
    if kind == "string" and isinstance(value, int | float) and re.search(error.schema.get("pattern", ""), written):
        return f"quote it: {shown(written)}"
    if isinstance(value, str) and _FITS_UNQUOTED[kind].fullmatch(value):
        return f"remove the quotes: {value}"
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        return f"write {int(value)}"
    return f"write it like {_yaml(_example(error.schema, kind))}"


def _pattern(error: SchemaError, _written: str) -> tuple[str, str]:
    if error.expected.endswith(_UNITS) and _LONG_DURATION.fullmatch(error.value):
        return f"is {shown(error.value)[1:-1]}, a number of more than 7 digits", "lower it"
    remedy = f"write it like {_yaml(_example(error.schema, 'string'))}"
    return f"is {shown(error.value)}, it must be {error.schema['patternErrorMessage']}", remedy


def _least(error: SchemaError, written: str) -> tuple[str, str]:
    return f"is {written}, the least is {error.expected}", "raise it"


def _most(error: SchemaError, written: str) -> tuple[str, str]:
    return f"is {written}, the most is {error.expected}", "lower it"


def _above(error: SchemaError, written: str) -> tuple[str, str]:
    return f"is {written}, it must be above {error.expected}", "raise it"


def _below(error: SchemaError, written: str) -> tuple[str, str]:
    return f"is {written}, it must be below {error.expected}", "lower it"


def _too_long(error: SchemaError, _written: str) -> tuple[str, str]:
    return f"has {len(error.value)} characters, the limit is {error.expected}", "shorten it"


def _too_many(error: SchemaError, _written: str) -> tuple[str, str]:
    return f"has {len(error.value)} entries, the limit is {error.expected}", "shorten it"


def _too_few(_error: SchemaError, _written: str) -> tuple[str, str]:
    return "has no entry, the least is 1", "add one, or delete the field above"


def _choice(error: SchemaError, written: str) -> tuple[str, str]:
    return f"is {shown(written)}, it must be one of {', '.join(error.expected)}", "choose one of them"


def _otherwise(error: SchemaError, _written: str) -> tuple[str, str]:
    return f"breaks the schema ({error.keyword})", "see the schema"


_SAY: dict[str, Callable[[SchemaError, str], tuple[str, str]]] = {
    "type": _type,
    "pattern": _pattern,
    "minimum": _least,
    "maximum": _most,
    "exclusiveMinimum": _above,
    "exclusiveMaximum": _below,
    "maxLength": _too_long,
    "maxItems": _too_many,
    "minItems": _too_few,
    "enum": _choice,
}
_RULES = {
    "type": "type",
    "pattern": "form",
    "minimum": "range",
    "maximum": "range",
    "exclusiveMinimum": "range",
    "exclusiveMaximum": "range",
    "maxLength": "length",
    "maxItems": "length",
    "minItems": "length",
    "enum": "choice",
}


def _described(value: object, written: str) -> str:
    match value:
        case None:
            return "empty"
        case bool():
            return f"{written}, a boolean"
        case str():
            return f"the text {shown(value)}"
        case int() | float():
            return f"the number {written}"
        case list():
            return "a list"
        case _:
            return "a mapping"


def _example(schema: Any, kind: str) -> object:
    of_kind = {"string": str, "object": dict, "array": list, "boolean": bool, "integer": int, "number": int | float}
    return next((each for each in schema.get("examples", ()) if isinstance(each, of_kind[kind])), "")


def _yaml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case list():
            return f"[{', '.join(map(_yaml, value))}]"
        case dict():
            return "{" + ", ".join(f"{key}: {_yaml(each)}" for key, each in value.items()) + "}"
        case str() if value[:1].isdigit() and value[-1:].isdigit():
            return f'"{value}"'
        case _:
            return str(value)
