/* SPDX-License-Identifier: Apache-2.0 */
/* libarchive: private to what reads archives behind the wall: what is called of libarchive, which
 * is loaded late (base/late.h). */
#pragma once

#include "base/late.h"

#include <archive.h>
#include <archive_entry.h>

/* clang-format off */
#define LIBARCHIVE_FUNCTIONS(X) \
    X(archive_entry_acl_next) \
    X(archive_entry_acl_reset) \
    X(archive_entry_acl_types) \
    X(archive_entry_copy_pathname) \
    X(archive_entry_filetype) \
    X(archive_entry_gid) \
    X(archive_entry_hardlink) \
    X(archive_entry_is_encrypted) \
    X(archive_entry_mtime) \
    X(archive_entry_mtime_is_set) \
    X(archive_entry_mtime_nsec) \
    X(archive_entry_pathname) \
    X(archive_entry_perm) \
    X(archive_entry_set_fflags) \
    X(archive_entry_set_gid) \
    X(archive_entry_set_hardlink) \
    X(archive_entry_set_uid) \
    X(archive_entry_size) \
    X(archive_entry_size_is_set) \
    X(archive_entry_stat) \
    X(archive_entry_symlink) \
    X(archive_entry_uid) \
    X(archive_entry_xattr_next) \
    X(archive_entry_xattr_reset) \
    X(archive_errno) \
    X(archive_error_string) \
    X(archive_filter_bytes) \
    X(archive_filter_code) \
    X(archive_format) \
    X(archive_read_data) \
    X(archive_read_data_block) \
    X(archive_read_data_skip) \
    X(archive_read_free) \
    X(archive_read_new) \
    X(archive_read_next_header) \
    X(archive_read_open) \
    X(archive_read_open_fd) \
    X(archive_read_support_filter_bzip2) \
    X(archive_read_support_filter_compress) \
    X(archive_read_support_filter_gzip) \
    X(archive_read_support_filter_lz4) \
    X(archive_read_support_filter_lzma) \
    X(archive_read_support_filter_xz) \
    X(archive_read_support_filter_zstd) \
    X(archive_read_support_format_empty) \
    X(archive_read_support_format_raw) \
    X(archive_read_support_format_tar) \
    X(archive_read_support_format_zip_seekable) \
    X(archive_set_error) \
    X(archive_write_close) \
    X(archive_write_data_block) \
    X(archive_write_disk_new) \
    X(archive_write_disk_set_options) \
    X(archive_write_finish_entry) \
    X(archive_write_free) \
    X(archive_write_header)
/* clang-format on */

struct libarchive_functions {
    LIBARCHIVE_FUNCTIONS(LATE_POINTER)
};

/* To be called through the macros below. */
extern struct libarchive_functions libarchive;
int libarchive_load(struct cupel_error *err);
/* Loads it where it is not: for the functions that others need the result of. */
const struct libarchive_functions *libarchive_loaded(void);

#define archive_entry_acl_next (libarchive.archive_entry_acl_next)
#define archive_entry_acl_reset (libarchive.archive_entry_acl_reset)
#define archive_entry_acl_types (libarchive.archive_entry_acl_types)
#define archive_entry_copy_pathname (libarchive.archive_entry_copy_pathname)
#define archive_entry_filetype (libarchive.archive_entry_filetype)
#define archive_entry_gid (libarchive.archive_entry_gid)
#define archive_entry_hardlink (libarchive.archive_entry_hardlink)
#define archive_entry_is_encrypted (libarchive.archive_entry_is_encrypted)
#define archive_entry_mtime (libarchive.archive_entry_mtime)
#define archive_entry_mtime_is_set (libarchive.archive_entry_mtime_is_set)
#define archive_entry_mtime_nsec (libarchive.archive_entry_mtime_nsec)
#define archive_entry_pathname (libarchive.archive_entry_pathname)
#define archive_entry_perm (libarchive.archive_entry_perm)
#define archive_entry_set_fflags (libarchive.archive_entry_set_fflags)
#define archive_entry_set_gid (libarchive.archive_entry_set_gid)
#define archive_entry_set_hardlink (libarchive.archive_entry_set_hardlink)
#define archive_entry_set_uid (libarchive.archive_entry_set_uid)
#define archive_entry_size (libarchive.archive_entry_size)
#define archive_entry_size_is_set (libarchive.archive_entry_size_is_set)
#define archive_entry_stat (libarchive.archive_entry_stat)
#define archive_entry_symlink (libarchive.archive_entry_symlink)
#define archive_entry_uid (libarchive.archive_entry_uid)
#define archive_entry_xattr_next (libarchive.archive_entry_xattr_next)
#define archive_entry_xattr_reset (libarchive.archive_entry_xattr_reset)
#define archive_errno (libarchive.archive_errno)
#define archive_error_string (libarchive.archive_error_string)
#define archive_filter_bytes (libarchive.archive_filter_bytes)
#define archive_filter_code (libarchive.archive_filter_code)
#define archive_format (libarchive.archive_format)
#define archive_read_data (libarchive.archive_read_data)
#define archive_read_data_block (libarchive.archive_read_data_block)
#define archive_read_data_skip (libarchive.archive_read_data_skip)
#define archive_read_free (libarchive.archive_read_free)
#define archive_read_new (libarchive_loaded()->archive_read_new)
#define archive_read_next_header (libarchive.archive_read_next_header)
#define archive_read_open (libarchive.archive_read_open)
#define archive_read_open_fd (libarchive.archive_read_open_fd)
#define archive_read_support_filter_bzip2 (libarchive.archive_read_support_filter_bzip2)
#define archive_read_support_filter_compress (libarchive.archive_read_support_filter_compress)
#define archive_read_support_filter_gzip (libarchive.archive_read_support_filter_gzip)
#define archive_read_support_filter_lz4 (libarchive.archive_read_support_filter_lz4)
#define archive_read_support_filter_lzma (libarchive.archive_read_support_filter_lzma)
#define archive_read_support_filter_xz (libarchive.archive_read_support_filter_xz)
#define archive_read_support_filter_zstd (libarchive.archive_read_support_filter_zstd)
#define archive_read_support_format_empty (libarchive.archive_read_support_format_empty)
#define archive_read_support_format_raw (libarchive.archive_read_support_format_raw)
#define archive_read_support_format_tar (libarchive.archive_read_support_format_tar)
#define archive_read_support_format_zip_seekable                                                   \
    (libarchive.archive_read_support_format_zip_seekable)
#define archive_set_error (libarchive.archive_set_error)
#define archive_write_close (libarchive.archive_write_close)
#define archive_write_data_block (libarchive.archive_write_data_block)
#define archive_write_disk_new (libarchive_loaded()->archive_write_disk_new)
#define archive_write_disk_set_options (libarchive.archive_write_disk_set_options)
#define archive_write_finish_entry (libarchive.archive_write_finish_entry)
#define archive_write_free (libarchive.archive_write_free)
#define archive_write_header (libarchive.archive_write_header)
