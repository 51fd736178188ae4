/* SPDX-License-Identifier: Apache-2.0 */
/* artifact_digest: see artifact_digest.h. Holes are zeros, which cost time and nothing else: of all
 * files of a collection together, so many of them are hashed and no more. Not responsible for what
 * is copied. */
#include "harness/attempt/artifact_digest.h"

#include "base/libcrypto.h"

#define ZEROS_MAX (UINT64_C(64) << 20)

struct artifact_digest {
    EVP_MD_CTX *context;
    uint64_t zeros_left;
    bool good; /* all of the present file has been hashed */
};

struct artifact_digest *artifact_digest_new(void)
{
    struct artifact_digest *d = xcalloc(1, sizeof(*d));

    d->context = EVP_MD_CTX_new();
    d->zeros_left = ZEROS_MAX;
    return d;
}

void artifact_digest_free(struct artifact_digest *d)
{
    if (d != NULL)
        EVP_MD_CTX_free(d->context);
    free(d);
}

void artifact_digest_begin(struct artifact_digest *d)
{
    d->good = d->context != NULL && EVP_DigestInit_ex(d->context, EVP_sha256(), NULL) == 1;
}

void artifact_digest_add(struct artifact_digest *d, const void *data, size_t n)
{
    d->good = d->good && EVP_DigestUpdate(d->context, data, n) == 1;
}

void artifact_digest_add_hole(struct artifact_digest *d, uint64_t n)
{
    static const char zeros[16384];

    if (n > d->zeros_left)
        d->good = false;
    d->zeros_left -= d->good ? n : 0;
    for (; d->good && n > 0; n -= n < sizeof(zeros) ? n : sizeof(zeros))
        artifact_digest_add(d, zeros, n < sizeof(zeros) ? (size_t)n : sizeof(zeros));
}

void artifact_digest_end(struct artifact_digest *d, struct reports_file *ret)
{
    ret->has_sha256 = d->good && EVP_DigestFinal_ex(d->context, ret->sha256, NULL) == 1;
}
