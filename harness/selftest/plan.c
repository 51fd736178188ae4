/* SPDX-License-Identifier: Apache-2.0 */
/* plan: the job file of a lane, from the table. Every job has limits on all that a probe could take
 * from the machine; a probe's own replace them one by one. */
#include "harness/selftest/selftest_private.h"

#include "base/weaken.h"

#define PROBES "/bin/cupel-probes"

bool plan_is_one_job(const struct selftest_probe *p)
{
    return p->plant != NULL && weakened("fresh-job");
}

#define OTHER_USER 1000 /* of probe_user_keys */

bool plan_has_user(const struct selftest_probe *p)
{
    return p->keys != probe_user_keys || ids_mapped() > OTHER_USER;
}

static void plan_add_text(struct strbuf *out, const char *text)
{
    json_t *value = json_string(text);
    char *quoted = value != NULL ? json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII) : NULL;

    strbuf_adds(out,
                /* JSON is YAML; a path that is not UTF-8 cannot be written so */
                quoted != NULL ? quoted : "\"\"");
    free(quoted);
    json_decref(value);
}

static void add_head(const struct selftest_scene *s, enum lane lane, struct strbuf *out)
{
    strbuf_adds(out,
                "cupel: 1\nname: selftest\ndefaults:\n  rootfs: scratch\n  inputs: &inputs\n    - "
                "{mode: ro, to: " PROBES ", from: ");
    plan_add_text(out, s->options->probes);
    strbuf_addf(out, "}\n    - {mode: ro, to: /shared, from: \"%s/shared\"}\n", s->dir);
    strbuf_adds(out, "  timeout-grace: 200ms\n"
                     "  limits: {wall: 60s, memory: 256M, pids: 256, disk: 64M, output: 4M}\n");
    /* only where the wall is away; the command line that allows it is ours as well */
    if (weakened("network"))
        strbuf_adds(out, "  network: host\n");
    strbuf_addf(
        out,
        "  env: &env {SELFTEST_TOKEN: \"%s\", SELFTEST_PORT: \"%u\", SELFTEST_SPARSE: \"%llu\", ",
        s->token, s->port, (unsigned long long)s->sparse_bytes);
    strbuf_addf(out,
                "SELFTEST_HOLD_MS: \"%u\", SELFTEST_NAMESPACES: \"%s\", SELFTEST_PLACE: \"%s\", ",
                s->hold_ms, s->namespaces, s->dir);
    strbuf_addf(out, "SELFTEST_SECRET: \"%s\"}\njobs:\n", s->secret);
    if (lane == LANE_ALONE) /* so that something has run, whatever is selected */
        strbuf_adds(out, "  settle: {run: [" PROBES ", settle]}\n");
    if (lane == LANE_NEIGHBOUR)
        strbuf_adds(out, "  neighbour: {run: [" PROBES ", neighbour]}\n  settle: {run: [" PROBES
                         ", settle]}\n");
}

static void add_run(const struct selftest_probe *p, struct strbuf *out)
{
    if (p->command != NULL)
        strbuf_addf(out, "    run: %s\n", p->command);
    else if (p->lane == LANE_NEIGHBOUR && weakened("own-job"))
        strbuf_addf(out, "    run: [" PROBES ", beside, %s]\n", p->name);
    else if (plan_is_one_job(p))
        strbuf_addf(out,
                    "    run: [{name: plant, run: [" PROBES ", %s]}, {name: find, run: [" PROBES
                    ", %s]}]\n",
                    p->plant, p->name);
    else
        strbuf_addf(out, "    run: [" PROBES ", %s]\n", p->name);
}

/* `defaults` give a service nothing. */
static void add_service(struct strbuf *out)
{
    strbuf_adds(out, "    network: loopback\n"
                     "    services:\n"
                     "      beside:\n"
                     "        {rootfs: scratch, inputs: *inputs, env: *env, run: [" PROBES
                     ", service],\n"
                     "         ready: {log: ^ready$}, limits: {memory: 64M, pids: 16, disk: 16M, "
                     "output: 1M}}\n");
}

static void add_probe(const struct selftest_probe *p, struct strbuf *out)
{
    bool planted = p->plant != NULL && !plan_is_one_job(p);

    if (planted)
        strbuf_addf(out, "  %s: {run: [" PROBES ", %s]}\n", p->plant, p->plant);
    strbuf_addf(out, "  %s:\n", p->name);
    add_run(p, out);
    if (planted)
        strbuf_addf(out, "    needs: [%s]\n", p->plant);
    if (p->lane == LANE_NEIGHBOUR)
        strbuf_adds(out, "    needs: [settle]\n");
    if (p->has_service)
        add_service(out);
    if (p->keys != NULL)
        strbuf_addf(out, "    %s\n", p->keys);
    if (p->limits != NULL && !weakened("limits"))
        strbuf_addf(out, "    limits: {%s}\n", p->limits);
}

void plan_write(const struct selftest_scene *s, enum lane lane, struct strbuf *out)
{
    add_head(s, lane, out);
    for (size_t i = 0; i < probe_count; i++)
        if (s->selected[i] && probe_table[i].lane == lane && plan_has_user(&probe_table[i]))
            add_probe(&probe_table[i], out);
}
