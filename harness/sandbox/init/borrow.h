/* SPDX-License-Identifier: Apache-2.0 */
/* borrow: private to sandbox; PID 1's side of what the host lends. */
#pragma once

#include "harness/sandbox/init/init_context.h"

setup_fn setup_borrow;
setup_fn setup_views;

/* Attaches the nodes of /dev, where they are the host's. */
int borrow_attach_devices(struct init_context *ctx);
