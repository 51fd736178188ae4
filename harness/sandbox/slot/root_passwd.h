/* SPDX-License-Identifier: Apache-2.0 */
/* root_passwd: private to sandbox; users, by the passwd files of a root's layers. */
#pragma once

#include "harness/sandbox/sandbox.h"

/* Reads the topmost layer's etc/FILE, up to PASSWD_MAX bytes, as text; empty where there is none.
 * Errors as sandbox_user_find's. */
int passwd_read_layers(const int *layers, size_t n_layers, const char *file, char *text);

/* Does passwd_find() in the passwd file of these layers, top first. */
int passwd_find_layers(const int *layers, size_t n_layers, const char *spec,
                       struct sandbox_user *ret);
