/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_package: any bytes as the YAML files of a problem package, whose directories are made up: a
 * case in data/sample and one in a group of data/secret. Either something is refused, or the job
 * file reads back as the tree that was to be written; no control character is ever shown, and
 * nothing of the package's is replaced in the job file. */
#include "fuzz.h"

#include "jobs/packages/package.h"

/* The texts of the file that has to come out: as the tree has them. */
static void check_same(const struct out *o, const struct node *n)
{
    const struct node *child = n->first;

    if (o->kind == OUT_TEXT) {
        FUZZ_EXPECT(n->kind == NODE_SCALAR && str_eq(n->text, o->text));
        return;
    }
    FUZZ_EXPECT(n->kind == (o->kind == OUT_MAP ? NODE_MAP : NODE_LIST));
    for (const struct out *i = o->first; i != NULL; i = i->next) {
        if (i->kind == OUT_COMMENT || (o->kind == OUT_MAP && i->kind != OUT_TEXT && i->n == 0))
            continue;
        FUZZ_EXPECT(child != NULL);
        if (o->kind == OUT_MAP)
            FUZZ_EXPECT(str_eq(child->key->text, i->key));
        check_same(i, child);
        child = child->next;
    }
    FUZZ_EXPECT(child == NULL);
}

/* How often something is to be replaced in a text: "${{" that is not "$${{". */
static size_t count_replaced(const char *text)
{
    size_t n = 0;

    for (const char *at = text; (at = strstr(at, "${{")) != NULL; at += 3)
        n += at == text || at[-1] != '$';
    return n;
}

static void check_written(struct problem_package *p)
{
    cleanup_strbuf struct strbuf text = {0};
    struct source source = {.file = "written"};
    struct arena *arena = arena_new();
    const struct node *n;

    out_write(p->out.root, &text);
    FUZZ_EXPECT(fuzz_is_harmless(text.data, text.len, "\n\t"));
    FUZZ_EXPECT(count_replaced(text.data) == 1); /* the submission */
    source.text = text.data;
    source.len = text.len;
    n = tree_read(&source, arena, arena);
    FUZZ_EXPECT(n != NULL && source_is_good(&source));
    check_same(p->out.root, n);
    source_free(&source);
    arena_free(arena);
}

static struct test_group *add_group(struct problem_package *p, const char *name,
                                    struct test_group *in)
{
    struct test_group *g = arena_alloc(p->arena, sizeof(*g));

    g->name = name;
    g->parent = in;
    g->accept_score = 1000;
    g->config.full_feedback = -1;
    *(in->last != NULL ? &in->last->next : &in->first) = g;
    in->last = g;
    return g;
}

static struct test_case *add_case(struct problem_package *p, const char *name,
                                  struct test_group *in)
{
    struct test_case *c = arena_alloc(p->arena, sizeof(*c));
    struct test_cases *cases = &p->cases[CASE_JUDGED];

    c->name = name;
    c->in = arena_printf(p->arena, "data/%s.in", name);
    c->ans = arena_printf(p->arena, "data/%s.ans", name);
    c->group = in;
    c->config = in->config;
    in->n_cases++;
    *cases->end = c;
    cases->end = &c->next;
    cases->n++;
    return c;
}

/* Whether all is well so far. */
static bool is_good(const struct problem_package *p)
{
    bool good = p->n_refused == 0;

    for (const struct package_yaml *y = p->yaml; y != NULL; y = y->next)
        good &= source_is_good(&y->source);
    return good;
}

static void read_parts(struct problem_package *p, char *const texts[4])
{
    struct package_yaml *y = package_yaml_of(p, "problem.yaml", texts[0], strlen(texts[0]));
    struct test_group *sample, *secret, *group;
    struct test_case *c;

    if (y->map == NULL)
        return;
    package_read_problem(p, y);
    p->root.accept_score = 1000;
    sample = add_group(p, "sample", &p->root);
    secret = add_group(p, "secret", &p->root);
    group = add_group(p, "secret/group", secret);
    package_read_group(p, package_yaml_of(p, "group.yaml", texts[1], strlen(texts[1])), group);
    (void)add_case(p, "sample/1", sample);
    c = add_case(p, "secret/group/1", group);
    package_read_case(p, package_yaml_of(p, "case.yaml", texts[2], strlen(texts[2])), &c->config);
    p->submissions_yaml = package_yaml_of(p, "submissions.yaml", texts[3], strlen(texts[3]));
    package_add_text(p, &p->submissions, "accepted/a.c");
    package_read_expectations(p);
    for (const struct expectation *e = p->expectations; e != NULL; e = e->next)
        (void)package_matches(e->submissions, "accepted/a.c");
    if (is_good(p))
        package_deal_points(p);
    if (!is_good(p))
        return;
    package_write(p);
    if (is_good(p))
        check_written(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct jobs_packaging asked = {.path = "p"};
    struct fuzz_input in = {data, size};
    cleanup_strbuf struct strbuf notes = {0};
    char *texts[4];
    struct problem_package p;

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        texts[i] = fuzz_text(&in);
    package_init(&p, &asked, &notes);
    read_parts(&p, texts);
    for (struct package_yaml *y = p.yaml; y != NULL; y = y->next)
        if (!source_is_good(&y->source))
            FUZZ_EXPECT(source_print(&y->source, &notes) > 0);
    FUZZ_EXPECT(is_good(&p) || notes.len > 0);
    FUZZ_EXPECT(fuzz_is_utf8(notes.data != NULL ? notes.data : "", notes.len));
    FUZZ_EXPECT(fuzz_is_harmless(notes.data != NULL ? notes.data : "", notes.len, "\n"));
    package_free(&p);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        free(texts[i]);
    return 0;
}
