/* SPDX-License-Identifier: Apache-2.0 */
/* replay: runs a fuzz target over its corpus, without libFuzzer, as a unit test of every build:
 * what a fuzzer has found once stays found. Each input is also cut short at a few places, since
 * most damage is. */
#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>

#define INPUT_MAX ((size_t)4 << 20)
#define CUTS 8

static int is_input(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

/* A copy of exactly this length, so that a sanitizer sees what is read beyond it. */
static void run(const char *data, size_t n)
{
    cleanup_free uint8_t *copy = xmalloc(n > 0 ? n : 1);

    if (n > 0)
        memcpy(copy, data, n);
    (void)LLVMFuzzerTestOneInput(copy, n);
}

static void replay(const char *dir, const char *name)
{
    cleanup_free char *path = xasprintf("%s/%s", dir, name);
    cleanup_free char *data = NULL;
    size_t n;

    (void)fprintf(stderr, "# %s\n", path); /* the last one named is the one that ended us */
    FUZZ_EXPECT(file_read_at(AT_FDCWD, path, INPUT_MAX, &data, &n) == 0);
    run(data, n);
    for (size_t i = 0; i < CUTS; i++)
        run(data, n * i / CUTS);
}

int main(int argc, char **argv)
{
    const char *dir = argc > 1 ? argv[1] : FUZZ_CORPUS;
    struct dirent **list;
    int n = scandir(dir, &list, is_input, alphasort);

    if (n <= 0) {
        (void)printf("not ok 1 - no corpus at %s\n", dir);
        return 1;
    }
    (void)printf("1..%d\n", n);
    for (int i = 0; i < n; i++) {
        replay(dir, list[i]->d_name);
        (void)printf("ok %d - %s\n", i + 1, list[i]->d_name);
        (void)fflush(stdout);
        free(list[i]);
    }
    free(list);
    return 0;
}
