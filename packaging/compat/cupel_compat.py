# SPDX-License-Identifier: Apache-2.0
"""What the front ends beside this file share: a job for `cupel exec`, its result, and files that come back from it.

A front end turns another tool's options into a `Job`, runs it, and turns the `Outcome` into that tool's result file.
Nothing here knows an option of those tools. Needs nothing but Python's standard library and the program cupel.
"""

import errno
import hashlib
import json
import os
import re
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
# What each job has of its own, over whatever is shown around it.
OWN_FILES = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"]
DEPTH_MAX = 250  # of directories below each other: files do not come back from more than 256
ZEROS = bytes(1 << 20)
TOLD_MAX = 20  # of what did not come back
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

    def place_of(self, path):
        """Where a path of the sandbox leads, through the links of its root and of what is shown in it."""
        host_root = self.keys.get("rootfs") == "host"
        places = sorted(((os.path.normpath(i["to"]), i["from"]) for i in self.inputs), key=lambda p: -len(p[0]))
        rest, at = os.path.normpath(path).strip("/").split("/"), ""
        links = 0
        while rest:
            name = rest.pop(0)
            if name in ("", ".", ".."):
                at = os.path.dirname(at) if name == ".." else at
                continue
            here = at + "/" + name
            outside = next((os.path.join(o, os.path.relpath(here, i)) for i, o in places if is_beneath(here, i)),
                           here if host_root else None)
            if outside is None or not os.path.islink(outside):
                at = here
                continue
            links += 1
            if links > 40:
                raise Refused("%s leads through too many links" % path)
            target = os.readlink(outside)
            at = "" if target.startswith("/") else at
            rest = target.split("/") + rest
        return at or "/"

    def hide(self, scratch):
        """Keeps a directory of ours out of what is shown: what comes back is written there, and would come back again."""
        empty = None
        real = os.path.realpath(scratch)
        for i in list(self.inputs):
            outside, to = os.path.realpath(i["from"]), os.path.normpath(i["to"])
            inside = os.path.join(to, os.path.relpath(real, outside))
            others = [os.path.normpath(j["to"]) for j in self.inputs]
            seen = not any(is_beneath(o, to) and (inside == o or is_beneath(inside, o)) for o in others)
            if is_beneath(real, outside) and seen:
                empty = empty or tempfile.mkdtemp(dir=scratch)
                self.show(empty, inside, "ro", "host")

    def left_out(self, inside, outside, scratch):
        """What in a directory that is brought back is shown by another rule, or is ours: ({path}, {(device, inode)})."""
        if self.place_of(inside) != os.path.normpath(inside):
            raise Refused("%s leads to %s through a link; what is changed comes back only from a path without links"
                          % (inside, self.place_of(inside)))
        real, scratch = os.path.realpath(outside), os.path.realpath(scratch)
        paths = {os.path.relpath(p, real) for p in mount_points() | {scratch} if is_beneath(p, real)}
        paths |= {os.path.relpath(p, inside) for p in OWN_FILES if is_beneath(p, inside)}
        inodes = {inode_of(scratch)}
        for other in self.inputs:
            named = os.path.normpath(other["to"])
            place = self.place_of(named)
            if named != inside and (place == inside or is_beneath(inside, place) and not is_beneath(inside, named)):
                raise Refused("%s leads to %s, and would be over %s, whose changes come back" % (named, place, inside))
            for path in (named, place):
                if is_beneath(path, inside):
                    paths.add(os.path.relpath(path, inside))
                    inodes.add(inode_of(os.path.join(outside, os.path.relpath(path, inside))))
        return paths, inodes - {inode_of(outside), None}

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
        self.hide(os.path.dirname(place))
        shown = [Shown(outside, self.left_out(inside, outside, os.path.dirname(place))) for inside, outside in self.brought_back]
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
        self.inputs.sort(key=lambda i: os.path.normpath(i["to"]))  # none is covered by what it is beneath
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
            all_came = os.path.isfile(back + LAST_DIR + "/file") and outcome.nothing_is_missing()
            for (inside, _), before in zip(self.brought_back, shown):
                outcome.not_brought_back += bring_back(back + inside, before, all_came)
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
            self.evidence = re.sub(r"\S*/job\.yaml:\d+: ", "", self.evidence, count=1)  # which the caller never wrote
        self.exit = result.get("exit")
        self.signal = result.get("signal")
        self.code = code
        self.shell_code = None
        self.interrupted_by = 0
        self.not_brought_back = []  # sentences

    def nothing_is_missing(self):
        """Whether no file, but for those that never do, was left out of what came: what did not come was removed then."""
        ends = ("; not followed, not copied", "is no regular file; not copied")  # links that lead away, and what is no file
        return not any(note.endswith("not copied") and not note.endswith(ends) for note in self.result.get("notes", []))

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


def is_beneath(path, directory):
    return path != directory and path.startswith(directory.rstrip("/") + "/")


def inode_of(path):
    try:
        st = os.stat(path)
    except OSError:
        return None
    return st.st_dev, st.st_ino


def mount_points():
    """What is mounted is not shown with the directory that it is in, whose own files are hidden here."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as f:
        fields = [line.split(" ")[4] for line in f]
    return {re.sub(r"\\([0-7]{3})", lambda m: chr(int(m.group(1), 8)), field) for field in fields}


class Entry:
    """A name as it was before the command ran. `known` is a file's digest, or where a link leads."""

    def __init__(self, st):
        self.stat = st
        self.known = None
        self.children = {}
        self.left_out = False

    def is_file(self):
        return stat.S_ISREG(self.stat.st_mode)

    def is_directory(self):
        return stat.S_ISDIR(self.stat.st_mode)

    def has_files(self):
        return self.is_file() or any(e.has_files() for e in self.children.values())

    def is_still(self, name, dir_fd, now):
        """Whether the name, now `now`, is what it was: nothing is undone by removing or replacing it."""
        old = self.stat
        if (stat.S_IFMT(old.st_mode), old.st_dev, old.st_ino) != (stat.S_IFMT(now.st_mode), now.st_dev, now.st_ino):
            return False
        if self.is_directory():
            return True
        if (old.st_size, old.st_mtime_ns) != (now.st_size, now.st_mtime_ns):
            return False
        if self.known is None:
            return old.st_ctime_ns == now.st_ctime_ns
        try:
            return self.known == (digest_of(name, dir_fd) if self.is_file() else os.readlink(name, dir_fd=dir_fd))
        except OSError:  # closed to us, or gone
            return False


class Shown:
    """A directory as it was before the command ran, by which is told what the command has changed.

    `left_out` says what in it is not the command's to change. Without digests, each file counts as changed.
    """

    def __init__(self, path, left_out=(frozenset(), frozenset()), digests=True):
        self.path = path
        self.left_out = left_out
        self.digests = digests
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)  # the caller's own name for it
        try:
            self.entries = self.list(fd, "", 0)
        finally:
            os.close(fd)

    def list(self, fd, above, depth):
        entries = {}
        for name in os.listdir(fd):
            st = look(name, fd)
            if st is not None:
                entries[name] = self.entry(name, fd, above + name, st, depth)
        return entries

    def entry(self, name, fd, path, st, depth):
        entry = Entry(st)
        entry.left_out = path in self.left_out[0] or (st.st_dev, st.st_ino) in self.left_out[1] or depth > DEPTH_MAX
        try:
            if entry.left_out:
                pass
            elif entry.is_directory():
                inner = open_directory(name, fd)
                try:
                    entry.children = self.list(inner, path + "/", depth + 1)
                finally:
                    os.close(inner)
            elif entry.is_file() and self.digests:
                entry.known = digest_of(name, fd)
            elif stat.S_ISLNK(st.st_mode):
                entry.known = os.readlink(name, dir_fd=fd)
        except OSError:  # closed to us, or just gone
            entry.left_out = entry.is_directory()
        return entry


def bring_back(source, shown, all_came):
    """Does to the directory `shown` what the command has done to its copy, whose files are in `source`, which goes.

    What the copy has as it was shown is left alone here, and so is what is not as it was shown any more: others have
    changed it. What is not in `source` was removed if all came. Both are walked by descriptor and no link is followed,
    whoever put it there. Links, FIFOs, sockets and devices of ours stay, and of the command's count as not there.
    Returns sentences on what others and the command have both changed.
    """
    to = os.open(shown.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    from_ = -1
    try:
        try:
            from_ = os.open(source, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            pass
        merge = Merge(shown, all_came)
        merge.directory(from_, to, shown.entries, "")
    finally:
        os.close(to)
        if from_ >= 0:
            os.close(from_)
    return merge.told + (["%d more" % merge.untold] if merge.untold else [])


def look(name, dir_fd):
    try:
        return os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return None


def comes_back(name, dir_fd):
    """A link stays a link among artifacts; where the command would have it lead here is not for it to say."""
    mode = look(name, dir_fd).st_mode
    return stat.S_ISDIR(mode) or stat.S_ISREG(mode)


def open_directory(name, dir_fd):
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)


class Merge:
    def __init__(self, shown, all_came):
        self.shown = shown
        self.all_came = all_came
        self.told = []
        self.untold = 0

    def tell(self, path):
        if len(self.told) == TOLD_MAX:
            self.untold += 1
        else:
            self.told.append("%s/%s is not as it was shown to the command, which has changed it: what is there stays"
                             % (self.shown.path, path))

    def directory(self, source, target, entries, above):
        here = {n for n in os.listdir(source) if comes_back(n, source)} if source >= 0 else set()
        for name, entry in entries.items() if self.all_came else ():
            if name not in here:
                self.remove(name, target, entry, above + name)
        for name in here:
            entry, path = entries.get(name), above + name
            new = look(name, source)
            if path in self.shown.left_out[0] or entry is not None and entry.left_out:
                continue
            if stat.S_ISDIR(new.st_mode):
                self.go_down(name, source, target, entry, path)
            else:
                self.file(name, source, target, new, entry, path)

    def go_down(self, name, source, target, entry, path):
        old = look(name, target)
        children = entry.children if entry is not None else {}
        made = False
        if old is None or not stat.S_ISDIR(old.st_mode):
            if old is not None and (entry is None or not entry.is_still(name, target, old)):
                self.tell(path)
                return
            if old is not None:
                os.unlink(name, dir_fd=target)
            os.mkdir(name, 0o755, dir_fd=target)
            made = True
        from_ = open_directory(name, source)
        try:
            to = open_directory(name, target)
            try:
                self.directory(from_, to, children, path + "/")
            finally:
                os.close(to)
        finally:
            os.close(from_)
        if made:
            remove_if_empty(name, target)  # somebody has removed it here, and the command has not changed it

    def remove(self, name, target, entry, path):
        """Removes what the command has removed: files, and directories that had files, and have nothing any more."""
        old = look(name, target)
        if old is None or entry.left_out or path in self.shown.left_out[0]:
            return
        if entry.is_file() and (entry.known is not None or entry.stat.st_uid == os.geteuid()):
            if entry.is_still(name, target, old):
                os.unlink(name, dir_fd=target)
            else:
                self.tell(path)
        elif entry.is_directory() and entry.is_still(name, target, old) and entry.has_files():
            self.remove_directory(name, target, entry, path)

    def remove_directory(self, name, target, entry, path):
        mode = stat.S_IMODE(entry.stat.st_mode)
        if mode & 0o700 != 0o700:
            set_mode(name, target, 0o700)
        to = open_directory(name, target)
        try:
            for inner, below in entry.children.items():
                if below.is_directory() and not below.left_out and not below.has_files():
                    remove_empty(inner, to, below)
                else:
                    self.remove(inner, to, below, path + "/" + inner)
        finally:
            os.close(to)
        if not remove_if_empty(name, target) and mode & 0o700 != 0o700:
            set_mode(name, target, mode)

    def file(self, name, source, target, new, entry, path):
        """A file that is replaced never is written through a name of it elsewhere."""
        old = look(name, target)
        mode = stat.S_IMODE(new.st_mode)
        if mode & 0o400 == 0:
            set_mode(name, source, mode | 0o400)
        before = entry is not None and entry.is_file() and entry.known
        if before and digest_of(name, source) == before:
            if old is not None and mode & 0o755 != entry.stat.st_mode & 0o755 and entry.is_still(name, target, old):
                set_mode(name, target, mode & 0o755 | stat.S_IMODE(old.st_mode) & 0o7022)
            os.unlink(name, dir_fd=source)
            return
        still = old is None or entry is not None and entry.is_still(name, target, old)
        if old is not None and stat.S_ISREG(old.st_mode):
            mode = mode & 0o755 | old.st_mode & 0o022
            if old.st_size == new.st_size and is_same(name, source, target):
                if still and mode != stat.S_IMODE(old.st_mode):
                    set_mode(name, target, mode)
                os.unlink(name, dir_fd=source)
                return
        elif old is not None and stat.S_ISDIR(old.st_mode):
            if still and self.all_came and not entry.left_out:
                self.remove_directory(name, target, entry, path)
            still = look(name, target) is None
        if still:
            place_file(name, source, target, mode)
        else:
            self.tell(path)


def remove_empty(name, target, entry):
    """A directory that had none but directories in it."""
    old = look(name, target)
    if old is None or not entry.is_still(name, target, old):
        return
    to = open_directory(name, target)
    try:
        for inner, below in entry.children.items():
            if below.is_directory() and not below.left_out:
                remove_empty(inner, to, below)
    finally:
        os.close(to)
    remove_if_empty(name, target)


def remove_if_empty(name, target):
    try:
        os.rmdir(name, dir_fd=target)
    except OSError as e:
        if e.errno not in (errno.ENOTEMPTY, errno.EBUSY):
            raise
        return False
    return True


def place_file(name, source, target, mode):
    set_mode(name, source, mode)
    try:
        os.replace(name, name, src_dir_fd=source, dst_dir_fd=target)
    except OSError as e:
        if e.errno != errno.EXDEV:
            raise
        copy_file(name, source, target, mode)
        os.unlink(name, dir_fd=source)


def open_file(name, dir_fd):
    return os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=dir_fd), "rb")


def set_mode(name, dir_fd, mode):
    """Sets the mode of a file that need not be readable, and is no link."""
    fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)
    try:
        os.chmod("/proc/self/fd/%d" % fd, mode)
    finally:
        os.close(fd)


def digest_of(name, dir_fd):
    """What a file has in it, wherever its holes are: they, and blocks of zeros, are passed over."""
    digest = hashlib.blake2b(digest_size=20)
    with open_file(name, dir_fd) as f:
        size, at = os.fstat(f.fileno()).st_size, 0
        while at < size:
            try:
                at = os.lseek(f.fileno(), at, os.SEEK_DATA) // len(ZEROS) * len(ZEROS)
            except OSError as e:
                if e.errno != errno.ENXIO:
                    raise
                break  # nothing but a hole up to the end
            f.seek(at)
            block = f.read(len(ZEROS))
            if block != ZEROS[:len(block)]:
                digest.update(b"%d %d " % (at, len(block)) + block)
            at += len(ZEROS)
    digest.update(b"%d" % size)
    return digest.digest()


def is_same(name, source, target):
    try:
        return digest_of(name, source) == digest_of(name, target)
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
