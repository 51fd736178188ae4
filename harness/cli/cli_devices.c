/* SPDX-License-Identifier: Apache-2.0 */
/* cli_devices: `--allow-device`, the same for all subcommands that run jobs. */
#include "harness/cli/cli_devices.h"

#include "jobs/jobs.h"

int cli_allow_devices(const struct cli_command *command, const struct cli_list *names,
                      uint32_t *ret)
{
    uint32_t set = 0;

    for (size_t i = 0; i < names->n; i++) {
        enum jobs_device device;

        if (!jobs_device_find(names->items[i], &device)) {
            const char *near = str_nearest(names->items[i], jobs_device_names + JOBS_DEVICE_KVM,
                                           JOBS_DEVICE_COUNT - JOBS_DEVICE_KVM);

            return cli_wrong(command, "--allow-device: there is no device '%s' for jobs%s%s%s",
                             names->items[i], near != NULL ? ", did you mean '" : "",
                             near != NULL ? near : "", near != NULL ? "'?" : "");
        }
        set |= 1u << device;
    }
    *ret = set;
    return 0;
}
