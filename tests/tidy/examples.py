"""Finds the public names of the runtime that stand in no example.

A public name is a type or function of the namespaces below in a header that runtime/taskscope.h
includes, or a public function of such a type. An example is a block of comment lines, indented by
three columns, that is code: examples_test.cpp compiles it. No example is needed of what stands
behind a comment `// For the …` in a class, which says for whom else it is, and of options, whose
fields an example names in braces.
"""

import re

USER_HEADER = "runtime/taskscope.h"
EXAMPLES_TEST = "tests/runtime/header/examples_test.cpp"
NAMESPACES = {"taskscope", "taskscope::net", "taskscope::os"}
# Range-for calls the first two, or_done returns the third, dial_tcp calls the last.
SELDOM = {"begin", "end", "OrDone", "resolve_until"}

TYPE = re.compile(r"(class|struct|enum class)(?: \[\[\w+\]\])? (\w+)[^;]*\{")
ACCESS = re.compile(r" (public|private|protected):")
NO_MEMBER = "friend|using|static_assert|template|requires|explicit|return"
MEMBER = re.compile(rf"  (?! |//|:|~|(?:{NO_MEMBER})\b)"
                    r"(?!.*\boperator)[^(]*?\b(\w+)\((?!\()")
FUNCTION = re.compile(r"(?!(?:friend|using|static_assert|inline constexpr|namespace|#)\b)"
                      r"(?:decltype\(auto\) |[\w:<>\[\], &*]+ )?(\w+)\(")


def headers_of(texts):
    """The headers that programs see, the one for them first."""
    if USER_HEADER not in texts:
        return []
    after = texts[USER_HEADER].partition("#pragma once")[2]
    included = re.findall(r'#include "(runtime/[^"]+)"', after)
    return [USER_HEADER] + [path for path in included if path in texts]


def example_code(text):
    """The code of a header's examples, without their comments."""
    blocks = [[]]
    for line in text.split("\n"):
        if line.startswith("//   "):
            blocks[-1].append(line[5:])
        elif blocks[-1]:
            blocks.append([])
    lines = []
    for block in blocks:
        listed = any(line.startswith("- ") or "→" in line or line[:1].isdigit() for line in block)
        if not listed and any(";" in line for line in block):
            lines += [line.partition("//")[0] for line in block]
    return "\n".join(lines)


def without(text, word, opening, closing):
    """`text` without `word` and the brackets behind it, if it begins with that."""
    text = text.lstrip()
    if not re.match(word + r"\s*" + re.escape(opening), text):
        return text
    depth = 0
    for at, letter in enumerate(text):
        depth += (letter == opening) - (letter == closing)
        if depth == 0 and letter == closing:
            return text[at + 1:].lstrip()
    return text


def function_of(declaration):
    """The name of the function that is declared, or None."""
    text = without(declaration, "template", "<", ">")
    text = without(text, "requires", "(", ")")
    text = re.sub(r"^\[\[\w+\]\]\s*", "", text)
    match = FUNCTION.match(text)
    return match.group(1) if match else None


class Reader:
    """Reads a header line by line."""

    def __init__(self):
        self.spaces = []
        self.of_type, self.public = "", False
        self.declaration = ""
        self.in_body = False

    def name_in(self, line):
        """(type or "", name) that the line declares for programs, or None."""
        begin = re.fullmatch(r"namespace ([\w:]+) \{", line)
        if begin:
            self.spaces.append(begin.group(1))
        elif re.fullmatch(r"\}  // namespace [\w:]+", line) and self.spaces:
            self.spaces.pop()
        elif "::".join(self.spaces) in NAMESPACES:
            return self.member(line) if self.of_type else self.top(line)
        return None

    def member(self, line):
        if line.startswith("};"):
            self.of_type = ""
        elif match := ACCESS.match(line):
            self.public = match.group(1) == "public"
        elif line.startswith("  // For the "):
            self.public = False
        elif self.public and (match := MEMBER.match(line)) and "// for ts::" not in line:
            if match.group(1) not in (self.of_type, "requires"):
                return self.of_type, match.group(1)
        return None

    def top(self, line):
        if self.in_body or line.startswith(("//", "#")) or not line:
            self.in_body = self.in_body and not line.startswith("}")
            return None
        template = without(self.declaration, "template", "<", ">") == ""
        if template and (match := TYPE.match(line)):
            self.declaration = ""
            self.public = match.group(1) != "class"
            self.of_type = "" if line.endswith("};") else match.group(2)
            return "", match.group(2)
        self.declaration += line + " "
        if not line.endswith(("{", ";", "}")):
            return None
        name = function_of(self.declaration)
        self.declaration = ""
        self.in_body = line.endswith("{")
        return ("", name) if name else None


def names_of(text):
    """(line, type or "", name) of what a header declares for programs."""
    reader = Reader()
    # The short ones that only declare something have no name at their end.
    text = re.sub(r"^namespace \w+ \{\n(?:[^\n{}]*\n){1,2}\}$",
                  lambda short: "\n" * short.group().count("\n"), text, flags=re.M)
    for number, line in enumerate(text.split("\n"), 1):
        found = reader.name_in(line)
        if found:
            yield number, *found


def missing(texts):
    """(path, line, name) of each public name that stands in no example."""
    headers = headers_of(texts)
    code = "\n".join(example_code(texts[path]) for path in headers)
    for path in headers:
        seen = set()
        for line, of_type, name in names_of(texts[path]):
            if name.endswith("Options") or name in SELDOM or (of_type, name) in seen:
                continue
            seen.add((of_type, name))
            before = r"(\.|->|::)" if of_type else r"\b"
            if not re.search(before + name + r"\b", code):
                yield path, line, f"{of_type}::{name}" if of_type else name
