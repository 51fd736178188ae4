/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_programs: probes of the programs that some keys need: each is found in PATH and started,
 * not only looked for. */
#include "harness/doctor/doctor_private.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static void first_line(char *text)
{
    text[strcspn(text, "\r\n")] = '\0';
}

static int doctor_programs_start(const char *path, const char *name, const char *argument,
                                 char *said, size_t size)
{
    char own_name[64], own_argument[32];
    char *argv[] = {own_name, argument != NULL ? own_argument : NULL, NULL};

    (void)snprintf(own_name, sizeof(own_name), "%s", name);
    (void)snprintf(own_argument, sizeof(own_argument), "%s", argument != NULL ? argument : "");
    return program_run(path, argv, said, size);
}

void probe_program(const struct doctor_context *ctx, const struct doctor_probe *probe,
                   struct doctor_finding *f)
{
    char path[256], said[256] = "";
    int r;

    (void)ctx;
    if (!program_find(probe->text, path, sizeof(path))) {
        doctor_missing(f, 0, "not %s", program_where());
        return;
    }
    r = doctor_programs_start(path, probe->text, "--version", said, sizeof(said));
    first_line(said);
    if (r == 0)
        doctor_works(f, "%s: %s", path, said);
    else if (r < 0)
        doctor_missing(f, r, "%s cannot be run", path);
    else
        doctor_degraded(f, "%s --version ended with exit code %d: %s", path, r, said);
}

/* newuidmap and newgidmap need a right that only their file can give them; they have no --version.
 */
void probe_id_helper(const struct doctor_context *ctx, const struct doctor_probe *probe,
                     struct doctor_finding *f)
{
    char path[256], said[256];
    struct stat st;
    int r;

    (void)ctx;
    if (!program_find(probe->text, path, sizeof(path))) {
        doctor_missing(f, 0, "not %s", program_where());
        return;
    }
    r = doctor_programs_start(path, probe->text, NULL, said, sizeof(said));
    if (r < 0 || r >= 126)
        doctor_missing(f, r < 0 ? r : 0, "%s cannot be run", path);
    else if (stat(path, &st) < 0)
        doctor_missing(f, errno, "cannot look at %s", path);
    else if (!(st.st_mode & S_ISUID) && getxattr(path, "security.capability", NULL, 0) <= 0)
        doctor_degraded(f, "%s is neither set-user-ID nor has a file capability: it can do nothing",
                        path);
    else
        doctor_works(f, "%s", path);
}
