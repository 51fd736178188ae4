/* SPDX-License-Identifier: Apache-2.0 */
/* passwd: private to sandbox; users, by the text of a root's passwd file. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Names this uid where the passwd file says nothing usable: "/root" or "/", "root" or the number.
 */
void passwd_plain_names(uint32_t uid, char *home, size_t home_size, char *name, size_t name_size);

/* The same from the text of a passwd file, which is cut up in doing so: whether it has an entry for
 * it (a number needs none, nor does root). -ENOENT: it has no such name. -ERANGE: an id that no job
 * has. */
#define PASSWD_MAX (256 * 1024)

/* Finds the user of `spec` ("name", "uid", "uid:gid") in the text of a passwd file, which is cut up
 * in doing so. Returns whether it has an entry for it (a number needs none, nor does root).
 * -ENOENT: it has no such name. -ERANGE: an id that no job has. */
int passwd_find(char *text, const char *spec, uint32_t *ret_uid, uint32_t *ret_gid, char *home,
                size_t home_size, char *name, size_t name_size);

/* Finds the user of `spec` in the root's own passwd file. */
int passwd_resolve(int root, const char *spec, uint32_t *ret_uid, uint32_t *ret_gid, char *home,
                   size_t home_size, char *name, size_t name_size);
