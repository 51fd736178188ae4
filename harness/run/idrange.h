/* idrange: the host ids that a slot maps its jobs' onto. */
#pragma once

#include "base/base.h"

/* A range of host ids that no other slot on this machine has, held while the fd is open. */
int idrange_claim(uint32_t *ret_base, int *ret_lock, struct cupel_error *err);
