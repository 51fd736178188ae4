/* SPDX-License-Identifier: Apache-2.0 */
/* Bootstrapping: what can be told without a network: the host's apt sources as they are handed on,
 * and errors. That a root comes of it is shown by the examples, which scripts/test runs. */
#include "test_cache.h"

static const char deb822[] =
    "# the distribution\n"
    "Types: deb deb-src\n"
    "URIs: http://mirror.test/debian\n"
    "Suites: bookworm bookworm-updates bookworm-backports trixie\n"
    "Components: main contrib\n"
    "# a comment within\n"
    "Signed-By:\n"
    " -----BEGIN PGP PUBLIC KEY BLOCK-----\n"
    " .\n"
    " abc\n"
    "\n"
    "Types: deb-src\nURIs: http://sources.test/\nSuites: bookworm\nComponents: main\n"
    "\n"
    "Enabled: no\nTypes: deb\nURIs: http://disabled.test/\nSuites: bookworm\nComponents: main\n"
    "\n\n"
    "types: deb\nuris: http://mirror.test/security\nsuites: bookworm-security\nComponents: main";

static const char one_line[] = "# deb http://comment.test/ bookworm main\n"
                               "deb cdrom:[Debian]/ bookworm main\n"
                               "deb-src http://sources.test/ bookworm main\n"
                               "deb [arch=amd64,arm64 signed-by=/usr/share/k.gpg] "
                               "http://line.test/debian bookworm main  # here\n"
                               "deb\thttp://line.test/security bookworm/updates main contrib\n"
                               "deb [ trusted=yes ] http://other.test/ noble main\n"
                               "deb http://broken.test/\n";

struct apt_dir {
    char path[128];
    int fd;
};

static struct apt_dir make_apt_dir(struct fixture *f, const char *list, const char *sources)
{
    struct apt_dir d;

    (void)snprintf(d.path, sizeof(d.path), "%s/apt", f->dir);
    d.fd = file_open_dir_p_at(AT_FDCWD, d.path, 0755);
    assert_true(d.fd >= 0);
    assert_int_equal(file_mkdir_p_at(d.fd, "sources.list.d", 0755), 0);
    if (list != NULL)
        assert_int_equal(file_write_atomic_at(d.fd, "sources.list", list, strlen(list), 0644), 0);
    if (sources != NULL)
        assert_int_equal(file_write_atomic_at(d.fd, "sources.list.d/debian.sources", sources,
                                              strlen(sources), 0644),
                         0);
    return d;
}

static void test_deb822(void **state)
{
    struct apt_dir d = make_apt_dir(*state, NULL, deb822);
    cleanup_strbuf struct strbuf out = {0};

    assert_int_equal(apt_sources(d.fd, "bookworm", &out), 1);
    assert_string_equal(
        out.data,
        "Types: deb\nSuites: bookworm bookworm-updates\nURIs: http://mirror.test/debian\n"
        "Components: main contrib\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n\n"
        "Types: deb\nSuites: bookworm-security\nuris: http://mirror.test/security\n"
        "Components: main\n\n");
    (void)close(d.fd);
}

static void test_one_line(void **state)
{
    struct apt_dir d = make_apt_dir(*state, one_line, NULL);
    cleanup_strbuf struct strbuf out = {0};

    assert_int_equal(apt_sources(d.fd, "bookworm", &out), 1);
    assert_contains(out.data, "URIs: http://line.test/debian\nSuites: bookworm\nComponents: main");
    assert_contains(out.data, "Architectures: amd64 arm64\nsigned-by: /usr/share/k.gpg\n");
    assert_contains(
        out.data,
        "URIs: http://line.test/security\nSuites: bookworm/updates\nComponents: main contrib\n");
    assert_null(strstr(out.data, "cdrom"));
    assert_null(strstr(out.data, "sources.test"));
    assert_null(strstr(out.data, "comment.test"));
    assert_null(strstr(out.data, "other.test"));
    (void)close(d.fd);
}

/* Updates without the suite itself, or nothing at all: mmdebstrap's own default is better. */
static void test_other_suite(void **state)
{
    struct apt_dir d = make_apt_dir(*state, "deb http://line.test/ sid-updates main\n", deb822);
    cleanup_strbuf struct strbuf out = {0};

    assert_int_equal(apt_sources(d.fd, "sid", &out), 0);
    assert_int_equal(apt_sources(d.fd, "book", &out), 0);
    assert_int_equal(out.len, 0);
    (void)close(d.fd);
}

static int prepare_debian(struct fixture *f, const char *suite, const char *const *packages,
                          struct cupel_error *err)
{
    struct cache_source source = {
        .kind = CACHE_DEBIAN, .name = "d", .suite = suite, .packages = packages};
    struct cache_root root = CACHE_ROOT_INIT;
    int r = cache_prepare(f->cache, &source, &root, err);

    cache_root_release(&root);
    return r;
}

static void test_no_options_in_disguise(void **state)
{
    static const char *const bad[] = {"--customize-hook=id", "a b", "",
                                      "?obsolete",           "a,b", "$(id)"};
    struct cupel_error err;

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        const char *const packages[] = {"gcc", bad[i], NULL};

        assert_true(prepare_debian(*state, "bookworm", packages, &err) < 0);
        assert_contains(err.message, "no name of a package");
        assert_true(prepare_debian(*state, bad[i], NULL, &err) < 0);
        assert_contains(err.message, "no name of a Debian suite");
        assert_int_equal(err.kind, CUPEL_ERROR_INPUT);
    }
    assert_nothing_left(*state);
}

static void test_program_missing(void **state)
{
    struct fixture *f = *state;
    struct cupel_error err;

    assert_int_equal(setenv("CUPEL_PROGRAMS", f->dir, 1), 0);
    assert_true(prepare_debian(f, "bookworm", NULL, &err) < 0);
    assert_int_equal(unsetenv("CUPEL_PROGRAMS"), 0);
    assert_int_equal(err.kind, CUPEL_ERROR_HARNESS);
    assert_contains(err.message, "needs mmdebstrap");
    assert_contains(err.hint, "apt-get install mmdebstrap");
    assert_nothing_left(f);
}

/* A program of that name that fails: its errors are quoted, nothing is left. */
/* What a failing bootstrap is told as, by what apt, dpkg and the packages' scripts said. */
static void test_program_fails(void **state)
{
    static const struct {
        const char *says; /* a shell's */
        const char *message, *hint;
        enum cupel_error_kind kind;
    } cases[] = {
        {"echo 'E: Unable to locate package nosuch' >$CUPEL_WORK/simulated; printf "
         "'other\\nnosock\\n' >$CUPEL_WORK/names",
         "j.yaml:2:7: root 'r': debian bookworm has no package 'nosuch'", "did you mean 'nosock'?",
         CUPEL_ERROR_INPUT},
        {"echo \"E: Version '9' for 'other' was not found\" >$CUPEL_WORK/simulated",
         "j.yaml:2:15: root 'r': debian bookworm does not have that version of 'other=9'",
         "apt-cache", CUPEL_ERROR_INPUT},
        {"printf 'The following packages have unmet dependencies:\\n nosuch : Depends: libx\\n' "
         ">$CUPEL_WORK/simulated",
         "cannot be installed together from debian bookworm: nosuch : Depends: libx", "",
         CUPEL_ERROR_INPUT},
        {"echo \"E: The repository 'http://mirror.test bookworm Release' does not have a Release "
         "file.\"",
         "j.yaml:2:1: root 'r': there is no debian bookworm where apt looks: The repository",
         "suite's name", CUPEL_ERROR_INPUT},
        {"printf 'Setting up x (1) ...\\nupdate-alternatives: error: no such link\\ndpkg: error "
         "processing package x (--configure):\\n "
         "installed x package post-installation script subprocess returned error exit status "
         "2\\nE: Sub-process env\\n'",
         "for root 'r': package x (--configure): update-alternatives: error: no such link; "
         "installed x package "
         "post-installation script subprocess returned error exit status 2",
         "the package's own script failed", CUPEL_ERROR_HARNESS},
        {"echo 'E: Temporary failure resolving mirror.test'",
         "mmdebstrap ended with 25: E: Temporary failure resolving", "the network",
         CUPEL_ERROR_HARNESS},
    };
    struct fixture *f = *state;
    cleanup_free char *program = xasprintf("%s/mmdebstrap", f->dir), *old = xstrdup(getenv("PATH"));
    cleanup_free char *path = xasprintf("%s:%s", f->dir, old);
    const struct cache_source source = {
        .kind = CACHE_DEBIAN,
        .name = "r",
        .suite = "bookworm",
        .suite_place = "j.yaml:2:1",
        .packages = (const char *const[]){"nosuch", "other=9", NULL},
        .package_places = (const char *const[]){"j.yaml:2:7", "j.yaml:2:15", NULL}};

    assert_int_equal(setenv("CUPEL_PROGRAMS", path, 1), 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_free char *script =
            xasprintf("#!/bin/sh\necho I: starting\n%s\nexit 25\n", cases[i].says);
        struct cache_root root = CACHE_ROOT_INIT;
        struct cupel_error err = {0};

        assert_int_equal(file_write_atomic_at(AT_FDCWD, program, script, strlen(script), 0755), 0);
        assert_true(cache_prepare(f->cache, &source, &root, &err) < 0);
        assert_contains(err.message, cases[i].message);
        assert_contains(err.hint, cases[i].hint);
        assert_int_equal(err.kind, cases[i].kind);
        assert_nothing_left(f);
    }
    assert_int_equal(unsetenv("CUPEL_PROGRAMS"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_deb822, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_one_line, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_other_suite, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_no_options_in_disguise, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_program_missing, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_program_fails, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
