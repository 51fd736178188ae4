/* SPDX-License-Identifier: Apache-2.0 */
/* rights_take: see rights.h. The process unshares itself and stays what it was for its parent: the
 * same pid, terminal, session. */
#include "harness/rights/rights_private.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/capability.h>

bool rights_capable(cap_value_t capability)
{
    cap_flag_value_t value = CAP_CLEAR;
    cap_t caps = cap_get_proc();

    if (caps == NULL)
        return false;
    if (cap_get_flag(caps, capability, CAP_EFFECTIVE, &value) < 0)
        value = CAP_CLEAR;
    (void)cap_free(caps);
    return value == CAP_SET;
}

bool rights_have(void)
{
    return geteuid() == 0 && rights_capable(CAP_SYS_ADMIN);
}

/* Who asks; read before there is a namespace in which they have every capability. */
struct caller {
    uid_t uid;
    gid_t gid;
    bool setfcap;
};

/* All that the kernel gives to who has no right at all: their own id, as root's. */
static int map_own_id(uid_t uid, gid_t gid)
{
    char text[32];
    int r;

    (void)snprintf(text, sizeof(text), "0 %u 1", (unsigned)uid);
    r = file_put_at(AT_FDCWD, "/proc/self/uid_map", text);
    if (r < 0)
        return r;
    /* without it the kernel takes no gid_map from who is not privileged (user_namespaces(7)) */
    r = file_put_at(AT_FDCWD, "/proc/self/setgroups", "deny");
    if (r < 0 && r != -ENOENT)
        return r;
    (void)snprintf(text, sizeof(text), "0 %u 1", (unsigned)gid);
    return file_put_at(AT_FDCWD, "/proc/self/gid_map", text);
}

static int rights_refused(const struct caller *c, int errnum, const char *what,
                          struct cupel_error *err)
{
    char remedy[sizeof(err->hint)];

    (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, errnum,
                          "without %s, cupel needs a user namespace: %s",
                          c->uid == 0 ? "CAP_SYS_ADMIN" : "root", what);
    rights_explain_refusal(errnum, remedy, sizeof(remedy));
    cupel_error_hint(err, "%s", remedy);
    return -EPERM;
}

/* A file's capabilities belong to whoever is root of the user namespace in which they are set; so
 * the kernel maps user 0 only for who might set them anyway, since Linux 5.12 not even as the one
 * id of its own (verify_root_map(), kernel/user_namespace.c). */
static int refused_to_root(struct cupel_error *err)
{
    (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                          "without CAP_SYS_ADMIN, cupel needs a user namespace, and root of this "
                          "container may be mapped into "
                          "none: it lacks "
                          "CAP_SETFCAP");
    cupel_error_hint(err, "start the container with the capabilities SETFCAP, SETUID and SETGID "
                          "(docker and podman give them by "
                          "default), or cupel as another user than root (--user 1000)");
    return -EPERM;
}

static int map_ids(struct subids_helper *helper, bool has_helper, const struct caller *c,
                   char **lack, struct cupel_error *err)
{
    int r = has_helper ? subids_helper_finish(helper, lack) : -ENOENT;

    if (r == -ENOENT) {
        r = map_own_id(c->uid, c->gid);
        if (r == -EPERM && c->uid == 0 && !c->setfcap)
            return refused_to_root(err);
        if (r <
            0) /* AppArmor has taken the capabilities in it away, which writing a map takes, too */
            return rights_refused(
                c, r, "one is made, but not even our own id may be mapped into it", err);
        return 0;
    }
    if (r == 0)
        return 0;
    (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot map the ids of a user namespace%s%s",
                          *lack != NULL ? ": " : "", *lack != NULL ? *lack : "");
    cupel_error_hint(err, "check that newuidmap and newgidmap are set-user-ID root, and what "
                          "/etc/subuid and /etc/subgid "
                          "say (docs/rootless.md)");
    return r;
}

int rights_take(char **ret_lack, struct cupel_error *err)
{
    cleanup_free char *lack = NULL;
    struct subids_helper helper;
    struct caller caller = {
        .uid = geteuid(), .gid = getegid(), .setfcap = rights_capable(CAP_SETFCAP)};
    bool has_helper;
    int r;

    if (rights_have())
        return 0;
    has_helper = subids_helper_start(&helper, &lack) == 0;
    if (unshare(CLONE_NEWUSER) < 0) {
        r = errno;
        if (has_helper)
            subids_helper_cancel(&helper);
        return rights_refused(&caller, r, "it cannot be made", err);
    }
    r = map_ids(&helper, has_helper, &caller, &lack, err);
    if (r < 0)
        return r;
    /* AppArmor lets the namespace be made, and takes the capabilities in it away */
    if (unshare(CLONE_NEWNS) < 0)
        return rights_refused(&caller, 0, "one is made, but it gives no right to mount", err);
    if (ret_lack != NULL)
        *ret_lack = steal_ptr(lack);
    return 0;
}
