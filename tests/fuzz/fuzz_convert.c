/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_convert: any bytes as a pipeline of GitLab's and of GitHub's. What is written of it is read
 * back as the tree that was to be written, and loads as a job file; nothing is left out unsaid that
 * is counted. Of the host's files, no other is ever named than the directory that it lies in. */
#include "fuzz.h"

#include "jobs/convert/convert.h"
#include "jobs/expand/host.h"

static int fake_git(const char *dir, const char *what, struct arena *arena, const char **ret_text,
                    struct cupel_error *err)
{
    (void)dir;
    (void)err;
    *ret_text = arena_strdup(arena, what);
    return 0;
}

static int fake_hash(const struct expand_where *where, const char *const *paths, size_t n,
                     struct arena *arena, const char **ret_text, struct cupel_error *err)
{
    (void)where;
    (void)paths;
    (void)n;
    (void)err;
    *ret_text =
        arena_strdup(arena, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    return 0;
}

static const char *fake_environment(const char *name)
{
    (void)name;
    return NULL;
}

/* No generator of a matrix is ever written, so that nothing is looked for. */
static const struct expand_host fake_host = {
    .git = fake_git, .hash = fake_hash, .environment = fake_environment};

/* Whether it is in the file, and not only comments of it. */
static bool is_there(const struct out *in, const struct out *o)
{
    return o->kind != OUT_COMMENT && !o->held &&
           !(in->kind == OUT_MAP && o->kind != OUT_TEXT && o->n == 0);
}

/* The tree that was read is the one that was to be written. */
static void check_same(const struct out *o, const struct node *n)
{
    const struct node *child = n->first;

    if (o->kind == OUT_TEXT) {
        FUZZ_EXPECT(n->kind == NODE_SCALAR && str_eq(n->text, o->text));
        FUZZ_EXPECT(o->bare || !node_is_null(n));
        return;
    }
    FUZZ_EXPECT(n->kind == (o->kind == OUT_MAP ? NODE_MAP : NODE_LIST));
    for (const struct out *i = o->first; i != NULL; i = i->next) {
        if (!is_there(o, i))
            continue;
        FUZZ_EXPECT(child != NULL);
        if (o->kind == OUT_MAP)
            FUZZ_EXPECT(str_eq(child->key->text, i->key));
        check_same(i, child);
        child = child->next;
    }
    FUZZ_EXPECT(child == NULL);
}

static void check_read_back(const struct out *root, const struct strbuf *written)
{
    struct source source = {.file = "written", .text = written->data, .len = written->len};
    struct arena *arena = arena_new();
    const struct node *n = tree_read(&source, arena, arena);

    FUZZ_EXPECT(n != NULL && source_is_good(&source));
    check_same(root, n);
    source_free(&source);
    arena_free(arena);
}

static void check_loads(const struct strbuf *written)
{
    cleanup_strbuf struct strbuf problems = {0};
    struct load_from from = {.file = "written",
                             .dir = "/usr",
                             .text = written->data,
                             .len = written->len,
                             .host = &fake_host};
    struct jobs_plan *plan = NULL;
    struct cupel_error err;

    if (load_tree(&from, &plan, &problems, &err) < 0)
        (void)fprintf(stderr, "%s\n%s\n", written->data, problems.data);
    FUZZ_EXPECT(plan != NULL && plan->n_jobs > 0);
    jobs_plan_free(plan);
}

static void check(enum jobs_convert from, bool assume, const char *text, size_t len)
{
    cleanup_strbuf struct strbuf notes = {0}, written = {0};
    static const char *const known[] = {"MODE=fast", "CI_COMMIT_BRANCH=main", "CI_COMMIT_TAG",
                                        "IMAGE=a b ${{ x }}", "github.event_name=push"};
    struct jobs_converting asked = {.from = from,
                                    .file = "fuzz.yaml",
                                    .text = text,
                                    .len = len,
                                    .assume = assume,
                                    .variables = known,
                                    .n_variables = assume ? ARRAY_SIZE(known) : 0};
    struct converter c = {.source = {.file = asked.file,
                                     .text = text,
                                     .len = len,
                                     .is_gitlab = from == JOBS_CONVERT_GITLAB},
                          .arena = arena_new(),
                          .notes = &notes,
                          .asked = &asked};

    convert_fill(&c);
    FUZZ_EXPECT((c.n_left == 0 || notes.len > 0) && fuzz_is_utf8(notes.data, notes.len));
    FUZZ_EXPECT(fuzz_is_harmless(notes.data, notes.len, "\n"));
    if (source_is_good(&c.source)) {
        out_write(c.out.root, &written);
        FUZZ_EXPECT(fuzz_is_harmless(written.data, written.len, "\n\t"));
        check_read_back(c.out.root, &written);
        if (out_find(c.out.root, "jobs")->n > 0)
            check_loads(&written);
    }
    source_free(&c.source);
    arena_free(c.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* as file_read_at gives it */
    cleanup_free char *text = xmalloc(size + 1);

    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    for (int assume = 0; assume < 2; assume++) {
        check(JOBS_CONVERT_GITLAB, assume != 0, text, size);
        check(JOBS_CONVERT_GITHUB, assume != 0, text, size);
    }
    return 0;
}
