"""What the command line's parser complains of, as one sentence.

The parser draws a box: what is wrong, then, between rulers, what it would have understood, and where help is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_KINDS = {"INT": "a whole number", "FLOAT": "a number", "PATH": "a path"}
_VALUE_ERRORS = (  # as the parser says them, and what would be right
    (r"no type matching (?P<kind>\S+) could be instantiated from \[(?P<given>.*)\]", ""),
    (r"invalid literal for int\(\) with base 10: (?P<given>.*)", "INT"),
    (r"could not convert string to float: (?P<given>.*)", "FLOAT"),
)
_NESTED = ("calibrate", "export")  # commands of commands
_LONGEST_HELP = 60  # what is said of a missing argument is left out where it is longer


def one_sentence(box: str, program: str, arguments: list[str]) -> str:
    """The sentence: what is wrong, what is legal, and where to read more.

    Args:
        box: as the parser drew it.
        program: that was called: `launch.py`, with the words of the command that was read, or `python -m …`.
        arguments: it was called with.
    """
    wrong, *more = _sections(box)
    path = _path(program, arguments, wrong)
    python = "" if path.startswith("python ") else "python "
    return f"{_what_is_wrong(wrong, more, path)}; see {python}{path} --help"


def _sections(box: str) -> list[list[str]]:
    """The lines between rulers, without the frame; what follows an empty line in the first is left out."""
    sections: list[list[str]] = [[]]
    for line in box.splitlines()[1:]:
        text = line.strip("│╭╮╰╯").rstrip()
        if set(text.strip()) == {"─"}:
            sections.append([])
        else:
            sections[-1].append(text.removeprefix(" "))
    first = [*sections[0], ""]
    return [first[: first.index("")] or [box.strip()], *sections[1:]]


def _what_is_wrong(wrong: list[str], more: list[list[str]], path: str) -> str:
    if wrong[0].startswith("Unrecognized"):
        return _unrecognized(_unrecognized_words(wrong), more, path)
    if wrong[0].startswith("Missing from"):
        return _missing(wrong)
    return _plain(" ".join(line.strip() for line in wrong).rstrip("."))


def _unrecognized(words: list[str], more: list[list[str]], path: str) -> str:
    for section in more:
        text = " ".join(line.strip() for line in section)
        if text.startswith("Available subcommands: ") and not words[0].startswith("-"):
            return f"there is no command {words[0]}: choose one of {text.partition(': ')[2]}"
    alike = [name for section in more for name, of in _alike(section) if not of or f"{path} --help" in of]
    meant = f"; did you mean {' or '.join(alike)}?" if alike else ""
    return f"Unrecognized options: {', '.join(words)}{meant}"


def _unrecognized_words(wrong: list[str]) -> list[str]:
    """From `Unrecognized options: a, b`, or from one line each, with what it was applied to in brackets."""
    if not wrong[0].startswith("Unrecognized"):
        return []
    told = " ".join(line.strip() for line in wrong).partition(": ")[2]
    return re.sub(r" \(applied to [^)]*\)", ",", told).rstrip(",").split(", ")


def _alike(section: list[str]) -> Iterator[tuple[str, list[str]]]:
    """The flags of a section of what might have been meant, and of which commands they are, if any."""
    if not section or not section[0].startswith("Perhaps you meant"):
        return
    name, where = "", list[str]()
    for line in [*section[1:], "    --"]:
        if line.startswith("    --"):
            if name:
                yield name, where
            name, where = re.split("[ ,]", line.strip())[0], []
        elif line.strip().startswith("in "):
            where.append(line.strip().removeprefix("in "))


def _missing(wrong: list[str]) -> str:
    """`Missing from PROGRAM:`, then names, each with its help indented below it."""
    names = [line.strip() for line in wrong[1:] if line.startswith("    ") and line[4:5] != " "]
    help_text = " ".join(line.strip() for line in wrong[1:] if line.startswith("     "))
    said = help_text.partition(". ")[0] if len(names) == 1 else ""
    about = f", {said[0].lower()}{said[1:]}" if 0 < len(said) <= _LONGEST_HELP else ""
    return f"{wrong[0]} {', '.join(names)}{about}"


def _plain(text: str) -> str:
    """A complaint without the words of the language that the program is written in."""
    for pattern, kind in _VALUE_ERRORS:
        if (told := re.fullmatch(rf"Error parsing (?P<flag>\S+): {pattern}", text)) is not None:
            wanted = kind or told["kind"].removeprefix("{None}|")
            return f"{told['flag']} takes {_KINDS.get(wanted, wanted)}, not {told['given']}"
    text = re.sub(
        r"Error parsing (\S+): Could not find valid parse for arguments: \[(.*)\]", r"\1 cannot be \2", text
    )
    text = re.sub("'None', |, 'None'", "", text)
    return re.sub(r"Expected one of \(([^,]*)\)", r"Expected \1", text)


def _path(program: str, arguments: list[str], wrong: list[str]) -> str:
    """The command whose help tells what is legal: as far as it was understood."""
    if program != "launch.py":
        return program
    unknown = _unrecognized_words(wrong)
    depth = 2 if arguments[:1] and arguments[0] in _NESTED else 1
    words = []
    for word in arguments[:depth]:
        if word.startswith("-") or word in unknown:
            break
        words.append(word)
    return " ".join([program, *words])
