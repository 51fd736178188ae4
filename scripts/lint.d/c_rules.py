# SPDX-License-Identifier: Apache-2.0
"""Checks of the C code that need no build: rooms, headers, names, hostile bytes, lines, comments.

    c_rules.py CHECK     prints findings, one a line; exit 0 none, 1 some

Not responsible for what the tables say (house.py), nor for what objects refer to (init.py).
"""

import collections
import os
import re
import sys

import house
import tree
from tree import Findings, within

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.M)


def includes(path):
    """Each #include of a file as (line, name, whether it is in angle brackets)."""
    text = tree.read(path)
    for match in INCLUDE.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match.group(1) or match.group(2), match.group(2) is not None


def included_files():
    """Each #include of a file of the tree as (path, line, what it includes: a path, or None where there is no such)."""
    for path in tree.c_files():
        for line, name, is_system in includes(path):
            if not is_system:
                beside = os.path.normpath(os.path.join(os.path.dirname(path), name))
                yield path, line, next((f for f in (beside, name) if os.path.isfile(f)), None), name


def check_rooms(found):
    """Folder order: a room includes only headers of the rooms that house.py lets it."""
    tree.expect_listed(found, "ROOMS", [room + "/" for room in list(house.ROOMS) + house.TESTS])
    for path, line, header, name in included_files():
        here, there = tree.room_of(path), tree.room_of(header or name)
        if header is None:
            found.add(path, line, f'there is no "{name}": name it by its path from the top of the tree')
        elif here is None:
            found.add(path, line, "this folder is no room: give it a row in ROOMS of scripts/lint.d/house.py")
        elif there is None or here == there or here in house.TESTS:
            continue
        elif there in house.TESTS:
            found.add(path, line, f"{here} includes {header} of the tests: move what both need into a room")
        elif there not in house.ROOMS[here]["may"]:
            found.add(path, line, f"{here} includes {header}, but is not above {there}: pass in what it needs, "
                                  "or move it to where both may see it (ROOMS in scripts/lint.d/house.py)")


def check_private_headers(found):
    """Header privacy: what a room's public headers do not have is nobody else's."""
    for path, line, header, _ in included_files():
        here, there = tree.room_of(path), tree.room_of(header or "")
        if there is None or here == there or here in house.TESTS:
            continue
        row = house.ROOMS.get(there, {"public": []})
        seen = row["public"] + (row.get("shared", []) if here and here.startswith(there + "/") else [])
        if there in house.ROOMS and header[len(there) + 1:] not in seen:
            public = ", ".join(f"{there}/{h}" for h in house.ROOMS[there]["public"]) or "none"
            found.add(path, line, f"{header} is private to {there}: include what it has public ({public}), "
                                  "and declare there what others need")
    tree.expect_listed(found, "ROOMS", [f"{room}/{h}" for room, row in house.ROOMS.items()
                                         for h in row["public"] + row.get("shared", [])])


def check_hostile_bytes(found):
    """Hostile bytes: archives, gzip and the JSON of images are read by files of house.CONFINED only."""
    for path in tree.c_files():
        if within(path, house.CONFINED) or tree.room_of(path) in house.TESTS:
            continue
        for line, name, is_system in includes(path):
            if is_system and name in house.CONFINED_HEADERS:
                found.add(path, line, f"<{name}> reads hostile bytes: do so in a confined child, in a file of CONFINED "
                                      "(scripts/lint.d/house.py)")
        if tree.room_of(path) == house.CONFINED_ROOM or path.startswith(house.CONFINED_ROOM + "/"):
            if path in house.JSON_READERS:
                continue
            text = tree.without_comments(tree.read(path))
            for match in re.finditer(r"\bjson_load\w*\s*\(", text):
                found.add(path, text.count("\n", 0, match.start()) + 1,
                          "JSON is read outside of the confined child: where it is an image's, read it there; where it "
                          "is our own, say so in JSON_READERS (scripts/lint.d/house.py)")
    tree.expect_listed(found, "CONFINED", house.CONFINED)
    tree.expect_listed(found, "JSON_READERS", house.JSON_READERS)


def check_child_work(found):
    """Hostile bytes: what a confined child does is written in a file of house.CONFINED."""
    defined = collections.defaultdict(list)
    for path in tree.c_files():
        if path.startswith(house.CONFINED_ROOM + "/"):
            for function in tree.functions(path):
                defined[function.name].append(path)
    for path in tree.c_files():
        text = tree.without_comments(tree.read(path))
        if "child_work" not in text or tree.room_of(path) in house.TESTS:
            continue
        for match in re.finditer(r"\.(?:fn|reader)\s*=\s*([^,}]+)", text):
            for name in re.findall(r"[A-Za-z_]\w*", match.group(1)):
                homes = [path] if path in defined[name] else defined[name]
                for home in homes:
                    if not within(home, house.CONFINED):
                        found.add(path, text.count("\n", 0, match.start()) + 1,
                                  f"{name}() runs in a confined child and is defined in {home}: move it to a file of "
                                  "CONFINED (scripts/lint.d/house.py)")


def check_file_names(found):
    """File names: each name of a .c or .h file occurs once in the tree."""
    places = collections.defaultdict(list)
    for path in tree.c_files():
        places[os.path.basename(path)].append(path)
    for name, paths in sorted(places.items()):
        for path in paths[1:] if name not in house.COMMON_FILE_NAMES else []:
            found.add(path, 1, f"{paths[0]} has the same name: put the word of its room or subject before it")


def check_symbols(found):
    """Public symbols: no other function of the tree, not even a static one, has the name of a public function."""
    places = collections.defaultdict(list)
    for path in tree.c_files():
        for function in tree.functions(path):
            if function.name not in ("main", "LLVMFuzzerTestOneInput", "LLVMFuzzerInitialize"):
                places[function.name].append(function)
    for name, homes in sorted(places.items()):
        # Two definitions of one file are two sides of an #if. A header's static inline is public, but for what tests
        # share among themselves.
        public = [f for f in homes if not f.is_static or
                  f.path.endswith(".h") and tree.room_of(f.path) not in house.TESTS]
        others = [f for f in homes if public and f.path != public[0].path]
        for other in others:
            found.add(other.path, other.line, f"{name}() is also a public function, of {public[0].path}: "
                                              "put the word of its file before one of them")


def check_raw_ids(found):
    """Ids are changed by system calls: the C library's functions wait for threads that a child by _Fork or clone lacks."""
    pattern = re.compile(r"(?<![\w])(?:set(?:re|res)?[ug]id|sete[ug]id|setgroups|initgroups|setfs[ug]id)\s*\(")
    for path in tree.c_files():
        if tree.room_of(path) in house.TESTS or path.startswith(("bench/", "harness/selftest/probes/")):
            continue
        text = tree.without_comments(tree.read(path))
        for match in pattern.finditer(text):
            found.add(path, text.count("\n", 0, match.start()) + 1,
                      f"{match.group().rstrip('( ')}() of the C library: write syscall(SYS_...) (base/aside.h says why)")


def check_ignored_results(found):
    """Results: what the C library marks as not to be ignored is looked at; GCC lets no (void) pass with _FORTIFY_SOURCE."""
    pattern = re.compile(r"\(void\)\s*((?:p?(?:read|write)(?:v2?)?(?:64)?|f?truncate|f?chdir|chroot|[fl]?chown|fchownat|pipe2?|nice|lockf|dup"
                         r"|(?:sym|read)?link(?:at)?|system|fread|fwrite|fgets|fscanf|scanf|realpath|getcwd|v?asprintf|mkstemp|daemon"
                         r"|set(?:re|res|e)?[ug]id|setgroups))\s*\(")
    for path in tree.c_files():
        text = tree.without_comments(tree.read(path))
        for match in pattern.finditer(text):
            found.add(path, text.count("\n", 0, match.start()) + 1,
                      f"the result of {match.group(1)}() is ignored: look at it, distributions' compilers refuse this")


def check_struct_tags(found):
    """Struct tags: a struct, union or enum tag is defined in one place of the tree, tests left aside."""
    places = collections.defaultdict(list)
    for path in [f for f in tree.c_files() if tree.room_of(f) not in house.TESTS]:
        text = tree.without_comments(tree.read(path))
        for match in re.finditer(r"\b(?:struct|union|enum)\s+([A-Za-z_]\w*)\s*\{", text):
            places[match.group(1)].append((path, text.count("\n", 0, match.start()) + 1))
    for tag, homes in sorted(places.items()):
        for path, line in [h for h in homes if h[0] != homes[0][0]]:
            found.add(path, line, f"the tag {tag} is also defined in {homes[0][0]}: put the word of its file before it")


def check_line_length(found):
    """Lines of C files have at most house.LINE_LENGTH columns."""
    for path in tree.c_files():
        for number, line in enumerate(tree.read(path).split("\n"), 1):
            if len(line.expandtabs(8)) > house.LINE_LENGTH:
                found.add(path, number, f"{len(line.expandtabs(8))} columns, {house.LINE_LENGTH} are allowed: break the "
                                        "line, or put a field's comment above the field")


SPDX = "SPDX-License-Identifier: Apache-2.0"


def is_source(path):
    """Whether a file has to begin with the licence's name."""
    if tree.is_fixture(path):
        return False
    name = os.path.basename(path)
    return path.endswith((".c", ".h", ".sh", ".bash", ".py", ".cmake")) or name == "CMakeLists.txt" or tree.is_script(path)


def check_spdx(found):
    """The licence: each source file names it in its first line, or in its second below #!."""
    for path in filter(is_source, tree.files()):
        lines = tree.read(path).split("\n", 2)
        at = 1 if lines[0].startswith("#!") and len(lines) > 1 else 0
        if SPDX not in lines[at]:
            form = f"/* {SPDX} */" if path.endswith((".c", ".h")) else f"# {SPDX}"
            found.add(path, at + 1, f"the licence is not named: begin with `{form}`" + (" below the #! line" if at else ""))


def comments_over_functions(path):
    """Each comment right above a function's definition or declaration: (line, text, name of the function)."""
    text = tree.read(path)
    plain = tree.without_comments(text)
    for match in re.finditer(r"^/\*((?:(?!\*/).)*)\*/[ \t]*\n(?=[A-Za-z_])", text, flags=re.S | re.M):
        rest = plain[match.end():]
        end = re.search(r";|^\{", rest, flags=re.M)
        header = rest[: end.start()] if end else ""
        if "(" not in header or "=" in header.split("(")[0] or re.match(r"(typedef|struct \w+ \{|enum|union|#)", header):
            continue
        name = tree.header_name(header)
        if name:
            words = " ".join(re.sub(r"^\s*\*", "", line).strip() for line in match.group(1).split("\n"))
            yield text.count("\n", 0, match.start()) + 1, words.strip(), name


def check_comments(found):
    """Comments over functions begin with a verb, or name what they are about."""
    for path in tree.c_files():
        for line, words, name in comments_over_functions(path):
            first = re.match(r"[A-Za-z']+", words)
            if first and first.group(0) in house.RIDDLES:
                begin = " ".join(words.split()[:4])
                found.add(path, line, f'the comment over {name}() begins "{begin} ...": begin with a verb ("Returns", '
                                      '"Removes"), or name what it is about')


CHECKS = {name[len("check_"):].replace("_", "-"): f for name, f in list(globals().items()) if name.startswith("check_")}

if __name__ == "__main__":
    findings = Findings()
    CHECKS[sys.argv[1]](findings)
    findings.exit()
