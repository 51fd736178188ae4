/* SPDX-License-Identifier: Apache-2.0 */
/* serve_mhd: private to serve: libmicrohttpd, loaded when it is needed. It brings a TLS library and
 * eight more, whose loading takes longer than a short job: no other subcommand pays for that. */
#pragma once

#include "base/base.h"

#include <microhttpd.h>

#define SERVE_MHD_CALLS(X)                                                                         \
    X(start_daemon)                                                                                \
    X(stop_daemon)                                                                                 \
    X(run)                                                                                         \
    X(get_timeout)                                                                                 \
    X(get_daemon_info)                                                                             \
    X(add_connection)                                                                              \
    X(get_connection_info)                                                                         \
    X(suspend_connection)                                                                          \
    X(resume_connection)                                                                           \
    X(lookup_connection_value)                                                                     \
    X(create_response_from_buffer)                                                                 \
    X(create_response_from_callback)                                                               \
    X(create_response_from_fd64)                                                                   \
    X(add_response_header)                                                                         \
    X(queue_response)                                                                              \
    X(destroy_response)

#define SERVE_MHD_FIELD(name)                                                                      \
    __typeof__(MHD_##name) *name; /* NOLINT(bugprone-macro-parentheses)                            \
                                   */
struct serve_mhd {
    SERVE_MHD_CALLS(SERVE_MHD_FIELD)
};

int serve_mhd_load(struct serve_mhd *ret, struct cupel_error *err);
