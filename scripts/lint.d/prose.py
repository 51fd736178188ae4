# SPDX-License-Identifier: Apache-2.0
"""Checks of Markdown: links and names of files resolve, each line of a paragraph or list has one sentence, and none is too long.

    prose.py links | doc-files | sentence-lines | sentence-words     prints findings, one a line; exit 0 none, 1 some

Code blocks, tables, headings and HTML are left alone: a sentence in a cell of a table is neither split nor counted.
"""

import os
import re
import sys
import urllib.parse

import house
import tree
from tree import Findings

# ---- blocks ----

FENCE = re.compile(r"^\s*(```+|~~~+)")
HEADING = re.compile(r"^ {0,3}#{1,6}(\s|$)")
LIST = re.compile(r"^(\s*(?:[-*+]|\d+[.)])\s+)(?=\S)")
QUOTE = re.compile(r"^ {0,3}(?:> ?)+")
# Lines that are no prose: tables, HTML, rules, underlines of headings, definitions of links.
OTHER = re.compile(r"^\s*(\||<|(-\s*){3,}$|(\*\s*){3,}$|(_\s*){3,}$|=+\s*$|\[[^\]]+\]:\s)")


class Block:
    """One paragraph or item of a list: `first` and `rest` are what its first and its other lines begin with."""

    def __init__(self, line, first, rest, lines):
        self.line, self.first, self.rest, self.lines = line, first, rest, lines


def blocks(text):
    """Splits Markdown into Blocks of prose and, for everything else, single lines of text, in their order."""
    out, current, fence, indented = [], None, None, False
    lines = text.split("\n")
    depth = 0  # how far the text of the list's last item is indented

    def end():
        nonlocal current
        if current:
            out.append(current)
        current = None

    for number, line in enumerate(lines, 1):
        mark = FENCE.match(line)
        if fence:
            out.append(line)
            if mark and mark.group(1).startswith(fence) and not line.strip().strip("`~"):
                fence = None
            continue
        quote = QUOTE.match(line)
        prefix = quote.group(0) if quote else ""
        body = line[len(prefix):]
        indent = len(body) - len(body.lstrip(" "))
        item = LIST.match(body)
        if not body.strip():
            end()
            out.append(line)
            indented = False
        elif mark:
            end()
            out.append(line)
            fence = mark.group(1)
        elif current is None and not item and indent >= depth + 4 and not quote:
            out.append(line)  # a code block by indentation
            indented = True
        elif indented or HEADING.match(body) or OTHER.match(body):
            end()
            out.append(line)
        elif item:
            end()
            depth = len(item.group(1))
            current = Block(number, prefix + item.group(1), prefix + " " * depth, [body[depth:]])
        elif current and current.rest[: len(prefix)] == prefix:
            current.lines.append(body.strip() if not body.endswith("  ") else body.lstrip())
        else:
            end()
            depth = depth if indent else 0
            current = Block(number, prefix + " " * indent, prefix + " " * indent, [body.strip(" ")])
    end()
    return out


# ---- sentences ----

ABBREVIATIONS = {"e.g", "i.e", "etc", "cf", "vs", "no", "fig", "approx", "resp", "incl", "ca", "dr", "mr", "ms", "st"}
CLOSERS = "\"')]*_»”’\0"


def masked(text):
    """The same text with code, links' targets and bare addresses replaced: no dot in them ends a sentence."""

    def hide(match):
        return "\1" * len(match.group(0))

    text = re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", hide, text)
    text = re.sub(r"(?<=\])\([^()\s]*(?:\([^()]*\)[^()\s]*)*\)", lambda m: "\0" * len(m.group(0)), text)
    return re.sub(r"https?://\S*[^\s.,;:)]", hide, text)


def sentences(text):
    """Splits a paragraph, one line of text, into its sentences."""
    hidden, out, begin = masked(text), [], 0
    for match in re.finditer(r"[.!?]+([" + re.escape(CLOSERS) + r"]*)\s+(?=\S)", hidden):
        before = hidden[begin: match.start()]
        word = re.search(r"[^\s(\[*_\"]*$", before).group(0).lstrip("'").lower()
        dots = hidden[match.start(): match.end()].strip()
        after = hidden[match.end()]
        if dots.startswith("...") or dots.startswith(".") and (word in ABBREVIATIONS or re.fullmatch(r"[a-z]", word)):
            continue
        # "1. " at the beginning is a number, and what goes on with a dash or in brackets of its own is the same sentence.
        if not before.strip() or re.fullmatch(r"\d+", before.strip()) or after in ",;:)–—-":
            continue
        if dots[0] in "!?" and after.islower():
            continue
        # Opened and not yet closed: the sentence lies in brackets, and what is around it goes on.
        if before.count("(") > before.count(")") + match.group(1).count(")"):
            continue
        out.append(text[begin: match.end()].strip())
        begin = match.end()
    out.append(text[begin:].strip())
    return [s for s in out if s]


def starts_structure(text):
    """Whether a line that begins so would be no text of a paragraph."""
    return bool(LIST.match(text) or HEADING.match(text) or OTHER.match(text) or FENCE.match(text) or QUOTE.match(text))


def sentence_lines(block):
    """The lines of a block, one for each sentence; a hard line break stays one."""
    out, part = [], []
    for at, line in enumerate(block.lines):
        part.append(line.strip())
        if line.endswith("  ") or line.endswith("\\") or at == len(block.lines) - 1:
            found = []
            for sentence in sentences(" ".join(part)):
                if found and starts_structure(sentence):
                    found[-1] += " " + sentence
                else:
                    found.append(sentence)
            if line.endswith("  ") and at < len(block.lines) - 1 and found:
                found[-1] += "  "
            out += found
            part = []
    return out


def rewritten(text):
    """The same Markdown with one sentence a line."""
    out = []
    for block in blocks(text):
        if isinstance(block, str):
            out.append(block)
        else:
            for at, sentence in enumerate(sentence_lines(block)):
                out.append((block.first if at == 0 else block.rest) + sentence)
    result = "\n".join(out)
    # Nothing but white space may have changed.
    squeeze = [re.sub(r"\s+", " ", re.sub(r"^[ \t]*(> ?)+", "", t, flags=re.M)).strip() for t in (text, result)]
    assert squeeze[0] == squeeze[1], "the text would not be the same"
    return result


def words(sentence):
    """The words of a sentence; code, a link's text and a number are words, a link's target and bare signs are none."""
    text = re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "code", sentence)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    return [w for w in text.split() if re.search(r"\w", w)]


def check_sentence_lines(found):
    """One sentence a line: a line of a paragraph or list has exactly one sentence."""
    for path in tree.markdown_files():
        for block in blocks(tree.read(path)):
            if isinstance(block, str):
                continue
            wanted = sentence_lines(block)
            for at, line in enumerate(block.lines):
                if len(block.lines) != len(wanted) and at < len(wanted) and line.strip() == wanted[at].strip():
                    continue
                if at >= len(wanted) or line.strip() != wanted[at].strip():
                    found.add(path, block.line + at, "this paragraph has not one sentence a line: begin a new line after "
                                                     "each sentence, and nowhere else")
                    break


def check_sentence_words(found):
    """No sentence of a paragraph or list has more than house.SENTENCE_WORDS words."""
    for path in tree.markdown_files():
        for block in blocks(tree.read(path)):
            if isinstance(block, str):
                continue
            # The line of each sentence, where the file has one sentence a line; else that of its paragraph's beginning.
            wanted = sentence_lines(block)
            in_lines = [line.strip() for line in block.lines] == [s.strip() for s in wanted]
            for at, sentence in enumerate(wanted):
                count = len(words(sentence))
                if count > house.SENTENCE_WORDS:
                    begin = " ".join(sentence.split()[:5])
                    found.add(path, block.line + (at if in_lines else 0),
                              f'"{begin} ..." has {count} words, {house.SENTENCE_WORDS} are allowed: make two sentences')


# ---- links ----


def anchors(path):
    """The anchors of a file's headings, as forges make them, and those that it names in HTML."""
    seen, out, fence = {}, set(), None
    for line in tree.read(path).split("\n"):
        mark = FENCE.match(line)
        if mark:
            fence = None if fence and mark.group(1).startswith(fence) else fence or mark.group(1)
        if fence:
            continue
        out.update(re.findall(r'<a (?:id|name)="([^"]+)"', line))
        heading = re.match(r"^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$", line)
        if heading:
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.group(1)).lower()
            slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
            out.add(slug if slug not in seen else f"{slug}-{seen[slug]}")
            seen[slug] = seen.get(slug, 0) + 1
    return out


def links(path):
    """Each link of a file, outside of code, as (line, target)."""
    fence = None
    for number, line in enumerate(tree.read(path).split("\n"), 1):
        mark = FENCE.match(line)
        if mark:
            fence = None if fence and mark.group(1).startswith(fence) else fence or mark.group(1)
            continue
        if fence:
            continue
        line = re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "", re.sub(r"\]\(<([^>]*)>\)", r"](\1)", line))
        for match in re.finditer(r"\]\(([^()\s]+)(?:\s+\"[^\"]*\")?\)|^\s*\[[^\]]+\]:\s+(\S+)", line):
            yield number, match.group(1) or match.group(2)


def check_links(found):
    """Links: each relative link of a Markdown file leads to a file of the tree, and its anchor to a heading there."""
    tracked = set(tree.files())
    folders = {os.path.dirname(f) for f in tracked}
    folders |= {"/".join(f.split("/")[:n]) for f in folders for n in range(f.count("/") + 1)}
    for path in tree.markdown_files():
        for line, target in links(path):
            if re.match(r"[a-z][a-z0-9+.-]*:", target, re.I):
                continue
            name, _, anchor = target.partition("#")
            to = os.path.normpath(os.path.join(os.path.dirname(path), urllib.parse.unquote(name))) if name else path
            if to not in tracked and to not in folders:
                found.add(path, line, f"the link {target} leads nowhere: there is no {to}")
            elif anchor and to.endswith(".md") and urllib.parse.unquote(anchor) not in anchors(to):
                found.add(path, line, f"the link {target} leads nowhere: {to} has no heading of that name")


def check_doc_files(found):
    """Files that the docs name in code (`x.c`, `room/x.sh`) are there; the changelog tells of the past and may name others."""
    tracked = tree.files()
    ends = {"/".join(f.split("/")[n:]) for f in tracked for n in range(f.count("/") + 1)}
    for path in tree.markdown_files():
        fence = None
        for number, line in enumerate(tree.read(path).split("\n"), 1):
            mark = FENCE.match(line)
            if mark:
                fence = None if fence and mark.group(1).startswith(fence) else fence or mark.group(1)
            if fence or mark or path == "CHANGELOG.md":
                continue
            for code in re.findall(r"`([^`]+)`", line):
                for name in re.findall(r"(?<![\w./{*-])((?:[\w-]+/)*[\w-]+\.(?:c|h|sh|bash|py))(?![\w./*-])", code):
                    if name not in ends and name not in house.FOREIGN_FILES:
                        found.add(path, number, f"{name} is named and is no file of the tree: say where it is now, or, if it "
                                                "is not ours, add it to FOREIGN_FILES (scripts/lint.d/house.py)")


CHECKS = {name[len("check_"):].replace("_", "-"): f for name, f in list(globals().items()) if name.startswith("check_")}

if __name__ == "__main__":
    findings = Findings()
    CHECKS[sys.argv[1]](findings)
    findings.exit()
