# SPDX-License-Identifier: Apache-2.0
"""The house's rules as tables: which rooms there are, what each may include, which files the stricter rules are about.

This is the one place to change when a folder is added, split or renamed. The checks in c_rules.py and objects.py read it;
it checks nothing itself.
"""

# A room is a folder. `public`: its headers that other rooms may include. `may`: the rooms that it may include.
# A file belongs to the room with the longest matching folder, so that a room may lie within another; `shared` are headers
# of the outer room that only the rooms within it may include as well.
ROOMS = {
    "base": {"public": ["aside.h", "base.h", "commit.h", "decimal.h", "git_program.h", "interrupt.h", "late.h", "libcrypto.h", "path_list.h", "patterns.h", "pcre.h", "program.h", "redact.h", "weaken.h"], "may": []},
    "jobs": {"public": ["cases.h", "given.h", "grading.h", "job_limits.h", "job_roots.h", "jobs.h", "judging.h", "problem_packages.h", "pipelines.h", "privileges.h", "selection.h"], "may": ["base", "jobs/expand"], "shared": ["load.h", "source.h", "tree.h"]},
    "jobs/convert": {"public": ["writing.h"], "may": ["base", "jobs", "jobs/expand"]},
    "jobs/packages": {"public": [], "may": ["base", "jobs", "jobs/convert"]},
    "jobs/expand": {"public": ["anchors.h", "expand.h", "host.h", "pairing.h"], "may": ["base", "jobs"]},
    "reports": {"public": ["reports.h", "result_record.h", "score.h", "tests.h"], "may": ["base"], "shared": ["json_build.h", "json_lines.h", "model.h", "outdir.h", "record_job.h", "record_table.h", "report_text.h"]},
    "reports/class": {"public": ["class.h"], "may": ["base", "reports"]},
    # confined < store < sources < the outer room, whose cache.h has the types that all of them use.
    "rootfs-cache/confined": {
        "public": [
            "answer.h", "blobs.h", "child.h", "config.h", "export.h", "gunzip.h", "hash.h", "holes.h", "image.h", "image_readers.h",
            "libarchive.h", "merge_copy.h", "recognise.h", "replicate.h", "tampered.h", "treesum.h", "unpack.h",
        ],
        "may": ["base", "rootfs-cache"],
    },
    "rootfs-cache/store": {
        "public": ["cache_root.h", "digest.h", "flatten.h", "merge.h", "names.h", "record.h", "store.h", "verdict_log.h"],
        "may": ["base", "rootfs-cache", "rootfs-cache/confined"],
    },
    "rootfs-cache/sources": {
        "public": ["inspect.h", "packages.h", "sources.h"],
        "may": ["base", "rootfs-cache", "rootfs-cache/confined", "rootfs-cache/store"],
    },
    "rootfs-cache": {
        "public": ["cache.h"],
        "may": ["base", "rootfs-cache/confined", "rootfs-cache/store", "rootfs-cache/sources"],
    },
    "ingest": {"public": ["handins.h", "ingest.h"], "may": ["base", "reports", "rootfs-cache/confined"]},
    "harness/cgroup": {"public": ["cgroup.h"], "may": ["base"]},
    "harness/rights": {"public": ["rights.h"], "may": ["base", "harness/cgroup"]},
    "harness/sandbox": {"public": ["sandbox.h"], "may": ["base", "jobs"]},
    "harness/sandbox/init": {
        "public": [
            "async_safe.h", "command.h", "copy_data.h", "device_table.h", "enter_join.h", "hostname.h", "init.h",
            "init_context.h", "init_report.h", "join_namespaces.h", "landlock.h", "late_words.h", "mount.h", "oom_score.h",
            "overlay.h", "passwd.h", "setup_step.h",
        ],
        "may": ["base", "jobs", "harness/sandbox"],
    },
    "harness/sandbox/slot": {"public": [], "may": ["base", "jobs", "harness/sandbox", "harness/sandbox/init"]},
    "harness/run": {
        "public": [
            "enterable.h", "idrange.h", "instances.h", "kept.h", "keyvalue.h", "manifest.h", "run_options.h", "root_users.h", "run.h", "rundir.h",
            "trace.h", "views.h",
        ],
        "may": ["base", "jobs", "rootfs-cache", "reports", "harness/cgroup", "harness/sandbox"],
    },
    "harness/attempt": {
        "public": [
            "attempt.h", "disks.h", "environment.h", "goods.h", "identity.h", "launch.h", "limits_in_force.h", "observe.h",
            "results.h", "services_session.h", "shape.h", "slot.h", "verdict.h", "wire.h",
        ],
        "may": ["base", "jobs", "rootfs-cache", "reports", "ingest", "harness/cgroup", "harness/sandbox", "harness/run"],
    },
    "harness/prepare": {"public": ["prepare.h", "roots.h"], "may": ["base", "jobs", "rootfs-cache", "reports", "harness/cgroup", "harness/sandbox", "harness/run", "harness/attempt"]},
    "harness/supervisor": {
        "public": ["supervisor.h"],
        "may": ["base", "jobs", "rootfs-cache", "reports", "harness/cgroup", "harness/sandbox", "harness/run", "harness/attempt", "harness/prepare"],
    },
    "harness/grade": {
        "public": ["grade.h"],
        "may": ["base", "jobs", "reports", "reports/class", "ingest", "harness/run", "harness/supervisor"],
    },
    "harness/session": {
        "public": ["session.h"],
        "may": ["base", "jobs", "rootfs-cache", "reports", "harness/cgroup", "harness/sandbox", "harness/run", "harness/attempt", "harness/prepare"],
    },
    "harness/serve": {
        "public": ["server.h"],
        "may": ["base", "jobs", "rootfs-cache", "reports", "harness/cgroup", "harness/sandbox", "harness/run", "harness/attempt", "harness/prepare"],
    },
    "harness/doctor": {
        "public": ["doctor.h"],
        "may": ["base", "rootfs-cache", "harness/cgroup", "harness/rights", "harness/sandbox", "harness/run"],
    },
    "harness/selftest": {
        "public": ["selftest.h"],
        "may": ["base", "jobs", "reports", "harness/sandbox", "harness/run", "harness/prepare", "harness/supervisor"],
    },
    "harness/cli": {
        "public": [],
        "may": [
            "base", "jobs", "rootfs-cache", "reports", "ingest", "reports/class", "harness/rights", "harness/sandbox", "harness/run",
            "harness/prepare", "harness/supervisor", "harness/grade", "harness/session", "harness/serve", "harness/doctor", "harness/selftest",
        ],
    },
    # A program of its own, which is linked with nothing of the house.
    "harness/selftest/probes": {"public": [], "may": []},
    "bench": {"public": [], "may": []},
}

# Rooms that are programs of their own: nothing else is linked with them.
PROGRAMS = ["harness/selftest/probes", "bench"]

# Folders whose files may include any header, private ones too: tests look inside.
# No room may include anything of theirs.
TESTS = ["tests/unit", "tests/fuzz", "tests/network", "tests/guards"]

# Not looked at by any check of code: other people's bytes, and programs that tests compile inside of jobs.
FIXTURES = ["tests/fixtures/", "tests/fuzz/corpus/", "jobs/examples/grading/solutions/", "jobs/examples/grading/submissions/"]

# What runs between clone and exec: a folder ("x/init/"), or single files.
# No object of it may lead to malloc, stdio or the error object. objects.py checks that in the objects of a build.
INIT = ["harness/sandbox/init/"]

# Forbidden functions that INIT may reach all the same, as "caller -> callee", each with the reason.
INIT_EXCEPTIONS = {}

# What touches hostile bytes, in a confined child: a folder ("x/confined/"), or single files.
CONFINED = ["ingest/", "rootfs-cache/confined/"]
# The room in which CONFINED lies: the rules about children and JSON are about it.
CONFINED_ROOM = "rootfs-cache"

# Headers of libraries that read hostile bytes: for files of CONFINED (and tests) only.
CONFINED_HEADERS = ["archive.h", "archive_entry.h", "zlib.h"]

# Files of that room outside of CONFINED that may read JSON, and whose JSON that is.
JSON_READERS = {
    "rootfs-cache/passed.c": "the store's own records",
    "rootfs-cache/saved.c": "the store's own records",
    "rootfs-cache/store/cache_root.c": "an image's configuration as the confined child has answered it and the store has kept it",
    "rootfs-cache/sources/derived_root.c": "the store's own records",
    "rootfs-cache/store/gc.c": "the store's own records",
    "rootfs-cache/store/listing.c": "the store's own records",
    "rootfs-cache/locked.c": "the store's own records",
    "rootfs-cache/lockfile.c": "cupel.lock, which is trusted like the job file beside it, and fuzzed",
    "rootfs-cache/store/names.c": "the store's own records",
    "rootfs-cache/store/record.c": "the store's own records",
    "rootfs-cache/store/verify.c": "the store's own records",
}

# File names that have to occur more than once, and why.
COMMON_FILE_NAMES = {}

# The longest line of a C file, in columns.
LINE_LENGTH = 100

# The most words in one sentence of the docs.
SENTENCE_WORDS = 30

# Files that the docs name and that are not of this tree: the kernel's, or an example's.
FOREIGN_FILES = ["ann.c", "sum.c", "fs/ext4/ialloc.c", "kernel/ucount.c", "tests/fuzz/fuzz_TARGET.c", "__main__.py", "primes.sh", "sum.sh"]

# How a comment over a function must not begin: the reader would have to look elsewhere for what it is about.
RIDDLES = [
    "It", "Its", "They", "Their", "Those", "These", "That", "Who", "Whoever", "Nobody", "Somebody", "So", "And", "But",
    "Also", "Then", "Otherwise", "Likewise", "Of", "As", "Without", "With", "By", "From", "For", "In", "At", "To", "Over",
    "Not", "Nor", "Until", "Once", "When", "While", "After", "Before",
]
