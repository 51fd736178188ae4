/* SPDX-License-Identifier: Apache-2.0 */
/* libcrypto: what is called of libcrypto, which is loaded late (base/late.h). */
#pragma once

#include "base/late.h"

#include <openssl/evp.h>

/* clang-format off */
#define LIBCRYPTO_FUNCTIONS(X) \
    X(EVP_Digest) \
    X(EVP_DigestFinal_ex) \
    X(EVP_DigestInit_ex) \
    X(EVP_DigestUpdate) \
    X(EVP_MD_CTX_free) \
    X(EVP_MD_CTX_new) \
    X(EVP_sha256)
/* clang-format on */

struct libcrypto_functions {
    LIBCRYPTO_FUNCTIONS(LATE_POINTER)
};

/* To be called through the macros below. */
extern struct libcrypto_functions libcrypto;
int libcrypto_load(struct cupel_error *err);
/* Loads it where it is not: for the functions that others need the result of, and for those that
 * are called though nothing was made. */
const struct libcrypto_functions *libcrypto_loaded(void);

#define EVP_Digest (libcrypto.EVP_Digest)
#define EVP_DigestFinal_ex (libcrypto.EVP_DigestFinal_ex)
#define EVP_DigestInit_ex (libcrypto.EVP_DigestInit_ex)
#define EVP_DigestUpdate (libcrypto.EVP_DigestUpdate)
#define EVP_MD_CTX_free (libcrypto_loaded()->EVP_MD_CTX_free) /* of nothing as well */
#define EVP_MD_CTX_new (libcrypto_loaded()->EVP_MD_CTX_new)
#define EVP_sha256 (libcrypto_loaded()->EVP_sha256)
