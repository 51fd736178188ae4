/* SPDX-License-Identifier: Apache-2.0 */
/* cli_rights: what subcommands do first that make, mount or remove what belongs to jobs: come to
 * the rights for it, whoever started them, and go on from a sealed copy of the program. */
#include "harness/cli/cli.h"
#include "harness/cli/cli_settings.h"
#include "harness/rights/rights.h"

#include "base/weaken.h"

int cli_take_rights(char **full_argv, enum cli_rights what)
{
    cleanup_free char *lack = NULL;
    struct cupel_error err;
    int code = settings_apply();

    if (code != 0)
        return code;
    /* all that starts the program anew comes first: the kernel gives what it keeps about a process
     * that nobody may look into to the root of the user namespace that it was executed in
     * (task_dump_owner(), fs/proc/base.c). In our own, that would be the jobs' root */
    if (what == CLI_RIGHTS_TO_RUN) {
        rights_join_scope(full_argv);
        if (!weakened("sealed-exe"))
            cli_seal(full_argv);
    }
    if (rights_take(&lack, &err) < 0)
        return cli_fail(&err);
    if (lack != NULL)
        log_warning("%s: jobs have one user, root, and all files of their roots belong to it "
                    "(docs/rootless.md)",
                    lack);
    return 0;
}
