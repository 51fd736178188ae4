/* SPDX-License-Identifier: Apache-2.0 */
/* github_steps: the steps of a job of GitHub's: scripts. Actions: github_actions.c. */
#include "jobs/convert/github.h"

#include <string.h>

/* Gives a variable of a step's own; one that is a secret is that of the job. */
static void prefix_variable(struct github_scope *s, struct out *in, struct strbuf *script,
                            const struct node *v)
{
    struct converter *c = s->g->c;
    const char *name = v->key->text, *secret;

    if (v->kind != NODE_SCALAR || !convert_is_variable(name)) {
        convert_left(c, in, v, "'%s' is no name of a variable here", name);
        return;
    }
    secret = github_secret_of(c, v->text);
    if (secret != NULL && !github_has(s, "env", secret)) {
        github_use_secret(s, secret);
        if (!str_eq(secret, name))
            strbuf_addf(script, "export %s=\"${%s}\"\n", name, secret);
        return;
    }
    strbuf_addf(script, "export %s=", name);
    text_add_shell_word(script, github_text_or_say(s, in, v));
    strbuf_adds(script, "\n");
}

/* What stands before the script of a step that has an environment or a directory of its own. */
static void step_prefix(struct github_scope *s, struct out *in, struct strbuf *script,
                        const struct node *directory)
{
    const struct node *env = github_child(s->step, "env");

    for (const struct node *v = env != NULL && env->kind == NODE_MAP ? env->first : NULL; v != NULL;
         v = v->next)
        prefix_variable(s, in, script, v);
    if (directory != NULL && directory->kind == NODE_SCALAR) {
        strbuf_adds(script, "cd ");
        text_add_shell_word(script, github_text_or_say(s, in, directory));
        strbuf_adds(script, "\n");
    }
}

/* Says what a script uses of GitHub's that there is not. */
static void scan_script(struct github_scope *s, struct out *in, const struct node *run)
{
    static const char *const files[] = {"GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH",
                                        "GITHUB_STEP_SUMMARY"};

    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        if (strstr(run->text, files[i]) != NULL)
            convert_left(s->g->c, in, run, "the file $%s, by which steps speak to each other",
                         files[i]);
}

/* The shell of a step as an argument list; NULL: the usual one. */
static const struct node *find_shell(struct github_scope *s)
{
    const struct node *own = github_child(s->step, "shell");

    if (own == NULL)
        own = github_child(github_child(github_child(s->job, "defaults"), "run"), "shell");
    if (own == NULL)
        own = github_child(github_child(github_child(s->g->root, "defaults"), "run"), "shell");
    return own;
}

static const struct node *find_directory(struct github_scope *s)
{
    const struct node *own = github_child(s->step, "working-directory");

    if (own == NULL)
        own = github_child(github_child(github_child(s->job, "defaults"), "run"),
                           "working-directory");
    if (own == NULL)
        own = github_child(github_child(github_child(s->g->root, "defaults"), "run"),
                           "working-directory");
    return own;
}

/* Shells that are known, and what they are started as. */
static const struct shell {
    const char *name;
    const char *argv[4];
    size_t n;
    bool is_posix; /* it knows $NAME */
} shells[] = {
    {"bash", {"bash", "-eo", "pipefail", "-c"}, 4, true},
    {"sh", {"sh", "-e", "-c"}, 3, true},
    {"python", {"python", "-c"}, 2, false},
};

/* The shell of a step; NULL: the job file's own, that is `bash -e`. */
static const struct shell *step_shell(struct github_scope *s, struct out *step)
{
    const struct node *shell = find_shell(s);
    const char *word = convert_text(shell);

    if (shell == NULL)
        return github_child(s->job, "container") != NULL ? &shells[1] : NULL;
    for (size_t i = 0; word != NULL && i < ARRAY_SIZE(shells); i++)
        if (str_eq(shells[i].name, word))
            return &shells[i];
    convert_left(s->g->c, step, shell, "the shell '%s'", word != NULL ? word : "");
    return NULL;
}

/* Writes a script, and before it what is said to a shell. */
static void write_script(struct github_scope *s, struct out *step, const struct shell *shell,
                         const char *prefix, const char *script)
{
    struct converter *c = s->g->c;
    struct out *argv;

    if (shell == NULL || shell->is_posix)
        script = arena_printf(c->arena, "%s%s", prefix, script);
    if (shell == NULL) {
        out_text(&c->out, step, "run", script[0] != '\0' ? script : ":");
        return;
    }
    if (!shell->is_posix && prefix[0] != '\0') {
        /* a shell says it, and becomes the other */
        argv = out_texts(&c->out, step, "run", shells[1].n, shells[1].argv);
        out_text(&c->out, argv, NULL,
                 arena_printf(c->arena, "%sexec %s %s \"$1\"\n", prefix, shell->argv[0],
                              shell->argv[1]));
        out_text(&c->out, argv, NULL, "sh");
    } else {
        argv = out_texts(&c->out, step, "run", shell->n, shell->argv);
    }
    out_text(&c->out, argv, NULL, script);
}

void github_minutes(struct github_scope *s, struct out *in, const struct node *n)
{
    const char *text = convert_text(n);
    double minutes = text != NULL ? strtod(text, NULL) : 0;

    if (text == NULL || strspn(text, "0123456789.") != strlen(text) || minutes < 0.02 ||
        minutes > 365 * 24 * 60.0)
        convert_left(s->g->c, in, n, "'timeout-minutes' is no number that is known here");
    else
        convert_wall(s->g->c, in, (uint64_t)(minutes * 60));
}

/* Writes the step's script. False: whether it would have run is not known, or it would not. */
static bool write_run(struct github_scope *s, struct out *steps, const struct node *run)
{
    static const char *const taken[] = {"name",
                                        "run",
                                        "env",
                                        "if",
                                        "shell",
                                        "working-directory",
                                        "timeout-minutes",
                                        "id",
                                        "continue-on-error"};
    cleanup_strbuf struct strbuf prefix = {0};
    struct converter *c = s->g->c;
    const struct node *name = github_child(s->step, "name"), *when = github_child(s->step, "if");
    const struct node *id = github_child(s->step, "id");
    const struct node *minutes = github_child(s->step, "timeout-minutes");
    const struct node *go_on = github_child(s->step, "continue-on-error");
    const char *word = when != NULL ? github_condition(when) : "success", *script;
    const struct shell *shell;
    struct out *step;

    if (word != NULL && str_eq(word, "never")) {
        convert_left(c, steps, when, "a step that is never run");
        return false;
    }
    step = out_map(&c->out, steps, NULL);
    if (word == NULL && c->asked->assume)
        convert_left(c, step, when, "the condition is not evaluated: the step is always run");
    if (convert_text(name) != NULL)
        out_comment(&c->out, step, convert_shown(c, name->text));
    if (word != NULL && !str_eq(word, "success"))
        out_text(&c->out, step, "when", word);
    shell = step_shell(s, step);
    strbuf_add(&prefix, "", 0);
    step_prefix(s, step, &prefix, find_directory(s));
    scan_script(s, step, run);
    s->in_script = shell == NULL || shell->is_posix;
    script = github_text_or_say(s, step, run);
    s->in_script = false;
    if ((strchr(script, '\n') != NULL || prefix.len > 0) && script[0] != '\0' &&
        script[strlen(script) - 1] != '\n')
        script = arena_printf(c->arena, "%s\n", script);
    write_script(s, step, shell, arena_strdup(c->arena, prefix.data), script);
    if (minutes != NULL)
        github_minutes(s, step, minutes);
    if (go_on != NULL && !convert_is_false(go_on))
        convert_left(c, step, go_on, "'continue-on-error' of a step");
    if (id != NULL)
        convert_note(c, step, id, "'id': no other step can speak of this one");
    github_others(s, step, s->step, taken, ARRAY_SIZE(taken), "a step");
    if (word == NULL && !c->asked->assume) {
        convert_left(c, steps, when, "a step whose condition is not evaluated: it is a comment");
        out_hold(steps, step);
        return false;
    }
    return true;
}

static void write_use(struct github_scope *s, const char *uses)
{
    static const char *const taken[] = {"name", "uses", "with", "if", "id"};
    const struct node *when = github_child(s->step, "if");
    const char *word = when != NULL ? github_condition(when) : "success";

    if (word != NULL && str_eq(word, "never"))
        return;
    if (word == NULL && !s->g->c->asked->assume) {
        convert_left(s->g->c, s->out, when, "'%s', whose condition is not evaluated", uses);
        return;
    }
    github_action(s, s->step, uses);
    github_others(s, s->out, s->step, taken, ARRAY_SIZE(taken), "a step");
}

bool github_steps(struct github_scope *s, const struct node *list)
{
    struct out *steps = out_list(&s->g->c->out, s->out, "run");
    bool some = false;

    for (const struct node *i = list->kind == NODE_LIST ? list->first : NULL; i != NULL;
         i = i->next) {
        const struct node *run = github_child(i, "run"), *uses = github_child(i, "uses");

        s->step = i;
        if (!convert_charge(s->g->c, 16))
            break;
        if (convert_text(run) != NULL)
            some |= write_run(s, steps, run);
        else if (convert_text(uses) != NULL)
            write_use(s, uses->text);
        else
            convert_left(s->g->c, steps, i, "a step that is neither 'run' nor 'uses'");
    }
    s->step = NULL;
    return some;
}
