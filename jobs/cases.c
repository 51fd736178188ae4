/* SPDX-License-Identifier: Apache-2.0 */
/* cases: what a case and its group say besides what a job says: names, points, who may see them.
 * Not responsible for making jobs of cases (expand/case_jobs.c), nor for what came of them. */
#include "jobs/key_tables.h"

#define RETRY_ON_ALL ((1u << JOBS_RETRY_COUNT) - 1) /* where nothing is said */
#define GROUPS_MAX 256
#define GROUPS_DEPTH_MAX 8

/* ---- values ---- */

static bool read_points(struct loader *l, const struct node *n, uint64_t *ret)
{
    return value_thousandths(l, n, "points", WORDS_POINTS, POINTS_MAX, ret);
}

static bool read_visibility(struct loader *l, const struct node *n, enum jobs_visibility *ret)
{
    const struct key k = {
        .name = "visibility", .value = WORDS_VISIBILITY, .choices = choices_visibility};
    size_t index;

    if (!value_choice(l, n, &k, &index))
        return false;
    *ret = (enum jobs_visibility)index;
    return true;
}

/* ---- keys of a job ---- */

void key_set_of_case(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    (void)l;
    (void)k;
    (void)value;
    (void)object; /* the job of the case has the key, and reads it */
}

void key_set_cases(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    const struct draft *d = object;

    if (l->host == NULL)
        problem_at(l, value->key, "'%s' is for job files", k->name);
    else if (d->name == NULL) /* of a job with cases, jobs/expand/ has taken it out */
        problem_at(l, value->key, "'%s' stands in a job or a template, not under 'defaults'",
                   k->name);
    else
        problem_at(l, value->key, "'%s' goes with 'cases' only", k->name);
}

void key_set_points(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct draft *d = object;

    (void)k;
    d->has_points |= read_points(l, value, &d->points);
    d->of_cases = d->name != NULL ? value->key : NULL;
}

void key_set_visibility(struct loader *l, const struct key *k, const struct node *value,
                        void *object)
{
    struct draft *d = object;

    (void)k;
    (void)read_visibility(l, value, &d->visibility);
    d->of_cases = d->name != NULL ? value->key : NULL;
}

void case_check(struct loader *l, const struct draft *d)
{
    if (d->job.of_case == NULL) {
        if (d->of_cases != NULL)
            problem_at(l, d->of_cases, "'%s' goes with 'cases' only", d->of_cases->text);
        return;
    }
    if (d->job.fail_fast)
        problem_at(l, d->name,
                   "'fail-fast' does not go with 'cases': 'stop' says what is not run after a "
                   "wrong one");
    if (d->job.network == JOBS_NETWORK_BRIDGE)
        problem_at(l, d->name, "a job with 'cases' cannot be on a bridge");
    if (d->job.retry_on != RETRY_ON_ALL && d->job.retry_on != 1u << JOBS_RETRY_ERROR)
        problem_at(l, d->name,
                   "cases are tried again after an 'error' and near a limit of time only, since "
                   "every other end is the submission's: leave 'retry-on' out");
}

void case_finish(struct draft *d)
{
    if (d->job.of_case != NULL)
        d->job.retry_on = 1u << JOBS_RETRY_ERROR;
    for (size_t i = 0; d->job.of_case != NULL && i < d->job.n_steps; i++)
        if (d->job.steps[i].expect.compare.how == JOBS_COMPARE_DEFAULT)
            d->job.steps[i].expect.compare.how = JOBS_COMPARE_TOKENS;
}

/* ---- groups ---- */

/* The groups of a job's cases while they are read. */
struct reading_groups {
    struct loader *l;
    struct jobs_case_group list[GROUPS_MAX];
    const struct node *nodes[GROUPS_MAX]; /* what each says */
    const struct node *needs[GROUPS_MAX];
    const struct node *all;
    size_t n;
};

static bool find_group(const struct jobs_case_group *list, size_t n, const char *name, size_t *ret)
{
    for (size_t i = 1; i < n; i++)
        if (str_eq(list[i].name, name)) {
            *ret = i;
            return true;
        }
    return false;
}

static void unknown_group(struct loader *l, const struct node *item,
                          const struct jobs_case_group *list, size_t n)
{
    const char *names[GROUPS_MAX], *near;

    for (size_t i = 1; i < n; i++)
        names[i - 1] = list[i].name;
    near = n > 1 && l->source.n_problems < 100 ? str_nearest(item->text, names, n - 1) : NULL;
    problem_at(l, item, "there is no group '%s'%s%s%s", item->text,
               near != NULL ? ", did you mean '" : "; describe it under the job's 'groups'",
               near != NULL ? near : "", near != NULL ? "'?" : "");
}

static void read_group(struct reading_groups *r, size_t at, const struct node *map)
{
    struct jobs_case_group *g = &r->list[at];
    struct group_nodes nodes = {0};

    if (!keys_apply(r->l, &keys_group, map, &nodes)) {
        (void)value_unexpected(r->l, map, map->key->text, "a map of a group's keys");
        return;
    }
    g->score = nodes.score;
    g->has_points = nodes.points != NULL && read_points(r->l, nodes.points, &g->points);
    g->has_visibility =
        nodes.visibility != NULL && read_visibility(r->l, nodes.visibility, &g->visibility);
    r->needs[at] = nodes.needs;
    r->nodes[at] = nodes.groups;
}

/* Reads the groups in the group `parent`; those in them come directly after each. */
static void read_groups(struct reading_groups *r, const struct node *map, size_t parent,
                        unsigned depth)
{
    struct loader *l = r->l;

    for (const struct node *v = map->first; v != NULL; v = v->next) {
        const char *name, *of = r->list[parent].name;
        size_t at = r->n;

        if (!value_name(l, v->key, "a group's name", &name))
            continue;
        if (r->n == GROUPS_MAX || depth > GROUPS_DEPTH_MAX) {
            problem_at(l, v->key, "a job has at most %d groups, one in another %d deep",
                       GROUPS_MAX - 1, GROUPS_DEPTH_MAX);
            return;
        }
        r->list[r->n++] = (struct jobs_case_group){
            .name = parent == 0 ? arena_strdup(l->plan->arena, name)
                                : arena_printf(l->plan->arena, "%s/%s", of, name),
            .parent = parent};
        r->needs[at] = r->nodes[at] = NULL;
        read_group(r, at, v);
        if (r->nodes[at] != NULL)
            read_groups(r, r->nodes[at], at, depth + 1);
    }
}

static bool is_in_group(const struct jobs_case_group *list, size_t group, size_t of)
{
    while (group != of && group != 0)
        group = list[group].parent;
    return group == of;
}

static void read_needs(struct reading_groups *r, size_t at)
{
    const struct node *nodes = r->needs[at];
    struct loader *l = r->l;
    size_t *needs, n = 0, need;

    if (nodes == NULL || !budget_charge(l, nodes, items_count(nodes)))
        return;
    needs = arena_alloc(l->plan->arena, (items_count(nodes) + 1) * sizeof(*needs));
    for (const struct node *item = items_first(nodes); item != NULL;
         item = items_next(nodes, item)) {
        if (!value_is_text(l, item, "needs", "names of groups"))
            continue;
        if (!find_group(r->list, r->n, item->text, &need))
            unknown_group(l, item, r->list, r->n);
        else if (is_in_group(r->list, at, need) || is_in_group(r->list, need, at))
            problem_at(l, item, "group '%s' needs '%s', and one of them is in the other",
                       r->list[at].name, item->text);
        else
            needs[n++] = need;
    }
    r->list[at].needs = needs;
    r->list[at].n_needs = n;
}

/* Whether what a group waits for leads back to it: a group waits for the cases of what it needs,
 * and these for what the groups around them need. */
static bool leads_back(const struct jobs_case_group *list, size_t n, size_t at,
                       unsigned char *state)
{
    if (state[at] != 0)
        return state[at] == 1;
    state[at] = 1;
    for (size_t g = 0; g < n; g++) /* what stands in it, and what stands around it */
        if (is_in_group(list, g, at) || is_in_group(list, at, g))
            for (size_t i = 0; i < list[g].n_needs; i++)
                if (leads_back(list, n, list[g].needs[i], state))
                    return true;
    state[at] = 2;
    return false;
}

static void refuse_circles(struct reading_groups *r)
{
    unsigned char state[GROUPS_MAX] = {0};

    for (size_t i = 1; i < r->n; i++)
        if (leads_back(r->list, r->n, i, state)) {
            const struct node *first = r->needs[i] != NULL ? items_first(r->needs[i]) : NULL;

            problem_at(r->l, first != NULL ? first : r->all,
                       "'needs' of the groups lead in a circle, back to '%s'", r->list[i].name);
            return;
        }
}

void judged_read(struct loader *l, const struct node *groups, const struct node *stop,
                 struct jobs_judged *ret)
{
    struct reading_groups *r = xcalloc(1, sizeof(*r));
    const struct key k = {.name = "stop", .value = "never, group or all", .choices = choices_stop};
    size_t index;

    r->l = l;
    r->all = groups;
    r->n = 1;
    r->list[0].name = "";
    if (stop != NULL && value_choice(l, stop, &k, &index))
        ret->stop = (enum jobs_stop)index;
    if (groups != NULL && groups->kind != NODE_MAP)
        (void)value_unexpected(l, groups, "groups", "a map of names to groups");
    else if (groups != NULL && budget_charge(l, groups, 4 * groups->n))
        read_groups(r, groups, 0, 1);
    for (size_t i = 1; i < r->n; i++)
        read_needs(r, i);
    refuse_circles(r);
    ret->n_groups = r->n;
    ret->groups = arena_alloc(l->plan->arena, r->n * sizeof(*ret->groups));
    memcpy(ret->groups, r->list, r->n * sizeof(*ret->groups));
    free(r);
}

void judged_check(struct loader *l, const struct jobs_judged *judged, const struct node *groups)
{
    size_t first[GROUPS_MAX], last[GROUPS_MAX];

    if (judged->stop != JOBS_STOP_ALL || groups == NULL)
        return;
    for (size_t g = 0; g < judged->n_groups; g++)
        first[g] = last[g] = SIZE_MAX;
    for (size_t i = 0; i < judged->n && judged->first + i < LOAD_JOBS_MAX; i++)
        for (size_t g = l->instances[judged->first + i].of_case->group;;
             g = judged->groups[g].parent) {
            first[g] = first[g] == SIZE_MAX ? i : first[g];
            last[g] = i;
            if (g == 0)
                break;
        }
    for (size_t g = 1; g < judged->n_groups; g++)
        for (size_t i = 0; i < judged->groups[g].n_needs; i++) {
            size_t need = judged->groups[g].needs[i];

            if (first[g] != SIZE_MAX && first[need] != SIZE_MAX && last[need] > first[g])
                problem_at(l, groups->key,
                           "with 'stop: all', which goes by the order of the cases, those of '%s' "
                           "stand before those of '%s', which needs it",
                           judged->groups[need].name, judged->groups[g].name);
        }
}

/* ---- a case ---- */

void case_read(struct loader *l, const struct node *own, const struct jobs_judged *judged,
               struct jobs_case *ret)
{
    struct case_nodes nodes = {0};

    (void)keys_apply(l, &keys_case, own, &nodes);
    ret->has_points = nodes.points != NULL && read_points(l, nodes.points, &ret->points);
    ret->has_visibility =
        nodes.visibility != NULL && read_visibility(l, nodes.visibility, &ret->visibility);
    if (nodes.hint != NULL)
        (void)value_text(l, nodes.hint, "hint", &ret->hint);
    if (nodes.group != NULL && value_is_text(l, nodes.group, "group", "a group's name") &&
        !find_group(judged->groups, judged->n_groups, nodes.group->text, &ret->group))
        unknown_group(l, nodes.group, judged->groups, judged->n_groups);
}

enum jobs_visibility case_visibility(struct loader *l, const struct node *group,
                                     const struct node *visibility,
                                     const struct jobs_judged *judged, enum jobs_visibility usual)
{
    enum jobs_visibility own;
    size_t at = 0;

    if (visibility != NULL && read_visibility(l, visibility, &own))
        return own;
    if (group != NULL && group->kind == NODE_SCALAR)
        (void)find_group(judged->groups, judged->n_groups, group->text, &at);
    for (;; at = judged->groups[at].parent) {
        if (judged->groups[at].has_visibility)
            return judged->groups[at].visibility;
        if (at == 0)
            return usual;
    }
}

/* ---- points ---- */

/* What is known of each group of a submission while its points are dealt out. */
struct dealing {
    struct loader *l;
    struct jobs_judged *judged;
    uint64_t said[GROUPS_MAX]; /* of what is directly in it, where that says how many */
    size_t unsaid[GROUPS_MAX]; /* cases that do not */
    uint64_t share[GROUPS_MAX];
    uint64_t rest[GROUPS_MAX]; /* of so many of them, a thousandth more */
};

static struct jobs_case *case_at(const struct dealing *d, size_t i)
{
    return d->l->instances[d->judged->first + i].of_case;
}

/* Decides what cases of a group have that do not say it, and what the group has. */
static void deal_group(struct dealing *d, size_t at)
{
    struct jobs_case_group *g = &d->judged->groups[at];
    const struct node *name = d->l->refs[d->judged->first].name;

    if (!g->has_points || (d->unsaid[at] == 0 && load_is_for_students(d->l))) {
        /* cases that do not say it have said what is usual; of a group that may be without those
         * that a student does not have, what is left counts */
        g->points = d->said[at];
        return;
    }
    if (d->said[at] > g->points || (d->unsaid[at] == 0 && d->said[at] != g->points &&
                                    g->score == JOBS_SCORE_SUM && d->judged->n > 0)) {
        problem_at(d->l, name, "group '%s' has %g points, and what is in it %g in all", g->name,
                   (double)g->points / 1000, (double)d->said[at] / 1000);
        return;
    }
    if (d->unsaid[at] > 0) {
        d->share[at] = (g->points - d->said[at]) / d->unsaid[at];
        d->rest[at] = (g->points - d->said[at]) % d->unsaid[at];
    }
}

static void deal_points(struct dealing *d)
{
    struct jobs_judged *j = d->judged;

    for (size_t i = 0; i < j->n; i++) {
        struct jobs_case *c = case_at(d, i);

        if (!c->has_points && j->groups[c->group].has_points) {
            d->unsaid[c->group]++;
            continue;
        }
        if (!c->has_points)
            c->points = d->l->refs[j->first + i].points;
        d->said[c->group] += c->points;
    }
    for (size_t g = j->n_groups; g-- > 0;) { /* what is in a group stands behind it */
        deal_group(d, g);
        if (g > 0)
            d->said[j->groups[g].parent] += j->groups[g].points;
    }
    for (size_t i = 0; i < j->n; i++) {
        struct jobs_case *c = case_at(d, i);

        if (c->has_points || !j->groups[c->group].has_points)
            continue;
        c->points = d->share[c->group] + (d->rest[c->group] > 0);
        d->rest[c->group] -= d->rest[c->group] > 0;
    }
}

static void decide_visibility(struct dealing *d)
{
    struct jobs_judged *j = d->judged;
    enum jobs_visibility usual = d->l->refs[j->first].visibility;

    for (size_t g = 0; g < j->n_groups; g++)
        if (!j->groups[g].has_visibility)
            j->groups[g].visibility = g == 0 ? usual : j->groups[j->groups[g].parent].visibility;
    for (size_t i = 0; i < j->n; i++)
        if (!case_at(d, i)->has_visibility)
            case_at(d, i)->visibility = j->groups[case_at(d, i)->group].visibility;
}

/* Returns which of both comes to be seen later. */
static enum jobs_visibility stricter(enum jobs_visibility a, enum jobs_visibility b)
{
    static const unsigned char order[JOBS_VISIBILITY_COUNT] = {
        [JOBS_VISIBLE] = 0, [JOBS_AFTER_DUE] = 1, [JOBS_AFTER_PUBLISHED] = 2, [JOBS_HIDDEN] = 3};

    return order[a] < order[b] ? b : a;
}

/* The strictest of what has to pass before the cases of a group are run. */
static enum jobs_visibility strictest_need(const struct jobs_judged *j, size_t group,
                                           const enum jobs_visibility *within)
{
    enum jobs_visibility v = JOBS_VISIBLE;

    for (size_t g = group;; g = j->groups[g].parent) {
        for (size_t i = 0; i < j->groups[g].n_needs; i++)
            v = stricter(v, within[j->groups[g].needs[i]]);
        if (g == 0)
            return v;
    }
}

/* Goes once through the cases, in the order in which `stop` goes. Returns whether it changed any.
 */
static bool show_once(struct dealing *d, enum jobs_visibility *within)
{
    struct jobs_judged *j = d->judged;
    enum jobs_visibility before[GROUPS_MAX] = {0}, before_all = JOBS_VISIBLE;
    bool changed = false;

    for (size_t i = 0; i < j->n; i++) {
        struct jobs_case *c = case_at(d, i);
        enum jobs_visibility v = stricter(c->shown, strictest_need(j, c->group, within));

        if (j->stop != JOBS_STOP_NEVER)
            v = stricter(v, j->stop == JOBS_STOP_ALL ? before_all : before[c->group]);
        changed |= v != c->shown;
        c->shown = v;
        before_all = stricter(before_all, v);
        before[c->group] = stricter(before[c->group], v);
        for (size_t g = c->group;; g = j->groups[g].parent) {
            within[g] = stricter(within[g], v);
            if (g == 0)
                break;
        }
    }
    return changed;
}

/* Decides of each case from when on it tells nothing of a case that is not to be seen. What is
 * needed may stand behind what needs it: it goes on until nothing changes. */
static void decide_shown(struct dealing *d)
{
    enum jobs_visibility within[GROUPS_MAX] = {0};

    for (size_t i = 0; i < d->judged->n; i++)
        case_at(d, i)->shown = case_at(d, i)->visibility;
    while (show_once(d, within))
        ;
}

void cases_resolve(struct loader *l)
{
    struct jobs_plan *plan = l->plan;

    for (size_t i = 0; i < plan->n_judged; i++) {
        struct jobs_judged *j = &plan->judged[i];
        struct dealing d = {.l = l, .judged = j};

        if (j->n == 0 || j->first + j->n > plan->n_jobs)
            continue; /* which was a problem */
        deal_points(&d);
        decide_visibility(&d);
        decide_shown(&d);
    }
}
