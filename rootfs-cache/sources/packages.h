/* SPDX-License-Identifier: Apache-2.0 */
/* packages: private to rootfs-cache. A list of Debian packages, each of exactly one version and
 * content: what was installed in a layer, or what has to be. */
#pragma once

#include "base/base.h"

#include <jansson.h>

struct package {
    char *name; /* with its architecture: "gcc:amd64", "adduser:all" */
    char *version;
    char sha256[65]; /* of its .deb, as the archive's signed index has it */
};

struct packages {
    struct package *list; /* sorted by name, each once */
    size_t n;
};

void packages_free(struct packages *packages);
/* One a line: "NAME:ARCH VERSION SHA256". -EBADMSG: it is no such list. */
int packages_parse(const char *text, struct packages *ret);
char *packages_text(const struct packages *packages);
/* The same as a JSON object, {"NAME:ARCH": "VERSION SHA256"}. -EBADMSG, and *ret_wrong (malloc'ed)
 * tells which is none. */
json_t *packages_json(const struct packages *packages);
int packages_of_json(const json_t *object, struct packages *ret, char **ret_wrong);

/* Makes the list from what dpkg has installed ("NAME:ARCH=VERSION", one a line) and what apt knows
 * of these (stanzas of its Packages files). -ENOENT, and *ret_wrong (malloc'ed) names the first
 * that apt does not know. */
int packages_of_apt(const char *installed, const char *offered, struct packages *ret,
                    char **ret_wrong);
/* "NAME:ARCH=VERSION", one a line, as dpkg has them and apt takes them. */
char *packages_wanted(const struct packages *packages);
/* Preferences for apt (apt_preferences(5)) by which no other version of them is taken. */
char *packages_preferences(const struct packages *packages);

/* How `now` is not what `locked` says, at most three of them and how many more; "" when it is the
 * same. Appended to out. */
void packages_difference(const struct packages *locked, const struct packages *now,
                         struct strbuf *out);
/* Appends which of `locked` are not among what apt has been found to offer (stanzas, as above), in
 * the same way; returns how many. */
size_t packages_missing(const struct packages *locked, const char *offered, struct strbuf *out);
