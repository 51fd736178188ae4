/* SPDX-License-Identifier: Apache-2.0 */
/* jobs: `seccomp`: names of system calls, what may be allowed and denied, and how it merges with
 * defaults. */
#include "test_jobs.h"

#define JOB(keys) "cupel: 1\njobs:\n  a: {run: x, " keys "}\n"

static void test_mistakes(void **state)
{
    static const struct mistake mistakes[] = {
        {JOB("seccomp: srtict"),
         "3:24: 'seccomp' must be default, strict, a map or a path on the host, not 'srtict', "
         "did you mean 'strict'?\n"},
        {JOB("seccomp: [strict]"),
         "3:24: 'seccomp' must be default, strict, a map or a path on the host, not a list\n"},
        {JOB("seccomp: {alow: [vmsplice]}"), "3:25: unknown key 'alow', did you mean 'allow'?\n"},
        {JOB("seccomp: {profile: lax}"),
         "3:34: 'profile' must be default, strict or a path on the host, not 'lax'\n"},
        {JOB("seccomp: {deny: [ptrase, openn]}"),
         "3:32: there is no system call 'ptrase', did you mean 'ptrace'?\n"
         "3:40: there is no system call 'openn', did you mean 'open'?\n"},
        {JOB("seccomp: {deny: quite-unlike-any}"),
         "3:31: there is no system call 'quite-unlike-any'\n"},
        {JOB("seccomp: {deny: [{a: b}]}"),
         "3:32: 'deny' must be names of system calls, not a map\n"},
        {JOB("seccomp: {allow: [bpf]}"),
         "3:33: 'allow' cannot name 'bpf': it is a way to the kernel that has let processes out\n"},
        {JOB("seccomp: {allow: [keyctl, vmsplice, mount]}"),
         "3:33: 'allow' cannot name 'keyctl': keyrings outlive the job's namespaces\n"
         "3:51: 'allow' cannot name 'mount': what the job's mounts hide must stay hidden\n"},
        {JOB("seccomp: {allow: clone3}"),
         "3:32: 'allow' cannot name 'clone3': its flags lie in memory, where no filter "
         "sees them; libc uses clone instead\n"},
        {JOB("seccomp: {deny: execve}"),
         "3:31: 'deny' cannot name 'execve': the command cannot be started without it\n"},
        {JOB("seccomp: {allow: kcmp, deny: [kcmp]}"), "3:24: 'kcmp' is both allowed and denied\n"},
        {"cupel: 1\ndefaults: {seccomp: {deny: [ptrace]}}\njobs:\n  a: {run: x, seccomp: {allow: "
         "ptrace}}\n",
         "4:24: 'ptrace' is both allowed and denied\n"},
    };

    (void)state;
    check_mistakes(mistakes, ARRAY_SIZE(mistakes));
}

/* Whatever the filter refuses for a reason, no job file has back. */
static void test_no_refused_call_may_be_allowed(void **state)
{
    size_t refused = 0, asked = 0;

    (void)state;
    for (size_t i = 0; i < jobs_refused_calls_count; i++) {
        const struct jobs_refused_call *call = &jobs_refused_calls[i];
        cleanup_free char *text = xasprintf(JOB("seccomp: {allow: [%s]}"), call->name);
        struct loaded r = load(text);

        if ((r.plan == NULL) != (call->why != NULL))
            fail_msg("allow: [%s] was %s", call->name, r.plan == NULL ? "refused" : "taken");
        *(r.plan == NULL ? &refused : &asked) += 1;
        unload(&r);
    }
    assert_true(refused > 40);
    assert_true(asked > 5);
}

static const struct jobs_seccomp *of(const struct loaded *r, size_t job)
{
    return &r->plan->jobs[job].seccomp;
}

static void test_defaults_merge(void **state)
{
    struct loaded r = load_good("cupel: 1\n"
                                "defaults: {seccomp: {profile: strict, deny: [ptrace]}}\n"
                                "jobs:\n"
                                "  inherits: {run: x}\n"
                                "  adds: {run: x, seccomp: {allow: [personality, kcmp]}}\n"
                                "  replaces: {run: x, seccomp: {deny: socket}}\n"
                                "  word: {run: x, seccomp: default}\n"
                                "  empty: {run: x, seccomp: {deny: []}}\n");

    (void)state;
    assert_int_equal(of(&r, 0)->profile, JOBS_SECCOMP_STRICT);
    assert_true(jobs_names_have(of(&r, 0)->deny, "ptrace"));
    assert_int_equal(of(&r, 1)->profile, JOBS_SECCOMP_STRICT);
    assert_true(jobs_names_have(of(&r, 1)->allow, "kcmp"));
    assert_true(jobs_names_have(of(&r, 1)->allow, "personality"));
    assert_true(jobs_names_have(of(&r, 1)->deny, "ptrace"));
    assert_int_equal(of(&r, 2)->profile, JOBS_SECCOMP_STRICT);
    assert_false(jobs_names_have(of(&r, 2)->deny, "ptrace"));
    assert_true(jobs_names_have(of(&r, 2)->deny, "socket"));
    assert_int_equal(of(&r, 3)->profile, JOBS_SECCOMP_DEFAULT);
    assert_null(of(&r, 3)->deny);
    assert_int_equal(of(&r, 4)->profile, JOBS_SECCOMP_STRICT);
    assert_null(of(&r, 4)->deny);
    unload(&r);
}

static void test_profile_file(void **state)
{
    struct loaded r = load_good("cupel: 1\n"
                                "defaults: {seccomp: ./profile.json}\n"
                                "jobs:\n"
                                "  word: {run: x, seccomp: profile.json}\n"
                                "  map: {run: x, seccomp: {deny: ptrace}}\n"
                                "  strict: {run: x, seccomp: {profile: strict}}\n");
    const struct jobs_profile *p = of(&r, 0)->file;

    (void)state;
    assert_non_null(p);
    assert_ptr_equal(of(&r, 1)->file, p); /* read once */
    assert_true(jobs_names_have(of(&r, 1)->deny, "ptrace"));
    assert_null(of(&r, 2)->file);
    assert_int_equal(of(&r, 2)->profile, JOBS_SECCOMP_STRICT);
    assert_false(jobs_seccomp_equal(of(&r, 0), of(&r, 1)));
    assert_false(jobs_seccomp_equal(of(&r, 0), of(&r, 2)));
    /* what does not apply to this machine or to a job is left out */
    assert_int_equal(p->n_rules, 3);
    assert_string_equal(p->rules[0].name, "getppid");
    assert_string_equal(p->rules[1].name, "personality");
    assert_int_equal(p->rules[1].n_arguments, 2);
    assert_int_equal(p->rules[1].arguments[1].second, 1);
    unload(&r);
}

static void test_profile_mistakes(void **state)
{
    static const struct {
        const char *file, *says;
    } rows[] = {
        {"profile-none.json", "cannot read"},
        {"profile-broken.json", "profile-broken.json:"},
        {"profile-notify.json", "a rule has no 'action' that can be carried out"},
        {"profile-args.json", "an argument's rule needs index (0 to 5), value and op"},
        {"profile-short.json",
         "it does not allow 'exit_group', without which the command cannot be started"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        cleanup_free char *text = xasprintf(JOB("seccomp: {profile: %s}"), rows[i].file);
        struct loaded r = load(text);
        cleanup_free char *lines = problem_lines(&r);

        assert_null(r.plan);
        if (strstr(lines, rows[i].says) == NULL || !str_starts(lines, "3:34: "))
            fail_msg("%s: %s", rows[i].file, lines);
        unload(&r);
    }
}

static void test_equality(void **state)
{
    static const char *const a[] = {"read", "write", NULL}, *const b[] = {"read", NULL},
                             *const c[] = {"read", "write", NULL};
    const struct jobs_seccomp none = {0}, strict = {.profile = JOBS_SECCOMP_STRICT},
                              with_a = {.allow = a}, with_b = {.allow = b}, with_c = {.allow = c},
                              denies_a = {.deny = a};

    (void)state;
    assert_true(jobs_seccomp_equal(&none, &none));
    assert_false(jobs_seccomp_equal(&none, &strict));
    assert_false(jobs_seccomp_equal(&none, &with_a));
    assert_false(jobs_seccomp_equal(&with_a, &none));
    assert_false(jobs_seccomp_equal(&with_a, &with_b));
    assert_false(jobs_seccomp_equal(&with_b, &with_a));
    assert_false(jobs_seccomp_equal(&with_a, &denies_a));
    assert_true(jobs_seccomp_equal(&with_a, &with_c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_no_refused_call_may_be_allowed),
        cmocka_unit_test(test_defaults_merge),
        cmocka_unit_test(test_profile_file),
        cmocka_unit_test(test_profile_mistakes),
        cmocka_unit_test(test_equality),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
