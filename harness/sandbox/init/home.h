/* SPDX-License-Identifier: Apache-2.0 */
/* home: private to sandbox; who a job's commands are, and their home. */
#pragma once

#include "harness/sandbox/init/init_context.h"

setup_fn setup_user;
setup_fn setup_home;
