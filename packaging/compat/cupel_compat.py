# SPDX-License-Identifier: Apache-2.0
"""What the front ends beside this file share: a job for `cupel exec`, its result, and files that come back from it.

A front end turns another tool's options into a `Job`, runs it, and turns the `Outcome` into that tool's result file.
Nothing here knows an option of those tools. Needs nothing but Python's standard library and the program cupel.
"""

import errno
import json
import os
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile

# Variables that every job has (docs/job-file.md): they can be set, and not be taken away.
OWN_VARIABLES = {"PATH", "LANG", "TZ", "TMPDIR", "CI", "SHELL", "HOME", "USER", "LOGNAME"}
# Where a program between cupel and the command says that it could not become the command.
REPORT_DIR = "/.cupel-compat"
# Files come back in the order of their names. This one is read-only and the last: where it came, all did.
LAST_DIR = "/~cupel-compat"
# Redirects within the sandbox, by its rights and within its limits, and becomes the command. The trap is run where it
# does not become it: then the token, which the command never gets to know, is left with the shell's exit code.
REDIRECT = """t=$1 i=$2 o=$3 e=$4; shift 4
trap 'r=$?; echo "$t $r" >%s/why; exit "$r"' EXIT
[ -z "$i" ] || command exec <"$i" || exit 2
[ -z "$o" ] || command exec >"$o" || exit 2
[ -z "$e" ] || if [ "$e" = '&1' ]; then command exec 2>&1; else command exec 2>"$e"; fi || exit 2
exec "$@"
""" % REPORT_DIR


class Refused(Exception):
    """The command line asks for what is not done here, or what it names is not there."""


class Failed(Exception):
    """The sandbox or this machine could not do it; never the command's fault."""


def program():
    """Returns the path of cupel: CUPEL in the environment, the one that this file is installed with, or that of PATH."""
    here = os.path.dirname(os.path.realpath(__file__))
    for path in (os.environ.get("CUPEL"), os.path.join(here, "../../../bin/cupel"), shutil.which("cupel")):
        if path and os.access(path, os.X_OK):
            return os.path.abspath(path)
    raise Failed("cupel is neither in PATH nor named by CUPEL")


def duration(seconds):
    return "%dus" % max(1, round(seconds * 1e6))


def is_variable(name):
    """Whether a job file takes that name of a variable."""
    plain = name.replace("_", "a")
    return plain.isascii() and plain.isalnum() and not plain[0].isdigit() and not name.startswith("CUPEL_")


class Job:
    """One command in a sandbox: what a job of a job file says of it, where its files go, how it is redirected."""

    def __init__(self):
        self.keys = {"timeout-grace": "0s"}
        self.limits = {}
        self.env = {}
        self.inputs = []
        self.brought_back = []  # [(path inside, directory outside)]
        self.patterns = []  # of other files that come back
        self.take = None  # what gets the directory in which they lie as in the sandbox
        self.options = ["-q"]
        self.files = None  # [stdin, stdout, stderr] as paths inside, each or None; '&1' for stderr

    def show(self, outside, inside, mode, owner):
        self.inputs.append({"from": os.path.abspath(outside), "to": inside, "mode": mode, "owner": owner})

    def show_writable(self, outside, inside, owner):
        """A directory whose changes are brought back. Directories in it can be renamed only in a copy."""
        with os.scandir(outside) as entries:
            nested = any(e.is_dir(follow_symlinks=False) for e in entries)
        self.show(outside, inside, "copy" if nested else "cow", owner)
        self.brought_back.append((inside, os.path.abspath(outside)))

    def take_files(self, patterns, take):
        self.patterns = patterns
        self.take = take if patterns else None

    def share_network(self):
        self.keys["network"] = "host"
        self.options.append("--allow-host-network")

    def run(self, scratch, argv, streams, interruptions=None):
        """Runs argv with the given (stdin, stdout, stderr), and returns an Outcome. `scratch` is a directory of ours."""
        with tempfile.TemporaryDirectory(dir=scratch, prefix="run.") as place:
            return self.run_in(place, argv, streams, interruptions or Interruptions())

    def run_in(self, place, argv, streams, interruptions):
        token = secrets.token_hex(16)
        patterns = [inside.rstrip("/") + "/**" for inside, _ in self.brought_back] + self.patterns
        if self.files:
            os.mkdir(os.path.join(place, "report"), 0o700)
            self.show(os.path.join(place, "report"), REPORT_DIR, "cow", "user")
            patterns.append(REPORT_DIR + "/why")
            argv = ["/bin/sh", "-c", REDIRECT, "sh", token, *(f or "" for f in self.files), *argv]
        if self.brought_back:
            os.mkdir(os.path.join(place, "last"))
            with open(os.path.join(place, "last", "file"), "x"):
                pass
            self.show(os.path.join(place, "last"), LAST_DIR, "ro", "host")
            patterns.append(LAST_DIR + "/file")
        job = dict(self.keys, run=["/command"], env=self.env, inputs=self.inputs, limits=self.limits)
        file = os.path.join(place, "job.yaml")
        with open(file, "x", encoding="utf-8") as f:
            json.dump({"cupel": 1, "jobs": {"command": job}}, f)
        back = os.path.join(place, "back")
        command = [program(), "exec", *self.options, "--root", file + ":command", "--result", os.path.join(place, "result")]
        if patterns:
            command += ["--artifacts", back]
            for pattern in patterns:
                command += ["--artifact", pattern]
        with open(os.path.join(place, "said"), "w+b") as said:
            code = interruptions.wait_for(command + ["--", *argv], streams, said)
            said.seek(0)
            outcome = Outcome(read_result(os.path.join(place, "result")), code, said.read(65536))
        outcome.shell_code = read_report(back, token) if self.files else None
        outcome.interrupted_by = interruptions.seen
        if outcome.verdict != "error":
            all_came = os.path.isfile(back + LAST_DIR + "/file")
            for inside, outside in self.brought_back:
                bring_back(back + inside, outside, all_came)
            if self.take:
                self.take(back)
        return outcome


class Interruptions:
    """Signals to us end the command: the first asks cupel to, which does so at once where there is no grace."""

    def __init__(self):
        self.seen = 0
        self.child = None
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, self.take)

    def take(self, number, _):
        self.seen = self.seen or number
        if self.child:
            self.child.send_signal(signal.SIGTERM)

    def wait_for(self, command, streams, said):
        stdin, stdout, stderr = streams
        # What cupel itself says must not be taken for the command's; where the command has our standard error, both
        # go there, and only errors are said (-q).
        self.child = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=said if stderr is None else stderr)
        if self.seen:
            self.child.send_signal(signal.SIGTERM)
        return self.child.wait()


def read_result(path):
    try:
        with open(path, encoding="utf-8") as f:
            return json.loads(f.readline())
    except (OSError, ValueError):
        return {}


def read_report(back, token):
    """The exit code of the shell that did not become the command, or None. Others than it cannot know the token."""
    try:
        fd = os.open(back + REPORT_DIR + "/why", os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    with open(fd, encoding="ascii", errors="replace") as f:
        words = f.read(100).split()
    return int(words[1]) if len(words) == 2 and words[0] == token and words[1].isdecimal() else None


class Outcome:
    """A line of results.jsonl, or what cupel said where there is none."""

    def __init__(self, result, code, said):
        self.result = result
        self.usage = result.get("usage", {})
        self.evidence = result.get("evidence", "")
        self.verdict = result.get("verdict", "error")
        if not result or self.verdict == "error":
            self.verdict = "error"
            lines = said.decode(errors="replace").strip()
            self.evidence = self.evidence or " ".join(lines.split()) or "cupel ended with exit code %d" % code
        self.exit = result.get("exit")
        self.signal = result.get("signal")
        self.code = code
        self.shell_code = None
        self.interrupted_by = 0

    def not_executed(self):
        """Why there was no program, as execve would say it; None where there was one."""
        if self.shell_code is not None:
            codes = {127: errno.ENOENT, 126: errno.EACCES}
            return os.strerror(codes[self.shell_code]) if self.shell_code in codes else None
        if self.verdict != "failed" or self.exit is not None or self.signal is not None or self.code not in (126, 127):
            return None
        if self.code == 127:
            return os.strerror(errno.ENOENT)
        return os.strerror(errno.EACCES if "ermission" in self.evidence else errno.ENOEXEC)

    def not_redirected(self):
        return self.shell_code is not None and self.not_executed() is None


# ---- files that come back ----


def bring_back(source, target, all_came):
    """Makes the directory `target` have the files of `source`, which goes; what is not there is removed if all came.

    Both are walked by descriptor and no link is followed, whoever put it there. What is neither file nor directory in
    `target` stays, since it is never among what comes back: links, FIFOs, sockets, devices.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    to = os.open(target, flags & ~os.O_NOFOLLOW)  # the caller's own name for it
    try:
        try:
            from_ = os.open(source, flags)
        except FileNotFoundError:
            from_ = -1
        try:
            merge(from_, to, all_came)
        finally:
            if from_ >= 0:
                os.close(from_)
    finally:
        os.close(to)


def names_in(fd):
    return os.listdir(fd) if fd >= 0 else []


def look(name, dir_fd):
    try:
        return os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return None


def merge(source, target, all_came):
    here = set(names_in(source))
    for name in os.listdir(target) if all_came else []:
        if name not in here:
            remove(name, target)
    for name in here:
        new, old = look(name, source), look(name, target)
        if stat.S_ISDIR(new.st_mode):
            merge_directory(name, source, target, old, all_came)
        elif stat.S_ISREG(new.st_mode):
            place_file(name, source, target, new, old)


def open_directory(name, dir_fd):
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)


def merge_directory(name, source, target, old, all_came):
    if old is None or not stat.S_ISDIR(old.st_mode):
        if old is not None:
            os.unlink(name, dir_fd=target)
        os.mkdir(name, 0o755, dir_fd=target)
    from_ = open_directory(name, source)
    try:
        to = open_directory(name, target)
        try:
            merge(from_, to, all_came)
        finally:
            os.close(to)
    finally:
        os.close(from_)


def remove(name, target):
    """Removes what the command has removed: files, and directories that have nothing else in them."""
    old = look(name, target)
    if old is None:
        return
    if stat.S_ISREG(old.st_mode):
        os.unlink(name, dir_fd=target)
    elif stat.S_ISDIR(old.st_mode):
        if old.st_mode & 0o700 != 0o700:
            set_mode(name, target, 0o700)
        to = open_directory(name, target)
        try:
            merge(-1, to, True)
        finally:
            os.close(to)
        try:
            os.rmdir(name, dir_fd=target)
        except OSError as e:
            if e.errno != errno.ENOTEMPTY:
                raise


def place_file(name, source, target, new, old):
    """A file that is as it was keeps its inode and times; another one never is written through a name of it elsewhere."""
    mode = stat.S_IMODE(new.st_mode)
    if old is not None and stat.S_ISREG(old.st_mode):
        mode = mode & 0o755 | old.st_mode & 0o022
        if old.st_size == new.st_size and is_same(name, source, target):
            if mode != stat.S_IMODE(old.st_mode):
                set_mode(name, target, mode)
            return
    elif old is not None and stat.S_ISDIR(old.st_mode):
        shutil.rmtree(name, dir_fd=target)
    set_mode(name, source, mode)
    try:
        os.replace(name, name, src_dir_fd=source, dst_dir_fd=target)
    except OSError as e:
        if e.errno != errno.EXDEV:
            raise
        copy_file(name, source, target, mode)


def open_file(name, dir_fd):
    return os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=dir_fd), "rb")


def set_mode(name, dir_fd, mode):
    """Sets the mode of a file that need not be readable, and is no link."""
    fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)
    try:
        os.chmod("/proc/self/fd/%d" % fd, mode)
    finally:
        os.close(fd)


def is_same(name, source, target):
    try:
        with open_file(name, source) as a, open_file(name, target) as b:
            while True:
                block = a.read(1 << 20)
                if block != b.read(1 << 20):
                    return False
                if not block:
                    return True
    except PermissionError:
        return False


def copy_file(name, source, target, mode):
    temporary = ".cupel-compat." + secrets.token_hex(8)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=target)
    set_mode(name, source, 0o600)
    try:
        with os.fdopen(fd, "wb") as to, open_file(name, source) as from_:
            shutil.copyfileobj(from_, to, 1 << 20)
            os.fchmod(to.fileno(), mode)
        os.replace(temporary, name, src_dir_fd=target, dst_dir_fd=target)
    except BaseException:
        os.unlink(temporary, dir_fd=target)
        raise
