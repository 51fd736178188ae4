/* SPDX-License-Identifier: Apache-2.0 */
/* serve_files: private to serve: files that jobs name by their digest, in a store of bounded size
 * that lives as long as the server. */
#pragma once

#include "harness/serve/serve_state.h"

int serve_files_open(struct serve_files *f, int run_dirfd, const char *run_path, uint64_t max,
                     struct cupel_error *err);
void serve_files_close(struct serve_files *f);
struct serve_file *serve_files_find(struct serve_files *f, const char *name);
/* Opens its content; fd or -errno. */
int serve_files_read(struct serve_files *f, struct serve_file *file);

/* A file on its way in. */
struct serve_upload;
struct serve_upload *serve_upload_begin(struct serve_files *f, const char *name);
/* What goes wrong is told at the end. */
void serve_upload_add(struct serve_upload *u, const void *data, size_t len);
/* Ends it: the file is there, or why not. Frees it. */
int serve_upload_end(struct server *s, struct serve_upload *u, struct serve_refusal *why);
void serve_upload_drop(struct serve_upload *u);
/* Says whether this is "sha256:" and 64 lower-case digits. */
bool serve_file_is_name(const char *text);
