/* identity: private to supervisor: who the jobs' commands are, found out before anything runs. */
#pragma once

#include "harness/supervisor/attempt.h"

/* Looks each selected job's user up in the passwd file of its root's own layers, into instance->user. A name that the root
 * does not have is an error of the job file. Once all roots are ready, derived ones too. */
int identity_find_all(struct run *run, struct cupel_error *err);
/* What came of it. */
struct sandbox_ids identity_ids(const struct instance *in);
