/* SPDX-License-Identifier: Apache-2.0 */
/* jobs: services that stand beside the jobs: what a job has that uses them is what it would have
 * if they stood in it, and what is wrong. */
#include "test_jobs.h"

#define SERVICES                                                                                   \
    "services:\n"                                                                                  \
    "  db: {run: db, ready: {tcp: 1}, alias: sql}\n"                                               \
    "  web: {run: web, ready: {tcp: 2}}\n"
#define DB "db: {run: db, ready: {tcp: 1}, alias: sql}"
#define WEB "web: {run: web, ready: {tcp: 2}}"

static void test_as_if_they_stood_there(void **state)
{
    (void)state;
    same_plan("cupel: 1\n" SERVICES "jobs:\n"
              "  a: {run: x, use-services: [db, web]}\n"
              "  b: {run: x, use-services: web}\n"
              "  c: {run: x, services: {own: {run: own}}, use-services: [db]}\n"
              "  d: {run: x, use-services: []}\n"
              "  e: {run: x}\n",
              "cupel: 1\njobs:\n"
              "  a: {run: x, services: {" DB ", " WEB "}}\n"
              "  b: {run: x, services: {" WEB "}}\n"
              "  c: {run: x, services: {own: {run: own}, " DB "}}\n"
              "  d: {run: x}\n"
              "  e: {run: x}\n");
    /* a list of a job's replaces that of the defaults; of one name the job's own takes its place */
    same_plan("cupel: 1\n" SERVICES
              "defaults: {use-services: [db], services: {web: {run: other}}}\n"
              "jobs:\n"
              "  a: {run: x}\n"
              "  b: {run: x, use-services: []}\n"
              "  c: {run: x, use-services: [web]}\n"
              "  d: {run: x, services: {db: {run: own}}}\n",
              "cupel: 1\njobs:\n"
              "  a: {run: x, services: {web: {run: other}, " DB "}}\n"
              "  b: {run: x, services: {web: {run: other}}}\n"
              "  c: {run: x, services: {" WEB "}}\n"
              "  d: {run: x, services: {web: {run: other}, db: {run: own}}}\n");
    /* templates may use them, and what several jobs share is changed by none */
    same_plan("cupel: 1\n" SERVICES
              "templates: {t: {run: x, services: {one: {run: one}}, use-services: db}}\n"
              "jobs:\n"
              "  a: {extends: t}\n"
              "  b: {extends: t, use-services: web}\n"
              "  c: {extends: t, services: {two: {run: two}}}\n",
              "cupel: 1\njobs:\n"
              "  a: {run: x, services: {one: {run: one}, " DB "}}\n"
              "  b: {run: x, services: {one: {run: one}, " WEB "}}\n"
              "  c: {run: x, services: {one: {run: one}, two: {run: two}, " DB "}}\n");
}

static void test_of_an_instance(void **state)
{
    struct loaded r;

    (void)state;
    same_plan("cupel: 1\n"
              "params: {P: '5432', USE: db}\n"
              "services: {db: {run: 'db ${{ V }}', ready: {tcp: '${{ params.P }}'}}}\n"
              "jobs: {a: {run: x, matrix: {V: ['15', '16']}, use-services: '${{ params.USE }}'}}\n",
              "cupel: 1\n"
              "jobs: {a: {run: x, matrix: {V: ['15', '16']}, services: {db: {run: 'db ${{ V }}', "
              "ready: {tcp: 5432}}}}}\n");
    r = load_good("cupel: 1\nservices: {db: {run: [db, '${{ V }}']}}\n"
                  "jobs: {a: {run: x, matrix: {V: ['15', '16']}, use-services: db}}\n");
    assert_int_equal(r.plan->n_jobs, 2);
    assert_string_equal(r.plan->jobs[0].services->list[0].job->name, "a/V=15.service-db");
    assert_string_equal(r.plan->jobs[0].services->list[0].job->steps[0].argv[1], "15");
    assert_string_equal(r.plan->jobs[1].services->list[0].job->steps[0].argv[1], "16");
    assert_int_equal(r.plan->n_notes, 0);
    unload(&r);
}

static void test_mistakes(void **state)
{
    static const struct mistake mistakes[] = {
        {"cupel: 1\nservices: {db: {run: x}}\njobs: {a: {run: x, use-services: [bd, x]}}\n",
         "3:35: there is no service 'bd', did you mean 'db'?\n"
         "3:39: there is no service 'x'; what jobs may use stands under 'services' at top level\n"},
        {"cupel: 1\njobs: {a: {run: x, use-services: db}}\n",
         "2:34: there is no service 'db'; what jobs may use stands under 'services' at top "
         "level\n"},
        {"cupel: 1\nservices: {db: {run: x}}\n"
         "jobs: {a: {run: x, services: {db: {run: y}}, use-services: [db]}}\n",
         "3:61: 'db' stands under 'services' of the same job, too\n"},
        {"cupel: 1\nservices: {db: {run: x}}\n"
         "defaults: {services: {db: {run: y}}, use-services: [db]}\njobs: {a: {run: x}}\n",
         "3:53: 'db' stands under 'services' of 'defaults', too\n"},
        {"cupel: 1\nservices: {db: {run: x}}\n"
         "jobs: {a: {run: x, use-services: [db, db]}, b: {run: x, use-services: {db: x}}, c: {run: "
         "x, use-services: [[db], '']}}\n",
         "3:39: 'use-services' names 'db' twice\n"
         "3:71: 'use-services' must be names of services, not a map\n"
         "3:108: 'use-services' must be names of services, not a list\n"
         "3:114: there is no service ''; what jobs may use stands under 'services' at top level\n"},
        /* in a service, once for all that have it; its name and its port are looked at as ever */
        {"cupel: 1\nservices: {db: {rnu: x}}\n"
         "jobs: {a: {run: x, use-services: db}, b: {run: x, use-services: db}}\n",
         "2:17: unknown key 'rnu', did you mean 'run'?\n"},
        {"cupel: 1\nservices: {db: {run: x, ready: {tcp: 1}}}\n"
         "jobs: {a: {run: x, use-services: db, services: {q: {run: y, ready: {tcp: 1}}}}}\n",
         "2:12: the services 'q' and 'db' of a job have the same port, in the one network that all "
         "of them are in\n"},
        {"cupel: 1\nservices: {db: {run: x}}\njobs: {a: {run: x, network: none, use-services: "
         "db}}\n",
         "3:35: 'services' go with the networks 'loopback' and 'nat': they are in the job's own, "
         "which has to have a loopback, and nobody else\n"},
        {"cupel: 1\nservices: {db: {run: '${{ V }}'}}\njobs: {a: {run: x, use-services: db}}\n",
         "2:23: '${{ V }}' stands for nothing in job 'a'; a literal '${{' is written '$${{'\n"},
        {"cupel: 1\nservices: [db]\njobs: {a: {run: x}}\n",
         "2:11: 'services' must be a map of names to services, not a list; "
         "'use-services' names those of the top-level 'services'\n"},
        /* what nobody has is checked as far as it says what it is */
        {"cupel: 1\nservices: {db: {rnu: x}, q_: {run: '${{ V }}'}, r: s}\njobs: {a: {run: x}}\n",
         "2:17: unknown key 'rnu', did you mean 'run'?\n"
         "2:26: 'q_' is no name for a service, which is a host name: at most 64 letters, digits, "
         "'.' and '-', and not localhost\n"
         "2:52: 'r' must be a map of a service's keys, not 's'\n"},
    };

    (void)state;
    check_mistakes(mistakes, ARRAY_SIZE(mistakes));
}

static void test_too_many(void **state)
{
    cleanup_strbuf struct strbuf b = {0};
    cleanup_free char *lines = NULL;
    struct loaded r;

    (void)state;
    strbuf_adds(&b, "cupel: 1\njobs: {a: {run: x, use-services: [s");
    for (unsigned i = 0; i < 100000; i++)
        strbuf_adds(&b, ",s");
    strbuf_adds(&b, "]}}\n");
    r = load(b.data);
    lines = problem_lines(&r);
    assert_string_equal(lines, "2:34: a job has at most 16 services\n");
    unload(&r);
}

static void test_unused(void **state)
{
    struct loaded r =
        load_good("cupel: 1\n" SERVICES "templates: {t: {run: x, use-services: [web, nobody]}}\n"
                  "jobs: {a: {run: x, use-services: db}}\n");

    (void)state;
    assert_int_equal(r.plan->n_notes, 1);
    assert_string_equal(r.plan->notes[0], "f.yaml:4: no job has the service 'web': one that is to "
                                          "says 'use-services: [web]'");
    unload(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_if_they_stood_there),
        cmocka_unit_test(test_of_an_instance),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_unused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
