/* SPDX-License-Identifier: Apache-2.0 */
/* unit: sizes, durations and cores, in both directions (JOBFILE, "Limits": all sizes are binary).
 */
#include "base/base.h"

#include <ctype.h>
#include <string.h>

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit size_units[] = {
    {"", 1},
    {"B", 1},
    {"K", UINT64_C(1) << 10},
    {"KB", UINT64_C(1) << 10},
    {"KiB", UINT64_C(1) << 10},
    {"M", UINT64_C(1) << 20},
    {"MB", UINT64_C(1) << 20},
    {"MiB", UINT64_C(1) << 20},
    {"G", UINT64_C(1) << 30},
    {"GB", UINT64_C(1) << 30},
    {"GiB", UINT64_C(1) << 30},
    {"T", UINT64_C(1) << 40},
    {"TB", UINT64_C(1) << 40},
    {"TiB", UINT64_C(1) << 40},
};
static const struct unit duration_units[] = {
    {"ns", 1},
    {"us", 1000},
    {"ms", 1000000},
    {"s", NSEC_PER_SEC},
    {"m", 60 * NSEC_PER_SEC},
    {"h", 3600 * NSEC_PER_SEC},
    {"d", 86400 * NSEC_PER_SEC},
};

/* A decimal number with at most nine digits of fraction, kept exactly: whole + billionths. */
struct decimal {
    uint64_t whole;
    uint64_t billionths;
};

static int parse_decimal(const char **text, struct decimal *ret)
{
    const char *p = *text;
    struct decimal d = {0, 0};
    uint64_t place = 100000000;

    if (!isdigit((unsigned char)*p))
        return -EINVAL;
    for (; isdigit((unsigned char)*p); p++)
        if (__builtin_mul_overflow(d.whole, UINT64_C(10), &d.whole) ||
            __builtin_add_overflow(d.whole, (uint64_t)(*p - '0'), &d.whole))
            return -ERANGE;
    if (*p == '.') {
        if (!isdigit((unsigned char)p[1]))
            return -EINVAL;
        for (p++; isdigit((unsigned char)*p); p++, place /= 10)
            d.billionths += (uint64_t)(*p - '0') * place;
    }
    *text = p;
    *ret = d;
    return 0;
}

static int scale(struct decimal d, uint64_t factor, uint64_t *ret)
{
    unsigned __int128 v = (unsigned __int128)d.whole * factor +
                          (unsigned __int128)d.billionths * factor / 1000000000u;

    if (v > UINT64_MAX)
        return -ERANGE;
    *ret = (uint64_t)v;
    return 0;
}

static const struct unit *find_unit(const struct unit *units, size_t n, const char *name,
                                    size_t length)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(units[i].name) == length && strncmp(units[i].name, name, length) == 0)
            return &units[i];
    return NULL;
}

int unit_parse_size(const char *text, uint64_t *ret_bytes)
{
    const struct unit *u;
    struct decimal d;
    int r = parse_decimal(&text, &d);

    if (r < 0)
        return r;
    u = find_unit(size_units, ARRAY_SIZE(size_units), text, strlen(text));
    if (u == NULL || (u->factor == 1 && d.billionths != 0))
        return -EINVAL;
    return scale(d, u->factor, ret_bytes);
}

int unit_parse_duration(const char *text, uint64_t *ret_ns)
{
    uint64_t total = 0, last = UINT64_MAX;

    do {
        const struct unit *u;
        struct decimal d;
        uint64_t part;
        size_t length = 0;
        int r = parse_decimal(&text, &d);

        if (r < 0)
            return r;
        while (isalpha((unsigned char)text[length]))
            length++;
        if (length == 0) { /* a bare number is seconds, and then stands alone */
            if (*text != '\0' || last != UINT64_MAX)
                return -EINVAL;
            return scale(d, NSEC_PER_SEC, ret_ns);
        }
        u = find_unit(duration_units, ARRAY_SIZE(duration_units), text, length);
        if (u == NULL || u->factor >= last) /* "1h30m", not "30m1h" or "1m1m" */
            return -EINVAL;
        r = scale(d, u->factor, &part);
        if (r < 0)
            return r;
        if (__builtin_add_overflow(total, part, &total))
            return -ERANGE;
        last = u->factor;
        text += length;
    } while (*text != '\0');
    *ret_ns = total;
    return 0;
}

int unit_parse_cores(const char *text, uint64_t *ret_millicores)
{
    struct decimal d;
    int r = parse_decimal(&text, &d);

    if (r < 0)
        return r;
    if (str_eq(text, "%"))
        return scale(d, 10, ret_millicores);
    if (*text != '\0')
        return -EINVAL;
    return scale(d, 1000, ret_millicores);
}

/* "1.25" -> "1.25", "1.50" -> "1.5", "2.00" -> "2" */
static void drop_trailing_zeros(char *text)
{
    size_t n = strlen(text);

    if (strchr(text, '.') == NULL)
        return;
    while (n > 0 && text[n - 1] == '0')
        text[--n] = '\0';
    if (n > 0 && text[n - 1] == '.')
        text[n - 1] = '\0';
}

const char *unit_format_size(uint64_t bytes, char buf[static UNIT_TEXT_SIZE])
{
    static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    size_t i = 0;
    char number[UNIT_TEXT_SIZE - 5];

    for (; value >= 1023.95 && i + 1 < ARRAY_SIZE(names);
         i++) /* what would be rounded to 1024 is the next unit's 1 */
        value /= 1024;
    (void)snprintf(number, sizeof(number), "%.1f", value);
    drop_trailing_zeros(number);
    (void)snprintf(buf, UNIT_TEXT_SIZE, "%s %s", number, names[i]);
    return buf;
}

const char *unit_format_duration(uint64_t ns, char buf[static UNIT_TEXT_SIZE])
{
    char number[UNIT_TEXT_SIZE - 5];

    if (ns >= 60 * NSEC_PER_SEC) {
        uint64_t s = ns / NSEC_PER_SEC + (ns % NSEC_PER_SEC >= NSEC_PER_SEC / 2);

        if (s >= 3600)
            (void)snprintf(buf, UNIT_TEXT_SIZE, "%u h %u min", (unsigned)(s / 3600),
                           (unsigned)(s % 3600 / 60));
        else if (s % 60 != 0)
            (void)snprintf(buf, UNIT_TEXT_SIZE, "%u min %u s", (unsigned)(s / 60),
                           (unsigned)(s % 60));
        else
            (void)snprintf(buf, UNIT_TEXT_SIZE, "%u min", (unsigned)(s / 60));
        return buf;
    }
    if (ns >= NSEC_PER_SEC)
        (void)snprintf(number, sizeof(number), "%.3f", (double)ns / 1e9);
    else
        (void)snprintf(number, sizeof(number), "%.3f", (double)ns / 1e6);
    drop_trailing_zeros(number);
    (void)snprintf(buf, UNIT_TEXT_SIZE, "%s %s", number, ns >= NSEC_PER_SEC ? "s" : "ms");
    return buf;
}

const char *unit_spell_duration(uint64_t ns, char buf[static UNIT_TEXT_SIZE])
{
    size_t n = 0;

    (void)snprintf(buf, UNIT_TEXT_SIZE, "0");
    for (size_t i = ARRAY_SIZE(duration_units); i-- > 0;) {
        const struct unit *u = &duration_units[i];

        if (ns < u->factor || n >= UNIT_TEXT_SIZE)
            continue;
        n += (size_t)snprintf(buf + n, UNIT_TEXT_SIZE - n, "%llu%s",
                              (unsigned long long)(ns / u->factor), u->name);
        ns %= u->factor;
    }
    return buf;
}

const char *unit_format_cores(uint64_t millicores, char buf[static UNIT_TEXT_SIZE])
{
    (void)snprintf(buf, UNIT_TEXT_SIZE, "%.3f", (double)millicores / 1000);
    drop_trailing_zeros(buf);
    return buf;
}
