/* unknown: what may have been meant by a key that there is not: a word of another tool, a key of a map further down, a
 * slip of the finger. Knows words only; what a key does stands in keys.c. */
#include "jobs/load.h"

/* The words of GitLab CI, GitHub Actions, compose files and other test runners, and what they are called here. */
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
    {"job", "before_script", NULL, "begin the script of 'run' with it, or make it a first step under 'run'"},
    {"job", "image", "rootfs", "it is called 'rootfs' here, and names an entry of the top-level key 'rootfs'"},
    {"job", "container", "rootfs", "it is called 'rootfs' here, and names an entry of the top-level key 'rootfs'"},
    {"job", "runs-on", "rootfs", "where a job runs is said by 'rootfs'"},
    {"job", "timeout", NULL, "write 'limits: {wall: ...}'"},
    {"job", "timeout-minutes", NULL, "write 'limits: {wall: ...}'"},
    {"job", "time", NULL, "write 'cpu-time' (processor time) or 'wall' under 'limits'"},
    {"job", "mem", NULL, "write 'memory' under 'limits'"},
    {"job", "cpus", NULL, "write 'cpu' under 'limits'"},
    {"job", "depends_on", "needs", "it is called 'needs' here"},
    {"job", "dependencies", "needs", "it is called 'needs' here"},
    {"job", "stage", "needs", "there are no stages; a job names those that it comes after under 'needs'"},
    {"job", "environment", "env", "it is called 'env' here"},
    {"job", "variables", "env", "it is called 'env' here"},
    {"job", "retry", "retries", "it is called 'retries' here"},
    {"job", "if", NULL, "a job runs when what it 'needs' has passed; 'when' says after which jobs 'artifacts' are kept"},
    {"job", "rules", NULL, "a job runs when what it 'needs' has passed; 'when' says after which jobs 'artifacts' are kept"},
    {"job", "when", NULL, "a job runs when what it 'needs' has passed; 'when' stands under 'artifacts'"},
    {"job", "volumes", "inputs", "what a job sees of the host is said by 'inputs'"},
    {"job", "working_dir", "workdir", "it is called 'workdir' here"},
    {"job", "working-directory", "workdir", "it is called 'workdir' here"},
    {"job", "cwd", "workdir", "it is called 'workdir' here"},
    {"step", "command", "run", "it is called 'run' here"},
    {"step", "cmd", "run", "it is called 'run' here"},
    {"step", "script", "run", "it is called 'run' here"},
    {"step", "timeout", NULL, "write 'limits: {wall: ...}'"},
    {"step", "env", NULL, "it belongs to the whole job; in a step, begin the script with an assignment"},
    {"limits", "timeout", NULL, "write 'wall'"},
    {"limits", "time", NULL, "write 'cpu-time' (processor time) or 'wall'"},
    {"limits", "mem", NULL, "write 'memory'"},
    {"limits", "ram", NULL, "write 'memory'"},
    {"limits", "cpus", NULL, "write 'cpu'"},
    {"limits", "procs", NULL, "write 'pids'"},
    {"limits", "threads", NULL, "write 'pids', which counts threads too"},
    {"limits", "nofile", NULL, "write 'open-files'"},
    {"limits", "storage", NULL, "write 'disk'"},
    {"limits", "fsize", NULL, "write 'file-size'"},
    {"expect", "exit-code", NULL, "write 'exit'"},
    {"expect", "exit_code", NULL, "write 'exit'"},
    {"expect", "code", NULL, "write 'exit'"},
    {"expect", "output", NULL, "write 'stdout'"},
    {"input", "source", "from", "it is called 'from' here"},
    {"input", "src", "from", "it is called 'from' here"},
    {"input", "path", "from", "it is called 'from' here"},
    {"input", "target", NULL, "it is called 'to' here"},
    {"input", "dest", NULL, "it is called 'to' here"},
    {"file", "version", "cupel", "the version of the format is 'cupel: 1'"},
    {"file", "stages", NULL, "there are no stages; a job names those that it comes after under 'needs'"},
    {"file", "variables", NULL, "write 'env' under 'defaults'"},
    {"file", "environment", NULL, "write 'env' under 'defaults'"},
    {"file", "image", NULL, "write 'rootfs' under 'defaults'; it names an entry of the top-level key 'rootfs'"},
    {"file", "images", "rootfs", "roots are described under 'rootfs'"},
    {"file", "timeout", NULL, "write 'limits: {wall: ...}' under 'defaults'"},
    {"file", "tests", "jobs", "jobs stand under 'jobs'"},
    {"file", "tasks", "jobs", "jobs stand under 'jobs'"},
};

static const struct foreign_word *find_foreign(const struct key_table *table, const char *word)
{
    for (size_t i = 0; i < ARRAY_SIZE(foreign_words); i++)
        if (str_eq(foreign_words[i].table, table->id) && str_eq(foreign_words[i].word, word))
            return &foreign_words[i];
    return NULL;
}

static const char *nearest_key(const struct key_table *table, const char *word)
{
    const char *names[64];
    size_t n = 0;

    for (size_t i = 0; i < table->n && n < ARRAY_SIZE(names); i++)
        names[n++] = table->keys[i].name;
    return str_nearest(word, names, n);
}

/* The key of a map that is a value of this one, which has the word for a key; or, without `exactly`, one like it. */
static const char *find_below(const struct key_table *table, const char *word, bool exactly, const struct key **ret_map)
{
    for (size_t i = 0; i < table->n; i++) {
        const struct key *k = &table->keys[i];
        const char *found = NULL;

        if ((k->forms & FORM_OBJECT) == 0)
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

void unknown_key(struct loader *l, const struct key_table *table, const struct node *key)
{
    const struct foreign_word *foreign = find_foreign(table, key->text);
    const struct key *map = NULL;
    const char *near = NULL;

    if (foreign != NULL) {
        problem_at(l, key, "unknown key '%s' in %s: %s", key->text, table->what, foreign->instead);
        return;
    }
    if (l->source.n_problems < SOURCE_PROBLEMS_MAX) { /* above, it is only counted */
        near = find_below(table, key->text, true, &map);
        if (near == NULL)
            near = nearest_key(table, key->text);
        if (near == NULL)
            near = find_below(table, key->text, false, &map);
    }
    if (map != NULL)
        problem_at(l, key, "unknown key '%s' in %s, did you mean '%s' under '%s'?", key->text, table->what, near,
                   map->name);
    else if (near != NULL)
        problem_at(l, key, "unknown key '%s', did you mean '%s'?", key->text, near);
    else
        problem_at(l, key, "unknown key '%s' in %s", key->text, table->what);
}

/* What key of the same map a key that there is not may stand for, or NULL. */
static const char *meant_by(const struct key_table *table, const char *word)
{
    const struct foreign_word *foreign = find_foreign(table, word);
    const struct key *map = NULL;

    if (foreign != NULL)
        return foreign->key;
    return find_below(table, word, true, &map) != NULL ? NULL : nearest_key(table, word);
}

bool key_was_meant(const struct key_table *table, const struct node *map, const char *name)
{
    if (map->kind != NODE_MAP)
        return false;
    for (const struct node *v = map->first; v != NULL; v = v->next) {
        const char *meant = key_find(table, v->key->text) == NULL ? meant_by(table, v->key->text) : NULL;

        if (meant != NULL && str_eq(meant, name))
            return true;
    }
    return false;
}

/* What a file can say today in place of a key that is not carried out yet. */
static const struct {
    const char *table;
    const char *key;
    const char *instead;
} unsupported_keys[] = {
    {"job", "before", "begin the script of 'run' with it, or make it a first step"},
    {"job", "after", "a job that 'needs' this one runs after it, when it has passed"},
    {"job", "secrets", "'pass-env' brings a variable in, but does not mask it in what is printed"},
    {"job", "mounts", "/tmp is the job's own, and 'inputs' bring files in"},
    {"job", "services", "start it in the background at the head of 'run', or put two jobs on one bridge ('network')"},
    {"job", "namespaces", "leave it out"},
    {"job", "matrix", "write one job for each combination; what they share stands under 'defaults'"},
    {"job", "cases", "write one job for each case, with 'stdin' and 'expect'; 'from' starts each from what one compiled"},
    {"job", "points", "leave it out"},
    {"job", "visibility", "leave it out"},
    {"job", "cache", "put what does not change into a derived root ('from' and 'run' under 'rootfs')"},
    {"job", "junit", "'artifacts' keep the job's own report"},
    {"job", "allow-failure", "'expect' says which exit code is the right one, or end the script with '|| true'"},
    {"expect", "regex", "compare within the script, for example with grep"},
    {"expect", "compare", "'stdout' is compared byte for byte; compare otherwise within the script"},
    {"expect", "tolerance", "compare within the script"},
    {"expect", "checker", "run it as a second step of the job"},
};

void unsupported_key(struct loader *l, const struct key_table *table, const struct node *key)
{
    for (size_t i = 0; i < ARRAY_SIZE(unsupported_keys); i++)
        if (str_eq(unsupported_keys[i].table, table->id) && str_eq(unsupported_keys[i].key, key->text)) {
            problem_at(l, key, "key '%s' is not supported yet; until it is: %s", key->text,
                       unsupported_keys[i].instead);
            return;
        }
    problem_at(l, key, "key '%s' is not supported yet", key->text);
}
