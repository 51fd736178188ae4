/* SPDX-License-Identifier: Apache-2.0 */
/* cli_devices: `--allow-device`, the same for all subcommands that run jobs. */
#pragma once

#include "harness/cli/options.h"

#define CLI_ALLOW_DEVICE(field_)                                                                   \
    CLI_OPTION('\0', "allow-device", CLI_LIST, field_, "NAME",                                     \
               "let jobs that have it among their `devices` use this one of the machine: kvm; "    \
               "may be repeated")

/* The names as bits of enum jobs_device; 0, or the exit code after the error was printed. */
int cli_allow_devices(const struct cli_command *command, const struct cli_list *names,
                      uint32_t *ret);
