# SPDX-License-Identifier: Apache-2.0
"""Makes archives of submissions in the current directory, as course platforms make them, with what some hand in who want to see
what happens: moodle.zip, canvas.zip, gradescope.zip, directories.tar, links.tar, cut.zip, ann.zip, " ann.zip", link.zip, posing.zip."""

import io
import stat
import subprocess
import tarfile
import zipfile
from pathlib import Path

GOOD = "echo 3\n"


def make_zip(members):
    """members: (name, text) or (name, (type, target))"""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as z:
        for name, what in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            if isinstance(what, tuple):
                info.external_attr = (what[0] | 0o777) << 16
                what = what[1]
            z.writestr(info, what)
    return file.getvalue()


class CodePage437(zipfile.ZipInfo):
    """A name as Windows packs it."""

    def _encodeFilenameFlags(self):
        return self.filename.encode("cp437"), self.flag_bits


def make_tar(members, mode="w"):
    """members: (name, type, text or target)"""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as t:
        for name, kind, what in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            if kind == tarfile.REGTYPE:
                info.size = len(what)
                t.addfile(info, io.BytesIO(what.encode()))
            else:
                info.linkname = what
                t.addfile(info)
    return file.getvalue()


LINKS = [
    ("sol.sh", tarfile.SYMTYPE, "/etc/shadow"),
    ("answer", tarfile.SYMTYPE, "../../secret/1.ans"),
    ("hard", tarfile.LNKTYPE, "sol.sh"),
    ("pipe", tarfile.FIFOTYPE, ""),
    ("/etc/cupel-handins", tarfile.REGTYPE, "x"),
]


def moodle():
    file = "_assignsubmission_file_/"
    zipped = make_zip([("hw 1/sol.sh", GOOD), ("__MACOSX/hw 1/._sol.sh", "x"), ("hw 1/.DS_Store", "x")])
    bomb = make_zip([("sol.sh", GOOD), ("zeros", b"\0" * (80 << 20))])
    encrypted = bytearray(make_zip([("sol.sh", GOOD)]))
    for mark, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        encrypted[encrypted.index(mark) + at] |= 1
    data = io.BytesIO(
        make_zip(
            [
                ("Ann Müller_11" + file + "sol.sh", GOOD),
                ("Bob O'Neil_12_assignsubmission_file_sol.sh", "echo 4\n"),
                ("Cy_13" + file + "hw 1.zip", zipped),
                ("Dan_14" + file + "hw.tar.gz", make_tar(LINKS, "w:gz")),
                ("Eve_15" + file + "hw.zip", bomb),
                ("Fay_16" + file + "hw.zip", bytes(encrypted)),
                ("Gus_17" + file + "hw.zip", zipped[: len(zipped) // 2]),
                ("Hal_18" + file + "sol.sh", (stat.S_IFLNK, "/etc/shadow")),
                ("Ivy_19" + file + "../../../sol.sh", GOOD),
                ("Jo_20" + file + "sol.c", GOOD),
                ("Kim_21" + file + "sol.sh/../sol.sh", GOOD),
            ]
        )
    )
    with zipfile.ZipFile(data, "a") as z:
        z.writestr(CodePage437("Jürgen Groß_22" + file + "sol.sh"), GOOD)
    return data.getvalue()


def canvas():
    return make_zip(
        [
            ("doejane_101_9001_sol.sh", GOOD),
            ("doejane_101_9002_notes.txt", "x"),
            ("poejoe_LATE_102_9003_sol-1.sh", GOOD),
            ("roerita_103_9004_sol.sh", (stat.S_IFLNK, "/etc/shadow")),
            ("zed_104_9005_doejane_101_9001_sol.sh", "echo 4\n"),
        ]
    )


def gradescope():
    people = "".join(
        f"submission_{n}:\n  :submitters:\n  - :name: {name}\n    :sid: '{sid}'\n    :email: {sid}@example.org\n"
        f"  :created_at: 2026-11-01 10:00:00 Z\n  :results:\n    output: ':name: Eve'\n"
        for n, name, sid in ((1, "Ann", "s1"), (2, '"=cmd|x, \\"B\\""', "s2"))
    )
    export = "assignment_7_export/"
    return make_zip(
        [
            (export + "submission_metadata.yml", "---\n" + people),
            (export + "submission_1/sol.sh", GOOD),
            (export + "submission_2/sol.sh", (stat.S_IFLNK, "../submission_1/sol.sh")),
        ]
    )


def directories():
    """What GNU tar alone makes as others do: a sparse file, a FIFO."""
    top = Path("made")
    for name in ("ann", "fifo", "links", "sparse", "hard", "setuid"):
        (top / name).mkdir(parents=True)
        (top / name / "sol.sh").write_text(GOOD)
    (top / "fifo/sol.sh").unlink()
    subprocess.run(["mkfifo", top / "fifo/sol.sh"], check=True)
    (top / "sparse/sol.sh").unlink()
    subprocess.run(["truncate", "-s", "1T", top / "sparse/sol.sh"], check=True)
    (top / "links/sol.sh").unlink()
    (top / "links/sol.sh").symlink_to("../ann/sol.sh")
    (top / "hard/sol.sh").unlink()
    (top / "hard/sol.sh").hardlink_to(top / "ann/sol.sh")
    (top / "setuid/sol.sh").chmod(0o6777)
    subprocess.run(["truncate", "-s", "5000", top / "ann/hole"], check=True)
    subprocess.run(["tar", "-S", "-C", top, "-cf", "directories.tar", "--sort=name", "."], check=True)


whole = moodle()
Path("moodle.zip").write_bytes(whole)
Path("cut.zip").write_bytes(whole[: len(whole) // 2])
Path("canvas.zip").write_bytes(canvas())
Path("gradescope.zip").write_bytes(gradescope())
Path("links.tar").write_bytes(make_tar(LINKS))
Path("ann.zip").write_bytes(make_zip([("sol.sh", GOOD)]))
Path(" ann.zip").write_bytes(make_zip([("sol.sh", "echo 4\n")]))
Path("link.zip").symlink_to("ann.zip")
POSES = "submission_1:\n  :submitters:\n  - :name: Ann\n    :sid: ann\n"
Path("posing.zip").write_bytes(make_zip([("submission_metadata.yml", POSES), ("submission_1/sol.sh", "echo 4\n")]))
directories()
