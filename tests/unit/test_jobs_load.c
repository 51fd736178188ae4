/* SPDX-License-Identifier: Apache-2.0 */
/* jobs: good files become the plan that docs/job-file.md promises. */
#include "test_jobs.h"

#include <fcntl.h>

static void test_file_and_roots(void **state)
{
    struct jobs_plan *plan;

    (void)state;
    full_plan(&plan);
    assert_string_equal(plan->file, FIXTURES "/full.yaml");
    assert_string_equal(plan->name, "full suite");
    assert_int_equal(plan->dir[0], '/');
    assert_int_equal(plan->n_roots, 4);
    assert_string_equal(plan->roots[0].name, "host");
    assert_int_equal(plan->roots[0].kind, JOBS_ROOT_HOST);
    assert_int_equal(plan->roots[0].line, 0);
    assert_int_equal(plan->roots[1].kind, JOBS_ROOT_SCRATCH);
    assert_int_equal(plan->roots[2].kind, JOBS_ROOT_DEBIAN);
    assert_string_equal(plan->roots[2].suite, "bookworm");
    assert_list(plan->roots[2].packages, "<gcc><libc6-dev:i386=2.36-9+deb12u8>");
    assert_int_equal(plan->roots[2].line, 6);
    assert_int_equal(plan->roots[3].kind, JOBS_ROOT_TAR);
    assert_string_equal(strrchr(plan->roots[3].tar, '/'), "/numbers.in");
    assert_string_equal(plan->roots[3].sha256,
                        "8f0e343faf0b2f9e9e9eff0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a");
    jobs_plan_free(plan);
}

static void test_steps(void **state)
{
    struct jobs_plan *plan;
    const struct jobs_job *job;
    const struct jobs_limits *limits;

    (void)state;
    full_plan(&plan);
    job = &plan->jobs[0];
    assert_string_equal(job->name, "test");
    assert_int_equal(job->root, 3);
    assert_true(job->has_steps);
    assert_int_equal(job->n_steps, 2);
    assert_string_equal(job->steps[0].name, "compile");
    assert_list(job->steps[0].argv, "</bin/bash><-e><-c><make check>");
    assert_int_equal(job->steps[0].expect.exit, 0);
    /* from the defaults' expect, which merges */
    assert_string_equal(job->steps[0].expect.stderr_text, "");
    limits = &job->steps[0].limits;
    assert_int_equal(limits->value[JOBS_LIMIT_WALL], 2 * NSEC_PER_SEC);
    assert_int_equal(limits->value[JOBS_LIMIT_CPU_TIME], 1500 * NSEC_PER_MSEC);
    assert_int_equal(limits->value[JOBS_LIMIT_OUTPUT], 64 * 1024);
    assert_int_equal(limits->value[JOBS_LIMIT_FILE_SIZE], 1024 * 1024);
    assert_int_equal(limits->value[JOBS_LIMIT_OPEN_FILES], 32);
    assert_int_equal(limits->value[JOBS_LIMIT_STACK], 8 * 1024 * 1024);
    assert_int_equal(limits->value[JOBS_LIMIT_PROCESSES], 9);
    assert_true(jobs_limit_is_set(limits, JOBS_LIMIT_CORE));
    assert_false(jobs_limit_is_set(limits, JOBS_LIMIT_MEMORY));
    assert_string_equal(job->steps[1].name, "step-2");
    assert_list(job->steps[1].argv, "<./crash><1>");
    assert_int_equal(job->steps[1].expect.exit, -1);
    assert_int_equal(job->steps[1].expect.signal, 11);
    assert_non_null(job->steps[1].expect.stdout_file.path);
    assert_int_equal(job->steps[1].line, 27);
    assert_int_equal(job->n_needs, 1);
    assert_int_equal(job->needs[0], 1);
    assert_null(job->artifacts.paths.patterns);
    jobs_plan_free(plan);
}

static void test_everything_of_a_job(void **state)
{
    struct jobs_plan *plan;
    const struct jobs_job *job;

    (void)state;
    full_plan(&plan);
    job = &plan->jobs[1];
    assert_string_equal(job->description, "Builds it.");
    assert_int_equal(job->root, 2);
    assert_string_equal(job->workdir, "/src/main/x");
    assert_list(job->env, "<LEVEL=2><KEEP=yes><EMPTY=>");
    assert_list(job->pass_env, "<HOME_PAGE>"); /* LEVEL is in env */
    assert_string_equal(job->user, "1000:1000");
    assert_string_equal(job->hostname, "builder.example");
    assert_int_equal(job->network, JOBS_NETWORK_NONE);
    assert_false(job->has_steps);
    assert_int_equal(job->n_steps, 1);
    assert_null(job->steps[0].name);
    assert_list(job->steps[0].argv, "</bin/sh><-eu><-c><./configure\nmake\n></bin/sh><first><2>");
    assert_string_equal(job->steps[0].expect.stdout_text, "3\n");
    assert_int_equal(job->steps[0].expect.stdout_len, 2);
    assert_string_equal(job->stdin_text, "1 2\n");
    assert_int_equal(job->stdin_len, 4);
    assert_list(job->artifacts.paths.patterns, "</src/*.a>");
    assert_int_equal(job->artifacts.when, JOBS_WHEN_FAILURE);
    assert_int_equal(job->artifacts.max, 1024 * 1024); /* from the defaults' map */
    assert_int_equal(job->timeout_grace, 250 * NSEC_PER_MSEC);
    assert_int_equal(job->retries, 10);
    assert_int_equal(job->retry_on, 1u << JOBS_RETRY_ERROR | 1u << JOBS_RETRY_TIMEOUT);
    assert_int_equal(job->leaks, JOBS_LEAKS_FAIL);
    assert_list(job->tags, "<slow><nightly>");
    assert_int_equal(job->line, 30);
    jobs_plan_free(plan);
}

static void test_limits_merge(void **state)
{
    struct jobs_plan *plan;
    const struct jobs_limits *l;

    (void)state;
    full_plan(&plan);
    l = &plan->jobs[1].limits;
    assert_int_equal(l->value[JOBS_LIMIT_CPU], 1500);
    assert_int_equal(l->value[JOBS_LIMIT_MEMORY], UINT64_C(1536) * 1024 * 1024);
    assert_int_equal(l->value[JOBS_LIMIT_SWAP], 64 * 1024);
    assert_int_equal(l->value[JOBS_LIMIT_PIDS], 128);
    assert_int_equal(l->value[JOBS_LIMIT_INODES], 1000);
    assert_int_equal(l->value[JOBS_LIMIT_WALL], 5400 * NSEC_PER_SEC);
    assert_false(jobs_limit_is_set(l, JOBS_LIMIT_CPU_TIME));
    l = &plan->jobs[2].limits; /* memory without swap: no swap */
    assert_true(jobs_limit_is_set(l, JOBS_LIMIT_SWAP));
    assert_int_equal(l->value[JOBS_LIMIT_SWAP], 0);
    assert_int_equal(l->value[JOBS_LIMIT_WALL], 300 * NSEC_PER_SEC);
    jobs_plan_free(plan);
}

/* A job that says nothing of `wall` has an hour; `none` takes it away, wherever it came from. */
static void test_wall_where_nothing_is_said(void **state)
{
    const char *of_file[] = {"", "defaults: {limits: {wall: 5s}}\n",
                             "defaults: {limits: {wall: none}}\n"};
    const uint64_t expected[] = {3600 * NSEC_PER_SEC, 5 * NSEC_PER_SEC, 0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(of_file); i++) {
        cleanup_free char *text =
            xasprintf("cupel: 1\n%s"
                      "rootfs: {r: {from: scratch, run: x}}\n"
                      "jobs:\n"
                      "  nothing: {run: x, limits: {pids: 4}}\n"
                      "  never: {run: x, limits: {wall: none}}\n"
                      "  own: {run: [{run: x, limits: {wall: none}}], limits: {wall: 2h}}\n"
                      "  serves: {run: x, services: {s: {run: x, ready: {tcp: 1}}}}\n",
                      of_file[i]);
        struct loaded r = load_good(text);
        const struct jobs_job *jobs = r.plan->jobs;

        assert_int_equal(jobs[0].limits.value[JOBS_LIMIT_WALL], expected[i]);
        assert_int_equal(jobs_limit_is_set(&jobs[0].limits, JOBS_LIMIT_WALL), expected[i] != 0);
        assert_int_equal(jobs_limit_is_said(&jobs[0].limits, JOBS_LIMIT_WALL), i == 1);
        assert_true(jobs_limit_is_said(&jobs[2].limits, JOBS_LIMIT_WALL));
        assert_false(jobs_limit_is_set(&jobs[3].services->list[0].job->limits, JOBS_LIMIT_WALL));
        assert_false(jobs_limit_is_set(&jobs[1].limits, JOBS_LIMIT_WALL));
        assert_int_equal(jobs[2].limits.value[JOBS_LIMIT_WALL], 7200 * NSEC_PER_SEC);
        assert_false(jobs_limit_is_set(&jobs[2].steps[0].limits, JOBS_LIMIT_WALL));
        assert_int_equal(r.plan->roots[2].build->limits.value[JOBS_LIMIT_WALL],
                         3600 * NSEC_PER_SEC);
        unload(&r);
    }
}

static void test_time_offset(void **state)
{
    struct loaded r;

    (void)state;
    r = load_good("cupel: 1\ndefaults: {namespaces: {time-offset: -90s}}\njobs:\n"
                  "  a: {run: x}\n"
                  "  b: {run: x, namespaces: {time-offset: 1d12h}}\n"
                  "  c: {run: x, namespaces: {time-offset: 0}}\n"
                  "  d: {run: x, namespaces: {time-offset: -1.5}}\n");
    assert_int_equal(r.plan->jobs[0].time_offset_ns, -90 * (int64_t)NSEC_PER_SEC);
    assert_int_equal(r.plan->jobs[1].time_offset_ns, 36 * 3600 * (int64_t)NSEC_PER_SEC);
    assert_int_equal(r.plan->jobs[2].time_offset_ns, 0);
    assert_int_equal(r.plan->jobs[3].time_offset_ns, -15 * (int64_t)NSEC_PER_SEC / 10);
    unload(&r);
}

/* What a job says takes the place of both values of `defaults`. */
static void test_limits_given_twice(void **state)
{
    static const struct {
        const char *own;
        uint64_t limit, kill; /* seconds; 0: none */
    } table[] = {{"{run: x}", 1, 2},
                 {"{run: x, limits: {wall: 5s}}", 5, 0},
                 {"{run: x, limits: {wall: {limit: 5s}}}", 5, 0},
                 {"{run: x, limits: {wall: {limit: 5s, kill: 5s}}}", 5, 5},
                 {"{run: x, limits: {wall: none}}", 0, 0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        cleanup_free char *text = xasprintf(
            "cupel: 1\ndefaults: {limits: {wall: {limit: 1s, kill: 2s}}}\njobs: {a: %s}\n",
            table[i].own);
        struct loaded r = load_good(text);
        const struct jobs_limits *l = &r.plan->jobs[0].limits;

        assert_int_equal(jobs_limit_is_set(l, JOBS_LIMIT_WALL), table[i].limit != 0);
        assert_int_equal(jobs_limit_is_set(l, JOBS_LIMIT_WALL_KILL), table[i].kill != 0);
        assert_int_equal(l->value[JOBS_LIMIT_WALL], table[i].limit * NSEC_PER_SEC);
        if (table[i].kill != 0)
            assert_int_equal(l->value[JOBS_LIMIT_WALL_KILL], table[i].kill * NSEC_PER_SEC);
        assert_false(jobs_limit_is_set(l, JOBS_LIMIT_CPU_TIME_KILL));
        unload(&r);
    }
}

static void test_idle(void **state)
{
    struct loaded r;

    (void)state;
    r = load_good("cupel: 1\ndefaults: {limits: {idle: 10m}}\njobs:\n"
                  "  a: {run: x}\n"
                  "  b: {run: x, limits: {idle: none}}\n"
                  "  c: {run: [{run: x, limits: {idle: 5s}}]}\n");
    assert_int_equal(r.plan->jobs[0].limits.value[JOBS_LIMIT_IDLE], 600 * NSEC_PER_SEC);
    assert_false(jobs_limit_is_set(&r.plan->jobs[1].limits, JOBS_LIMIT_IDLE));
    assert_int_equal(r.plan->jobs[2].steps[0].limits.value[JOBS_LIMIT_IDLE], 5 * NSEC_PER_SEC);
    unload(&r);
}

static void test_cpuset_and_io(void **state)
{
    struct loaded r =
        load_good("cupel: 1\n"
                  "defaults: {limits: {cpuset: '3,0-1,2,7', io: {read-bps: 1M, read-iops: 10}}}\n"
                  "jobs:\n"
                  "  a: {run: x}\n"
                  "  b: {run: x, limits: {cpuset: 5, io: {write-bps: 2M}}}\n");
    const struct jobs_limits *l = &r.plan->jobs[0].limits;

    (void)state;
    assert_string_equal(l->cpus, "0-3,7");
    assert_int_equal(l->value[JOBS_LIMIT_CPUSET], 5);
    assert_int_equal(l->value[JOBS_LIMIT_IO_READ_BPS], 1 << 20);
    assert_int_equal(l->value[JOBS_LIMIT_IO_READ_IOPS], 10);
    assert_false(jobs_limit_is_set(l, JOBS_LIMIT_IO_WRITE_BPS));
    /* maps merge one level deep: `limits` does, `io` in it does not */
    l = &r.plan->jobs[1].limits;
    assert_string_equal(l->cpus, "5");
    assert_int_equal(l->value[JOBS_LIMIT_CPUSET], 1);
    assert_int_equal(l->value[JOBS_LIMIT_IO_WRITE_BPS], 2 << 20);
    assert_false(jobs_limit_is_set(l, JOBS_LIMIT_IO_READ_BPS));
    assert_false(jobs_limit_is_set(l, JOBS_LIMIT_IO_READ_IOPS));
    unload(&r);
}

static void test_cpu_lists(void **state)
{
    static const char *const bad[] = {"",
                                      "a",
                                      "-1",
                                      "1-",
                                      "1-0",
                                      "0,",
                                      ",0",
                                      "0,,1",
                                      "0 1",
                                      "8192",
                                      "99999999999999999999",
                                      "0-8192",
                                      "0\n1"};
    struct jobs_cpus cpus, few, beyond;
    struct strbuf list = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (jobs_cpus_parse(bad[i], &cpus))
            fail_msg("'%s' is taken for a list of CPUs", bad[i]);
    assert_true(jobs_cpus_parse("8191,63-64,0\n", &cpus));
    assert_int_equal(jobs_cpus_count(&cpus), 4);
    assert_true(jobs_cpus_parse("0-63", &few));
    assert_true(jobs_cpus_beyond(&cpus, &few, &beyond));
    jobs_cpus_format(&beyond, &list);
    assert_string_equal(list.data, "64,8191");
    assert_false(jobs_cpus_beyond(&few, &few, &beyond));
    strbuf_free(&list);
}

static void test_argv_and_defaults_of_defaults(void **state)
{
    struct jobs_plan *plan;
    const struct jobs_job *job;

    (void)state;
    full_plan(&plan);
    job = &plan->jobs[2];
    assert_int_equal(job->root, 1);
    assert_list(job->steps[0].argv, "</bin/true><1.50><><end>");
    assert_int_equal(job->steps[0].expect.exit, 3);
    assert_int_equal(job->network, JOBS_NETWORK_HOST);
    assert_string_equal(strrchr(job->stdin_file.path, '/'), "/numbers.in");
    assert_null(job->stdin_text);
    assert_int_equal(job->n_needs, 2);
    assert_list(job->artifacts.paths.patterns, "</a></b/*>");
    assert_int_equal(job->artifacts.max, UINT64_MAX); /* a list replaces the defaults' map */
    assert_list(job->env, "<LEVEL=1><KEEP=yes><HOME_PAGE=here>");
    assert_list(job->pass_env, "");
    assert_string_equal(job->workdir, "/work");
    assert_string_equal(job->hostname, "cupel");
    assert_int_equal(job->timeout_grace, 2 * NSEC_PER_SEC);
    assert_int_equal(job->retries, 0);
    assert_int_equal(job->retry_on,
                     1u << JOBS_RETRY_FAILURE | 1u << JOBS_RETRY_TIMEOUT | 1u << JOBS_RETRY_ERROR);
    assert_int_equal(job->leaks, JOBS_LEAKS_REPORT);
    assert_list(job->tags, "");
    jobs_plan_free(plan);
}

/* A job's own retry-on replaces that of the defaults; one word needs no brackets. */
static void test_retry_on(void **state)
{
    struct loaded r =
        load_good("cupel: 1\n"
                  "defaults: {run: x, retries: 2, retry-on: [failure, timeout], leaks: fail}\n"
                  "jobs:\n"
                  "  own: {retry-on: error, retries: 0, leaks: report}\n"
                  "  theirs: {}\n");
    const struct jobs_job *own = &r.plan->jobs[0], *theirs = &r.plan->jobs[1];

    (void)state;
    assert_int_equal(own->retries, 0);
    assert_int_equal(own->retry_on, 1u << JOBS_RETRY_ERROR);
    assert_int_equal(own->leaks, JOBS_LEAKS_REPORT);
    assert_int_equal(theirs->retries, 2);
    assert_int_equal(theirs->retry_on, 1u << JOBS_RETRY_FAILURE | 1u << JOBS_RETRY_TIMEOUT);
    assert_int_equal(theirs->leaks, JOBS_LEAKS_FAIL);
    unload(&r);
}

static void test_smallest_file(void **state)
{
    struct loaded r = load_good("cupel: 1\njobs: {a: {run: \"\\u00e4\"}}\n");

    (void)state;
    assert_string_equal(r.plan->name, "f");
    assert_int_equal(r.plan->n_jobs, 1);
    assert_int_equal(r.plan->jobs[0].root, 0);
    assert_string_equal(r.plan->jobs[0].user, "root");
    assert_int_equal(r.plan->jobs[0].network, JOBS_NETWORK_LOOPBACK);
    assert_int_equal(r.plan->jobs[0].limits.set, 1u << JOBS_LIMIT_WALL);
    assert_null(r.plan->jobs[0].stdin_text);
    assert_list(r.plan->jobs[0].steps[0].argv, "</bin/sh><-eu><-c><\xc3\xa4>");
    unload(&r);
}

static void test_numbers_and_quotes(void **state)
{
    struct loaded r = load_good("cupel: \"1\"\nname: 12.50\njobs:\n  1:\n    run: !!str true\n    "
                                "env: {A: 007, B: \"no\"}\n"
                                "    limits: {pids: '7', wall: \"2\"}\n    user: 0\n");

    (void)state;
    assert_string_equal(r.plan->name, "12.50");
    assert_string_equal(r.plan->jobs[0].name, "1");
    assert_list(r.plan->jobs[0].env, "<A=007><B=no>");
    assert_string_equal(r.plan->jobs[0].steps[0].argv[3], "true");
    assert_int_equal(r.plan->jobs[0].limits.value[JOBS_LIMIT_PIDS], 7);
    assert_int_equal(r.plan->jobs[0].limits.value[JOBS_LIMIT_WALL], 2 * NSEC_PER_SEC);
    unload(&r);
}

/* The job's own way of saying it replaces the other way of the defaults. */
static void test_alternatives_replace(void **state)
{
    struct loaded r =
        load_good("cupel: 1\n"
                  "defaults: {run: x, stdin: a, expect: {signal: 9, stdout-file: numbers.in}}\n"
                  "jobs:\n"
                  "  a: {stdin-file: numbers.in, expect: {exit: 1, stdout: b}}\n"
                  "  b: {}\n"
                  "  c: {expect: {stderr: c}}\n");
    const struct jobs_job *jobs = r.plan->jobs;

    (void)state;
    assert_null(jobs[0].stdin_text);
    assert_non_null(jobs[0].stdin_file.path);
    assert_int_equal(jobs[0].steps[0].expect.exit, 1);
    assert_int_equal(jobs[0].steps[0].expect.signal, 0);
    assert_string_equal(jobs[0].steps[0].expect.stdout_text, "b");
    assert_null(jobs[0].steps[0].expect.stdout_file.path);
    assert_string_equal(jobs[1].stdin_text, "a");
    assert_int_equal(jobs[1].steps[0].expect.exit, -1);
    assert_int_equal(jobs[2].steps[0].expect.signal, 9);
    assert_non_null(jobs[2].steps[0].expect.stdout_file.path);
    assert_string_equal(jobs[2].steps[0].expect.stderr_text, "c");
    unload(&r);
}

static void test_longest_script(void **state)
{
    cleanup_strbuf struct strbuf b = {0};
    struct loaded r;

    (void)state;
    strbuf_adds(&b, "cupel: 1\njobs: {a: {run: \"");
    for (size_t i = 0; i < LOAD_ARG_MAX; i++)
        strbuf_adds(&b, "x");
    strbuf_adds(&b, "\"}}\n");
    r = load_good(b.data);
    assert_int_equal(strlen(r.plan->jobs[0].steps[0].argv[3]), LOAD_ARG_MAX);
    unload(&r);
}

static void test_two_thousand_jobs(void **state)
{
    cleanup_strbuf struct strbuf b = {0};
    struct loaded r;

    (void)state;
    strbuf_adds(&b, "cupel: 1\ndefaults: {run: x, env: {A: 1}, tags: t}\njobs:\n  j0: {}\n");
    for (int i = 1; i < 2000; i++)
        strbuf_addf(&b, "  j%d: {needs: [j%d]}\n", i, i - 1);
    r = load_good(b.data);
    assert_int_equal(r.plan->n_jobs, 2000);
    assert_int_equal(r.plan->jobs[1999].needs[0], 1998);
    assert_ptr_equal(r.plan->jobs[0].env, r.plan->jobs[1999].env);
    unload(&r);
}

static void test_unreadable_files(void **state)
{
    char dir[] = "/tmp/cupel-test-XXXXXX";
    cleanup_free char *big = NULL;
    cleanup_strbuf struct strbuf problems = {0};
    struct jobs_plan *plan = NULL;
    struct cupel_error err = {0};
    cleanup_close int fd = -EBADF;

    (void)state;
    assert_non_null(mkdtemp(dir));
    big = xasprintf("%s/big.yaml", dir);
    fd = open(big, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)LOAD_FILE_MAX + 1), 0);
    assert_true(jobs_load(big, &plan, &problems, &err) < 0);
    assert_non_null(strstr(err.message, "is larger than 4 MiB"));
    assert_int_equal(err.kind, CUPEL_ERROR_INPUT);
    assert_true(jobs_load(dir, &plan, &problems, &err) < 0);
    assert_non_null(strstr(err.message, "Is a directory"));
    assert_int_equal(unlink(big), 0);
    assert_int_equal(jobs_load(big, &plan, &problems, &err), -ENOENT);
    assert_non_null(strstr(err.message, "cannot read job file /tmp/cupel-test-"));
    assert_int_equal(err.kind, CUPEL_ERROR_INPUT);
    assert_null(plan);
    assert_null(problems.data);
    assert_int_equal(rmdir(dir), 0);
}

static void test_retry_on_single_ends(void **state)
{
    struct loaded r = load("cupel: 1\ndefaults: {run: x, retries: 1}\njobs:\n"
                           "  a: {retry-on: [75, memory-limit, error]}\n");
    const struct jobs_job *a;

    (void)state;
    assert_non_null(r.plan);
    a = &r.plan->jobs[0];
    assert_int_equal(a->retry_on, 1u << JOBS_RETRY_ERROR);
    assert_int_equal(a->retry_ends.verdicts, 1u << JOBS_END_MEMORY_LIMIT);
    assert_int_equal(a->retry_ends.exits[1], UINT64_C(1) << (75 - 64));
    unload(&r);
}

/* ---- services ---- */

static void test_services(void **state)
{
    struct loaded r =
        load("cupel: 1\ndefaults:\n  timeout-grace: 5s\n  env: {A: job}\n"
             "  services: {db: {run: serve, ready: {tcp: 5432}}, my-cache: {run: [cache], "
             "ready: {http: /up, port: 80}, within: 1m, alias: [redis, c.test], user: nobody}}\n"
             "jobs:\n  a: {run: x}\n"
             "  b: {run: x, services: {db: {run: [other], ready: {log: '^up$'}}}}\n");
    const struct jobs_service *db, *cache, *own;
    char variable[JOBS_SERVICE_VARIABLE_SIZE];

    (void)state;
    assert_non_null(r.plan);
    assert_int_equal(jobs_services_count(&r.plan->jobs[0]), 2);
    db = &r.plan->jobs[0].services->list[0];
    cache = &r.plan->jobs[0].services->list[1];
    assert_string_equal(db->job->name, "a.service-db");
    assert_true(db->job->is_service);
    assert_ptr_equal(db->job->services, r.plan->jobs[0].services);
    assert_int_equal(jobs_services_count(db->job), 0);
    assert_list(db->job->steps[0].argv, "</bin/sh><-eu><-c><serve>");
    assert_list(db->job->env, "");
    assert_int_equal(db->job->timeout_grace, 5 * NSEC_PER_SEC);
    assert_int_equal(db->ready, JOBS_READY_TCP);
    assert_int_equal(db->port, 5432);
    assert_int_equal(db->interval, 100 * NSEC_PER_MSEC);
    assert_int_equal(db->within, 30 * NSEC_PER_SEC);
    assert_int_equal(cache->ready, JOBS_READY_HTTP);
    assert_string_equal(cache->path, "/up");
    assert_int_equal(cache->port, 80);
    assert_int_equal(cache->within, 60 * NSEC_PER_SEC);
    assert_list(cache->aliases, "<redis><c.test>");
    assert_string_equal(cache->job->user, "nobody");
    jobs_service_variable(cache->name, variable);
    assert_string_equal(variable, "MY_CACHE");
    assert_int_equal(jobs_services_count(&r.plan->jobs[1]), 2); /* the own one in its place */
    own = &r.plan->jobs[1].services->list[1];
    assert_string_equal(own->name, "db");
    assert_list(own->job->steps[0].argv, "<other>");
    assert_int_equal(own->ready, JOBS_READY_LOG);
    assert_string_equal(own->pattern, "^up$");
    unload(&r);
}

/* ---- before and after ---- */

static void test_before_and_run_are_one_script(void **state)
{
    struct loaded r = load("cupel: 1\ndefaults: {before: cd /x}\njobs:\n"
                           "  a: {run: make, args: [one]}\n"
                           "  b: {run: [make], before: [configure]}\n"
                           "  c: {run: [{run: make}]}\n");
    const struct jobs_job *a, *b, *c;

    (void)state;
    assert_non_null(r.plan);
    a = &r.plan->jobs[0];
    b = &r.plan->jobs[1];
    c = &r.plan->jobs[2];
    assert_int_equal(a->n_steps, 1);
    assert_false(a->has_steps);
    assert_list(a->steps[0].argv, "</bin/sh><-eu><-c><cd /x\nmake></bin/sh><one>");
    assert_null(a->after);
    assert_true(b->has_steps);
    assert_int_equal(b->n_steps, 2);
    assert_string_equal(b->steps[0].name, "before");
    assert_list(b->steps[0].argv, "<configure>");
    assert_string_equal(b->steps[1].name, "run");
    assert_list(b->steps[1].argv, "<make>");
    assert_int_equal(c->n_steps, 2);
    assert_list(c->steps[0].argv, "</bin/sh><-eu><-c><cd /x>");
    assert_string_equal(c->steps[1].name, "step-1");
    unload(&r);
}

static void test_after_and_when(void **state)
{
    struct loaded r =
        load("cupel: 1\njobs:\n"
             "  a: {run: x, expect: {exit: 3}, after: tidy}\n"
             "  b: {run: x, after: {run: [tidy, up], wall: 5s}}\n"
             "  c: {run: [{run: x}, {run: y, when: failure}, {run: z, when: always}]}\n"
             "  d: {run: [{run: x, when: success}]}\n");
    const struct jobs_job *jobs;

    (void)state;
    assert_non_null(r.plan);
    jobs = r.plan->jobs;
    assert_list(jobs[0].after->argv, "</bin/sh><-eu><-c><tidy>");
    assert_int_equal(jobs[0].after_wall, 60 * NSEC_PER_SEC);
    assert_int_equal(jobs[0].n_steps, 1);
    assert_true(jobs[0].goes_on);
    assert_list(jobs[1].after->argv, "<tidy><up>");
    assert_int_equal(jobs[1].after_wall, 5 * NSEC_PER_SEC);
    assert_int_equal(jobs[2].steps[0].when, JOBS_STEP_SUCCESS);
    assert_int_equal(jobs[2].steps[1].when, JOBS_STEP_FAILURE);
    assert_int_equal(jobs[2].steps[2].when, JOBS_STEP_ALWAYS);
    assert_true(jobs[2].goes_on);
    assert_false(jobs[3].goes_on);
    unload(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_and_roots),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_everything_of_a_job),
        cmocka_unit_test(test_limits_merge),
        cmocka_unit_test(test_wall_where_nothing_is_said),
        cmocka_unit_test(test_time_offset),
        cmocka_unit_test(test_limits_given_twice),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_cpuset_and_io),
        cmocka_unit_test(test_cpu_lists),
        cmocka_unit_test(test_argv_and_defaults_of_defaults),
        cmocka_unit_test(test_retry_on),
        cmocka_unit_test(test_smallest_file),
        cmocka_unit_test(test_numbers_and_quotes),
        cmocka_unit_test(test_alternatives_replace),
        cmocka_unit_test(test_longest_script),
        cmocka_unit_test(test_two_thousand_jobs),
        cmocka_unit_test(test_unreadable_files),
        cmocka_unit_test(test_before_and_run_are_one_script),
        cmocka_unit_test(test_after_and_when),
        cmocka_unit_test(test_retry_on_single_ends),
        cmocka_unit_test(test_services),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
