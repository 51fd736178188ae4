/* SPDX-License-Identifier: Apache-2.0 */
/* jobs: messages say what, where, why and what to do: words of other tools, YAML that cannot be
 * parsed, numbers that are read in two ways. */
#include "test_jobs.h"

#define JOB(keys) "cupel: 1\njobs:\n  a: {run: x, " keys "}\n"

/* Words of other tools, and keys that stand in the wrong map: one problem each, which names the
 * right word. */
static void test_words_of_other_tools(void **state)
{
    static const struct {
        const char *keys; /* of a job that has nothing else */
        const char *words;
    } cases[] = {
        {"command: x", "'run'"},
        {"cmd: x", "'run'"},
        {"script: x", "'run'"},
        {"steps: [{run: x}]", "a list of maps under 'run'"},
        {"rnu: x", "did you mean 'run'?"},
        {"run: x, image: debian", "'rootfs'"},
        {"run: x, timeout: 5m", "'limits: {wall: ...}'"},
        {"run: x, depends_on: [b]", "'needs'"},
        {"run: x, stage: test", "'needs'"},
        {"run: x, environment: {A: b}", "'env'"},
        {"run: x, variables: {A: b}", "'env'"},
        {"run: x, retry: 2", "'retries'"},
        {"run: x, if: always", "when: failure}]' (or always)"},
        {"run: x, mem: 1G", "'memory' under 'limits'"},
        {"run: x, memory: 1G", "did you mean 'memory' under 'limits'?"},
        {"run: x, wall: 1m", "did you mean 'wall' under 'limits'?"},
        {"run: x, exit: 1", "did you mean 'exit' under 'expect'?"},
        {"run: x, time: 5", "'cpu-time' (processor time) or 'wall' under 'limits'"},
        {"run: x, limits: {timeout: 5}", "'wall'"},
        {"run: x, strategy: {matrix: {a: [b]}}",
         "'matrix', 'max-parallel' and 'fail-fast' stand in the job itself"},
        {"run: x, parallel: {matrix: [{A: [b]}]}", "a 'matrix' stands in the job itself"},
        {"run: x, max-parallel: 2", "'max-parallel' goes with 'matrix' or 'parallel' only"},
        {"run: x, continue-on-error: true", "it is called 'allow-failure' here"},
        {"run: x, allow_failure: true", "it is called 'allow-failure' here"},
        {"run: x, allow-failure: maybe", "'allow-failure' must be true or false"},
        {"run: x, allow-failure: {}", "'allow-failure' is an empty map"},
        {"run: x, allow-failure: {exit: [256]}", "'exit'"},
        {"run: x, allow-failure: {verdicts: error}", "'verdicts' must be failed, signaled,"},
        {"run: x, needs: {job: b}", "'needs' names a job 'b' that does not exist"},
        {"run: x, needs: [{jbo: b}]", "did you mean 'job'?"},
        {"run: x, needs: [{job: a, when: failure}]", "job 'a' needs itself"},
        {"run: x, needs: [{job: b, optional: true, when: never}]",
         "'when' must be success, failure or always, not 'never'"},
        {"run: x, servics: {}", "did you mean 'services'?"},
        {"run: x, only: [main]", "--only"},
        {"run: x, except: [main]", "--only"},
        {"run: x, extends: .base", "stands under 'templates'"},
        {"run: x, when: on_failure", "'needs: [{job: NAME, when: failure}]'"},
        {"run: x, rules: [{if: $A}]", "'needs: [{job: NAME, when: failure}]'"},
        {"run: x, needs: [{job: b, optional: true, artifacts: true}]", "starts 'from'"},
        {"run: x, needs: [{name: b}]", "unknown key 'name' in a need: it is called 'job' here"},
        {"run: x, allow-failure: {exit_codes: 3}", "it is called 'exit' here"},
        {"run: x, secrets: [{name: A, env: B}]", "a name alone is a variable"},
        {"run: x, secrets: [{name: A, from: x}]", "in a secret: it is called 'file' here"},
        {"run: x, secrets: [{name: A, value: x}]", "what stands in the file is no secret"},
        {"run: x, services: {s: {run: y, image: z}}", "in a service: it is called 'rootfs' here"},
        {"run: x, services: {s: {command: y}}", "in a service: it is called 'run' here"},
        {"run: x, services: {s: {run: y, ready: {tcp: 1, timeout: 3}}}",
         "write 'within' beside 'ready'"},
        {"run: x, services: [s]", "'use-services' names those of the top-level 'services'"},
        {"run: x, secrets: [{name: A, B: x}]", "a map such as {name: B, file: PATH}"},
        {"run: x, matrix: {A: {glob: '*'}}", "write 'files', or 'dirs'"},
        {"run: x, after: {script: y}", "unknown key 'script' in 'after': it is called 'run' here"},
        {"run: x, after: {run: y, timeout: 5}", "write 'wall'"},
        {"run: x, after_script: [y]", "it is called 'after' here"},
        {"run: x, before_script: [y]", "it is called 'before' here"},
        {"run: x, before: ''", "'before' is empty"},
        {"run: x, after: ['']", "the name of the program in 'after' is empty"},
        {"run: x, after: {wall: 1m}", "'after' needs the key 'run'"},
        {"run: x, after: {run: y, wall: 0}", "'wall'"},
        {"run: x, after: {run: y, expect: {exit: 1}}", "'expect'"},
        {"run: [{name: before, run: x}], before: y", "two steps are named 'before'"},
        {"run: [{run: x, when: sometimes}]",
         "'when' must be success, failure or always, not 'sometimes'"},
        {"run: x, with: {a: b}", "there are no actions"},
        {"uses: actions/checkout@v4", "there are no actions"},
        {"run: x, name: y", "its key under 'jobs'"},
        {"run: x, ports: ['80:80']", "'network: {bridge: NAME}'"},
        {"run: x, outputs: {a: b}", "'from'"},
        {"run: x, resource_group: production", "'exclusive'"},
        {"run: x, interruptible: true", "--fail-fast"},
        {"run: x, id_tokens: {T: {aud: x}}", "'secrets' gives the job one"},
        {"run: x, inherit: {default: false}", "wins over 'defaults'"},
        {"run: x, trigger: other/project", "`cupel run FILE FILE`"},
        {"run: [{uses: actions/checkout@v4}]", "there are no actions"},
        {"run: [{run: x, uses: y}]", "there are no actions"},
        {"run: [{run: x, working-directory: d}]", "'cd DIR'"},
        {"run: [{run: x, if: always()}]", "'when: always'"},
        {"run: [{run: x, continue-on-error: true}]", "'|| true'"},
        {"run: [{run: x, shell: bash}]", "the whole job"},
        {"run: x, artifacts: {paths: /x, name: y}", "--out"},
        {"run: x, artifacts: {paths: /x, expire_in: 1 week}", "--out"},
        {"run: x, artifacts: {paths: /x, retention-days: 5}", "--out"},
        {"run: x, artifacts: {path: /x}", "did you mean 'paths'?"},
        {"run: x, artifacts: {paths: /x, reports: {junit: y}}", "'paths'"},
        {"run: x, artifacts: {paths: x, if-no-files-found: error}", "write 'if-missing'"},
        {"run: x, artifacts: {paths: x, if_missing: fail}", "it is called 'if-missing' here"},
        {"run: x, artifacts: [x, '!x/y']", "stands under 'exclude'"},
        {"run: x, artifacts: ~/x", "read by no shell"},
        {"run: x, inputs: [{from: ., to: src}]", "below the job's workdir that is '/work/src'"},
        {"run: x, shell: bash",
         "'shell' must be an argv list such as [/bin/bash, -eu], not 'bash'"},
        {"comand: x", "did you mean 'command'? It is called 'run' here"},
        {"RUN: x", "did you mean 'run'?"},
        {"run: x, enviroment: {A: b}", "did you mean 'environment'? It is called 'env' here"},
        {"run: x, <<: y", "'<<' takes in a map, or a list of maps (<<: *base, <<: [*one, *other])"},
        {"run: *grep", "*grep stands for nothing: there is no &grep before it; text that begins"},
        {"\xc2\xa0run: x", "begins with a blank that YAML has none of, U+00A0"},
        {"run: !grep y",
         "the YAML tag '!grep' is not supported; text that begins with '!' must be put in quotes"},
        {"run: !!int 5", "the YAML tag 'tag:yaml.org,2002:int' is not supported; leave it out"},
        {"run: x, expect: 3", "'expect' must be a map such as {exit: 3}, not '3'"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_free char *text = xasprintf("cupel: 1\njobs:\n  a: {%s}\n", cases[i].keys),
                          *lines = NULL;
        struct loaded r = load(text);

        lines = problem_lines(&r);
        if (r.plan != NULL || strstr(lines, cases[i].words) == NULL ||
            strchr(lines, '\n')[1] != '\0')
            fail_msg("%s: got:\n%s", cases[i].keys, lines);
        unload(&r);
    }
}

/* The same of words that stand beside `jobs`, or in a root. */
static void test_words_of_other_tools_around_jobs(void **state)
{
#define BESIDE(text) "cupel: 1\njobs: {a: {run: x}}\n" text "\n"
    static const struct {
        const char *text;
        const char *words;
    } cases[] = {
        {BESIDE("on: push"), "`cupel run`"},
        {BESIDE("on: [push, pull_request]"), "`cupel run`"},
        {BESIDE("workflow: {rules: []}"), "`cupel run`"},
        {BESIDE("include: [{local: x.yml}]"),
         "'include' must be paths on the host, without 'local'"},
        {BESIDE("before_script: [x]"), "'before' under 'defaults'"},
        {BESIDE("default: {image: x}"), "did you mean 'defaults'?"},
        {BESIDE(".base: {image: x}"), "what jobs share stands under 'templates' and 'defaults'"},
        {BESIDE("build: {script: [make]}"), "jobs stand under 'jobs'"},
        {BESIDE("job: {run: x}"), "jobs stand under 'jobs'"},
        {BESIDE("unit: {stage: test, steps: [x]}"), "jobs stand under 'jobs'"},
        {BESIDE("unit: {extends: .base}"), "jobs stand under 'jobs'"},
        {BESIDE("job: {a: {run: x}}"), "did you mean 'jobs'?"},
        {"cupel: 1\nbuild: {script: [make]}\n", "jobs stand under 'jobs'"},
        {"cupel: 1\nrun: make\n", "jobs: {NAME: {run: ...}}"},
        {"cupel: 1\nscript: make\n", "jobs: {NAME: {run: ...}}"},
        {"cupel: 1\nsteps: [{run: x}]\n", "jobs: {NAME: {run: [{run: ...}]}}"},
        {BESIDE("permissions: read-all"), "no right on the host"},
        {"cupel: 1\njobs: {.base: {run: x}}\n",
         "it begins with '.'; what jobs share stands under 'templates'"},
        {BESIDE("rootfs: {d: {docker: alpine}}"), "it is called 'image' here"},
        {BESIDE("rootfs: {d: {container: alpine}}"), "it is called 'image' here"},
        {BESIDE("rootfs: {d: {base: e, run: x}}"), "it is called 'from' here"},
        {BESIDE("rootfs: {d: {imgae: alpine}}"), "did you mean 'image'?"},
        {BESIDE("rootfs: {d: {path: x.tar}}"), "it is called 'tar' here"},
        {BESIDE("rootfs: {d: {dir: x}}"), "`cupel rootfs import NAME DIR`"},
        {BESIDE("rootfs: {d: {url: 'https://x/y.tar'}}"), "nothing is downloaded"},
        {BESIDE("rootfs: {d: {ubuntu: noble}}"), "{image: 'ubuntu:24.04'}"},
        {BESIDE("rootfs: {d: {image: ''}}"), "'image' must be an image reference"},
        {"cupel: 1\njobs:\n  a:\n    run:x\n", "not 'run:x'; a blank is missing after the ':'"},
        {BESIDE("rootfs: {al: 'alpine:3'}"),
         "'al' must be a map such as {image: alpine:3}, {tar: FILE} or"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct loaded r = load(cases[i].text);
        cleanup_free char *lines = problem_lines(&r);

        if (r.plan != NULL || strstr(lines, cases[i].words) == NULL ||
            strchr(lines, '\n')[1] != '\0')
            fail_msg("%s: got:\n%s", cases[i].text, lines);
        unload(&r);
    }
}

/* Unicode, but not UTF-8: as Windows' editors and PowerShell's `>` write it. */
static void test_other_encodings(void **state)
{
    static const struct {
        const char *text;
        size_t n;
        const char *problems;
    } files[] = {
        {"\xff\xfe"
         "a\0:\0\n\0",
         8, "1:1: the file is UTF-16: save it as UTF-8 (`iconv -f UTF-16 -t UTF-8`)\n"},
        {"\xfe\xff"
         "\0a\0:\0\n",
         8, "1:1: the file is UTF-16: save it as UTF-8 (`iconv -f UTF-16 -t UTF-8`)\n"},
        {"a\0:\0", 4,
         "1:1: the file is UTF-16LE: save it as UTF-8 (`iconv -f UTF-16LE -t UTF-8`)\n"},
        {"\0a\0:", 4,
         "1:1: the file is UTF-16BE: save it as UTF-8 (`iconv -f UTF-16BE -t UTF-8`)\n"},
        {"\xff\xfe\0\0"
         "a\0\0\0",
         8, "1:1: the file is UTF-32: save it as UTF-8 (`iconv -f UTF-32 -t UTF-8`)\n"},
        {"\0\0\0a", 4,
         "1:1: the file is UTF-32BE: save it as UTF-8 (`iconv -f UTF-32BE -t UTF-8`)\n"},
        {"a\0b: c\n", 7, "1:2: a NUL byte is not allowed in a job file\n"},
        {"\xff\xfd", 2, "1:1: byte 0xff is not valid UTF-8\n"},
        {"\xff", 1, "1:1: byte 0xff is not valid UTF-8\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        struct loaded r = load_bytes(files[i].text, files[i].n);
        cleanup_free char *lines = problem_lines(&r);

        assert_string_equal(lines, files[i].problems);
        unload(&r);
    }
}

/* What libyaml cannot parse is told in the reader's words. */
static void test_syntax(void **state)
{
    static const struct mistake mistakes[] = {
        {"cupel: 1\njobs:\n  a:\n    run: x\n   limits: {memory: 5M}\n",
         "5:4: this line is indented by 3, which is that of no key above it; check its indentation "
         "(the keys that begin "
         "on line 3 are indented by 2)\n"},
        {"jobs:\n  a: {run: x\n  b: {run: x}\n",
         "2:6: the '{' opened on line 2 is never closed: '}' (or ',') is missing before line 3\n"},
        {"a: {run: echo: hi}\n", "1:14: ': ' within a value ends it; put the text in quotes, or on "
                                 "the lines below 'KEY: |'\n"},
        {"a: echo \"b: c\"\n", "1:11: ': ' within a value ends it; put the text in quotes, or on "
                               "the lines below 'KEY: |'\n"},
        {"a: x\n  b: y\n", "2:4: a key cannot stand here, since the line above has a value "
                           "already; check the indentation "
                           "of this line, or put the text in quotes if the ':' belongs to it\n"},
        {"\xc3\xa4: \"x\" y\n",
         "1:8: text goes on after the closing quote; put the text in quotes, or on the lines "
         "below 'KEY: |'\n"},
        {"a: {b: \"x\" y}\n", "1:12: ',' or '}' must follow the closing quote; put all of the text "
                              "in one pair of quotes\n"},
        {"a: [b, c}\n", "1:9: ',' or ']' is missing here (the '[' stands on line 1)\n"},
        {"a: {b: c}}\n", "1:10: '}' closes nothing: there is no '{' before it\n"},
        {"a: \"x\nb: y\n", "1:4: the quote opened on line 1 is never closed\n"},
        {"a: \"\\d\"\n", "1:5: a backslash in double quotes begins an escape, and this is none; "
                         "write '\\\\', or use "
                         "single quotes\n"},
        {"a: @x\n", "1:4: a value cannot begin with '@'; put it in quotes\n"},
        {"a: [*.c]\n", "1:5: a value that begins with '*', '&' or '!' must be put in quotes\n"},
        {"a: [ -f x ] && y\n", "1:13: text goes on after the ']'; put the text in quotes, or on "
                               "the lines below 'KEY: |'\n"},
        {"a: [ -f x ] || y\n", "1:13: text goes on after the ']'; put the text in quotes, or on "
                               "the lines below 'KEY: |'\n"},
        {"a: {b: c} d\n", "1:11: text goes on after the '}'; put the text in quotes, or on the "
                          "lines below 'KEY: |'\n"},
        {"a: \"x\" && y\n", "1:8: text goes on after the closing quote; put the text in quotes, or "
                            "on the lines below 'KEY: |'\n"},
        {"a: - b\n", "1:4: a list item ('- ...') cannot stand here; begin the list on the line "
                     "below its key\n"},
        {"a: |x\n", "1:5: the text of '|' or '>' begins on the next line, indented\n"},
        {"a: b\nc\n", "2:1: this is no 'KEY: VALUE': the ':' is missing; text of several lines "
                      "stands below 'KEY: |', "
                      "indented more than its key\n"},
        {"%YAML 2.0\n---\na: b\n",
         "1:1: a job file is YAML 1.1 or 1.2: leave this line out, or write '%YAML 1.2', once\n"},
        {"%YAML one\n---\na: b\n",
         "1:1: a job file is YAML 1.1 or 1.2: leave this line out, or write '%YAML 1.2', once\n"},
        {"%YAML 1.2\n%YAML 1.2\n---\na: b\n",
         "2:1: a job file is YAML 1.1 or 1.2: leave this line out, or write '%YAML 1.2', once\n"},
        {"%d files\n", "1:1: a line that begins with '%' tells the YAML reader something, and this "
                       "is nothing that it "
                       "knows; leave it out, or put the text in quotes\n"},
    };

    (void)state;
    check_mistakes(mistakes, ARRAY_SIZE(mistakes));
}

/* Numbers that readers of YAML read in different ways are refused, with how to write them. */
static void test_numbers(void **state)
{
#define LEADING_ZERO                                                                               \
    "; a leading zero makes it octal for some readers of YAML and decimal for others: write it "   \
    "without\n"
    static const struct mistake mistakes[] = {
        {JOB("limits: {pids: 017}"), "3:30: 'pids' must be a whole number, not '017'" LEADING_ZERO},
        {JOB("limits: {pids: 0x1f}"),
         "3:30: 'pids' must be a whole number, not '0x1f'; write it in decimal\n"},
        {JOB("limits: {pids: 1_000}"),
         "3:30: 'pids' must be a whole number, not '1_000'; write it without '_'\n"},
        {JOB("limits: {pids: 1:30}"),
         "3:30: 'pids' must be a whole number, not '1:30'; some readers of YAML take a:b as "
         "a number to the base of 60: write 90s or 1m30s\n"},
        {JOB("limits: {wall: 010}"), "3:30: 'wall' must be a duration such as 250ms, 90s or 1h30m, "
                                     "{limit: 1s, kill: 1.5s}, or none, not '010'" LEADING_ZERO},
        {JOB("limits: {cpu: \"1,5\"}"),
         "3:29: 'cpu' must be a number of cores such as 1.5 or 150%, not '1,5'; the decimal "
         "mark is '.'\n"},
        {JOB("limits: {memory: 512 MB}"), "3:32: 'memory' must be a size such as 64K, 512M or "
                                          "1.5G, not '512 MB'; leave out the blank\n"},
        {JOB("limits: {memory: 512Mi}"),
         "3:32: 'memory' must be a size such as 64K, 512M or 1.5G, not '512Mi'; the units are K, "
         "M, G and T, each 1024 times the one before\n"},
        {JOB("limits: {memory: 1g}"),
         "3:32: 'memory' must be a size such as 64K, 512M or 1.5G, not '1g'; the units are K, M, G "
         "and T, each 1024 times the one before\n"},
        {JOB("limits: {cpu: 500m}"), "3:29: 'cpu' must be a number of cores such as 1.5 or 150%, "
                                     "not '500m'; half a core is 0.5\n"},
        {JOB("limits: {wall: 5min}"),
         "3:30: 'wall' must be a duration such as 250ms, 90s or "
         "1h30m, {limit: 1s, kill: 1.5s}, or none, not '5min'; the units are "
         "ns, us, ms, s, m, h and d\n"},
        {JOB("limits: {open-files: 1e3}"),
         "3:36: 'open-files' must be a whole number, not '1e3'; write it in plain digits\n"},
        {JOB("expect: {exit: 0777}"),
         "3:30: 'exit' must be a whole number, not '0777'" LEADING_ZERO},
        {JOB("expect: {signal: 011}"), "3:32: 'signal' must be a signal such as SEGV, SIGSEGV or "
                                       "11 (1 to 64), not '011'" LEADING_ZERO},
        {JOB("user: 01000"),
         "3:21: 'user' must be root, a user's name, UID or UID:GID, not '01000'" LEADING_ZERO},
        {JOB("limits: {cpuset: 010}"), "3:32: 'cpuset' must be a CPU's number, a list such as "
                                       "0-2,5, or exclusive, not '010'" LEADING_ZERO},
    };

    (void)state;
    check_mistakes(mistakes, ARRAY_SIZE(mistakes));
}

/* Many problems are cut, with how many there are besides. */
static void test_many_problems_are_counted(void **state)
{
    cleanup_strbuf struct strbuf text = {0};
    struct loaded r;

    (void)state;
    strbuf_adds(&text, "cupel: 1\njobs:\n  a:\n    run: x\n");
    for (int i = 0; i < 120; i++)
        strbuf_addf(&text, "    nonsense-%d: 1\n", i);
    r = load(text.data);
    assert_null(r.plan);
    assert_non_null(strstr(r.problems.data, ": and 70 more problems; mend these first\n"));
    assert_non_null(strstr(r.problems.data, "'nonsense-49'"));
    assert_null(strstr(r.problems.data, "'nonsense-50'"));
    assert_non_null(strstr(r.err.message, "has 120 problems"));
    unload(&r);
}

/* A byte order mark, line ends of other systems, and the end marker are no mistakes; columns count
 * from behind the mark. */
static void test_marks_of_editors(void **state)
{
    static const struct mistake after_mark = {"\xef\xbb\xbf"
                                              "cupel: x\njobs: {a: {run: y}}\n",
                                              "1:8: 'cupel' must be a whole number, not 'x'\n"};
    struct loaded r = load("\xef\xbb\xbf"
                           "cupel: 1\r\njobs:\r\n  a: {run: x}\r\n...\r\n");

    (void)state;
    assert_non_null(r.plan);
    assert_string_equal(r.plan->jobs[0].name, "a");
    unload(&r);
    check_mistake(&after_mark);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_of_other_tools),
        cmocka_unit_test(test_words_of_other_tools_around_jobs),
        cmocka_unit_test(test_other_encodings),
        cmocka_unit_test(test_syntax),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_many_problems_are_counted),
        cmocka_unit_test(test_marks_of_editors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
