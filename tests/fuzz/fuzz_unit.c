/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_unit: sizes, durations, cores and lists of CPUs: what is accepted is a value, and it can be
 * written again. */
#include "fuzz.h"

#include "jobs/jobs.h"

#define UNTOUCHED UINT64_C(0x5ca1ab1e5ca1ab1e)

static const struct {
    int (*parse)(const char *text, uint64_t *ret);
    const char *(*format)(uint64_t value, char buf[static UNIT_TEXT_SIZE]);
} units[] = {
    {unit_parse_size, unit_format_size},
    {unit_parse_duration, unit_format_duration},
    {unit_parse_cores, unit_format_cores},
};

static void check_unit(size_t i, const char *text)
{
    uint64_t value = UNTOUCHED;
    char buf[UNIT_TEXT_SIZE];
    int r = units[i].parse(text, &value);

    FUZZ_EXPECT(r == 0 || r == -EINVAL || r == -ERANGE);
    FUZZ_EXPECT(r == 0 || value == UNTOUCHED);
    if (r < 0)
        return;
    FUZZ_EXPECT(text[0] >= '0' && text[0] <= '9');
    FUZZ_EXPECT(units[i].format(value, buf) == buf && strlen(buf) < UNIT_TEXT_SIZE);
    FUZZ_EXPECT(buf[0] >= '0' && buf[0] <= '9');
}

/* A plain number of bytes is what strtoull makes of it. */
static void check_bytes(const char *text)
{
    uint64_t value;

    if (*text == '\0' || strspn(text, "0123456789") != strlen(text))
        return;
    errno = 0;
    if (unit_parse_size(text, &value) == 0)
        FUZZ_EXPECT(strtoull(text, NULL, 10) == value && errno == 0);
    else
        FUZZ_EXPECT(strtoull(text, NULL, 10) == UINT64_MAX && errno == ERANGE);
}

static void check_cpus(const char *text)
{
    cleanup_strbuf struct strbuf first = {0};
    cleanup_strbuf struct strbuf second = {0};
    struct jobs_cpus cpus, again;

    if (!jobs_cpus_parse(text, &cpus))
        return;
    FUZZ_EXPECT(jobs_cpus_count(&cpus) > 0);
    jobs_cpus_format(&cpus, &first);
    FUZZ_EXPECT(jobs_cpus_parse(first.data, &again));
    FUZZ_EXPECT(memcmp(&cpus, &again, sizeof(cpus)) == 0);
    jobs_cpus_format(&again, &second);
    FUZZ_EXPECT(str_eq(first.data, second.data));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    cleanup_free char *text = fuzz_text(&in);

    for (size_t i = 0; i < ARRAY_SIZE(units); i++)
        check_unit(i, text);
    check_bytes(text);
    check_cpus(text);
    return 0;
}
