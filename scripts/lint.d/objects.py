# SPDX-License-Identifier: Apache-2.0
"""Checks of the objects of a build: what runs between clone and exec leads to no malloc, no stdio, no error object.

    objects.py init BUILD     prints findings, one a line; exit 0 none, 1 some

A child of clone(2) in a process with threads or open streams may find a lock of malloc's or stdio's held for ever. So no
object of house.INIT refers to such a function (nm), and no function of ours that it calls leads to one: those calls are
followed function by function (objdump). Calls through pointers that other files hold are not followed.
Debug builds are looked at: where functions are inlined and sanitizers added, names are missing or more.
"""

import collections
import os
import re
import subprocess
import sys

import house
import tree
from tree import Findings, within

FORBIDDEN = re.compile(
    r"^(malloc|calloc|realloc|reallocarray|free|cfree|memalign|posix_memalign|aligned_alloc|strdup|strndup|"
    r"(__)?v?(as|s|sn|f|d|ob|)w?printf(_chk)?|(__isoc(99|23)_)?v?[sf]?scanf|"
    r"fopen(64)?|fdopen|freopen(64)?|fclose|fflush(_unlocked)?|f?(put|get)[cs](_unlocked)?|puts|putchar|getchar|ungetc|"
    r"fread(_chk)?|fwrite|(__)?getdelim|getline|open_memstream|fmemopen|setvbuf|setbuf|fseeko?(64)?|ftello?(64)?|"
    r"stdin|stdout|stderr|perror|v?syslog|v?warnx?|v?errx?|"
    r"exit|atexit|opendir|fdopendir|readdir(64)?|closedir|scandir(64)?|nftw(64)?|glob(64)?|"
    r"strerror|strsignal|setenv|putenv|unsetenv|dlopen|dlsym|qsort|"
    r"getpw\w+|getgr\w+|getaddrinfo|localtime(_r)?|mktime|strftime|"
    r"cupel_error_\w+|log_warning)$"
)


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.decode(errors="replace")


def objects_of(build):
    """Each object of a room of ours as source path -> object path."""
    found = {}
    for folder, _, names in os.walk(build):
        for name in names:
            match = re.match(r"(.*)\.c\.o(bj)?$", name)
            place = re.match(r"(.*)/CMakeFiles/[^/]+\.dir(/.*)?$", os.path.relpath(folder, build))
            if match and place:
                source = os.path.normpath(f"{place.group(1)}{place.group(2) or ''}/{match.group(1)}.c")
                if os.path.isfile(source):
                    found[source] = os.path.join(folder, name)
    return found


def calls_of(obj):
    """Which functions and objects each function of an object refers to."""
    calls, name = collections.defaultdict(set), None
    for line in run("objdump", "-dr", "--no-show-raw-insn", obj).split("\n"):
        begin = re.match(r"[0-9a-f]+ <([^>]+)>:$", line)
        if begin:
            name = begin.group(1)
            continue
        for target in re.findall(r"R_\w+\s+([A-Za-z_][\w.]*)", line) + re.findall(r"\b(?:call|jmp|j\w+)\w*\s.*<([A-Za-z_]\w*)>", line):
            if target != name:
                calls[name].add(target)
    return calls


def line_of(source, symbol):
    text = tree.without_comments(tree.read(source))
    name = re.escape(re.sub(r"^__(isoc\d+_)?|_chk$|64$", "", symbol))
    # Indented lines first: a declaration stands in the first column.
    match = re.search(rf"^[ \t]+.*\b{name}\b", text, flags=re.M) or re.search(rf"\b{name}\b", text)
    return text.count("\n", 0, match.end()) + 1 if match else 1


def check_init(found, build):
    objects = objects_of(build)
    init = {s: o for s, o in objects.items() if within(s, house.INIT)}
    tree.expect_listed(found, "INIT", house.INIT)
    for source in [s for s in tree.c_files() if s.endswith(".c") and within(s, house.INIT) and s not in objects]:
        found.add(source, 1, f"there is no object of it in {build}: build it")
    ours = {o: s for s, o in objects.items() if tree.room_of(s) not in house.TESTS and tree.room_of(s) not in house.PROGRAMS}
    definers = {}
    for line in run("nm", "-A", "--defined-only", "--extern-only", "--format=posix", *ours).split("\n"):
        match = re.match(r"(.*?):\s*(\S+) ", line)
        if match:
            definers.setdefault(match.group(2), ours[match.group(1)])
    calls = {}

    def follow(source, symbol, chain, seen):
        """Looks for a forbidden function behind a symbol that is not of INIT."""
        if FORBIDDEN.match(symbol):
            if f"{chain[-2]} -> {symbol}" not in house.INIT_EXCEPTIONS:
                yield chain
            return
        home = definers.get(symbol, source if symbol in calls.get(source, {}) else None)
        if home is None or home in init or (home, symbol) in seen:
            return
        seen.add((home, symbol))
        if home not in calls:
            calls[home] = calls_of(objects[home])
        for target in sorted(calls[home].get(symbol, ())):
            yield from follow(home, target, chain + [target], seen)

    for source, obj in sorted(init.items()):
        for symbol in run("nm", "--undefined-only", "--format=posix", obj).split("\n"):
            if not symbol:
                continue
            symbol = symbol.split()[0].split("@")[0]
            chains = sorted(follow(source, symbol, [source, symbol], set()), key=len)
            for chain in chains[:1]: # the shortest way there tells enough
                way = ", which leads to ".join(f"{name}()" for name in chain[1:])
                found.add(source, line_of(source, symbol),
                          f"runs between clone and exec and refers to {way}: no malloc, stdio or error object there; "
                          "report by number, and say it in words on the other side")


if __name__ == "__main__":
    findings = Findings()
    check_init(findings, sys.argv[2].rstrip("/"))
    findings.exit()
