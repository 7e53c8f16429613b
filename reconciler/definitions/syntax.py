"""What the YAML parser complains of, in words that tell an author what to mend."""

from __future__ import annotations

from yaml.error import MarkedYAMLError
from yaml.reader import ReaderError

from reconciler.definitions.fault import Fault
from reconciler.definitions.places import Mark, fault_at

_NO_COLON = "could not find expected ':'"
_WORDS: dict[str, tuple[str, str]] = {
    "did not find expected key": (
        "the line is indented unlike the field above it, or a quote or bracket above it is not closed",
        "align it with the fields beside it",
    ),
    "did not find expected '-' indicator": (
        "the line is not an item of the list above it",
        "begin it with `- ` at the indentation of the other items, or align it with the fields",
    ),
    "mapping values are not allowed in this context": (
        "a colon stands where no field can begin",
        "mend the indentation, or quote the text that holds the colon",
    ),
    _NO_COLON: ("this line is no field and no list item", "write it as `field: value` or `- item`"),
    "found character that cannot start any token": (
        "no value can begin with this character",
        "quote the text",
    ),
    "did not find expected ',' or ']'": (
        "a list in brackets is not closed, or a comma is missing",
        "add the `]` or the comma",
    ),
    "did not find expected ',' or '}'": (
        "a mapping in braces is not closed, or a comma is missing",
        "add the `}` or the comma",
    ),
    "found unexpected end of stream": ("a quoted text is not closed", "add the closing quote"),
    "found unknown escape character": (
        "no such escape exists in a double-quoted text",
        "write the backslash twice, or use single quotes",
    ),
    "found invalid Unicode character escape code": (
        "the escape names no character",
        "write the character itself",
    ),
    "did not find expected node content": ("a value is missing here", "write the value, or delete the comma"),
    "block sequence entries are not allowed in this context": (
        "a list item stands where none can begin",
        "begin the list on a line of its own",
    ),
    "found undefined tag handle": ("the tag has no meaning here", "remove the tag"),
}
_TOO_DEEP = "exceeded maximum nesting depth"
_TAB = ("a tab stands where YAML allows spaces only", "replace the tab by spaces")


def given_up_at(error: Exception) -> int | None:
    """Return the index of the character that libyaml, 0.2.6 or newer, finds nested too deeply to read on."""
    if isinstance(error, MarkedYAMLError) and error.problem == _TOO_DEEP and error.problem_mark is not None:
        return int(error.problem_mark.index)
    return None


def syntax_fault(error: Exception, text: str) -> Fault:
    """Return the fault for which the parser gave up on `text`."""
    match error:
        case MarkedYAMLError(problem_mark=mark) if mark is not None:
            if error.problem == _NO_COLON and error.context_mark is not None:
                mark = error.context_mark
            if error.context_mark is not None and not text[mark.index :].strip():
                mark = error.context_mark  # Behind the last line there is nothing to look at.
            message, remedy = _in_words(error, mark, text)
            return fault_at(mark, rule="syntax", message=message, remedy=remedy)
        case ReaderError():
            message = f"the parser takes no character U+{ord(str(error.character)):04X}"
        case _:
            message = "the parser gave up"
    return Fault(line=1, column=1, rule="syntax", message=message, remedy="rewrite the file")


def _in_words(error: MarkedYAMLError, mark: Mark, text: str) -> tuple[str, str]:
    if text[mark.index : mark.index + 1] == "\t" and "token" in str(error.problem):
        return _TAB
    message, remedy = _WORDS.get(
        str(error.problem),
        (f"this is no YAML: {error.problem}", "mend the indentation, quotes or brackets here"),
    )
    began = error.context_mark
    if began is None or began.line == mark.line:
        return message, remedy
    return f"{message} (it began on line {began.line + 1})", remedy
