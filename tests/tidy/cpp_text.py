"""C++ for a line checker: code without comments and texts, and where functions begin and end."""

import re

_TOKEN = re.compile(
    r"""
    (?P<line>//[^\n]*)
  | (?P<block>/\*.*?\*/)
  | (?P<raw>R"(?P<delimiter>[^()\\\s]{0,16})\(.*?\)(?P=delimiter)")
  | (?P<string>"(?:\\.|[^"\\\n])*")
  | (?P<char>(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+')
    """, re.VERBOSE | re.DOTALL)


def code_only(text):
    """The text with comments blanked and literals emptied; every line keeps its number."""

    def blank(match):
        found = match.group(0)
        if match.group("string") or match.group("char"):
            return found[0] + " " * (len(found) - 2) + found[-1]
        return re.sub(r"[^\n]", " ", found)

    return _TOKEN.sub(blank, text)


# What a brace after it opens that is no function.
_NOT_A_FUNCTION = re.compile(r"^(?:template\s*<.*>\s*)?(?:typedef\s+)?"
                             r"(?:namespace|class|struct|union|enum|extern\s*\"|concept)\b",
                             re.DOTALL)
_ATTRIBUTES = re.compile(r"^(?:\s|\[\[.*?\]\]|(?:public|private|protected)\s*:(?!:)|inline\b)+",
                         re.DOTALL)
_NAME = re.compile(r"((?:[\w~]+\s*::\s*)*(?:operator\s*\W{1,3}|~?\w+))\s*\(")


def _is_function(head):
    """Whether the text between the last statement and a brace is a function's."""
    if "(" not in head or _NOT_A_FUNCTION.match(head):
        return False
    outside = re.sub(r"\([^()]*\)", "", re.sub(r"\([^()]*\)", "", head))
    outside = re.sub(r"operator\s*\W{1,3}", "", outside)
    return not re.search(r"(?<![=!<>])=(?!=)", outside)


def _without_preprocessor(code):
    """Directives blanked, continuation lines included."""
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*",
                  lambda match: re.sub(r"[^\n]", " ", match.group(0)), code, flags=re.MULTILINE)


def functions(code):
    """Yields (name, first line, last line) of every function at namespace or class level.

    `code` has no comments and no literals. The first line is the signature's, the last one the
    closing brace's. What stands inside a function (lambdas, local types) counts as part of it.
    """
    code = _without_preprocessor(code)
    opened = []  # for each open brace: None, or (name, first line) of a function
    head_start = 0
    line_of = _line_counter(code)
    inside = 0  # open braces that belong to a function
    constructor = None  # a member initialiser in braces came before: (name, first line)
    for match in re.finditer(r"[{};]", code):
        token = match.group(0)
        if token == "{":
            raw = code[head_start:match.start()]
            head = raw[_ATTRIBUTES.match(raw).end() if _ATTRIBUTES.match(raw) else 0:]
            entry = None
            if not inside:
                entry = _entry(head, line_of(match.start() - len(head)), constructor)
            opened.append(entry)
            if entry or inside:
                inside += 1
            constructor = None
        elif token == "}":
            if not opened:
                return
            entry = opened.pop()
            inside -= 1 if inside else 0
            if entry and not inside:
                yield entry[0], entry[1], line_of(match.start())
                constructor = entry
        elif not inside:
            constructor = None
        head_start = match.end()


def _entry(head, line, constructor):
    stripped = head.strip()
    if constructor and (not stripped or stripped.startswith(",")):
        return constructor
    if not _is_function(stripped):
        return None
    name = _NAME.search(stripped)
    return (re.sub(r"\s", "", name.group(1)) if name else "a function", line)


def _line_counter(text):
    starts = [match.start() for match in re.finditer("\n", text)]

    def line_of(offset):
        low, high = 0, len(starts)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if starts[middle] < offset else (low, middle)
        return low + 1

    return line_of
