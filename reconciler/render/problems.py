"""What `validate` found: for people, and as annotations at the lines of a pull request."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.domain.problem import Problem
from reconciler.render.style import Style, Tone
from reconciler.render.text import counted, printable


def problems_text(problems: Sequence[Problem], style: Style, *, files: int) -> str:
    """Render each problem on a line, then a count."""
    if not problems:
        return f"{style.paint('valid', Tone.MORE, Tone.STRONG)}: {counted(files, 'definition')}\n"
    lines = [_line(problem, style) for problem in problems]
    broken = len({problem.path for problem in problems})
    count = (
        f"{counted(len(problems), 'problem')} in {counted(broken, 'file')}, {counted(files, 'definition')} valid"
    )
    return "\n".join([*lines, "", style.paint(count, Tone.STRONG)]) + "\n"


def problems_github(problems: Sequence[Problem]) -> str:
    """Render each problem as a workflow command; nothing for none."""
    return "".join(f"{_annotation(problem)}\n" for problem in problems)


def _line(problem: Problem, style: Style) -> str:
    place = style.paint(f"{printable(problem.path)}:{problem.line}:{problem.column}:", Tone.STRONG)
    rule = style.paint(f"[{problem.rule}]", Tone.QUIET)
    return f"{place} {style.paint(printable(problem.message), Tone.BAD)}; {printable(problem.remedy)} {rule}"


def _annotation(problem: Problem) -> str:
    facts = {
        "file": problem.path,
        "line": str(problem.line),
        "col": str(problem.column),
        "title": f"rollouts: {problem.rule}",
    }
    properties = ",".join(f"{name}={_property(value)}" for name, value in facts.items())
    return f"::error {properties}::{_message(f'{problem.message}; {problem.remedy}')}"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
