/* SPDX-License-Identifier: Apache-2.0 */
/* passwd: who a job's `user` is, by the root's own /etc/passwd. The file is hostile: it is opened
 * below the root, must be regular, is read up to a bound and parsed here; never through nss, which
 * would load libraries of the root's (docker CVE-2019-14271). Runs between clone and exec. */
#include "harness/sandbox/init/passwd.h"
#include "harness/sandbox/init/async_safe.h"
#include "harness/sandbox/sandbox.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define ID_MAX_MAPPED (SANDBOX_ID_COUNT - 1)
#define DIGITS "0123456789"

/* Decimal digits only, below the number of mapped ids; advances *p. */
static int take_id(const char **p, uint32_t *ret)
{
    uint32_t v = 0;
    const char *s = *p;

    if (*s < '0' || *s > '9')
        return -EINVAL;
    for (; *s >= '0' && *s <= '9'; s++) {
        v = v * 10 + (uint32_t)(*s - '0');
        if (v > ID_MAX_MAPPED)
            return -ERANGE;
    }
    *p = s;
    *ret = v;
    return 0;
}

/* Splits one passwd line into its seven fields in place; false when there are fewer. */
static bool split_line(char *line, char *fields[static 7])
{
    for (int i = 0; i < 7; i++) {
        char *colon = strchr(line, ':');

        fields[i] = line;
        if (i == 6)
            return true;
        if (colon == NULL)
            return false;
        *colon = '\0';
        line = colon + 1;
    }
    return false;
}

struct passwd_wanted {
    const char *name; /* or NULL: by uid */
    uint32_t uid;
};

struct passwd_entry {
    const char *name;
    const char *home;
    uint32_t uid;
    uint32_t gid;
};

static bool find_entry(char *text, const struct passwd_wanted *wanted, struct passwd_entry *ret)
{
    char *save = NULL;

    for (char *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        char *fields[7];
        const char *uid, *gid;
        struct passwd_entry e;

        if (!split_line(line, fields))
            continue;
        uid = fields[2];
        gid = fields[3];
        if (take_id(&uid, &e.uid) < 0 || *uid != '\0' || take_id(&gid, &e.gid) < 0 || *gid != '\0')
            continue;
        if (wanted->name != NULL ? strcmp(fields[0], wanted->name) != 0 : e.uid != wanted->uid)
            continue;
        e.name = fields[0];
        e.home = fields[5];
        *ret = e;
        return true;
    }
    return false;
}

/* A value goes into the environment only when it is short and clean. */
static bool is_clean(const char *s, size_t size)
{
    size_t n = strlen(s);

    if (n == 0 || n >= size)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
            return false;
    return true;
}

static int read_passwd(int root, char *buf, size_t size)
{
    cleanup_close int fd =
        file_open_in_root(root, "etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    struct stat st;
    int n;

    buf[0] = '\0';
    if (fd == -ENOENT || fd == -ENOTDIR)
        return 0; /* a root without one: names other than root are unknown, numbers are fine */
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    n = safe_read_all(fd, buf, size - 1);
    if (n < 0)
        return n;
    buf[n] = '\0';
    return 0;
}

void passwd_plain_names(uint32_t uid, char *home, size_t home_size, char *name, size_t name_size)
{
    safe_copy(home, uid == 0 ? "/root" : "/", home_size);
    name[0] = '\0';
    if (uid == 0)
        safe_append(name, "root", name_size);
    else
        safe_append_number(name, uid, name_size);
}

/* A number, or two: what is not wholly so is a name, as those that begin with a digit are. */
static bool is_numeric(const char *spec)
{
    size_t uid = strspn(spec, DIGITS), gid = spec[uid] == ':' ? strspn(spec + uid + 1, DIGITS) : 0;

    return uid > 0 && (spec[uid] == '\0' || (gid > 0 && spec[uid + 1 + gid] == '\0'));
}

int passwd_find(char *text, const char *spec, uint32_t *ret_uid, uint32_t *ret_gid, char *home,
                size_t home_size, char *name, size_t name_size)
{
    struct passwd_wanted wanted = {.name = spec};
    struct passwd_entry e = {0};
    uint32_t gid = 0;
    bool has_gid = false, found;
    const char *p = spec;

    if (is_numeric(spec)) {
        wanted.name = NULL;
        if (take_id(&p, &wanted.uid) < 0)
            return -ERANGE;
        has_gid = *p == ':';
        p += has_gid;
        if (has_gid && take_id(&p, &gid) < 0)
            return -ERANGE;
    }
    found = find_entry(text, &wanted, &e);
    if (!found && wanted.name != NULL && strcmp(wanted.name, "root") != 0)
        return -ENOENT;
    *ret_uid = found ? e.uid : wanted.uid;
    *ret_gid = has_gid ? gid : found ? e.gid : *ret_uid;
    passwd_plain_names(*ret_uid, home, home_size, name, name_size);
    if (found && is_clean(e.home, home_size))
        safe_copy(home, e.home, home_size);
    if (found && is_clean(e.name, name_size))
        safe_copy(name, e.name, name_size);
    return found;
}

int passwd_resolve(int root, const char *spec, uint32_t *ret_uid, uint32_t *ret_gid, char *home,
                   size_t home_size, char *name, size_t name_size)
{
    static char text[PASSWD_MAX]; /* PID 1's copy; nobody else runs this */
    int r = read_passwd(root, text, sizeof(text));

    if (r == 0)
        r = passwd_find(text, spec, ret_uid, ret_gid, home, home_size, name, name_size);
    return r < 0 ? r : 0;
}
