/* SPDX-License-Identifier: Apache-2.0 */
/* test_run_cores: which cores jobs may have for themselves, and that nobody else has them. */
#include "harness/run/cores.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <fcntl.h>
#include <sys/stat.h>

#include <cmocka.h>

struct machine {
    char path[64];
    int dir;
};

static int set_up(void **state)
{
    struct machine *m = xcalloc(1, sizeof(*m));

    (void)snprintf(m->path, sizeof(m->path), "/tmp/cupel-unit.XXXXXX");
    assert_non_null(mkdtemp(m->path));
    m->dir = open(m->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(m->dir >= 0);
    *state = m;
    return 0;
}

static int tear_down(void **state)
{
    struct machine *m = *state;
    int r;

    (void)close(m->dir);
    r = file_remove_tree_at(AT_FDCWD, m->path);
    free(m);
    return r;
}

static void has_cpu(const struct machine *m, unsigned cpu, const char *siblings)
{
    cleanup_free char *dir = xasprintf("cpu%u", cpu), *topology = xasprintf("%s/topology", dir),
                      *file = xasprintf("%s/thread_siblings_list", topology);
    cleanup_close int fd = -EBADF;

    assert_int_equal(mkdirat(m->dir, dir, 0755), 0);
    assert_int_equal(mkdirat(m->dir, topology, 0755), 0);
    fd = openat(m->dir, file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_int_equal(file_write_all(fd, siblings, strlen(siblings)), 0);
}

static void assert_cores(const struct machine *m, const char *allowed, size_t most,
                         const char *each, const char *rest)
{
    cleanup_strbuf struct strbuf lists = {0};
    struct jobs_cpus cpus;
    struct cores cores;

    assert_true(jobs_cpus_parse(allowed, &cpus));
    assert_int_equal(cores_find(m->dir, &cpus, most, &cores), 0);
    strbuf_adds(&lists, "");
    for (size_t i = 0; i < cores.n; i++) {
        jobs_cpus_format(&cores.each[i], &lists);
        strbuf_adds(&lists, " ");
    }
    assert_string_equal(lists.data != NULL ? lists.data : "", each);
    if (rest != NULL)
        assert_string_equal(cores.rest, rest);
    else
        assert_null(cores.rest);
    cores_free(&cores);
}

/* Four cores of two hyperthreads: the first is everybody's, and a core that is ours by halves too.
 */
static void test_whole_cores(void **state)
{
    const struct machine *m = *state;

    for (unsigned i = 0; i < 8; i++) {
        cleanup_free char *siblings = xasprintf("%u,%u\n", i % 4, i % 4 + 4);

        has_cpu(m, i, siblings);
    }
    assert_cores(m, "0-7", 9, "1,5 2,6 3,7 ", "0,4");
    assert_cores(m, "0-7", 1, "3,7 ", "0-2,4-6");
    assert_cores(m, "0-6", 9, "1,5 2,6 ", "0,3-4");
    assert_cores(m, "0,4,1", 9, "", NULL);
    assert_cores(m, "0-3", 9, "", NULL);
    assert_cores(m, "2,6,3,7", 9, "3,7 ", "2,6");
}

/* Two sockets: memory is that of the cores, and what somebody has is the last choice. */
static void test_nodes(void **state)
{
    const struct machine *m = *state;
    struct jobs_cpus cpus;
    struct cores cores, others;
    struct cores_held held, more;
    struct cupel_error err;

    for (unsigned i = 0; i < 4; i++) {
        cleanup_free char *siblings = xasprintf("%u\n", i),
                          *node = xasprintf("cpu%u/node%u", i, i / 2);

        has_cpu(m, i, siblings);
        assert_int_equal(mkdirat(m->dir, node, 0755), 0);
    }
    assert_true(jobs_cpus_parse("0-3", &cpus));
    assert_int_equal(cores_find(m->dir, &cpus, 1, &cores), 0);
    assert_int_equal(cores.n, 1);
    assert_int_equal(cores.n_whole, 3);
    assert_int_equal(cores_take(&cores, 1, -1, &held, &err), 0);
    assert_string_equal(held.cpus, "3");
    assert_string_equal(held.nodes, "1");
    assert_int_equal(cores_find(m->dir, &cpus, 2, &others), 0);
    assert_string_equal(others.rest, "0,3");
    assert_int_equal(cores_take(&others, 2, -1, &more, &err), 0);
    assert_string_equal(more.cpus, "1-2");
    assert_string_equal(more.nodes, "0-1");
    cores_give_back(&held);
    cores_give_back(&more);
    cores_free(&others);
    cores_free(&cores);
}

static void take(const struct cores *cores, size_t wanted, struct cores_held *held,
                 const char *cpus)
{
    struct cupel_error err;

    assert_int_equal(cores_take(cores, wanted, -1, held, &err), 0);
    assert_string_equal(held->cpus, cpus);
    assert_null(held->nodes);
}

static void test_one_has_them(void **state)
{
    const struct machine *m = *state;
    struct jobs_cpus cpus;
    struct cores cores, another_run;
    struct cores_held first, second;
    struct cupel_error err;
    int orders[2];

    for (unsigned i = 0; i < 4; i++) {
        cleanup_free char *siblings = xasprintf("%u\n", i);

        has_cpu(m, i, siblings);
    }
    assert_true(jobs_cpus_parse("0-3", &cpus));
    assert_int_equal(cores_find(m->dir, &cpus, 9, &cores), 0);
    assert_int_equal(cores_find(m->dir, &cpus, 9, &another_run), 0);
    take(&cores, 2, &first, "1-2");
    take(&another_run, 1, &second, "3");
    cores_give_back(&first);
    take(&another_run, 1, &first, "1");
    /* who waits for more than is free is not waiting any more when an order comes */
    assert_int_equal(pipe2(orders, O_CLOEXEC), 0);
    assert_int_equal(write(orders[1], "", 1), 1);
    cores_give_back(&second);
    assert_int_equal(cores_take(&cores, 3, orders[0], &second, &err), -ECANCELED);
    /* ... and has none of them */
    take(&cores, 2, &second, "2-3");
    (void)close(orders[0]);
    (void)close(orders[1]);
    cores_give_back(&first);
    cores_give_back(&second);
    cores_free(&cores);
    cores_free(&another_run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_whole_cores, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nodes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_has_them, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
