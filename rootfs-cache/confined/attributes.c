/* SPDX-License-Identifier: Apache-2.0 */
/* attributes: what an entry has beyond mode, owner and times: extended attributes, capabilities and
 * ACLs. Set here and not by libarchive, which tells neither what the kernel said nor whether the
 * archive or the disk is at fault. ACLs come last, when the tree is whole: they may name users and
 * groups (GNU tar's always do), and those are the root's own. In the confined child. */
#include "rootfs-cache/confined/unpacker.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#define ACCESS_NAME "system.posix_acl_access"
#define DEFAULT_NAME "system.posix_acl_default"
#define ACL_ENTRIES_MAX 1024 /* a value of 64 KiB (XATTR_SIZE_MAX) has room for 8191 */
#define DATABASE_MAX ((size_t)4 << 20)
#define SPARE_BYTES (UINT64_C(16) << 20)

struct acl_word {
    uint16_t tag, permissions;
    uint32_t id;
    char *name; /* to be looked up, or NULL */
};

struct late_acl {
    char *path;
    const char *kind; /* the attribute's name */
    struct acl_word *words;
    size_t n;
};

/* ---- extended attributes ---- */

bool attributes_are_kept(const char *name)
{
    if (str_starts(name, "user."))
        return !str_starts(name,
                           "user.overlay."); /* opaque, redirect, metacopy: orders to overlayfs */
    return str_eq(name, "security.capability");
}

/* Tells a capability the way the kernel reads it (validheader(), security/commoncap.c):
 * setxattr(2) refuses all else, also of the first revision. */
static bool is_capability(const void *value, size_t size)
{
    const unsigned char *bytes = value;
    unsigned revision = size >= 4 ? bytes[3] : 0;

    return (size == XATTR_CAPS_SZ_2 && revision == VFS_CAP_REVISION_2 >> VFS_CAP_REVISION_SHIFT) ||
           (size == XATTR_CAPS_SZ_3 && revision == VFS_CAP_REVISION_3 >> VFS_CAP_REVISION_SHIFT);
}

/* ext4 keeps the attributes of a file in one block, and says ENOSPC when that is full: then it is
 * not the disk that is. */
static bool disk_is_full(const char *path)
{
    struct statvfs fs;

    return statvfs(path, &fs) < 0 || (uint64_t)fs.f_bavail * fs.f_frsize < SPARE_BYTES;
}

static int set_one(struct unpacker *u, const char *path, const char *name, const void *value,
                   size_t size)
{
    if (lsetxattr(path, name, value, size, 0) == 0)
        return 0;
    if (errno == ENOSPC && !disk_is_full("."))
        return unpacker_refuse(
            u, path, "has more extended attributes than the store's file system takes for a file");
    if (errno == E2BIG || errno == ERANGE || errno == EINVAL)
        return unpacker_refuse(u, path,
                               "has an extended attribute or an ACL that no file can have");
    return unpacker_write_failed(u, path, errno, NULL);
}

static int set_xattrs(struct unpacker *u, struct archive_entry *entry, const char *path)
{
    bool regular = archive_entry_filetype(entry) == AE_IFREG;
    const char *name;
    const void *value;
    size_t size;
    int r = 0;

    if (archive_entry_xattr_reset(entry) == 0)
        return 0;
    while (r == 0 && archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
        if (!attributes_are_kept(name) || (!regular && !str_starts(name, "user.")))
            continue;
        if (str_eq(name, "security.capability") && !is_capability(value, size))
            return unpacker_refuse(u, path, "has a security.capability that is none");
        r = set_one(u, path, name, value, size);
    }
    return r;
}

/* ---- ACLs: what is in the entry ---- */

static const struct {
    int libarchive;
    uint16_t kernel;
} tags[] = {{ARCHIVE_ENTRY_ACL_USER_OBJ, ACL_USER_OBJ},   {ARCHIVE_ENTRY_ACL_USER, ACL_USER},
            {ARCHIVE_ENTRY_ACL_GROUP_OBJ, ACL_GROUP_OBJ}, {ARCHIVE_ENTRY_ACL_GROUP, ACL_GROUP},
            {ARCHIVE_ENTRY_ACL_MASK, ACL_MASK},           {ARCHIVE_ENTRY_ACL_OTHER, ACL_OTHER}};

static bool is_named(const struct acl_word *w)
{
    return w->tag == ACL_USER || w->tag == ACL_GROUP;
}

static bool add_word(struct late_acl *acl, int tag, int permissions, int id, const char *name)
{
    struct acl_word w = {
        .permissions = (uint16_t)(((permissions & ARCHIVE_ENTRY_ACL_READ) ? ACL_READ : 0) |
                                  ((permissions & ARCHIVE_ENTRY_ACL_WRITE) ? ACL_WRITE : 0) |
                                  ((permissions & ARCHIVE_ENTRY_ACL_EXECUTE) ? ACL_EXECUTE : 0)),
        .id = (uint32_t)ACL_UNDEFINED_ID};

    for (size_t i = 0; i < ARRAY_SIZE(tags); i++)
        if (tags[i].libarchive == tag)
            w.tag = tags[i].kernel;
    if (w.tag == 0 || acl->n == ACL_ENTRIES_MAX)
        return false;
    if (is_named(&w) && id >= 0)
        w.id = (uint32_t)id;
    else if (is_named(&w))
        w.name = xstrdup(name != NULL ? name : "");
    acl->words = xrealloc(acl->words, (acl->n + 1) * sizeof(*acl->words));
    acl->words[acl->n++] = w;
    return true;
}

static int note_acl(struct unpacker *u, struct archive_entry *entry, const char *path, int type,
                    const char *kind)
{
    struct late_acl acl = {.path = xstrdup(path), .kind = kind};
    int permissions, tag, id, each;
    const char *name;
    bool fits = true;

    if (archive_entry_acl_reset(entry, type) > 0)
        while (fits && archive_entry_acl_next(entry, type, &each, &permissions, &tag, &id, &name) ==
                           ARCHIVE_OK)
            fits = add_word(&acl, tag, permissions, id, name);
    u->acls = xrealloc(u->acls, (u->n_acls + 1) * sizeof(*u->acls));
    u->acls[u->n_acls++] = acl;
    return fits ? 0
                : unpacker_refuse(
                      u, path, "has an ACL with more than 1024 entries, or with one that is none");
}

int attributes_make(struct unpacker *u, struct archive_entry *entry, const char *path)
{
    mode_t type = archive_entry_filetype(entry);
    int acls = archive_entry_acl_types(entry), r = 0;

    if (archive_entry_hardlink(entry) != NULL || type == AE_IFLNK)
        return 0;
    if (type == AE_IFREG || type == AE_IFDIR) /* of others the kernel takes no user.* (xattr(7)) */
        r = set_xattrs(u, entry, path);
    if (r == 0 && (acls & ARCHIVE_ENTRY_ACL_TYPE_ACCESS) != 0)
        r = note_acl(u, entry, path, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, ACCESS_NAME);
    if (r == 0 && (acls & ARCHIVE_ENTRY_ACL_TYPE_DEFAULT) != 0 && type == AE_IFDIR)
        r = note_acl(u, entry, path, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, DEFAULT_NAME);
    return r;
}

/* ---- ACLs: names, by the root's own passwd and group ---- */

struct databases {
    char *users, *groups; /* the files' text, or NULL */
};

static char *read_database(struct unpacker *u, const char *path)
{
    cleanup_close int fd =
        u->layer != NULL ? oci_layer_open_shown(u, path)
                         : file_open_beneath(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
    struct stat st;
    size_t length;
    char *text;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
        file_read_fd(fd, DATABASE_MAX, &text, &length) < 0)
        return NULL;
    return text;
}

/* The third field of the line that begins with the name, in passwd(5) as in group(5); -1: there is
 * none. */
static int64_t look_up(const char *text, const char *name)
{
    size_t n = strlen(name);

    for (const char *line = text; line != NULL && n > 0; line = strchr(line, '\n')) {
        const char *field;
        char *end;
        unsigned long id;

        line += *line == '\n';
        if (strncmp(line, name, n) != 0 || line[n] != ':')
            continue;
        field = line + n + 1 + strcspn(line + n + 1, ":\n");
        if (*field != ':' || field[1] < '0' || field[1] > '9')
            continue;
        id = strtoul(field + 1, &end, 10);
        if (id <= INT32_MAX && (*end == ':' || *end == '\n' || *end == '\0'))
            return (int64_t)id;
    }
    return -1;
}

/* Whether the entry stands for somebody whom a job can have. */
static bool attributes_resolve(const struct unpacker *u, const struct databases *d,
                               struct acl_word *w)
{
    const char *text = w->tag == ACL_USER ? d->users : d->groups;
    int64_t id = w->id;

    if (!is_named(w))
        return true;
    if (w->name != NULL)
        id = text != NULL ? look_up(text, w->name) : -1;
    w->id = (uint32_t)id;
    return id >= 0 && id < u->owners;
}

static int by_tag_and_id(const void *a, const void *b)
{
    const struct acl_word *x = a, *y = b;

    return x->tag != y->tag ? (x->tag > y->tag) - (x->tag < y->tag)
                            : (x->id > y->id) - (x->id < y->id);
}

/* Puts into order what is to be set, as posix_acl_valid() (fs/posix_acl.c) wants it; what stands
 * for nobody goes. */
static void attributes_settle(struct unpacker *u, const struct databases *d, struct late_acl *acl)
{
    size_t kept = 0;

    for (size_t i = 0; i < acl->n; i++) {
        bool known = attributes_resolve(u, d, &acl->words[i]);

        free(steal_ptr(acl->words[i].name));
        u->counts->unknown_acls += !known;
        if (known)
            acl->words[kept++] = acl->words[i];
    }
    acl->n = kept;
    if (kept > 0)
        qsort(acl->words, kept, sizeof(*acl->words), by_tag_and_id);
}

static int set_acl(struct unpacker *u, const struct late_acl *acl)
{
    size_t size =
        sizeof(struct posix_acl_xattr_header) + acl->n * sizeof(struct posix_acl_xattr_entry);
    cleanup_free struct posix_acl_xattr_header *value = xcalloc(1, size);
    struct posix_acl_xattr_entry *entries = (struct posix_acl_xattr_entry *)(value + 1);
    struct stat st;

    if (fstatat(AT_FDCWD, acl->path, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISLNK(st.st_mode) ||
        (!S_ISDIR(st.st_mode) && str_eq(acl->kind, DEFAULT_NAME)))
        return 0; /* a later entry put something else there */
    value->a_version = htole32(POSIX_ACL_XATTR_VERSION);
    for (size_t i = 0; i < acl->n; i++)
        entries[i] = (struct posix_acl_xattr_entry){.e_tag = htole16(acl->words[i].tag),
                                                    .e_perm = htole16(acl->words[i].permissions),
                                                    .e_id = htole32(acl->words[i].id)};
    return set_one(u, acl->path, acl->kind, value, size);
}

int attributes_finish(struct unpacker *u)
{
    struct databases d = {0};
    int r = 0;

    if (u->n_acls == 0)
        return 0;
    d.users = read_database(u, "etc/passwd");
    d.groups = read_database(u, "etc/group");
    for (size_t i = 0; r == 0 && i < u->n_acls; i++) {
        attributes_settle(u, &d, &u->acls[i]);
        if (u->acls[i].n > 0)
            r = set_acl(u, &u->acls[i]);
    }
    free(d.users);
    free(d.groups);
    return r;
}

void attributes_forget(struct unpacker *u)
{
    for (size_t i = 0; i < u->n_acls; i++) {
        for (size_t k = 0; k < u->acls[i].n; k++)
            free(u->acls[i].words[k].name);
        free(u->acls[i].words);
        free(u->acls[i].path);
    }
    free(u->acls);
    u->acls = NULL;
    u->n_acls = 0;
}
