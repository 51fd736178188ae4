/* SPDX-License-Identifier: Apache-2.0 */
/* jobs: every kind of mistake gives its exact message at its exact place; all of a file's at once;
 * bombs are refused.
 */
#include "test_jobs.h"

#include <fcntl.h>

#define JOB(keys) "cupel: 1\njobs:\n  a: {run: x, " keys "}\n"

static void test_yaml(void **state)
{
    static const struct mistake mistakes[] = {
        {"", "1:1: the file is empty; it needs at least 'cupel: 1' and 'jobs'\n"},
        {"# nothing\n", "1:1: the file is empty; it needs at least 'cupel: 1' and 'jobs'\n"},
        {"- a\n", "1:1: a job file is a map with the keys 'cupel' and 'jobs'\n"},
        {"a: [1\n",
         "1:4: the '[' opened on line 1 is never closed: ']' (or ',') is missing before line 2\n"},
        {"a:\n\tb: 1\n", "2:1: a tab cannot indent; YAML indents with blanks only\n"},
        {"a: \xff\n", "1:4: byte 0xff is not valid UTF-8\n"},
        {"a: \xc0\xaf\n", "1:4: byte 0xc0 is not valid UTF-8\n"},
        {"\xc3\xa4: \xed\xa0\x80\n", "1:4: byte 0xed is not valid UTF-8\n"},
        {"a: \x1b[31m\n", "1:4: control character 0x1b is not allowed in a job file\n"},
        {"cupel: 1\njobs: {a: {run: x}}\n---\nb: 1\n",
         "3:1: a second YAML document; a job file has only one: put it into a file of its own\n"},
        {"cupel: 1\njobs: {a: {run: x}, a: {run: y}}\n",
         "2:21: key 'a' is given twice; first on line 2\n"},
        {"cupel: 1\njobs: {a: {run: x}, [b]: {}}\n", "2:21: a key must be text, not a list\n"},
        {"cupel: 1\njobs: {a: {run: !exec x}}\n",
         "2:17: the YAML tag '!exec' is not supported; text that begins with '!' must be put in "
         "quotes\n"},
        {"cupel: 1\njobs: {a: {run: \"a\\0b\"}}\n",
         "2:17: a NUL character (\\0) is not allowed; put binary content into a file\n"},
    };

    (void)state;
    check_mistakes(mistakes, ARRAY_SIZE(mistakes));
}

static void test_top_level(void **state)
{
    static const struct mistake mistakes[] = {
        {"name: x\n", "1:1: the job file needs the key 'cupel': begin it with the line 'cupel: 1'\n"
                      "1:1: the job file needs the key 'jobs'\n"},
        {"cupel: 2\njobs: {a: {run: x}}\n",
         "1:8: format version 2 is not known; this cupel reads version 1\n"},
        {"cupel: one\njobs: {a: {run: x}}\n", "1:8: 'cupel' must be a whole number, not 'one'\n"},
        {"cupel: 1\njobs: {}\n", "2:7: 'jobs' is empty\n"},
        {"cupel: 1\njobs: []\n", "2:7: 'jobs' must be a map of names to jobs, not a list\n"},
        {"cupel: 1\njob: {}\njobs: {a: {run: x}}\n",
         "2:1: unknown key 'job', did you mean 'jobs'?\n"},
        {"cupel: 1\njob: {a: {run: x}}\n", "2:1: unknown key 'job', did you mean 'jobs'?\n"},
        {"cupel: 1\nsomething-else: {}\njobs: {a: {run: x}}\n",
         "2:1: unknown key 'something-else' in the job file\n"},
        {"cupel: 1\nlimits: {}\njobs: {a: {run: x}}\n",
         "2:1: unknown key 'limits' in the job file, did you mean 'limits' under 'defaults'?\n"},
        {"cupel: 1\nname: \"\"\njobs: {a: {run: x}}\n",
         "2:7: 'name' must be one line of at most 200 bytes, not ''\n"},
        {"cupel: 1\njobs: {.a: {run: x}, -b: {run: y}, \"\": {run: z}}\n",
         "2:8: '.a' is no name for a job: it begins with '.'; what jobs share stands under "
         "'templates'\n"
         "2:22: '-b' is no name for a job: it begins with '-'\n"
         "2:36: '' is no name for a job: it is empty\n"},
        {"cupel: 1\njobs: {\"a\\tb\": {run: x}, \"caf\xc3\xa9\\u200b\": {run: y}}\n",
         "2:8: 'a?b' is no name for a job: letter 2, U+0009, is a control or cannot be seen\n"
         "2:26: 'caf\xc3\xa9?' is no name for a job: letter 5, U+200B, is a control or cannot be "
         "seen\n"},
        {"cupel: 1\njobs: {test:unit: {run: x}, build linux: {run: x, needs: t\xc3\xa9st/gcc}, "
         "t\xc3\xa9st/gcc: {run: [b, {c: d}]}}\n",
         "2:89: 'run' must be text, not a map\n"},
        {"cupel: 1\njobs:\n  a:\n  b: x\n", "3:5: 'a' must be a map of job keys, not empty\n"
                                            "4:6: 'b' must be a map of job keys, not 'x'\n"},
        {"cupel: 1\ndefaults: {limits: {wall: never}}\njobs: {a: {run: x}, b: {run: x}}\n",
         "2:27: 'wall' must be a duration such as 250ms, 90s or 1h30m, "
         "{limit: 1s, kill: 1.5s}, or none, not 'never'\n"},
    };

    (void)state;
    check_mistakes(mistakes, ARRAY_SIZE(mistakes));
}

#define ROOT(keys) "cupel: 1\nrootfs:\n  r: {" keys "}\njobs: {a: {run: x, rootfs: r}}\n"
#define NOT_NAME "' is no package name\n"

static void test_roots(void **state)
{
    static const struct mistake mistakes[] = {
        {ROOT(""),
         "3:3: root 'r' has no source: 'tar', 'oci', 'image', 'imported', 'debian' or 'from'\n"},
        {ROOT("tar: numbers.in, debian: sid"),
         "3:24: root 'r' has two sources, 'tar' and 'debian'\n"},
        {ROOT("oci: x"), "3:12: 'oci': cannot read FIXTURES/x: No such file or directory\n"},
        {ROOT("oci: src, platform: y"),
         "3:27: 'platform' must be text such as linux/amd64, not 'y'\n"},
        {ROOT("oci: src, platform: linux/arm/v7/x"),
         "3:27: 'platform' must be text such as linux/amd64, not 'linux/arm/v7/x'\n"},
        {ROOT("oci: src, platform: linux//v7"),
         "3:27: 'platform' must be text such as linux/amd64, not 'linux//v7'\n"},
        {ROOT("oci: src, tar: numbers.in"), "3:7: root 'r' has two sources, 'tar' and 'oci'\n"},
        {ROOT("tar: numbers.in, tag: latest"), "3:24: 'tag' goes with 'oci' only\n"},
        {ROOT("from: host, run: x"),
         "3:13: no root can be derived from 'host', whose files change by themselves; start from a "
         "root of 'debian', 'image', 'oci' or 'tar'\n"},
        {ROOT("from: scratch"), "3:3: root 'r' has 'from' and no 'run'\n"},
        {ROOT("from: scratsh, run: x"),
         "3:13: there is no root 'scratsh', did you mean 'scratch'?\n"},
        {ROOT("from: r, run: x"), "3:13: root 'r' is derived from itself\n"},
        {ROOT("from: [r], run: x"), "3:13: 'from' must be a root's name, not a list\n"},
        {ROOT("from: scratch, run: x, tar: numbers.in"),
         "3:7: root 'r' has two sources, 'tar' and 'from'\n"},
        {ROOT("from: scratch, run: [{run: x}]"),
         "3:27: 'run' of a root must be text or an argv list, not a list of steps\n"},
        {ROOT("from: scratch, run: x, network: {bridge: b}"),
         "3:39: 'network' must be none, loopback, nat or host, not a map\n"},
        {ROOT("from: scratch, run: x, inputs: [.], limits: {memry: 1G}"),
         "3:39: an input cannot be placed at /, which belongs to the sandbox\n"
         "3:52: unknown key 'memry', did you mean 'memory'?\n"},
        {ROOT("debian: sid, env: {A: b}, run: x"),
         "3:20: 'env' goes with 'from' only\n3:33: 'run' goes with 'from' only\n"},
        {"cupel: 1\nrootfs:\n  a: {from: b, run: x}\n  b: {from: c, run: x}\n  c: {from: b, run: "
         "x}\njobs: {a: {run: "
         "x}}\n",
         "4:13: root 'b' is derived from itself, by way of others\n"},
        {ROOT("tar: src"), "3:12: 'tar': FIXTURES/src is not a regular file\n"},
        {ROOT("tar: nowhere.tar"),
         "3:12: 'tar': cannot read FIXTURES/nowhere.tar: No such file or directory\n"},
        {ROOT("tar: numbers.in, sha256: 12"),
         "3:32: 'sha256' must be 64 hexadecimal digits, not '12'\n"},
        {ROOT("debian: sid, sha256: "
              "1111111111111111111111111111111111111111111111111111111111111111"),
         "3:20: 'sha256' goes with 'tar' only\n"},
        {ROOT("tar: numbers.in, packages: gcc"), "3:24: 'packages' goes with 'debian' only\n"},
        {ROOT("debian: -x"), "3:15: 'debian' must be a Debian suite such as bookworm, not '-x'\n"},
        {ROOT("debian: a/b"),
         "3:15: 'debian' must be a Debian suite such as bookworm, not 'a/b'\n"},
        {ROOT("debian: sid, packages: [-o, gcc, 'a b', A, g++, x=, 'x:', x=1;y, 'x:amd64=1:2~3']"),
         "3:31: '-o" NOT_NAME "3:40: 'a b" NOT_NAME "3:47: 'A" NOT_NAME "3:55: 'x=" NOT_NAME
         "3:59: 'x:" NOT_NAME "3:65: 'x=1;y" NOT_NAME},
        {"cupel: 1\nrootfs: {host: {debian: sid}, a b: {debian: sid}, c: d}\njobs: {a: {run: x}}\n",
         "2:10: the root 'host' is built in; choose another name\n"
         "2:31: 'a b' is no name for a root: letters, digits, '.', '_' and '-'\n"
         "2:54: 'c' must be a map such as {image: alpine:3}, {tar: FILE} or {debian: SUITE}, not "
         "'d'\n"},
        {JOB("rootfs: scrach"), "3:23: there is no root 'scrach', did you mean 'scratch'?\n"},
        {JOB("rootfs: alpine"), "3:23: there is no root 'alpine'; describe it under 'rootfs'\n"},
    };

    (void)state;
    /* messages name the absolute path that was looked for */
    for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
        const char *mark = strstr(mistakes[i].problems, "FIXTURES");
        cleanup_free char *dir = realpath(FIXTURES, NULL);
        cleanup_free char *expected =
            mark == NULL ? xstrdup(mistakes[i].problems)
                         : xasprintf("%.*s%s%s", (int)(mark - mistakes[i].problems),
                                     mistakes[i].problems, dir, mark + strlen("FIXTURES"));

        check_mistake(&(struct mistake){mistakes[i].text, expected});
    }
}

static void test_unknown_keys(void **state)
{
    static const struct mistake mistakes[] = {
        {"cupel: 1\njobs:\n  a:\n    run: x\n    limits:\n      memroy: 1M\n",
         "6:7: unknown key 'memroy', did you mean 'memory'?\n"},
        {JOB("memroy: 1M"),
         "3:15: unknown key 'memroy' in a job, did you mean 'memory' under 'limits'?\n"},
        {JOB("frobnicate: 1M"), "3:15: unknown key 'frobnicate' in a job\n"},
        {JOB("expect: {regex: 'a(b'}"),
         "3:31: 'regex' is no regular expression: missing closing parenthesis, at its end\n"},
        {JOB("expect: {regex: 'a)bc'}"),
         "3:31: 'regex' is no regular expression: unmatched closing parenthesis, at its byte 2: "
         "')bc'\n"},
        {JOB("expect: {regex: ''}"), "3:31: 'regex' must have 1 to 4096 bytes\n"},
        {JOB("expect: {compare: token}"),
         "3:33: 'compare' must be exact, trim, tokens or numbers, not 'token', did you mean "
         "'tokens'?\n"},
        {JOB("expect: {tolerance: {absolute: 1}}"),
         "3:24: 'tolerance' goes with 'compare: numbers' only\n"},
        {JOB("expect: {compare: tokens, tolerance: {absolute: 1}}"),
         "3:41: 'tolerance' goes with 'compare: numbers' only\n"},
        {JOB("expect: {compare: numbers, tolerance: {absolute: -1}}"),
         "3:64: 'absolute' must be a number such as 0.001 or 1e-6, not '-1'\n"},
        {JOB("expect: {compare: numbers, tolerance: {relative: inf}}"),
         "3:64: 'relative' must be a number such as 0.001 or 1e-6, not 'inf'\n"},
        {JOB("expect: {compare: numbers, tolerance: 1e-6}"),
         "3:53: 'tolerance' must be a map such as {absolute: 1e-6, relative: 1e-6}, not '1e-6'\n"},
        {JOB("expect: {stderr: a, stderr-file: numbers.in}"),
         "3:35: 'stderr' and 'stderr-file' exclude each other\n"},
        {JOB("expect: {files: {../a: numbers.in}}"),
         "3:32: 'files' must name a file in the job, without '..'\n"},
        {JOB("output: /"), "3:23: 'output' must name a file in the job, without '..'\n"},
        {JOB("output: x, mounts: [{to: /work, tmpfs: 1M}]"),
         "3:34: 'output' has x, but the tmpfs at /work goes with the job\n"},
        {JOB("network: hots"), "3:24: 'network' must be none, loopback, nat, host or {bridge: "
                               "NAME}, not 'hots', did you mean 'host'?\n"},
    };

    (void)state;
    check_mistakes(mistakes, ARRAY_SIZE(mistakes));
}

#define BRIDGE(jobs) "cupel: 1\ndefaults: {run: x, network: {bridge: b}}\njobs:\n" jobs

static void test_networks(void **state)
{
    static const struct mistake mistakes[] = {
        {JOB("network: {bridge: a/b}"), "3:33: 'bridge' must be a name of at most 200 letters, "
                                        "digits, '.', '_' and '-', not 'a/b'\n"},
        {JOB("network: {bridge: [a]}"),
         "3:33: 'bridge' must be a name of letters, digits, '.', '_' and '-', not a list\n"},
        {JOB("network: {}"), "3:15: 'network' needs the key 'bridge'\n"},
        {JOB("network: {brigde: b}"), "3:25: unknown key 'brigde', did you mean 'bridge'?\n"},
        {BRIDGE("  a_1: {}\n  localhost: {}\n"),
         "4:3: job 'a_1' is on a bridge, where its name is a host name: at "
         "most 64 letters, digits, '.' and '-', and not "
         "localhost\n"
         "5:3: job 'localhost' is on a bridge, where its name is a host name: "
         "at most 64 letters, digits, '.' and '-', and not "
         "localhost\n"},
        {BRIDGE("  a: {hostname: c}\n  b: {hostname: C}\n"),
         "5:3: jobs 'a' and 'b' have the same host name on the bridge 'b'\n"},
        {BRIDGE("  a: {}\n  A: {hostname: z}\n"),
         "5:3: jobs 'a' and 'A' have the same host name on the bridge 'b'\n"},
        {BRIDGE("  a: {retries: 1}\n"), "4:3: job 'a' has 'retries', but a job on a bridge is not "
                                        "run again: its neighbours are gone then\n"},
        {BRIDGE("  a: {}\n  b: {needs: a}\n"),
         "4:3: jobs on the bridge 'b' need one another (perhaps by way of other "
         "jobs), but all of them start together\n"},
        {BRIDGE("  a: {}\n  b: {needs: c}\n  c: {network: none, needs: d}\n  d: {network: "
                "loopback, needs: a}\n"),
         "4:3: jobs on the bridge 'b' need one another (perhaps by way of other jobs), but all of "
         "them start "
         "together\n"},
        {JOB("network: nat, capabilities: [NET_RAW]"),
         "3:3: job 'a' has the capability NET_RAW and 'network: nat': it could reach the host's "
         "own loopback\n"},
        /* one job of each bridge waits for one of the other */
        {BRIDGE("  a: {}\n  b: {needs: d}\n  c: {network: {bridge: c}, needs: a}\n  d: {network: "
                "{bridge: c}}\n"),
         "4:3: jobs on the bridge 'b' need one another (perhaps by way of other jobs), but all of "
         "them start together\n"
         "6:3: jobs on the bridge 'c' need one another (perhaps by way of other jobs), but all of "
         "them start "
         "together\n"},
    };

    (void)state;
    check_mistakes(mistakes, ARRAY_SIZE(mistakes));
}

#define ENV_LETTERS "' is no name for an environment variable: letters, digits and '_' only\n"

static void test_job_values(void **state)
{
    static const struct mistake mistakes[] = {
        {"cupel: 1\njobs: {a: {}}\n", "2:8: job 'a' has no 'run'\n"},
        {JOB("shell: bash"),
         "3:22: 'shell' must be an argv list such as [/bin/bash, -eu], not 'bash'\n"},
        {JOB("shell: []"), "3:22: 'shell' is an empty list\n"},
        {JOB("description: [a]"), "3:28: 'description' must be text, not a list\n"},
        {JOB("description: "), "3:28: 'description' must be text, not empty\n"},
        {JOB("workdir: work"), "3:24: 'workdir' must be an absolute path in the job, not 'work'\n"},
        {JOB("workdir: /a/../b"), "3:24: 'workdir' must not contain '..': '/a/../b'\n"},
        {JOB("env: [A]"), "3:20: 'env' must be a map of environment variables, not a list\n"},
        {JOB("env: {1A: x, A-B: y, \"\": z, CUPEL_X: u}"),
         "3:21: '1A" ENV_LETTERS "3:28: 'A-B" ENV_LETTERS "3:36: '" ENV_LETTERS
         "3:43: 'CUPEL_X': names that begin with CUPEL_ are set by cupel itself\n"},
        {JOB("env: {A: , B: yes, C: [1]}"),
         "3:24: 'A' must be text (\"\" for an empty one), not empty\n"
         "3:29: 'B' must be text (\"\" for an empty one), not the boolean yes (put it in quotes if "
         "it is text)\n"
         "3:37: 'C' must be text (\"\" for an empty one), not a list\n"},
        {JOB("pass-env: [A=B]"), "3:26: 'A=B" ENV_LETTERS},
        {JOB("user: Root"),
         "3:21: 'user' must be root, a user's name, UID or UID:GID, not 'Root'\n"},
        {JOB("user: \"1000:\""),
         "3:21: 'user' must be root, a user's name, UID or UID:GID, not '1000:'\n"},
        {JOB("user: 4294967295"),
         "3:21: 'user' must be root, a user's name, UID or UID:GID, not '4294967295'\n"},
        {JOB("hostname: a_b"), "3:25: 'hostname' must be a host name of at most 64 letters, "
                               "digits, '.' and '-', not 'a_b'\n"},
        {JOB("hostname: -a"), "3:25: 'hostname' must be a host name of at most 64 letters, digits, "
                              "'.' and '-', not '-a'\n"},
        {JOB("timeout-grace: 2h"), "3:30: 'timeout-grace' must be at most 1h, not 2h\n"},
        {JOB("retries: 11"), "3:24: 'retries' must be between 0 and 10, not 11\n"},
        {JOB("retries: -1"), "3:24: 'retries' must be a whole number, not '-1'\n"},
        {JOB("retries: yes"), "3:24: 'retries' must be a whole number, not the boolean yes (put it "
                              "in quotes if it is text)\n"},
        {JOB("retry-on: []"), "3:25: 'retry-on' is an empty list\n"},
        {JOB("retry-on: [failure, timeouts, passed, 300]"),
         "3:35: 'retry-on' must be failure, timeout, error, a verdict, an exit code, or a list of "
         "these, not 'timeouts', "
         "did you mean 'timeout'?\n"
         "3:45: 'retry-on' must be failure, timeout, error, a verdict, an exit code, or a list of "
         "these, not 'passed', did you mean 'failed'?\n"
         "3:53: 'retry-on' must be between 0 and 255, not 300\n"},
        {JOB("retry-on: {failure: 1}"), "3:25: 'retry-on' must be failure, timeout, error, a "
                                        "verdict, an exit code, or a list of these, not a map\n"},
        {JOB("leaks: kill"), "3:22: 'leaks' must be report or fail, not 'kill'\n"},
        {JOB("tags: [a, b c]"), "3:25: 'tags' must be a name of at most 200 letters, digits, '.', "
                                "'_' and '-', not 'b c'\n"},
        {JOB("stdin: a, stdin-file: numbers.in"),
         "3:25: 'stdin' and 'stdin-file' exclude each other\n"},
        {JOB("artifacts: '!a.txt'"), "3:26: '!a.txt': what is to be left out stands under "
                                     "'exclude', without '!'\n"},
        {JOB("artifacts: $HOME/x"), "3:26: '$HOME/x' is read by no shell: write the path in the "
                                    "job, absolute or relative to 'workdir'\n"},
        {JOB("artifacts: ['{a,b}{c,d}{e,f}{g,h}{i,j}{k,l}{m,n}{o,p}{q,r}']"),
         "3:27: 'artifacts' stands for more than 256 patterns\n"},
        {JOB("inputs: [{from: ., exclude: [a, /b]}]"),
         "3:43: 'exclude' must name what is in the directory, relative to it: '/b'\n"},
        {JOB("inputs: [{from: ., git: all}]"),
         "3:39: 'git' must be tracked or unignored, not 'all'\n"},
        {JOB("inputs: [{from: ., git: tracked, untrusted: true}]"),
         "3:39: 'git' is for directories that are trusted, and others may have filled this one; "
         "where they have not, say `untrusted: false`\n"},
        {JOB("inputs: [{from: ., mtime: commit}]"),
         "3:41: 'mtime' sets the times of a copy; in any other mode the files are the host's own: "
         "say `mode: copy`\n"},
        {JOB("inputs: [{from: ., mode: copy, mtime: commit, untrusted: true}]"),
         "3:53: 'mtime' is for directories that are trusted, and others may have filled this one; "
         "where they have not, say `untrusted: false`\n"},
        {JOB("inputs: [{from: ., mode: copy, mtime: now}]"),
         "3:53: 'mtime' must be commit, not 'now'\n"},
        {JOB("artifacts: {paths: a, exclude: 'b/{c,../d}'}"),
         "3:46: 'exclude' must not contain '..': 'b/{c,../d}'\n"},
        {JOB("artifacts: {paths: a, if-missing: warn}"),
         "3:49: 'if-missing' must be fail, note or ignore, not 'warn'\n"},
        {JOB("artifacts: {paths: [/a/../b]}"), "3:35: 'paths' must not contain '..': '/a/../b'\n"},
        {JOB("artifacts: {when: failure}"), "3:26: 'artifacts' has no 'paths'\n"},
        {JOB("artifacts: {paths: /a, max: 1Q, when: never}"),
         "3:43: 'max' must be a size such as 64K, 512M or 1.5G, not '1Q'; the units are K, M, G "
         "and T, each 1024 times the one before\n"
         "3:53: 'when' must be always, failure or success, not 'never'\n"},
    };

    (void)state;
    check_mistakes(mistakes, ARRAY_SIZE(mistakes));
}

static void test_mounts(void **state)
{
    static const struct mistake mistakes[] = {
        {JOB("mounts: [{to: /a, tmpfs: 1}]"), "3:40: 'tmpfs' must be at least 64 KiB, not 1\n"},
        {JOB("mounts: [{tmpfs: 1M}]"), "3:24: a mount needs the key 'to'\n"},
        {JOB("mounts: [{to: a, tmpfs: 1M}]"),
         "3:29: 'to' must be an absolute path in the job, not 'a'; below the job's workdir that "
         "is '/work/a'\n"},
        {JOB("mounts: [{to: /a}]"), "3:24: a mount needs 'tmpfs' or 'from'\n"},
        {JOB("mounts: [{to: /dev/a, tmpfs: 1M}]"),
         "3:24: a mount cannot be placed at /dev/a, which belongs to the sandbox\n"},
        {JOB("mounts: [{to: /run/secrets/x, tmpfs: 1M}, {to: /, tmpfs: 1M}]"),
         "3:24: a mount cannot be placed at /run/secrets/x, which belongs to the sandbox\n"
         "3:57: a mount cannot be placed at /, which belongs to the sandbox\n"},
        {JOB("mounts: [{to: /a/../proc, tmpfs: 1M}]"),
         "3:29: 'to' must not contain '..': '/a/../proc'\n"},
        {JOB("mounts: {to: /a, tmpfs: 1M}, artifacts: [/b/**, /a/x, /ab]"),
         "3:23: 'artifacts' has /a/x, but the tmpfs at /a goes with the job\n"},
        {JOB("mounts: {to: /a, tmpfs: 1M}, cache: {key: k, paths: [/a, /ab]}"),
         "3:23: the tmpfs at /a is where a cache is\n"},
        {JOB("secrets: {name: KEY, as: file}, inputs: [{from: ., to: /run/secrets/x}]"),
         "3:24: the input at /run/secrets/x is where secrets are\n"},
        {JOB("mounts: [{to: /a, tmpfs: 1M, from: .}, {to: /b, tmpfs: 1M, mode: ro}]"),
         "3:33: 'from' and 'tmpfs' exclude each other\n"
         "3:63: 'mode' and 'tmpfs' exclude each other\n"},
        {JOB("mounts: [/a]"),
         "3:24: 'mounts' must be a list of maps such as {to: /scratch, tmpfs: 1G}, not '/a'\n"},
        {JOB("mounts: [{to: /a, tmpfs: 1M}, {to: /a, tmpfs: 1M}]"),
         "3:45: something else is placed at /a already\n"},
        {JOB("mounts: [{to: /a, from: ., mode: cow}]"), "3:48: 'mode' must be ro, not 'cow'\n"},
    };

    (void)state;
    check_mistakes(mistakes, ARRAY_SIZE(mistakes));
}

static void test_time_offset(void **state)
{
    static const struct mistake mistakes[] = {
        {JOB("namespaces: {time-offset: 1x}"),
         "3:41: 'time-offset' must be a duration such as 90s or 400d, with - before it for less, "
         "not '1x'; the units are ns, us, ms, s, m, h and d\n"},
        {JOB("namespaces: {time-offset: --1s}"),
         "3:41: 'time-offset' must be a duration such as 90s or 400d, with - before it for less, "
         "not '--1s'\n"},
        {JOB("namespaces: {time-offset: -36501d}"),
         "3:41: 'time-offset' must be at most 876000 h 0 min either way, not -36501d\n"},
        {JOB("namespaces: {time-ofset: 1s}"),
         "3:28: unknown key 'time-ofset', did you mean 'time-offset'?\n"},
        {JOB("namespaces: host"), "3:27: 'namespaces' must be a map, not 'host'\n"},
    };

    (void)state;
    check_mistakes(mistakes, ARRAY_SIZE(mistakes));
}

static void test_limits(void **state)
{
    static const struct mistake mistakes[] = {
        {JOB("limits: {cpu: 0}"), "3:29: 'cpu' must be at least 0.01, not 0\n"},
        {JOB("limits: {cpu: many}"),
         "3:29: 'cpu' must be a number of cores such as 1.5 or 150%, not 'many'\n"},
        {JOB("limits: {memory: 1000}"), "3:32: 'memory' must be at least 1 MiB, not 1000\n"},
        {JOB("limits: {memory: 99999999T}"),
         "3:32: 'memory' must be at most 1 EiB, not 99999999T\n"},
        {JOB("limits: {wall: 0s}"), "3:30: 'wall' must be at least 1ms, not 0s\n"},
        {JOB("limits: {wall: -1}"), "3:30: 'wall' must be a duration such as 250ms, 90s or 1h30m, "
                                    "{limit: 1s, kill: 1.5s}, or none, not '-1'\n"},
        {JOB("limits: {idle: 0s}"), "3:30: 'idle' must be at least 1ms, not 0s\n"},
        {JOB("limits: {pids: 0}"), "3:30: 'pids' must be between 1 and 4194304, not 0\n"},
        {JOB("limits: {pids: 1.5}"), "3:30: 'pids' must be a whole number, not '1.5'\n"},
        {JOB("limits: {pids: 99999999999999999999999}"),
         "3:30: 'pids' must be between 1 and 4194304, not 99999999999999999999999\n"},
        /* the kernel would refuse these when the job starts */
        {JOB("limits: {pids: 4194305}"),
         "3:30: 'pids' must be between 1 and 4194304, not 4194305\n"},
        {JOB("limits: {processes: 4194305}"),
         "3:35: 'processes' must be between 1 and 4194304, not 4194305\n"},
        {JOB("limits: {open-files: 1048577}"),
         "3:36: 'open-files' must be between 4 and 1048576, not 1048577\n"},
        {JOB("limits: {inodes: 16777217}"),
         "3:32: 'inodes' must be between 16 and 16777216, not 16777217\n"},
        {JOB("limits: {stack: 129T}"), "3:31: 'stack' must be at most 128 TiB, not 129T\n"},
        {JOB("limits: {disk: 16T}"), "3:30: 'disk' must be at most 15 TiB, not 16T\n"},
        {JOB("inputs: [{from: ., required: [a], max-size: 1K}]"),
         "3:34: 'required' is for inputs that others have filled: say `untrusted: true`, or name "
         "what a matrix has found\n"
         "3:49: 'max-size' is for inputs that others have filled: say `untrusted: true`, or name "
         "what a matrix has found\n"},
        {JOB("inputs: [{from: ., untrusted: true, allowed: [/a]}]"),
         "3:60: 'allowed' must name what is in the directory, relative to it: '/a'\n"},
        {JOB("inputs: [{from: ., untrusted: true, required: [src/**]}]"),
         "3:61: 'required' must name files: 'src/**' is any that there is\n"},
        {JOB("limits: {wall: {kill: 1s}}"),
         "3:24: a limit that is given twice needs the key 'limit'\n"},
        {JOB("limits: {cpu-time: {limit: 2s, kill: 1s}}"),
         "3:52: 'cpu-time': 'kill' is before 'limit', and nothing could be judged by that\n"},
        {JOB("limits: {wall: {limit: none}}"),
         "3:38: 'limit' must be a duration such as 250ms, 90s or 1h30m, not 'none'\n"},
        {JOB("limits: {idle: {limit: 1s}}"),
         "3:30: 'idle' must be a duration such as 250ms, 90s or 1h30m, or none, not a map\n"},
        {JOB("limits: {wall: 366d}"), "3:30: 'wall' must be at most 365d, not 366d\n"},
        {JOB("limits: {cpu: 100001}"), "3:29: 'cpu' must be at most 100000, not 100001\n"},
        {JOB("limits: {cpuset: 1-0}"),
         "3:32: 'cpuset' must be a CPU's number, a list such as 0-2,5, or exclusive, not '1-0'\n"},
        {JOB("limits: {cpuset: '0,'}"),
         "3:32: 'cpuset' must be a CPU's number, a list such as 0-2,5, or exclusive, not '0,'\n"},
        {JOB("limits: {cpuset: 8192}"),
         "3:32: 'cpuset' must be a CPU's number, a list such as 0-2,5, or exclusive, not '8192'\n"},
        {JOB("limits: {cpuset: [0, 1]}"),
         "3:32: 'cpuset' must be a CPU's number, a list such as 0-2,5, or exclusive, not a list\n"},
        {JOB("limits: {io: 1M}"), "3:28: 'io' must be a map, not '1M'\n"},
        {JOB("limits: {io: {}}"), "3:28: 'io' is an empty map\n"},
        {JOB("limits: {io: {read-bps: 1}}"), "3:39: 'read-bps' must be at least 4 KiB, not 1\n"},
        {JOB("limits: {io: {write-iops: 0}}"),
         "3:41: 'write-iops' must be between 1 and 2147483647, not 0\n"},
        {JOB("limits: {io: {write-bsp: 1M}}"),
         "3:29: unknown key 'write-bsp', did you mean 'write-bps'?\n"},
        {"cupel: 1\njobs:\n  a:\n    run:\n      - run: x\n        limits: {io: {read-bps: 1M}, "
         "cpuset: 0}\n",
         "6:18: the limit 'io' holds for a whole job; it cannot stand in a step\n"
         "6:38: the limit 'cpuset' holds for a whole job; it cannot stand in a step\n"},
        {JOB("limits: {swap: 1M}"),
         "3:3: job 'a' has the limit 'swap' without the limit 'memory'\n"},
        {JOB("limits: 5m"), "3:23: 'limits' must be a map of limits, not '5m'\n"},
    };

    (void)state;
    check_mistakes(mistakes, ARRAY_SIZE(mistakes));
}

static void test_inputs(void **state)
{
    static const struct mistake mistakes[] = {
        {JOB("inputs: [{to: /x}]"), "3:24: an input needs the key 'from'\n"},
        {JOB("inputs: [../jobs]"), "3:24: '../jobs' leads out of the job file's directory, so it "
                                   "needs a place: {from: ../jobs, to: ...}\n"},
        {JOB("inputs: [/etc]"), "3:24: '/etc' leads out of the job file's directory, so it needs a "
                                "place: {from: /etc, to: ...}\n"},
        {JOB("inputs: [/dev/null]"),
         "3:24: 'inputs': /dev/null is neither a regular file nor a directory\n"},
        {JOB("inputs: [src, {from: ., to: /work/./src}]"),
         "3:29: two inputs are placed at /work/src; the first on line 3\n"},
        {JOB("inputs: {from: ., to: /proc/x}"),
         "3:23: an input cannot be placed at /proc/x, which belongs to the sandbox\n"},
        {JOB("inputs: {from: ., to: /}"),
         "3:23: an input cannot be placed at /, which belongs to the sandbox\n"},
        {JOB("inputs: [{from: ., to: work}]"),
         "3:38: 'to' must be an absolute path in the job, not 'work'; below the "
         "job's workdir that is '/work/work'\n"},
        {JOB("inputs: [\"\"]"), "3:24: 'inputs' must be a path on the host, not ''\n"},
    };

    (void)state;
    check_mistakes(mistakes, ARRAY_SIZE(mistakes));
}

#define RUN(value) "cupel: 1\njobs:\n  a: {run: " value "}\n"

static void test_run_and_expect(void **state)
{
    static const struct mistake mistakes[] = {
        {RUN("true"),
         "3:12: 'run' must be text, not the boolean true (put it in quotes if it is text)\n"},
        {RUN(""), "3:12: 'run' must be text, not empty\n"},
        {RUN("\"\""), "3:12: 'run' is empty\n"},
        {RUN("[]"), "3:12: 'run' is an empty list\n"},
        {RUN("[\"\"]"), "3:13: the name of the program in 'run' is empty\n"},
        {RUN("{a: b}"), "3:12: 'run' must be text, an argv list or a list of steps, not a map\n"},
        {RUN("[a, {run: b}]"), "3:16: 'run' must be text, not a map\n"},
        {RUN("[{run: b}, a]"),
         "3:23: 'run' must be either all plain arguments or all steps (maps), not 'a'\n"},
        {RUN("[{name: x}]"), "3:13: a step needs the key 'run'\n"},
        {RUN("[{run: x, limits: {memory: 1M}}]"),
         "3:31: the limit 'memory' holds for a whole job; it cannot stand in a step\n"},
        {RUN("[{run: x, name: a}, {run: y, name: a}]"),
         "3:32: two steps are named 'a'; the first on line 3\n"},
        {RUN("[{run: x, name: step-2}, {run: y}]"),
         "3:37: two steps are named 'step-2'; the first on line 3\n"},
        {RUN("[{run: x, name: \"a\\nb\"}]"),
         "3:28: 'name' must be one line of at most 200 bytes, not 'a?b'\n"},
        {RUN("[{run: x}], args: [b]"), "3:30: 'args' has no meaning for a job with steps\n"},
        {RUN("[{run: [{run: x}]}]"), "3:20: 'run' must be text, not a map\n"},
        {JOB("args: b"), "3:21: 'args' must be a list of arguments, not 'b'\n"},
        {JOB("expect: 1"), "3:23: 'expect' must be a map such as {exit: 3}, not '1'\n"},
        {JOB("expect: {exit: 256}"), "3:30: 'exit' must be between 0 and 255, not 256\n"},
        {JOB("expect: {exit: -1}"), "3:30: 'exit' must be a whole number, not '-1'\n"},
        {JOB("expect: {signal: SIGNOPE}"),
         "3:32: 'signal' must be a signal such as SEGV, SIGSEGV or 11 (1 to 64), not 'SIGNOPE'\n"},
        {JOB("expect: {signal: 65}"),
         "3:32: 'signal' must be a signal such as SEGV, SIGSEGV or 11 (1 to 64), not '65'\n"},
        {JOB("expect: {exit: 0, signal: 9}"), "3:33: 'exit' and 'signal' exclude each other\n"},
        {JOB("expect: {stdout: a, stdout-file: numbers.in}"),
         "3:35: 'stdout' and 'stdout-file' exclude each other\n"},
    };

    (void)state;
    check_mistakes(mistakes, ARRAY_SIZE(mistakes));
}

static void test_needs(void **state)
{
    static const struct mistake mistakes[] = {
        {JOB("needs: [b]"), "3:23: 'needs' names a job 'b' that does not exist\n"},
        {"cupel: 1\njobs: {build: {run: x}, test: {run: x, needs: [biuld]}}\n",
         "2:48: 'needs' names a job 'biuld' that does not exist, did you mean 'build'?\n"},
        {JOB("needs: a"), "3:22: job 'a' needs itself\n"},
        {"cupel: 1\njobs: {a: {run: x}, b: {run: x, needs: [a, a]}}\n",
         "2:44: 'needs' names 'a' twice\n"},
        {"cupel: 1\ndefaults: {run: x}\njobs:\n  z: {needs: a}\n  a: {needs: [c, b]}\n  b: {needs: "
         "a}\n  c: {}\n",
         "5:18: 'needs' form a cycle: a -> b -> a\n"},
        {"cupel: 1\ndefaults: {run: x}\njobs:\n  a: {needs: b}\n  b: {needs: c}\n  c: {needs: a}\n",
         "4:14: 'needs' form a cycle: a -> b -> c -> a\n"},
    };

    (void)state;
    check_mistakes(mistakes, ARRAY_SIZE(mistakes));
}

static void test_from(void **state)
{
    static const struct mistake mistakes[] = {
        {JOB("from: b"), "3:21: 'from' names a job 'b' that does not exist\n"},
        {JOB("from: a"), "3:21: job 'a' starts from itself\n"},
        {JOB("from: [a]"), "3:21: 'from' must be a job's name, not a list\n"},
        {"cupel: 1\ndefaults: {run: x}\njobs: {a: {}, b: {rootfs: host, from: a}}\n",
         "3:33: 'rootfs' and 'from' exclude each other\n"},
        {"cupel: 1\ndefaults: {run: x}\njobs:\n  a: {from: b}\n  b: {needs: [c]}\n  c: {from: a, "
         "needs: []}\n",
         "4:13: 'needs' form a cycle: a -> b -> c -> a\n"},
        {"cupel: 1\ndefaults: {run: x, from: c}\njobs:\n  a: {}\n  c: {needs: a}\n",
         "2:26: 'needs' form a cycle: a -> c -> a\n"},
    };

    (void)state;
    check_mistakes(mistakes, ARRAY_SIZE(mistakes));
}

/* The whole output, quotes and carets included, and every problem of the file in one go. */
static void test_all_at_once(void **state)
{
    cleanup_free char *text = NULL, *expected = NULL;
    cleanup_strbuf struct strbuf problems = {0};
    struct jobs_plan *plan = NULL;
    struct cupel_error err = {0};
    size_t len, expected_len;

    (void)state;
    assert_int_equal(file_read_at(AT_FDCWD, FIXTURES "/wrong.yaml", 1 << 20, &text, &len), 0);
    assert_int_equal(
        file_read_at(AT_FDCWD, FIXTURES "/wrong.expected", 1 << 20, &expected, &expected_len), 0);
    assert_true(load_text("wrong.yaml", "/", text, len, &plan, &problems, &err) < 0);
    assert_null(plan);
    assert_string_equal(problems.data, expected);
    assert_string_equal(err.message, "wrong.yaml has 25 problems");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yaml),           cmocka_unit_test(test_top_level),
        cmocka_unit_test(test_roots),          cmocka_unit_test(test_unknown_keys),
        cmocka_unit_test(test_networks),       cmocka_unit_test(test_job_values),
        cmocka_unit_test(test_mounts),         cmocka_unit_test(test_time_offset),
        cmocka_unit_test(test_limits),         cmocka_unit_test(test_inputs),
        cmocka_unit_test(test_run_and_expect), cmocka_unit_test(test_needs),
        cmocka_unit_test(test_from),           cmocka_unit_test(test_all_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
