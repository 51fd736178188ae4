/* SPDX-License-Identifier: Apache-2.0 */
/* keys_sandbox: the keys of what a job's sandbox is made of: network, namespaces, system calls.
 * See keys.c. */
#include "jobs/key_tables.h"

const struct choice keys_choices_network[] = {
    [JOBS_NETWORK_NONE] = {"none", true},
    [JOBS_NETWORK_LOOPBACK] = {"loopback", true},
    [JOBS_NETWORK_NAT] = {"nat", true},
    [JOBS_NETWORK_HOST] = {"host", true},
    {0},
};

TABLE(namespaces, "Keys of `namespaces`", "'namespaces'",
      {.name = "time-offset",
       .value = "a duration such as 90s or 400d, with - before it for less",
       .fallback = "none",
       .help = "how far the clocks that count from the machine's start (`CLOCK_MONOTONIC`, "
               "`CLOCK_BOOTTIME`, `/proc/uptime`) are ahead of the machine's; date and time of day "
               "stay what they are",
       .forms = FORM_ONE,
       .type = TYPE_OFFSET,
       .max = LIMIT_OFFSET_MAX,
       .set = key_set_time_offset});

#define SECCOMP_FIELD(member) offsetof(struct jobs_seccomp, member)

TABLE(network, "Keys of `network`", "'network'",
      {.name = "bridge",
       .value = "a name of letters, digits, '.', '_' and '-'",
       .help = "the jobs of this file that name the same bridge start together and reach one "
               "another by name",
       .forms = FORM_ONE,
       .type = TYPE_NAME,
       .set = key_set_bridge,
       .required = true});
TABLE(seccomp, "Keys of `seccomp`", "'seccomp'",
      {.name = "profile",
       .value = "default, strict or a path on the host",
       .fallback = "`default`",
       .help = "what `allow` and `deny` start from",
       .forms = FORM_ONE,
       .type = TYPE_TEXT,
       .set = key_set_profile},
      {.name = "allow",
       .value = "names of system calls",
       .help =
           "allowed although the profile refuses them; what would undo the sandbox cannot be named",
       .forms = FORM_ONE | FORM_LIST,
       .type = TYPE_TEXT,
       .set = key_set_allow,
       .offset = SECCOMP_FIELD(allow)},
      {.name = "deny",
       .value = "names of system calls",
       .help = "refused although the profile allows them",
       .forms = FORM_ONE | FORM_LIST,
       .type = TYPE_TEXT,
       .set = key_set_deny,
       .offset = SECCOMP_FIELD(deny)});
