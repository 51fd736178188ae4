/* take: see rights.h. The process unshares itself and stays what it was for its parent: the same pid, terminal, session. */
#include "harness/rights/private.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/capability.h>

bool rights_have(void)
{
    cap_flag_value_t value = CAP_CLEAR;
    cap_t caps;

    if (geteuid() != 0)
        return false;
    caps = cap_get_proc();
    if (caps == NULL)
        return false;
    if (cap_get_flag(caps, CAP_SYS_ADMIN, CAP_EFFECTIVE, &value) < 0)
        value = CAP_CLEAR;
    (void)cap_free(caps);
    return value == CAP_SET;
}

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

static int refused(int errnum, const char *what, struct cupel_error *err)
{
    char remedy[sizeof(err->hint)];

    (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, errnum, "without root, cupel needs a user namespace: %s", what);
    rights_explain_refusal(errnum, remedy, sizeof(remedy));
    cupel_error_hint(err, "%s", remedy);
    return -EPERM;
}

static int map_ids(struct subids_helper *helper, bool has_helper, uid_t uid, gid_t gid, char **lack,
                   struct cupel_error *err)
{
    int r = has_helper ? subids_helper_finish(helper, lack) : -ENOENT;

    if (r == -ENOENT)
        r = map_own_id(uid, gid);
    if (r == 0)
        return 0;
    (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot map the ids of a user namespace%s%s",
                          *lack != NULL ? ": " : "", *lack != NULL ? *lack : "");
    cupel_error_hint(err,
                     "check that newuidmap and newgidmap are set-user-ID root, and what /etc/subuid and /etc/subgid "
                     "say (docs/rootless.md)");
    return r;
}

int rights_take(char **ret_lack, struct cupel_error *err)
{
    cleanup_free char *lack = NULL;
    struct subids_helper helper;
    uid_t uid = geteuid();
    gid_t gid = getegid();
    bool has_helper;
    int r;

    if (rights_have())
        return 0;
    has_helper = subids_helper_start(&helper, &lack) == 0;
    if (unshare(CLONE_NEWUSER) < 0) {
        r = errno;
        if (has_helper)
            subids_helper_cancel(&helper);
        return refused(r, "it cannot be made", err);
    }
    r = map_ids(&helper, has_helper, uid, gid, &lack, err);
    if (r < 0)
        return r;
    /* AppArmor lets the namespace be made, and takes the capabilities in it away */
    if (unshare(CLONE_NEWNS) < 0)
        return refused(0, "one is made, but it gives no right to mount", err);
    if (ret_lack != NULL)
        *ret_lack = steal_ptr(lack);
    return 0;
}
