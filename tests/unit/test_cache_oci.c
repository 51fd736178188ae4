/* SPDX-License-Identifier: Apache-2.0 */
/* Images that are not as they should be, made entry by entry: one error that names what is wrong,
 * nothing visible in the store, nothing touched outside. */
#include "rootfs-cache/confined/hash.h"
#include "rootfs-cache/confined/unpack.h"
#include "test_cache.h"

#define ITEMS 6

struct lie { /* where an image says what is not so */
    /* put in place of the right document; its descriptor says what is right of the wrong one */
    const char *index, *manifest, *config;
    const char *digest;  /* of layer 1, in the manifest */
    const char *diff_id; /* of layer 1, in the configuration */
    const char *size;    /* of layer 1, as JSON */
};

static char *path_of(const struct fixture *f, const char *name)
{
    return xasprintf("%s/img/%s", f->dir, name);
}

static void put(const struct fixture *f, const char *name, const char *text, size_t n)
{
    cleanup_free char *path = path_of(f, name);

    assert_int_equal(file_write_atomic_at(AT_FDCWD, path, text, n, 0600), 0);
}

/* Stores a blob; its descriptor's digest and size as JSON members. */
static char *put_blob(const struct fixture *f, const char *text, size_t n,
                      char ret_hex[CACHE_KEY_LEN + 1])
{
    cleanup_free char *name = NULL;

    assert_int_equal(hash_bytes(text, n, ret_hex), 0);
    name = xasprintf("blobs/sha256/%s", ret_hex);
    put(f, name, text, n);
    return xasprintf("\"digest\": \"sha256:%s\", \"size\": %zu", ret_hex, n);
}

static void make_image(const struct fixture *f, const struct item layers[][ITEMS], size_t n,
                       const char *filter, size_t cut, const struct lie *lie)
{
    cleanup_free char *place = path_of(f, "blobs/sha256"), *config = NULL, *config_d = NULL,
                      *manifest = NULL, *manifest_d = NULL, *index = NULL;
    cleanup_strbuf struct strbuf list = {0}, ids = {0};
    char hex[CACHE_KEY_LEN + 1];

    assert_int_equal(file_mkdir_p_at(AT_FDCWD, place, 0700), 0);
    for (size_t i = 0; i < n; i++) {
        cleanup_free char *text = NULL, *d = NULL, *plain = NULL;
        size_t len, plain_len;
        char diff[CACHE_KEY_LEN + 1];

        make_tar(f->tar, layers[i], NULL);
        assert_int_equal(file_read_at(AT_FDCWD, f->tar, 64 << 20, &plain, &plain_len), 0);
        plain_len = cut != 0 && cut < plain_len ? cut : plain_len;
        assert_int_equal(hash_bytes(plain, plain_len, diff), 0);
        if (filter != NULL)
            make_tar(f->tar, layers[i], filter);
        assert_int_equal(file_read_at(AT_FDCWD, f->tar, 64 << 20, &text, &len), 0);
        d = put_blob(f, text, cut != 0 && cut < len ? cut : len, hex);
        if (i == 0 && lie->digest != NULL)
            strbuf_addf(&list, "{\"digest\": \"%s\", \"size\": %zu}", lie->digest, len);
        else if (i == 0 && lie->size != NULL)
            strbuf_addf(&list, "{\"digest\": \"sha256:%s\", \"size\": %s}", hex, lie->size);
        else
            strbuf_addf(&list, "%s{%s}", i > 0 ? ", " : "", d);
        if (i == 0 && lie->diff_id != NULL)
            strbuf_addf(&ids, "\"%s\"", lie->diff_id);
        else
            strbuf_addf(&ids, "%s\"sha256:%s\"", i > 0 ? ", " : "", diff);
    }
    config = lie->config != NULL
                 ? xstrdup(lie->config)
                 : xasprintf("{\"rootfs\": {\"type\": \"layers\", \"diff_ids\": [%s]}}", ids.data);
    config_d = put_blob(f, config, strlen(config), hex);
    manifest = lie->manifest != NULL
                   ? xstrdup(lie->manifest)
                   : xasprintf("{\"config\": {%s}, \"layers\": [%s]}", config_d, list.data);
    manifest_d = put_blob(f, manifest, strlen(manifest), hex);
    index =
        lie->index != NULL ? xstrdup(lie->index) : xasprintf("{\"manifests\": [{%s}]}", manifest_d);
    put(f, "index.json", index, strlen(index));
}

static const struct lie truth;

static int prepare_image(struct fixture *f, struct cache_root *root, struct cupel_error *err)
{
    cleanup_free char *path = xasprintf("%s/img", f->dir);
    struct cache_source source = {.kind = CACHE_OCI, .name = "r", .oci = path};

    return cache_prepare(f->cache, &source, root, err);
}

static void forget_image(struct fixture *f)
{
    cleanup_free char *path = xasprintf("%s/img", f->dir);

    assert_int_equal(file_remove_tree_at(AT_FDCWD, path), 0);
}

/* `whole`: layers before the bad one are layers as any other, and stay. */
static void expect_refused(struct fixture *f, const char *part, size_t whole)
{
    struct cache_root root = CACHE_ROOT_INIT;
    struct cupel_error err = {0};

    if (prepare_image(f, &root, &err) >= 0) {
        cache_root_release(&root);
        fail_msg("not refused: expected '%s'", part);
    }
    assert_int_equal(err.kind, CUPEL_ERROR_INPUT);
    assert_contains(err.message, part);
    assert_null(strchr(err.message, '\n'));
    assert_int_equal(count_in(f, "layers"), whole);
    assert_int_equal(count_in(f, "tmp"), 0);
    forget_image(f);
}

static void test_entries(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *outside = xasprintf("%s/outside", f->dir);
    const struct {
        const char *message;
        struct item layer[ITEMS];
    } cases[] = {
        {"'../x' climbs out", {{.name = "../x", .data = "x"}}},
        {"'a/../../x' climbs out", {{.name = "a/../../x", .data = "x"}}},
        {"'/../x' climbs out", {{.name = "/../x", .data = "x"}}},
        {"'l/x' lies beneath a symbolic link",
         {{.name = "l", .type = AE_IFLNK, .data = outside}, {.name = "l/x", .data = "x"}}},
        {"'h' is a hard link to outside", {{.name = "h", .hardlink = "../../etc/passwd"}}},
        {"'h' is a hard link to something that is not", {{.name = "h", .hardlink = "/etc/passwd"}}},
        {"'h' is a hard link to something that is not", {{.name = "h", .hardlink = "nothing"}}},
        {"'.' would replace the root", {{.name = ".", .data = "x"}}},
        {"would replace the root", {{.name = "./", .type = AE_IFLNK, .data = outside}}},
        {"'.wh..'", {{.name = ".wh..", .data = ""}}},
        {"'d/.wh...'", {{.name = "d/.wh...", .data = ""}}},
        {"'d/.wh.'", {{.name = "d/.wh.", .data = ""}}},
        {"'new?line/../../x' climbs out", {{.name = "new\nline/../../x", .data = "x"}}},
    };

    assert_int_equal(mkdir(outside, 0755), 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        make_image(f, &cases[i].layer, 1, NULL, 0, &truth);
        expect_refused(f, cases[i].message, 0);
    }
    assert_int_equal(rmdir(outside), 0); /* still empty */
}

/* A link of a lower layer is resolved within the root: what is written through it lands there, and
 * never outside. */
static void test_links_across_layers(void **state)
{
    struct fixture *f = *state;
    cleanup_free char *outside = xasprintf("%s/outside", f->dir),
                      *within = xasprintf("%s/x", outside + 1);
    const struct item layers[2][ITEMS] = {
        {{.name = "l", .type = AE_IFLNK, .data = outside},
         {.name = "up", .type = AE_IFLNK, .data = "../../../.."}},
        {{.name = "l/x", .data = "mine"}, {.name = "up/y", .data = "mine"}}};
    struct cache_root root = CACHE_ROOT_INIT;
    struct cupel_error err;

    assert_int_equal(mkdir(outside, 0755), 0);
    make_image(f, layers, 2, NULL, 0, &truth);
    if (prepare_image(f, &root, &err) < 0)
        fail_msg("%s", err.message);
    assert_content(root.layer[0], within, "mine");
    assert_content(root.layer[0], "y", "mine");
    cache_root_release(&root);
    assert_int_equal(rmdir(outside), 0);
}

static void test_documents(void **state)
{
    struct fixture *f = *state;
    const struct item layers[1][ITEMS] = {{{.name = "a", .data = "x"}}};
    cleanup_strbuf struct strbuf deep = {0};
    static const char nought[] =
        "sha256:0000000000000000000000000000000000000000000000000000000000000000";
    const struct {
        const char *message;
        struct lie lie;
    } cases[] = {
        {"layer 1", {.digest = nought}},
        {"the tar in the layer is sha256:", {.diff_id = nought}},
        {"has no digest or no size", {.size = "-1"}},
        {"layer 1 has", {.size = "9223372036854775807"}},
        {"has no digest or no size", {.size = "99999999999999999999"}},
        {"only sha256 is known", {.digest = "md5:0"}},
        {"only sha256 is known", {.digest = "sha256:../../../../etc/passwd"}},
        {"no sha256", {.diff_id = "x\\ny"}},
        {"no list of layers", {.manifest = "{\"config\": {}, \"layers\": {}}"}},
        {"configuration has no digest", {.manifest = "{\"config\": {}, \"layers\": []}"}},
        {"no JSON", {.manifest = "{\"layers\": [], \"layers\": []}"}},
        {"no JSON", {.config = "{\"a\": 1, \"a\": 2}"}},
        {"0 diff_ids for 1 layers", {.config = "{\"rootfs\": {\"diff_ids\": []}}"}},
        {"lists no manifests", {.index = "[]"}},
        {"no image for", {.index = "{\"manifests\": []}"}},
        {"no JSON", {.index = "\xff"}},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        make_image(f, layers, 1, NULL, 0, &cases[i].lie);
        expect_refused(f, cases[i].message, 0);
    }
    for (size_t i = 0; i < 1000000; i++)
        strbuf_adds(&deep, "[");
    make_image(f, layers, 1, NULL, 0, &(struct lie){.index = deep.data});
    expect_refused(f, "no JSON", 0);
    make_image(f, layers, 1, NULL, 0, &(struct lie){.manifest = deep.data});
    expect_refused(f, "no JSON", 0);
}

/* Cut at every block: the digests are those of what was cut, so that the tar alone tells. */
static void test_cut_short(void **state)
{
    struct fixture *f = *state;
    static const struct item layers[1][ITEMS] = {{{.name = "a", .data = "x"},
                                                  {.name = "d", .type = AE_IFDIR},
                                                  {.name = "d/b", .data = "y"}}};
    cleanup_free char *text = NULL;
    size_t len;

    make_tar(f->tar, layers[0], NULL);
    assert_int_equal(file_read_at(AT_FDCWD, f->tar, 1 << 20, &text, &len), 0);
    /* within a header or a content */
    for (size_t cut = 512 - 100; cut < len - 1024; cut += 512) {
        make_image(f, layers, 1, NULL, cut, &truth);
        expect_refused(f, "layer 1 of 1", 0);
    }
    make_image(f, layers, 1, "gzip", 60, &truth);
    expect_refused(f, "layer 1 of 1", 0);
}

/* ---- the archive around it ---- */

static void add_file(const struct fixture *f, struct archive *a, const char *name)
{
    cleanup_free char *path = path_of(f, name), *text = NULL;
    struct archive_entry *e = archive_entry_new();
    size_t length;

    assert_int_equal(file_read_at(AT_FDCWD, path, 1 << 20, &text, &length), 0);
    archive_entry_copy_pathname(e, name);
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_perm(e, 0644);
    archive_entry_set_size(e, (int64_t)length);
    assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
    assert_int_equal(archive_write_data(a, text, length), (la_ssize_t)length);
    archive_entry_free(e);
}

/* The layout as a tar, its index last: whatever is cut off, something is missing. */
static char *archive_of(const struct fixture *f, const char *filter, size_t *ret_length)
{
    cleanup_free char *place = path_of(f, "blobs/sha256");
    struct archive *a = archive_write_new();
    struct dirent **names;
    char *text;
    int n = scandir(place, &names, NULL, alphasort);

    assert_true(n > 2);
    assert_int_equal(archive_write_set_format_ustar(a), ARCHIVE_OK);
    if (filter != NULL)
        assert_int_equal(archive_write_add_filter_by_name(a, filter), ARCHIVE_OK);
    assert_int_equal(archive_write_open_filename(a, f->tar), ARCHIVE_OK);
    for (int i = 0; i < n; i++) {
        cleanup_free char *name = xasprintf("blobs/sha256/%s", names[i]->d_name);

        if (names[i]->d_name[0] != '.')
            add_file(f, a, name);
        free(names[i]);
    }
    free(names);
    add_file(f, a, "index.json");
    assert_int_equal(archive_write_free(a), ARCHIVE_OK);
    assert_int_equal(file_read_at(AT_FDCWD, f->tar, 1 << 20, &text, ret_length), 0);
    return text;
}

static void write_archive(const struct fixture *f, const char *text, size_t length)
{
    cleanup_close int fd = open(f->tar, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_int_equal(file_write_all(fd, text, length), 0);
}

static void cut_archive(struct fixture *f, const char *filter, size_t step)
{
    cleanup_free char *text = NULL;
    const struct cache_source source = {.kind = CACHE_OCI, .name = "r", .oci = f->tar};
    struct cache_root root = CACHE_ROOT_INIT;
    struct cupel_error err = {0};
    size_t whole, length;

    text = archive_of(f, filter, &whole);
    length = whole;
    if (filter ==
        NULL) /* it may well lack its end marker, since digests say that nothing else is missing */
        while (length > 512 && text[length - 1] == '\0')
            length--;
    for (size_t cut = 0; cut < length; cut += step) {
        write_archive(f, text, cut);
        if (cache_prepare(f->cache, &source, &root, &err) >= 0)
            fail_msg("%s, cut at %zu of %zu, was taken", filter != NULL ? filter : "a tar", cut,
                     length);
        assert_int_equal(err.kind, CUPEL_ERROR_INPUT);
        assert_contains(err.message, f->tar);
        assert_nothing_left(f);
    }
    write_archive(f, text, whole);
    if (cache_prepare(f->cache, &source, &root, &err) < 0)
        fail_msg("%s", err.message);
    cache_root_release(&root);
}

static void test_archive_cut_short(void **state)
{
    struct fixture *f = *state;
    static const struct item layers[1][ITEMS] = {
        {{.name = "a", .data = "x"}, {.name = "d", .type = AE_IFDIR}}};
    static const struct {
        const char *filter;
        size_t step;
    } forms[] = {{NULL, 97}, {"gzip", 17}, {"xz", 17}, {"zstd", 17}, {"bzip2", 17}};

    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        make_image(f, layers, 1, "gzip", 0, &truth);
        cut_archive(f, forms[i].filter, forms[i].step);
        forget_image(f);
        assert_int_equal(cache_gc(f->cache, &(struct cache_gc){.older_seconds = 0},
                                  &(struct cache_collected){0}, &(struct cupel_error){0}),
                         0);
    }
}

/* Limits hold for layers as for tars; scaled down. */
static void test_bombs(void **state)
{
    struct fixture *f = *state;
    static const struct item items[] = {
        {.name = "a", .data = "0123456789"}, {.name = "b"}, {.name = "c"}, {0}};
    const struct {
        struct unpack_limits limits;
        const char *message;
    } cases[] = {{{.entries = 2, .bytes = 1 << 20}, "more than 2 entries"},
                 {{.entries = 100, .bytes = 9}, "more than 9"}};
    struct blob blob = BLOB_INIT;
    struct stat st;

    make_tar(f->tar, items, "gzip");
    blob.fd = open(f->tar, O_RDONLY | O_CLOEXEC);
    assert_int_equal(fstat(blob.fd, &st), 0);
    blob.size = (uint64_t)st.st_size;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_free char *place = xasprintf("%s/tree%zu", f->dir, i);
        cleanup_close int tree = file_open_dir_p_at(AT_FDCWD, place, 0755);
        int no_lowers[1];
        const struct unpack_layer layer = {
            .blob = &blob, .digest = "", .diff_id = "", .lowers = no_lowers, .ready = -EBADF};
        struct child_counts counts;
        struct cupel_error err;

        assert_int_equal(
            unpack_layer(&layer, "bomb", tree, -EBADF, &cases[i].limits, &counts, &err), -EFBIG);
        assert_contains(err.message, cases[i].message);
    }
    (void)close(blob.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_entries, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_links_across_layers, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_documents, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_bombs, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_cut_short, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_archive_cut_short, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
