/* SPDX-License-Identifier: Apache-2.0 */
/* class_files: the files of a class, below a directory that is opened once and in which nothing is
 * followed (outdir.c). They have names and points of people: they are for their owner alone. Not
 * responsible for what they say. */
#include "reports/class/class.h"
#include "reports/outdir.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#define STUDENTS "students"
/* Of a name, with room for an ending and for what is written aside. */
#define STUDENT_NAME_SIZE 208

/* Where files go. */
struct class_place {
    const char *path; /* as it was named */
    int dir;
    struct outdir_owner owner;
    struct cupel_error *err;
};

/* Writes a file aside and renames it: a link of that name gives way, and is not followed. */
static int write_one(const struct class_place *p, int dir, const char *name,
                     const struct strbuf *text)
{
    cleanup_close int fd = -EBADF;
    int r = file_write_passing_at(dir, name, text->data != NULL ? text->data : "", text->len, 0600);

    if (r == 0 && p->owner.set) {
        fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        r = fd < 0 ? -errno : outdir_give(&p->owner, fd);
    }
    return r < 0 ? outdir_fail(p->path, "write the results of a class to", r, p->err) : 0;
}

/* ---- students/ ---- */

static void lower(char *name)
{
    for (; *name != '\0'; name++)
        *name = (char)tolower((unsigned char)*name);
}

/* Returns a name of a student's files that no other has, not even where `A` is `a`. */
static void student_file_name(const char *student, struct strset *taken,
                              char name[static STUDENT_NAME_SIZE])
{
    char folded[STUDENT_NAME_SIZE];
    unsigned number = 1;

    for (;;) {
        cleanup_free char *id =
            number == 1 ? xstrdup(student) : xasprintf("%s#%u", student, number);

        reports_file_name(id, name, STUDENT_NAME_SIZE);
        memcpy(folded, name, STUDENT_NAME_SIZE);
        lower(folded);
        if (strset_add(taken, folded))
            return;
        number++;
    }
}

static int write_student(const struct class_place *p, int dir, const struct class_view *v,
                         const char *title, int logs, const char *base, struct strset *written)
{
    cleanup_strbuf struct strbuf json = {0}, html = {0};
    char name[STUDENT_NAME_SIZE + 8];
    int r = student_json(v, logs, &json);

    if (r < 0)
        return outdir_fail(p->path, "write the results of a student to", r, p->err);
    student_html(v, title, logs, &html);
    (void)snprintf(name, sizeof(name), "%s.json", base);
    (void)strset_add(written, name);
    r = write_one(p, dir, name, &json);
    if (r < 0)
        return r;
    (void)snprintf(name, sizeof(name), "%s.html", base);
    (void)strset_add(written, name);
    return write_one(p, dir, name, &html);
}

static void closedirp(DIR **list)
{
    if (*list != NULL)
        (void)closedir(*list);
}

/* Removes what earlier reports have left of others: it may show what now is not to be seen. */
static int forget_others(const struct class_place *p, int dir, const struct strset *written)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(closedirp) DIR *list = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *e;

    if (list == NULL) {
        base_closep(&fd);
        return outdir_fail(p->path, "look into " STUDENTS " of", errno, p->err);
    }
    while ((e = readdir(list)) != NULL) {
        const char *ending = strrchr(e->d_name, '.');

        if (ending == NULL || (!str_eq(ending, ".json") && !str_eq(ending, ".html")) ||
            strset_has(written, e->d_name))
            continue;
        if (unlinkat(dir, e->d_name, 0) < 0 && errno != ENOENT && errno != EISDIR)
            return outdir_fail(p->path, "remove an earlier student's file from", errno, p->err);
    }
    return 0;
}

static int write_students(const struct class_place *p, const struct class_table *t,
                          enum class_moment now, int logs)
{
    cleanup_close int dir = outdir_open_sub(p->dir, STUDENTS, &p->owner);
    struct strset taken = {0}, written = {0};
    int r = dir;

    if (dir < 0)
        return outdir_fail(p->path, "make " STUDENTS " in", dir, p->err);
    for (size_t i = 0; r >= 0 && i < t->n; i++) {
        cleanup_view struct class_view v = {0};
        char base[STUDENT_NAME_SIZE];

        class_view_make(&t->submissions[i], now, &v);
        student_file_name(t->submissions[i].student, &taken, base);
        r = write_student(p, dir, &v, t->title, logs, base, &written);
    }
    if (r >= 0)
        r = forget_others(p, dir, &written);
    strset_free(&taken);
    strset_free(&written);
    return r < 0 ? r : 0;
}

/* ---- all of it ---- */

int class_write(const char *dir, const struct class_table *t, unsigned formats,
                enum class_moment now, int logs, struct cupel_error *err)
{
    cleanup_close int fd = -EBADF;
    struct class_place p = {.path = dir, .err = err};
    int r = outdir_open(dir, &fd, &p.owner, err);

    p.dir = fd;
    if (r == 0 && (formats >> CLASS_CSV & 1u) != 0) {
        cleanup_strbuf struct strbuf text = {0};

        class_csv(t, &text);
        r = write_one(&p, fd, "class.csv", &text);
    }
    if (r == 0 && (formats >> CLASS_HTML & 1u) != 0) {
        cleanup_strbuf struct strbuf text = {0};

        class_html(t, &text);
        r = write_one(&p, fd, "class.html", &text);
    }
    if (r == 0 && (formats >> CLASS_STUDENTS & 1u) != 0)
        r = write_students(&p, t, now, logs);
    /* grading.json, which says that the class has been reported, is written after it */
    if (r == 0 && syncfs(fd) < 0)
        r = outdir_fail(dir, "write to", errno, err);
    return r;
}
