/* SPDX-License-Identifier: Apache-2.0 */
/* unknown: what may have been meant by a key that there is not: a word of another tool, a key of a
 * map further down, a slip of the finger. Knows words only; what a key does stands in keys.c. */
#include "jobs/load.h"

#include <ctype.h>
#include <search.h>
#include <string.h>
#include <strings.h>

#define NO_ACTIONS "there are no actions; write the commands under 'run'"
#define NO_RIGHTS "leave it out; a job has no token and no right on the host"
#define STEP_DIRECTORY                                                                             \
    "it belongs to the whole job ('workdir'); in a step, begin the script with 'cd DIR'"
#define NO_DIRECTORY                                                                               \
    "`cupel rootfs import NAME DIR` keeps it as a root, and 'imported: NAME' is that"
#define ARTIFACTS_STAY "leave it out; they stay in --out until the next run into it"
#define AFTER_FAILURE                                                                              \
    "write 'needs: [{job: NAME, when: failure}]' (or always) to run it after a failure"
#define NO_CONDITION                                                                               \
    "a file does not choose its jobs (--only and --tag of `cupel run` do); " AFTER_FAILURE

/* The words of GitLab CI, GitHub Actions, compose files and other test runners, and what they are
 * called here. */
static const struct foreign_word {
    const char *table; /* id of the key table that lacks the word */
    const char *word;
    const char *key;     /* the key of that table that is meant, or NULL */
    const char *instead; /* the rest of the message */
} foreign_words[] = {
    {"job", "command", "run", "it is called 'run' here"},
    {"job", "commands", "run", "it is called 'run' here"},
    {"job", "cmd", "run", "it is called 'run' here"},
    {"job", "script", "run", "it is called 'run' here"},
    {"job", "exec", "run", "it is called 'run' here"},
    {"job", "entrypoint", "run", "it is called 'run' here"},
    {"job", "steps", "run", "steps are a list of maps under 'run'"},
    {"job", "before_script", "before", "it is called 'before' here"},
    {"job", "image", "rootfs",
     "it is called 'rootfs' here, and names an entry of the top-level key 'rootfs'"},
    {"job", "container", "rootfs",
     "it is called 'rootfs' here, and names an entry of the top-level key 'rootfs'"},
    {"job", "runs-on", "rootfs", "where a job runs is said by 'rootfs'"},
    {"job", "timeout", NULL, "write 'limits: {wall: ...}'"},
    {"job", "timeout-minutes", NULL, "write 'limits: {wall: ...}'"},
    {"job", "time", NULL, "write 'cpu-time' (processor time) or 'wall' under 'limits'"},
    {"job", "mem", NULL, "write 'memory' under 'limits'"},
    {"job", "cpus", NULL, "write 'cpu' under 'limits'"},
    {"job", "depends_on", "needs", "it is called 'needs' here"},
    {"job", "dependencies", "needs", "it is called 'needs' here"},
    {"job", "stage", "needs",
     "there are no stages; a job names those that it comes after under 'needs'"},
    {"job", "environment", "env", "it is called 'env' here"},
    {"job", "variables", "env", "it is called 'env' here"},
    {"job", "retry", "retries", "it is called 'retries' here"},
    {"job", "if", NULL, NO_CONDITION},
    {"job", "rules", NULL, NO_CONDITION},
    {"job", "when", NULL, AFTER_FAILURE},
    {"job", "volumes", "inputs", "what a job sees of the host is said by 'inputs'"},
    {"job", "working_dir", "workdir", "it is called 'workdir' here"},
    {"job", "working-directory", "workdir", "it is called 'workdir' here"},
    {"job", "cwd", "workdir", "it is called 'workdir' here"},
    {"job", "strategy", "matrix",
     "'matrix', 'max-parallel' and 'fail-fast' stand in the job itself"},
    {"job", "continue-on-error", "allow-failure", "it is called 'allow-failure' here"},
    {"job", "allow_failure", "allow-failure", "it is called 'allow-failure' here"},
    {"job", "after_script", "after", "it is called 'after' here"},
    {"job", "only", NULL, "a file does not choose its jobs; --only and --tag of `cupel run` do"},
    {"job", "except", NULL, "a file does not choose its jobs; --only and --tag of `cupel run` do"},
    {"job", "uses", "run", NO_ACTIONS},
    {"job", "with", NULL, NO_ACTIONS},
    {"job", "name", NULL,
     "a job's name is its key under 'jobs'; 'description' is text for the reports"},
    {"job", "ports", NULL,
     "nothing from outside reaches a job; jobs reach one another with 'network: {bridge: NAME}'"},
    {"job", "permissions", NULL, NO_RIGHTS},
    {"job", "concurrency", "exclusive",
     "jobs that have the same name in 'exclusive' run one after the other"},
    {"job", "outputs", NULL, "a job that starts 'from' this one has its files"},
    {"job", "resource_group", "exclusive", "it is called 'exclusive' here"},
    {"job", "interruptible", NULL,
     "leave it out; a run ends when the user says so (Ctrl-C), or with --fail-fast"},
    {"job", "id_tokens", "secrets",
     "nobody issues tokens here; 'secrets' gives the job one that the caller has"},
    {"job", "inherit", NULL,
     "leave it out; what a job says itself wins over 'defaults', and a list replaces theirs"},
    {"job", "trigger", NULL,
     "a job starts no other pipeline; `cupel run FILE FILE` runs several files"},
    {"step", "uses", "run", NO_ACTIONS},
    {"step", "with", NULL, NO_ACTIONS},
    {"step", "id", "name", "it is called 'name' here"},
    {"step", "if", NULL, "write 'when: failure' or 'when: always' to run it after one that failed"},
    {"step", "continue-on-error", NULL,
     "'expect' says which exit code is the right one, or end the script with '|| true'"},
    {"step", "shell", NULL, "it belongs to the whole job, beside 'run'"},
    {"step", "workdir", NULL, STEP_DIRECTORY},
    {"step", "working_dir", NULL, STEP_DIRECTORY},
    {"step", "working-directory", NULL, STEP_DIRECTORY},
    {"step", "cwd", NULL, STEP_DIRECTORY},
    {"step", "timeout-minutes", NULL, "write 'limits: {wall: ...}'"},
    {"step", "command", "run", "it is called 'run' here"},
    {"step", "cmd", "run", "it is called 'run' here"},
    {"step", "script", "run", "it is called 'run' here"},
    {"step", "timeout", NULL, "write 'limits: {wall: ...}'"},
    {"step", "env", NULL,
     "it belongs to the whole job; in a step, begin the script with an assignment"},
    {"limits", "timeout", NULL, "write 'wall'"},
    {"limits", "time", NULL, "write 'cpu-time' (processor time) or 'wall'"},
    {"limits", "mem", NULL, "write 'memory'"},
    {"limits", "ram", NULL, "write 'memory'"},
    {"limits", "cpus", NULL, "write 'cpu'"},
    {"limits", "procs", NULL, "write 'pids'"},
    {"limits", "threads", NULL, "write 'pids', which counts threads too"},
    {"limits", "nofile", NULL, "write 'open-files'"},
    {"limits", "storage", NULL, "write 'disk'"},
    {"limits", "as", NULL, "write 'address-space'"},
    {"limits", "vmem", NULL, "write 'address-space', or 'memory' for what is used"},
    {"limits", "fsize", NULL, "write 'file-size'"},
    {"expect", "exit-code", NULL, "write 'exit'"},
    {"expect", "exit_code", NULL, "write 'exit'"},
    {"expect", "code", NULL, "write 'exit'"},
    {"expect", "output", NULL, "write 'stdout'"},
    {"after", "script", "run", "it is called 'run' here"},
    {"after", "command", "run", "it is called 'run' here"},
    {"after", "timeout", NULL, "write 'wall'"},
    {"need", "name", "job", "it is called 'job' here"},
    {"need", "artifacts", NULL,
     "leave it out; a job that starts 'from' another one has its files, and one that needs it "
     "none"},
    {"need", "pipeline", NULL, "a job needs jobs of its own file only"},
    {"need", "project", NULL, "a job needs jobs of its own file only"},
    {"allowed", "exit_codes", "exit", "it is called 'exit' here"},
    {"allowed", "exit-code", "exit", "it is called 'exit' here"},
    {"allowed", "code", "exit", "it is called 'exit' here"},
    {"secret", "env", NULL, "a name alone is a variable of whoever starts cupel"},
    {"secret", "vault", NULL, "'command' is an argv list that prints the value"},
    {"secret", "path", "file", "it is called 'file' here"},
    {"secret", "from", "file", "it is called 'file' here"},
    {"secret", "value", NULL,
     "what stands in the file is no secret; a name alone is a variable of whoever starts cupel, "
     "and "
     "'file' and 'command' say where else it comes from"},
    {"service", "image", "rootfs",
     "it is called 'rootfs' here, and names an entry of the top-level key 'rootfs'"},
    {"service", "command", "run", "it is called 'run' here"},
    {"service", "entrypoint", "run", "it is called 'run' here"},
    {"service", "script", "run", "it is called 'run' here"},
    {"service", "variables", "env", "it is called 'env' here"},
    {"service", "environment", "env", "it is called 'env' here"},
    {"service", "volumes", "inputs", "what a service sees of the host is said by 'inputs'"},
    {"service", "healthcheck", "ready", "'ready' says how it is found out that it is ready"},
    {"service", "ports", NULL,
     "leave it out; its job reaches all of them, by the service's name, and nobody else does"},
    {"service", "name", "alias", "its name is its key under 'services'; 'alias' has further ones"},
    {"service", "depends_on", NULL,
     "leave it out; services start at the same time, and one that needs another waits for it"},
    {"ready", "timeout", NULL, "write 'within' beside 'ready'"},
    {"ready", "interval", NULL, "it stands beside 'ready'"},
    {"ready", "within", NULL, "it stands beside 'ready'"},
    {"ready", "command", "exec", "it is called 'exec' here"},
    {"ready", "test", "exec", "it is called 'exec' here"},
    {"ready", "path", "http", "write 'http: PATH', with 'port'"},
    {"axis", "glob", "files", "write 'files', or 'dirs'"},
    {"artifacts", "path", "paths", "did you mean 'paths'?"},
    {"artifacts", "name", NULL,
     "leave it out; they are in --out, in 'artifacts', by the job's name"},
    {"artifacts", "expire_in", NULL, ARTIFACTS_STAY},
    {"artifacts", "retention-days", NULL, ARTIFACTS_STAY},
    {"artifacts", "reports", NULL,
     "JUnit files are named by the job's 'junit', files to be kept under 'paths'"},
    {"artifacts", "if-no-files-found", "if-missing",
     "write 'if-missing': fail (error), note (warn) or ignore"},
    {"artifacts", "if_missing", "if-missing", "it is called 'if-missing' here"},
    {"cache", "path", "paths", "did you mean 'paths'?"},
    {"cache", "restore-keys", "restore", "it is called 'restore' here"},
    {"cache", "fallback_keys", "restore", "it is called 'restore' here"},
    {"cache", "when", "save", "it is called 'save' here"},
    {"cache", "untracked", NULL, "name the directories under 'paths'"},
    {"cache", "prefix", NULL, "write it into 'key'"},
    {"root", "path", "tar", "it is called 'tar' here"},
    {"root", "file", "tar", "it is called 'tar' here"},
    {"root", "archive", "tar", "it is called 'tar' here"},
    {"root", "dir", "imported", NO_DIRECTORY},
    {"root", "directory", "imported", NO_DIRECTORY},
    {"root", "url", "tar",
     "nothing is downloaded by address: fetch it, and write 'tar', with 'sha256'"},
    {"root", "ubuntu", "image", "write {image: 'ubuntu:24.04'}"},
    {"root", "alpine", "image", "write {image: 'alpine:3'}"},
    {"root", "fedora", "image", "write {image: 'fedora:latest'}"},
    {"root", "docker", "image", "it is called 'image' here"},
    {"root", "container", "image", "it is called 'image' here"},
    {"root", "base", "from", "it is called 'from' here"},
    {"root", "script", "run", "it is called 'run' here"},
    {"input", "source", "from", "it is called 'from' here"},
    {"input", "src", "from", "it is called 'from' here"},
    {"input", "path", "from", "it is called 'from' here"},
    {"input", "target", NULL, "it is called 'to' here"},
    {"input", "dest", NULL, "it is called 'to' here"},
    {"file", "version", "cupel", "the version of the format is 'cupel: 1'"},
    {"file", "stages", NULL,
     "there are no stages; a job names those that it comes after under 'needs'"},
    {"file", "variables", NULL, "write 'env' under 'defaults'"},
    {"file", "environment", NULL, "write 'env' under 'defaults'"},
    {"file", "image", NULL,
     "write 'rootfs' under 'defaults'; it names an entry of the top-level key 'rootfs'"},
    {"file", "images", "rootfs", "roots are described under 'rootfs'"},
    {"file", "timeout", NULL, "write 'limits: {wall: ...}' under 'defaults'"},
    {"file", "on", NULL, "a file does not say when it is run; whoever calls `cupel run` does"},
    {"file", "workflow", NULL,
     "a file does not say when it is run; whoever calls `cupel run` does"},
    {"file", "permissions", NULL, NO_RIGHTS},
    {"file", "concurrency", NULL, "leave it out; `cupel run -j N` says how many jobs run at once"},
    {"file", "before_script", NULL, "write 'before' under 'defaults'"},
    {"file", "after_script", NULL, "write 'after' under 'defaults'"},
    {"file", "run", "jobs", "it belongs to a job: jobs: {NAME: {run: ...}}"},
    {"file", "script", "jobs",
     "it is called 'run' here, and belongs to a job: jobs: {NAME: {run: ...}}"},
    {"file", "steps", "jobs", "they belong to a job: jobs: {NAME: {run: [{run: ...}]}}"},
    {"file", "tests", "jobs", "jobs stand under 'jobs'"},
    {"file", "tasks", "jobs", "jobs stand under 'jobs'"},
    {"included", "jobs", NULL, "jobs stand in the job file that includes this one"},
    {"included", "defaults", NULL, "what jobs share stands under 'templates' here"},
    {"included", "params", NULL, "parameters stand in the job file that includes this one"},
    {"included", "name", NULL, "it is called what the job file says"},
};

static const struct foreign_word *find_foreign(const struct key_table *table, const char *word)
{
    for (size_t i = 0; i < ARRAY_SIZE(foreign_words); i++)
        if (str_eq(foreign_words[i].table, table->id) && str_eq(foreign_words[i].word, word))
            return &foreign_words[i];
    return NULL;
}

/* A slip in such a word, where there is none in a key; only in words as long as slips can be told
 * in. */
static const struct foreign_word *near_foreign(const struct key_table *table, const char *word)
{
    const char *names[ARRAY_SIZE(foreign_words)], *near;
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(foreign_words); i++)
        if (str_eq(foreign_words[i].table, table->id) && foreign_words[i].key != NULL &&
            strlen(foreign_words[i].word) > 5)
            names[n++] = foreign_words[i].word;
    near = strlen(word) > 4 ? str_nearest(word, names, n) : NULL;
    return near != NULL ? find_foreign(table, near) : NULL;
}

static const char *nearest_key(const struct key_table *table, const char *word)
{
    const char *names[64];
    size_t n = 0;

    for (size_t i = 0; i < table->n; i++)
        if (strcasecmp(table->keys[i].name, word) == 0)
            return table->keys[i].name;
    for (size_t i = 0; i < table->n && n < ARRAY_SIZE(names); i++)
        names[n++] = table->keys[i].name;
    return str_nearest(word, names, n);
}

/* The key of a map that is a value of this one, which has the word for a key; or, without
 * `exactly`, one like it. */
static const char *find_below(const struct key_table *table, const char *word, bool exactly,
                              const struct key **ret_map)
{
    for (size_t i = 0; i < 2 * table->n; i++) { /* those that are nothing but maps come first */
        const struct key *k = &table->keys[i % table->n];
        const char *found = NULL;

        if ((k->forms & FORM_OBJECT) == 0 || ((k->forms & FORM_ONE) != 0) != (i >= table->n))
            continue;
        if (!exactly)
            found = nearest_key(k->sub, word);
        else if (key_find(k->sub, word) != NULL)
            found = word;
        if (found != NULL) {
            *ret_map = k;
            return found;
        }
    }
    return NULL;
}

/* What to say of a job, or of what jobs share, that stands beside `jobs` as GitLab and compose
 * files have it; or NULL. */
static const char *stray_job(const struct key_table *table, const struct node *value)
{
    if (table != &keys_file || value->kind != NODE_MAP)
        return NULL;
    if (value->key->text[0] == '.')
        return "jobs stand under 'jobs'; what jobs share stands under 'templates' and 'defaults'";
    for (const struct node *v = value->first; v != NULL; v = v->next) {
        const struct foreign_word *foreign = find_foreign(&keys_job, v->key->text);

        if (v->kind == NODE_MAP && str_eq(v->key->text, "run")) /* jobs: {run: {...}} */
            continue;
        if (str_eq(v->key->text, "run") || str_eq(v->key->text, "extends") ||
            (foreign != NULL && foreign->key != NULL && str_eq(foreign->key, "run")))
            return "jobs stand under 'jobs'";
    }
    return NULL;
}

/* What key of the same map a key that there is not may stand for, or NULL. */
static const char *meant_by(const struct key_table *table, const struct node *value)
{
    const char *word = value->key->text;
    const struct foreign_word *foreign = find_foreign(table, word);
    const struct key *map = NULL;

    if (foreign != NULL)
        return foreign->key;
    if (stray_job(table, value) != NULL)
        return "jobs";
    if (find_below(table, word, true, &map) != NULL)
        return NULL;
    foreign = nearest_key(table, word) == NULL ? near_foreign(table, word) : NULL;
    return foreign != NULL ? foreign->key : nearest_key(table, word);
}

/* Answers a word of another tool. */
static void say_foreign(struct loader *l, const struct key_table *table, const struct node *key,
                        const struct foreign_word *foreign)
{
    problem_at(l, key, "unknown key '%s' in %s: %s", key->text, table->what, foreign->instead);
}

static void say_near(struct loader *l, const struct key_table *table, const struct node *key,
                     const char *near, const struct key *map)
{
    if (map != NULL)
        problem_at(l, key, "unknown key '%s' in %s, did you mean '%s' under '%s'?", key->text,
                   table->what, near, map->name);
    else
        problem_at(l, key, "unknown key '%s', did you mean '%s'?", key->text, near);
}

static int compare_nodes(const void *a, const void *b)
{
    return a < b ? -1 : a > b;
}

/* Instances have their keys in common: what each of very many would say is looked for once. */
static bool was_told(struct loader *l, const struct node *key)
{
    if (tfind(key, &l->told, compare_nodes) != NULL)
        return true;
    (void)tsearch(key, &l->told, compare_nodes);
    return false;
}

static void forget_told(void *key)
{
    (void)key; /* which is the tree's */
}

void unknown_keys_free(struct loader *l)
{
    tdestroy(l->told, forget_told);
    l->told = NULL;
}

void unknown_key(struct loader *l, const struct key_table *table, const struct node *value)
{
    const struct node *key = value->key;
    const struct foreign_word *foreign = find_foreign(table, key->text);
    const char *stray = stray_job(table, value);
    const struct key *map = NULL;
    const char *near = NULL;

    if (was_told(l, key))
        return;
    if (foreign != NULL) {
        say_foreign(l, table, key, foreign);
        return;
    }
    if (str_starts(key->text, "\xc2\xa0") || str_starts(key->text, "\xe3\x80\x80")) {
        problem_at(l, key,
                   "unknown key in %s: it begins with a blank that YAML has none of, U+%s; indent "
                   "with plain ones",
                   table->what, key->text[0] == '\xc2' ? "00A0" : "3000");
        return;
    }
    if (stray != NULL) {
        problem_at(l, key, "unknown key '%s' in %s: %s", key->text, table->what, stray);
        return;
    }
    if (l->source.n_problems < SOURCE_PROBLEMS_MAX) { /* above, it is only counted */
        near = find_below(table, key->text, true, &map);
        if (near == NULL)
            near = nearest_key(table, key->text);
        foreign = near == NULL ? near_foreign(table, key->text) : NULL;
        if (foreign != NULL && foreign->instead != NULL) {
            problem_at(l, key, "unknown key '%s' in %s, did you mean '%s'? %c%s", key->text,
                       table->what, foreign->word, toupper((unsigned char)foreign->instead[0]),
                       foreign->instead + 1);
            return;
        }
        if (near == NULL)
            near = find_below(table, key->text, false, &map);
    }
    if (near != NULL)
        say_near(l, table, key, near, map);
    else if (table == &keys_secret)
        problem_at(l, key,
                   "unknown key '%s' in %s: one is a name, or a map such as {name: %s, file: PATH}",
                   key->text, table->what, key->text);
    else
        problem_at(l, key, "unknown key '%s' in %s", key->text, table->what);
}

bool key_was_meant(const struct key_table *table, const struct node *map, const char *name)
{
    if (map->kind != NODE_MAP)
        return false;
    for (const struct node *v = map->first; v != NULL; v = v->next) {
        bool is_free = table->free_names && str_starts(v->key->text, "x-");
        const char *meant =
            !is_free && key_find(table, v->key->text) == NULL ? meant_by(table, v) : NULL;

        if (meant != NULL && str_eq(meant, name))
            return true;
    }
    return false;
}
