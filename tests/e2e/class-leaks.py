#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Looks for secrets in files that are to hold none of them, however they may have been written: as they are, escaped for HTML, JSON,
URLs, shells or terminals, or encoded.

    class-leaks.py SECRETS FILE...

SECRETS has one a line, `KIND<tab>TEXT`. Prints a line `FILE KIND` for each that is found, and nothing where none is.
It knows nothing of what the files are.
"""
import base64
import html
import json
import re
import sys
import urllib.parse


def texts_of(value):
    """Yields all texts in a JSON value, names among them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from texts_of(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts_of(item)


def unescape(text):
    """Reads \\xHH, \\uHHHH, \\n and the like as what they stand for."""
    simple = {"n": "\n", "t": "\t", "r": "\r"}

    def one(match):
        if match[1]:
            return chr(int(match[1] or match[2], 16))
        return chr(int(match[2], 16)) if match[2] else simple.get(match[3], match[3])

    return re.sub(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))", one, text, flags=re.S)


def readings(data):
    """Returns what a reader may make of a file: it, and what is in it, decoded up to three times."""
    text = data.decode("utf-8", "replace")
    found, new = {text}, {text}
    for line in [text, *text.splitlines()]:
        try:
            new.update(texts_of(json.loads(line)))
        except ValueError:
            pass
    for _ in range(3):
        new = {read(t) for t in new for read in (html.unescape, urllib.parse.unquote, unescape)} | new
        new -= found
        found |= new
    return found


def writings(secret):
    """Returns a secret as it may stand in a text that is not decoded."""
    data = secret.encode()
    forms = {secret, secret.upper(), secret[::-1], data.hex(), " ".join(f"{b:02x}" for b in data), html.escape(secret), json.dumps(secret)[1:-1]}
    for shift in range(3):  # base64 of it, wherever in a text it stood
        code = base64.b64encode(b"\0" * shift + data).decode()
        forms.add(code[4:-4] if len(code) > 12 else code)
    return {form.lower() for form in forms}


def main():
    with open(sys.argv[1], encoding="utf-8") as lines:
        secrets = [line.rstrip("\n").split("\t", 1) for line in lines]
    for name in sys.argv[2:]:
        with open(name, "rb") as file:
            texts = [text.lower() for text in readings(file.read())]
        found = {kind for kind, secret in secrets for form in writings(secret) for text in texts if form in text}
        for kind in sorted(found):
            print(name, kind)


main()
