/* SPDX-License-Identifier: Apache-2.0 */
/* hash: see hash.h. Not responsible for what a digest is compared with. */
#include "rootfs-cache/confined/hash.h"

#include "base/interrupt.h"
#include "base/libcrypto.h"

#include <string.h>

#define HASH_CHUNK ((size_t)1 << 20)

bool hash_is_hex(const char *text)
{
    return strlen(text) == CACHE_KEY_LEN && strspn(text, "0123456789abcdef") == CACHE_KEY_LEN;
}

void hash_hex(const unsigned char digest[32], char ret_hex[CACHE_KEY_LEN + 1])
{
    text_hex(digest, 32, ret_hex);
}

static void free_context(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}

static int hash_finish(EVP_MD_CTX *context, char ret_hex[CACHE_KEY_LEN + 1])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];

    if (EVP_DigestFinal_ex(context, bytes, NULL) != 1)
        return -EIO;
    hash_hex(bytes, ret_hex);
    return 0;
}

int hash_bytes(const void *data, size_t n, char ret_hex[CACHE_KEY_LEN + 1])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    struct cupel_error ignored;
    int r = libcrypto_load(&ignored);

    if (r < 0)
        return r;
    if (EVP_Digest(data, n, bytes, NULL, EVP_sha256(), NULL) != 1)
        return -EIO;
    hash_hex(bytes, ret_hex);
    return 0;
}

int hash_texts(const char *const *texts, size_t n, char ret_hex[CACHE_KEY_LEN + 1])
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
    return hash_finish(context, ret_hex);
}

int hash_file(int fd, char ret_hex[CACHE_KEY_LEN + 1])
{
    _cleanup_(free_context) EVP_MD_CTX *context = EVP_MD_CTX_new();
    cleanup_free char *chunk = xmalloc(HASH_CHUNK);
    off_t at = 0;

    if (context == NULL || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
        return -ENOMEM;
    for (;;) {
        ssize_t n = pread(fd, chunk, HASH_CHUNK, at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return hash_finish(context, ret_hex);
        if (EVP_DigestUpdate(context, chunk, (size_t)n) != 1)
            return -EIO;
        at += n;
        if (interrupt_is_pending())
            return -EINTR;
    }
}
