/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_lockfile: any bytes as a lock file. Either it is refused as a whole, with one clean error,
 * or what it says of roots is all there and harmless; and written again, it says the same. */
#include "fuzz.h"

#include "rootfs-cache/lockfile.h"
#include "rootfs-cache/sources/packages.h"

#include <fcntl.h>
#include <sys/stat.h>

static void check_clean(const char *text)
{
    FUZZ_EXPECT(fuzz_is_harmless(text, strlen(text), ""));
}

/* Checks packages, which go into apt's preferences and a command line. */
static void check_packages(const json_t *installed)
{
    _cleanup_(packages_free) struct packages p = {0}, again = {0};
    cleanup_free char *wrong = NULL, *text = NULL, *preferences = NULL;

    FUZZ_EXPECT(packages_of_json(installed, &p, &wrong) == 0);
    text = packages_text(&p);
    FUZZ_EXPECT(packages_parse(text, &again) == 0 && again.n == p.n);
    preferences = packages_preferences(&p);
    FUZZ_EXPECT(fuzz_is_harmless(preferences, strlen(preferences), "\n"));
    FUZZ_EXPECT(strpbrk(preferences, "*/'\"$;|&`(){}[]<>\\") == NULL);
}

static void check_entry(const json_t *entry)
{
    const char *digest = json_string_value(json_object_get(entry, "digest"));

    FUZZ_EXPECT(json_is_object(entry) && json_object_size(entry) > 0);
    FUZZ_EXPECT(digest == NULL ||
                (strlen(digest) == 71 && strspn(digest + 7, "0123456789abcdef") == 64));
    FUZZ_EXPECT(json_object_get(entry, "image") == NULL || digest != NULL);
    FUZZ_EXPECT(json_object_get(entry, "debian") == NULL ||
                json_object_get(entry, "installed") != NULL);
    if (json_object_get(entry, "installed") != NULL)
        check_packages(json_object_get(entry, "installed"));
}

static void tell(void *data, const char *root, const char *difference)
{
    (void)data;
    check_clean(root);
    if (difference != NULL)
        check_clean(difference);
}

/* Where nothing is noted, each of them is gone; where it is what it was, nothing is. */
static void check_comparison(struct cache_lockfile *lockfile)
{
    FUZZ_EXPECT(cache_lockfile_compare(lockfile, tell, NULL) == json_object_size(lockfile->had));
    if (lockfile->had == NULL)
        return;
    FUZZ_EXPECT(json_object_update(lockfile->noted, lockfile->had) == 0);
    FUZZ_EXPECT(cache_lockfile_compare(lockfile, tell, NULL) == 0);
}

static void check_lockfile(struct cache_lockfile *lockfile)
{
    struct cache_lockfile *again = NULL;
    struct cupel_error err;
    const char *name;
    json_t *entry;

    json_object_foreach(lockfile->had, name, entry) check_entry(entry);
    check_comparison(lockfile);
    FUZZ_EXPECT(cache_lockfile_write(lockfile, &err) == 0);
    FUZZ_EXPECT(cache_lockfile_open(fuzz_directory_path(), "job.yaml", &again, &err) == 0);
    FUZZ_EXPECT(json_equal(again->had, lockfile->noted) == 1);
    cache_lockfile_close(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_close int fd =
        openat(fuzz_directory(), LOCKFILE_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    struct cache_lockfile *lockfile = NULL;
    struct cupel_error err = {0};

    FUZZ_EXPECT(fd >= 0 && file_write_all(fd, data, size) == 0);
    if (cache_lockfile_open(fuzz_directory_path(), "dir/job.yaml", &lockfile, &err) == 0) {
        check_lockfile(lockfile);
        cache_lockfile_close(lockfile);
    } else {
        cleanup_strbuf struct strbuf line = {0};

        FUZZ_EXPECT(err.kind == CUPEL_ERROR_INPUT && err.hint[0] != '\0' &&
                    strstr(err.message, LOCKFILE_NAME) != NULL);
        text_add_line(&line, err.message); /* as it is printed */
        check_clean(line.data);
    }
    return 0;
}
