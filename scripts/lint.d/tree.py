# SPDX-License-Identifier: Apache-2.0
"""What the checks share: the files of the tree, the functions of a C file, findings. It knows no rule."""

import os
import re
import subprocess
import sys

import house


class Findings:
    """Prints each finding as `file:line: what is wrong, and what to do`, and counts them."""

    def __init__(self):
        self.count = 0

    def add(self, path, line, text):
        self.count += 1
        print(f"{path}:{line}: {text}")

    def exit(self):
        sys.stdout.flush()
        sys.exit(1 if self.count else 0)


def files():
    """All files that git tracks or would track, in order; links are left out."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.decode(errors="surrogateescape")
    return [f for f in sorted(set(names.split("\0"))) if f and os.path.isfile(f) and not os.path.islink(f)]


def expect_listed(found, table, entries):
    """Tells of entries of a table of house.py that this tree does not have; in another tree (--tree), of none."""
    for entry in entries if os.path.isfile("scripts/lint.d/house.py") else []:
        if not (os.path.isdir(entry) if entry.endswith("/") else os.path.isfile(entry)):
            found.add("scripts/lint.d/house.py", 1, f"{entry} is listed and is not there: mend the table {table}")


def is_fixture(path):
    return any(path.startswith(folder) for folder in house.FIXTURES)


def c_files():
    return [f for f in files() if f.endswith((".c", ".h")) and not is_fixture(f)]


def markdown_files():
    return [f for f in files() if f.endswith(".md") and not is_fixture(f)]


def is_script(path):
    with open(path, "rb") as f:
        return f.read(2) == b"#!"


def read(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def within(path, entries):
    """Whether a file is one of the entries: folders, which end with a slash, or files."""
    return any(path.startswith(e) if e.endswith("/") else path == e for e in entries)


def room_of(path):
    """The folder of house.ROOMS or house.TESTS that a file belongs to, or None."""
    rooms = [r for r in list(house.ROOMS) + house.TESTS if path.startswith(r + "/")]
    return max(rooms, key=len) if rooms else None


def without_comments(text):
    """The same C text, line by line, with comments and the insides of strings blanked out."""

    def blank(match):
        token = match.group(0)
        if token.startswith("/"):
            return re.sub(r"[^\n]", " ", token)
        return token[0] + re.sub(r"[^\n]", " ", token[1:-1]) + token[-1]

    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


class Function:
    def __init__(self, name, path, line, is_static):
        self.name, self.path, self.line, self.is_static = name, path, line, is_static


NOT_NAMES = {"__attribute__", "_Alignas", "__typeof__", "sizeof", "_Static_assert", "if", "for", "while", "switch"}


def header_name(header):
    """The function that the text before a body or a semicolon declares, or None."""
    for match in re.finditer(r"\b([A-Za-z_]\w*)\s*\(", re.sub(r"__attribute__\s*\(\(.*?\)\)", "", header, flags=re.S)):
        name = match.group(1)
        if name not in NOT_NAMES and not name.isupper():
            return name
    return None


def functions(path):
    """The functions that a file defines. A body begins with a brace in the first column, as clang-format puts it."""
    lines = without_comments(read(path)).split("\n")
    found = []
    for at, line in enumerate(lines):
        if line.rstrip() != "{":
            continue
        first = at
        while first > 0 and lines[first - 1].strip() and not re.search(r"[;}]\s*$|^\s*#", lines[first - 1]):
            first -= 1
        header = "\n".join(lines[first:at])
        name = header_name(header) if "=" not in header.split("(")[0] else None
        if name:
            found.append(Function(name, path, first + 1, re.search(r"\bstatic\b", header.split("(")[0]) is not None))
    return found
