/* SPDX-License-Identifier: Apache-2.0 */
/* package: a problem package becomes a job file: has its parts read, one after the other, says what
 * is left out, and where files of it are. Nothing is opened that lies outside of the package. */
#include "jobs/packages/package.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* ---- what is said ---- */

const char *package_shown(struct problem_package *p, const char *text)
{
    cleanup_strbuf struct strbuf line = {0};

    text_add_short_line(&line, text);
    return arena_strdup(p->arena, line.data);
}

/* The file, as messages name it. */
static const char *message_path(struct problem_package *p, const char *path)
{
    return package_shown(p, path[0] == '\0'
                                ? p->asked->path
                                : arena_printf(p->arena, "%s/%s", p->asked->path, path));
}

void package_refuse(struct problem_package *p, const char *path, const char *format, ...)
{
    cleanup_strbuf struct strbuf text = {0};
    va_list args;

    va_start(args, format);
    strbuf_vaddf(&text, format, args);
    va_end(args);
    p->n_refused++;
    strbuf_addf(p->notes, "%s: %s\n", message_path(p, path), package_shown(p, text.data));
}

BASE_PRINTF(6, 0)
static void package_say(struct problem_package *p, const char *word,
                        const struct package_yaml *yaml, const struct node *at, const char *path,
                        const char *format, va_list args)
{
    cleanup_strbuf struct strbuf text = {0};
    const char *shown;

    strbuf_vaddf(&text, format, args);
    shown = package_shown(p, text.data);
    if (yaml == NULL) {
        strbuf_addf(p->notes, "%s: %s: %s\n", message_path(p, path), word, shown);
        out_comment(&p->out, p->out.root,
                    arena_printf(p->arena, "%s (%s): %s", word,
                                 path[0] == '\0' ? "package" : package_shown(p, path), shown));
        return;
    }
    const struct source_place place = at->key != NULL ? at->key->place : at->place;

    strbuf_addf(p->notes, "%s:%u:%u: %s: %s\n", message_path(p, yaml->path), place.line,
                place.column, word, shown);
    out_comment(&p->out, p->out.root,
                arena_printf(p->arena, "%s (%s, line %u): %s", word, package_shown(p, yaml->path),
                             place.line, shown));
}

void package_left(struct problem_package *p, const struct package_yaml *yaml, const struct node *at,
                  const char *path, const char *format, ...)
{
    va_list args;

    p->n_left++;
    va_start(args, format);
    package_say(p, "left out", yaml, at, path, format, args);
    va_end(args);
}

void package_note(struct problem_package *p, const struct package_yaml *yaml, const struct node *at,
                  const char *path, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    package_say(p, "note", yaml, at, path, format, args);
    va_end(args);
}

/* ---- files ---- */

bool package_name_is_valid(const char *name)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

    return name[0] != '\0' && name[0] != '.' && name[0] != '-' &&
           strspn(name, letters) == strlen(name);
}

const char *package_host_path(struct problem_package *p, const char *path)
{
    bool is_here = str_eq(p->asked->path, ".");

    return out_literal(&p->out, is_here ? arena_strdup(p->arena, path)
                                        : arena_printf(p->arena, "%s/%s", p->asked->path, path));
}

/* The path behind the links of another one, which may lead to another place in the package; NULL,
 * which is said, where they lead elsewhere. */
static const char *behind_links(struct problem_package *p, const char *path)
{
    cleanup_free char *whole = xasprintf("%s/%s", p->real, path), *real = realpath(whole, NULL);
    size_t n = strlen(p->real);

    if (real != NULL && strncmp(real, p->real, n) == 0 && real[n] == '/')
        return arena_strdup(p->arena, real + n + 1);
    package_refuse(p, path,
                   real == NULL ? "the link leads nowhere" : "the link leads out of the package");
    return NULL;
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct package_entry *)a)->name, ((const struct package_entry *)b)->name);
}

/* Adds what is called so in the directory; false: no more may be looked at. */
static bool add_entry(struct problem_package *p, const char *path, const char *name,
                      struct package_list *list, size_t *room)
{
    const char *own = arena_printf(p->arena, "%s%s%s", path, path[0] != '\0' ? "/" : "", name);
    struct stat st;

    if (++p->n_entries > PACKAGE_ENTRIES_MAX) {
        package_refuse(p, path, "there are more than %d files", PACKAGE_ENTRIES_MAX);
        return false;
    }
    if (fstatat(p->dir, own, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return true;
    if (S_ISLNK(st.st_mode)) {
        const char *target = behind_links(p, own);

        if (target == NULL || fstatat(p->dir, target, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return true;
        own = target;
    }
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
        package_refuse(p, own, "it is neither a file nor a directory");
        return true;
    }
    if (list->n == *room) {
        *room = 2 * *room + 16;
        list->items = xrealloc(list->items, *room * sizeof(*list->items));
    }
    list->items[list->n++] = (struct package_entry){.name = arena_strdup(p->arena, name),
                                                    .path = own,
                                                    .is_directory = S_ISDIR(st.st_mode),
                                                    .size = (uint64_t)st.st_size};
    return true;
}

bool package_list(struct problem_package *p, const char *path, struct package_list *ret)
{
    struct package_list list = {0};
    const struct dirent *e;
    size_t room = 0;
    DIR *dir;
    int fd = p->dir < 0 ? -ENOENT
                        : file_open_beneath(p->dir, path[0] != '\0' ? path : ".",
                                            O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

    *ret = (struct package_list){0};
    if (fd < 0) {
        if (fd != -ENOENT && fd != -ENOTDIR)
            package_refuse(p, path, "it cannot be read: %s", strerror(-fd));
        return false;
    }
    dir = fdopendir(fd);
    if (dir == NULL) {
        (void)close(fd);
        return false;
    }
    while ((e = readdir(dir)) != NULL)
        if (package_name_is_valid(e->d_name) && !add_entry(p, path, e->d_name, &list, &room))
            break;
    (void)closedir(dir);
    if (list.n > 0) {
        qsort(list.items, list.n, sizeof(*list.items), compare_entries);
        ret->items = arena_alloc(p->arena, list.n * sizeof(*list.items));
        memcpy(ret->items, list.items, list.n * sizeof(*list.items));
        ret->n = list.n;
    }
    free(list.items);
    return true;
}

const struct package_entry *package_find(const struct package_list *list, const char *name)
{
    const struct package_entry key = {.name = name};

    return list->n == 0 ? NULL : bsearch(&key, list->items, list->n, sizeof(key), compare_entries);
}

/* The file's text, in the arena; NULL, which is said. */
static const char *read_file(struct problem_package *p, const char *path, size_t max,
                             size_t *ret_len)
{
    cleanup_close int fd = -EBADF;
    cleanup_free char *text = NULL;
    struct stat st;
    int r;

    /* a FIFO would wait for a writer */
    fd = file_open_beneath(p->dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
    r = fd < 0 ? fd : fstat(fd, &st) < 0 ? -errno : !S_ISREG(st.st_mode) ? -EINVAL : 0;
    if (r == 0)
        r = file_read_fd(fd, max, &text, ret_len);
    if (r == 0)
        return arena_strndup(p->arena, text, *ret_len);
    if (r == -EFBIG)
        package_refuse(p, path, "it has more than %zu bytes", max);
    else if (r == -ELOOP)
        package_refuse(p, path, "it is a symbolic link, and is not followed");
    else if (r == -EINVAL)
        package_refuse(p, path, "it is no regular file");
    else
        package_refuse(p, path, "it cannot be read: %s", strerror(-r));
    return NULL;
}

/* Whether there are only blanks and comments: such a file says nothing, and may. */
static bool says_nothing(const char *text)
{
    while (*(text += strspn(text, " \t\r\n")) == '#')
        text += strcspn(text, "\n");
    return *text == '\0';
}

struct package_yaml *package_yaml_of(struct problem_package *p, const char *path, const char *text,
                                     size_t len)
{
    struct package_yaml *y = arena_alloc(p->arena, sizeof(*y));
    const struct node *root;

    y->path = path;
    y->source = (struct source){.file = message_path(p, path), .text = text, .len = len};
    *p->yaml_end = y;
    p->yaml_end = &y->next;
    if (says_nothing(text))
        return y;
    root = tree_read(&y->source, p->arena, p->arena);
    if (root == NULL || !source_is_good(&y->source))
        return y;
    if (root->kind == NODE_MAP)
        y->map = root;
    else if (!node_is_null(root)) /* a file of comments alone says nothing */
        source_problem(&y->source, root->place, "the file is a map");
    return y;
}

struct package_yaml *package_read_yaml(struct problem_package *p, const char *path)
{
    size_t len = 0;
    const char *text = read_file(p, path, PACKAGE_YAML_MAX, &len);

    return text != NULL ? package_yaml_of(p, path, text, len) : NULL;
}

const char *package_read_text(struct problem_package *p, const char *path)
{
    size_t len = 0;
    const char *text = read_file(p, path, PACKAGE_TEXT_MAX, &len);
    uint32_t c = 0;

    for (size_t i = 0, n; text != NULL && i < len; i += n) {
        n = text_decode((const unsigned char *)text + i, len - i, &c);
        if (n == 0 || c == 0 || (text_is_hidden(c) && c != '\n' && c != '\t')) {
            package_refuse(p, path, "it is no text");
            return NULL;
        }
    }
    return text;
}

/* ---- all of it ---- */

/* What nothing here reads, and what of that would change verdicts. */
static void look_around(struct problem_package *p)
{
    struct package_list list;

    if (!package_list(p, "", &list))
        return;
    if (package_find(&list, "static_validator") != NULL)
        package_refuse(p, "static_validator", "a validator of the submission's text is not run");
    if (package_find(&list, "graders") != NULL)
        package_refuse(p, "graders", "a grader of the package's own is not run");
}

const struct jobs_other_format *jobs_package_other_format(const char *path)
{
    static const struct jobs_other_format others[] = {
        {"init.yml", "DMOJ"},
        {"problem.xml", "Polygon (Codeforces)"},
        {"task.yaml", "CMS"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        cleanup_free char *file = xasprintf("%s/%s", path, others[i].file);

        if (faccessat(AT_FDCWD, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            return &others[i];
    }
    return NULL;
}

static void refuse_without_problem(struct problem_package *p)
{
    const struct jobs_other_format *other = jobs_package_other_format(p->real);

    if (other == NULL)
        package_refuse(p, "problem.yaml", "without it, this is no problem package");
    else
        package_refuse(p, other->file,
                       "it is of the format of %s, which is not read: write a job file with its "
                       "test data as 'cases'",
                       other->whose);
}

/* NULL, which is said once. */
static struct package_yaml *read_problem_yaml(struct problem_package *p)
{
    struct package_yaml *y;
    struct stat st;

    if (fstatat(p->dir, "problem.yaml", &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT) {
        refuse_without_problem(p);
        return NULL;
    }
    y = package_read_yaml(p, "problem.yaml");
    if (y != NULL && y->map == NULL && source_is_good(&y->source))
        package_refuse(p, "problem.yaml", "it says nothing");
    return y != NULL && y->map != NULL ? y : NULL;
}

static void read_package(struct problem_package *p)
{
    struct package_yaml *y = read_problem_yaml(p);

    if (y == NULL)
        return;
    package_read_problem(p, y);
    if (!source_is_good(&y->source))
        return;
    look_around(p);
    package_read_data(p);
    package_read_submissions(p);
    p->validator =
        p->problem.has_validator || p->problem.format == FORMAT_2025_09
            ? package_find_program(
                  p, p->problem.format == FORMAT_2025_09 ? "output_validator" : "output_validators",
                  p->problem.format != FORMAT_2025_09)
            : NULL;
    if (p->problem.interactive && p->validator == NULL)
        package_refuse(p, "problem.yaml",
                       "the problem is interactive, and there is no validator that talks with the "
                       "submission");
    if (p->asked->verify)
        package_find_programs(p, "input_validators", &p->input_validators);
    if (p->asked->verify || p->asked->grading)
        package_read_expectations(p);
    package_deal_points(p);
}

/* Prints what is wrong with YAML files, and returns how many problems there are in all. */
static size_t count_problems(struct problem_package *p)
{
    size_t n = p->n_refused;

    for (struct package_yaml *y = p->yaml; y != NULL; y = y->next)
        if (!source_is_good(&y->source))
            n += source_print(&y->source, p->notes);
    return n;
}

void package_init(struct problem_package *p, const struct jobs_packaging *what,
                  struct strbuf *notes)
{
    *p = (struct problem_package){
        .asked = what, .arena = arena_new(), .notes = notes, .dir = -EBADF};
    p->yaml_end = &p->yaml;
    for (unsigned i = 0; i < CASE_KIND_COUNT; i++)
        p->cases[i].end = &p->cases[i].first;
    p->root.name = "";
    p->out.arena = p->arena;
    p->out.root = arena_alloc(p->arena, sizeof(*p->out.root));
    p->out.root->kind = OUT_MAP;
}

void package_free(struct problem_package *p)
{
    for (struct package_yaml *y = p->yaml; y != NULL; y = y->next)
        source_free(&y->source);
    base_closep(&p->dir);
    free(p->real);
    arena_free(p->arena);
}

static int refused(const struct problem_package *p, size_t n, struct cupel_error *err)
{
    return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "%s has %zu %s", p->asked->path, n,
                           n == 1 ? "problem" : "problems");
}

int package_convert(struct problem_package *p, struct jobs_converted *ret, struct cupel_error *err)
{
    size_t n;

    p->real = realpath(p->asked->path, NULL);
    if (p->real != NULL)
        p->dir = open(p->real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (p->dir < 0)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, errno, "cannot open the package %s",
                               p->asked->path);
    out_bare(&p->out, p->out.root, "cupel", "1");
    read_package(p);
    n = count_problems(p);
    if (n == 0 && p->cases[CASE_JUDGED].n == 0) {
        package_refuse(p, "data", "there are no test cases");
        n = 1;
    }
    if (n > 0)
        return refused(p, n, err);
    package_write(p);
    if (p->n_refused > 0)
        return refused(p, p->n_refused, err);
    out_write(p->out.root, &ret->text);
    ret->n_left = p->n_left;
    ret->n_jobs = p->submissions.n > 0 || p->asked->grading ? 2 : 0;
    return 0;
}

int jobs_package_convert(const struct jobs_packaging *what, struct jobs_converted *ret,
                         struct cupel_error *err)
{
    _cleanup_(package_free) struct problem_package p;

    package_init(&p, what, &ret->notes);
    return package_convert(&p, ret, err);
}
