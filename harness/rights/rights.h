/* SPDX-License-Identifier: Apache-2.0 */
/* rights: how an ordinary user comes to what running jobs takes: a user namespace in which they are
 * root, with the ids that the host grants them; whoever has the rights already (root, a privileged
 * container) is left as they are. And how either comes to a control group that is theirs. Knows
 * nothing of jobs; what is different for a sandbox made this way, the sandbox finds out by trying
 * (sandbox_privilege_find). */
#pragma once

#include "base/base.h"

/* Whether this process may make and mount what jobs need: root, with CAP_SYS_ADMIN, of whatever
 * user namespace. */
bool rights_have(void);

/* Puts this process into a new user namespace as its root, and into a mount namespace that belongs
 * to it. Does nothing for whoever has the rights. With a subordinate range of 65,535 ids for users
 * and for groups, the namespace has the ids 0 .. 65535; otherwise root alone, and *ret_lack (may be
 * NULL) gets why, as one sentence (malloc'ed; NULL when nothing lacks). On failure *err says which
 * part of the kernel's or the distribution's configuration refuses it, and the process may be left
 * half-way: it should end. Before any thread is started. */
int rights_take(char **ret_lack, struct cupel_error *err);

/* Starts the program anew in a scope of systemd's, with its control group delegated, when no group
 * can be made where we are and there is a systemd to ask: the system's for root, the user's own for
 * everybody else. Moves nobody but this process. Returns otherwise; nothing is wrong then: what the
 * lack of groups means is for those to say who want limits. */
void rights_join_scope(char **full_argv);

/* What to do when a user namespace is refused with this errno (0: it was made, but gives no
 * rights): one sentence. */
void rights_explain_refusal(int errnum, char *ret_text, size_t size);
