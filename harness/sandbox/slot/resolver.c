/* SPDX-License-Identifier: Apache-2.0 */
/* resolver: what a job behind nat finds in /etc/resolv.conf (resolv.conf(5)). Pure text. */
#include "harness/sandbox/slot/resolver.h"

#include "base/base.h"

#include <arpa/inet.h>
#include <string.h>

enum reach { REACH_DIRECTLY, REACH_BY_FORWARD, REACH_NEVER };

static enum reach reach_v4(struct in_addr a)
{
    uint32_t host = ntohl(a.s_addr);

    return host >> 24 == 127 || host == 0 ? REACH_BY_FORWARD : REACH_DIRECTLY;
}

/* A link-local address means something on the host's own link only. */
static enum reach reach_of(const char *address)
{
    struct in6_addr v6;
    struct in_addr v4;

    if (inet_pton(AF_INET, address, &v4) == 1)
        return reach_v4(v4);
    if (inet_pton(AF_INET6, address, &v6) != 1)
        return REACH_NEVER; /* with a zone, or no address at all */
    if (IN6_IS_ADDR_LOOPBACK(&v6) || IN6_IS_ADDR_UNSPECIFIED(&v6) || IN6_IS_ADDR_LINKLOCAL(&v6))
        return REACH_NEVER; /* pasta forwards to the first IPv4 resolver */
    return REACH_DIRECTLY;
}

/* pasta forwards to the host's first IPv4 resolver, and what that answers it takes for an answer to
 * what it forwarded, also where the job has asked it directly. So it is the first that is forwarded
 * to, or none. */
static void add_resolver(struct strbuf *out, const char *address, bool *had_v4)
{
    enum reach reach = reach_of(address);

    if (reach == REACH_DIRECTLY)
        strbuf_addf(out, "nameserver %s\n", address);
    else if (reach == REACH_BY_FORWARD && !*had_v4)
        strbuf_adds(out, "nameserver " NAT_RESOLVER "\n");
    *had_v4 |= reach != REACH_NEVER && strchr(address, '.') != NULL && strchr(address, ':') == NULL;
}

bool resolver_is_forwarded(const char *text)
{
    return strstr(text, "nameserver " NAT_RESOLVER "\n") != NULL;
}

char *resolver_behind_nat(const char *host)
{
    static const char *const kept[] = {"search", "domain", "options", "sortlist"};
    cleanup_free char *text = xstrdup(host);
    struct strbuf out = {0};
    bool had_v4 = false;
    char *save = NULL;

    strbuf_adds(&out, "");
    for (char *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        size_t n = strcspn(line, " \t");
        char *value = line + n + strspn(line + n, " \t");

        if (n == strlen("nameserver") && str_starts(line, "nameserver")) {
            value[strcspn(value, " \t\r")] = '\0';
            add_resolver(&out, value, &had_v4);
        }
        for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
            if (n == strlen(kept[i]) && str_starts(line, kept[i]))
                strbuf_addf(&out, "%s\n", line);
    }
    return out.data;
}
