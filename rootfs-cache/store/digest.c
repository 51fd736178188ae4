/* digest: SHA-256 of recipes and files. Not responsible for what a digest is compared with. */
#include "rootfs-cache/store/digest.h"

#include "base/interrupt.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>

#define DIGEST_CHUNK ((size_t)1 << 20)
/* A file changed this recently could change again within the same time stamp: it is not remembered
 * yet. */
#define DIGEST_SETTLED_SECONDS 2

static void free_context(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}

static void to_hex(const unsigned char *bytes, char ret_hex[CACHE_KEY_LEN + 1])
{
    for (size_t i = 0; i < CACHE_KEY_LEN / 2; i++)
        (void)snprintf(ret_hex + 2 * i, 3, "%02x", bytes[i]);
}

static int finish(EVP_MD_CTX *context, char ret_hex[CACHE_KEY_LEN + 1])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];

    if (EVP_DigestFinal_ex(context, bytes, NULL) != 1)
        return -EIO;
    to_hex(bytes, ret_hex);
    return 0;
}

int digest_texts(const char *const *texts, size_t n, char ret_hex[CACHE_KEY_LEN + 1])
{
    _cleanup_(free_context) EVP_MD_CTX *context = EVP_MD_CTX_new();

    if (context == NULL || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        uint64_t length = strlen(texts[i]);

        if (EVP_DigestUpdate(context, &length, sizeof(length)) != 1 ||
            EVP_DigestUpdate(context, texts[i], (size_t)length) != 1)
            return -EIO;
    }
    return finish(context, ret_hex);
}

int digest_layer(const struct cache *cache, const char *const *texts, size_t n,
                 char ret_hex[CACHE_KEY_LEN + 1])
{
    cleanup_free const char **all = xcalloc(n + 1, sizeof(*all));

    for (size_t i = 0; i < n; i++)
        all[i] = texts[i];
    all[n] = cache->ids;
    return digest_texts(all, cache->ids != NULL ? n + 1 : n, ret_hex);
}

int digest_bytes(const void *data, size_t n, char ret_hex[CACHE_KEY_LEN + 1])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];

    if (EVP_Digest(data, n, bytes, NULL, EVP_sha256(), NULL) != 1)
        return -EIO;
    to_hex(bytes, ret_hex);
    return 0;
}

static int hash_fd(int fd, char ret_hex[CACHE_KEY_LEN + 1])
{
    _cleanup_(free_context) EVP_MD_CTX *context = EVP_MD_CTX_new();
    cleanup_free char *chunk = xmalloc(DIGEST_CHUNK);
    off_t at = 0;

    if (context == NULL || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
        return -ENOMEM;
    for (;;) {
        ssize_t n = pread(fd, chunk, DIGEST_CHUNK, at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return finish(context, ret_hex);
        if (EVP_DigestUpdate(context, chunk, (size_t)n) != 1)
            return -EIO;
        at += n;
        if (interrupt_is_pending())
            return -EINTR;
    }
}

/* All that changes when the content does; ctime cannot be set back by the file's owner. */
static char *describe(const struct stat *st)
{
    return xasprintf("%lld %lld.%09ld %lld.%09ld", (long long)st->st_size,
                     (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
                     (long long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

static bool recall(const struct cache *cache, const char *path, const char *state,
                   char ret_hex[CACHE_KEY_LEN + 1])
{
    cleanup_free char *text = NULL;
    size_t length, n = strlen(state);

    if (file_read_at(cache->dir, path, 4096, &text, &length) < 0)
        return false;
    if (length != CACHE_KEY_LEN + 1 + n || text[CACHE_KEY_LEN] != ' ' ||
        !str_eq(text + CACHE_KEY_LEN + 1, state))
        return false;
    memcpy(ret_hex, text, CACHE_KEY_LEN);
    ret_hex[CACHE_KEY_LEN] = '\0';
    return true;
}

static bool settled(const struct stat *st)
{
    time_t now = time(NULL);

    return st->st_mtim.tv_sec + DIGEST_SETTLED_SECONDS < now &&
           st->st_ctim.tv_sec + DIGEST_SETTLED_SECONDS < now;
}

int digest_file(struct cache *cache, int fd, char ret_hex[CACHE_KEY_LEN + 1])
{
    cleanup_free char *state = NULL, *path = NULL, *text = NULL;
    char hex[CACHE_KEY_LEN + 1];
    struct stat st;
    int r;

    if (fstat(fd, &st) < 0)
        return -errno;
    state = describe(&st);
    path = xasprintf("digests/%llx-%llx", (unsigned long long)st.st_dev,
                     (unsigned long long)st.st_ino);
    if (recall(cache, path, state, ret_hex))
        return 0;
    r = hash_fd(fd, hex);
    if (r < 0)
        return r;
    text = xasprintf("%s %s", hex, state);
    if (settled(&st))
        (void)file_write_atomic_at(cache->dir, path, text, strlen(text),
                                   0600); /* only saves time; failing costs time */
    memcpy(ret_hex, hex, sizeof(hex));
    return 0;
}
