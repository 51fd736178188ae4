/* SPDX-License-Identifier: Apache-2.0 */
/* json_lines: see json_lines.h. Not responsible for what the objects mean. */
#include "reports/json_lines.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* The results of a hundred thousand jobs are some hundred MiB. */
#define FILE_SIZE_MAX ((off_t)1024 * 1024 * 1024)
#define LINE_SIZE_MAX ((size_t)4 * 1024 * 1024)

const char *json_lines_text(const json_t *line, const char *key)
{
    return json_string_value(json_object_get(line, key));
}

/* Whether a line is the run's own: no object that is read here, and as long as its command line and
 * the names of its files make it. */
static bool is_of_run(const struct strbuf *line)
{
    static const char begin[] = "{\"type\":\"run\",";

    return line->len >= sizeof(begin) - 1 && memcmp(line->data, begin, sizeof(begin) - 1) == 0;
}

/* Reads up to the end of a line or of the file, as getline(3) does, but for one that is too long;
 * of the run's, which may be, there is nothing but its beginning then. */
static int read_line(FILE *f, struct strbuf *line)
{
    char part[1024];
    size_t n = 0;
    int c;

    line->len = 0;
    while ((c = getc_unlocked(f)) != EOF && c != '\n') {
        if (line->len + n == LINE_SIZE_MAX && !is_of_run(line))
            return -EFBIG;
        if (line->len + n == LINE_SIZE_MAX)
            continue;
        part[n++] = (char)c;
        if (n < sizeof(part))
            continue;
        strbuf_add(line, part, n);
        n = 0;
    }
    strbuf_add(line, part, n);
    return ferror(f) ? -EIO : c != EOF || line->len > 0;
}

static int take_lines(FILE *f, int (*take)(void *data, const json_t *line), void *data)
{
    cleanup_strbuf struct strbuf line = {0};
    off_t size = 0; /* the file may grow meanwhile */
    int r;

    while ((r = read_line(f, &line)) > 0) {
        json_t *object = json_loadb(line.data, line.len, 0, NULL);

        size += (off_t)line.len + 1;
        r = size > FILE_SIZE_MAX ? -EFBIG : json_is_object(object) ? take(data, object) : 0;
        json_decref(object);
        if (r < 0)
            break;
    }
    return r;
}

int json_lines_read(int dirfd, const char *name, int (*take)(void *data, const json_t *line),
                    void *data)
{
    struct stat st;
    int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), r;
    FILE *f = fd < 0 ? NULL : fdopen(fd, "r");

    if (f == NULL) {
        r = -errno;
        base_closep(&fd);
        return r;
    }
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        r = -EINVAL;
    else
        r = st.st_size > FILE_SIZE_MAX ? -EFBIG : take_lines(f, take, data);
    (void)fclose(f);
    return r;
}
