/* SPDX-License-Identifier: Apache-2.0 */
/* programs: the package's own programs, of which only validators of output are run: which there
 * are, and how each is made ready, in the sandbox that it is for. */
#include "jobs/packages/package.h"

#include <string.h>

/* Where its files are, and where it is made of them. */
#define PROGRAM_FILES "/package/validator"
#define PROGRAM_PLACE "/validator"

static const char *ending_of(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot != NULL ? dot : "";
}

static bool is_c_plus_plus(const char *name)
{
    static const char *const endings[] = {".cc", ".cpp", ".cxx", ".c++", ".C"};

    for (size_t i = 0; i < ARRAY_SIZE(endings); i++)
        if (str_eq(ending_of(name), endings[i]))
            return true;
    return false;
}

struct package_program *package_find_program(struct problem_package *p, const char *dir,
                                             bool is_list)
{
    struct package_program *program = arena_alloc(p->arena, sizeof(*program));
    struct package_list list;

    if (!package_list(p, dir, &list) || list.n == 0) {
        if (is_list) /* the legacy format says that there is one */
            package_refuse(p, dir, "'validation: custom', and there is no validator");
        return NULL;
    }
    program->name = program->path = dir;
    program->is_directory = true;
    program->files = list;
    if (!is_list)
        return program;
    if (list.n > 1) {
        package_refuse(p, dir, "there is more than one validator, and one is run");
        return NULL;
    }
    program->path = list.items[0].path;
    program->is_directory = list.items[0].is_directory;
    if (program->is_directory && !package_list(p, program->path, &program->files))
        return NULL;
    return program;
}

void package_find_programs(struct problem_package *p, const char *dir, struct package_program **ret)
{
    struct package_list list;

    if (!package_list(p, dir, &list))
        return;
    for (size_t i = 0; i < list.n; i++) {
        const struct package_entry *e = &list.items[i];
        struct package_program *program = arena_alloc(p->arena, sizeof(*program));

        if (str_eq(ending_of(e->name), ".ctd") || str_eq(ending_of(e->name), ".viva")) {
            package_left(p, NULL, NULL, e->path,
                         "validators of input that are no programs are not run");
            continue;
        }
        *program = (struct package_program){
            .name = e->name, .path = e->path, .is_directory = e->is_directory};
        if (e->is_directory && !package_list(p, e->path, &program->files))
            continue;
        *ret = program;
        ret = &program->next;
    }
}

/* The sources, each in quotes and beneath the program's directory. */
static const char *sources_of(struct problem_package *p, const struct package_program *program,
                              bool (*is_one)(const char *name))
{
    cleanup_strbuf struct strbuf words = {0};

    for (size_t i = 0; i < program->files.n; i++)
        if (!program->files.items[i].is_directory && is_one(program->files.items[i].name))
            strbuf_addf(&words, " ./%s", program->files.items[i].name);
    return words.len > 0 ? arena_strdup(p->arena, words.data) : NULL;
}

static bool is_c(const char *name)
{
    return str_eq(ending_of(name), ".c");
}

static bool is_python(const char *name)
{
    return str_eq(ending_of(name), ".py") || str_eq(ending_of(name), ".py3");
}

/* Words that make PROGRAM_PLACE/run; NULL: nothing is known that would. */
static const char *make_words(struct problem_package *p, const struct package_program *program)
{
    const char *more = sources_of(p, program, is_c_plus_plus), *c = sources_of(p, program, is_c),
               *python = sources_of(p, program, is_python);

    if (package_find(&program->files, "build") != NULL)
        return "./build\ntest -x ./run\n";
    if (package_find(&program->files, "run") != NULL)
        return "test -x ./run\n";
    if (more != NULL)
        return arena_printf(p->arena, "c++ -O2 -std=gnu++20 -I. -o run%s%s\n", more,
                            c != NULL ? c : "");
    if (c != NULL)
        return arena_printf(p->arena, "cc -O2 -std=gnu17 -I. -o run%s -lm\n", c);
    if (python == NULL)
        return NULL;
    if (package_find(&program->files, "__main__.py") != NULL)
        python = "";
    else if (strchr(python + 1, ' ') != NULL)
        return NULL;
    return arena_printf(p->arena,
                        "printf '#!/bin/sh\\nexec python3 %s%s \"$@\"\\n' >run\nchmod 755 run\n",
                        PROGRAM_PLACE, python[0] != '\0' ? python + 2 : "");
}

const char *package_program_script(struct problem_package *p, const struct package_program *program)
{
    struct package_program whole = *program;
    const char *words;

    if (!program->is_directory) {
        struct package_entry *e = arena_alloc(p->arena, sizeof(*e));
        const char *slash = strrchr(program->path, '/');

        e->name = slash != NULL ? slash + 1 : program->path;
        e->path = program->path;
        whole.files = (struct package_list){.items = e, .n = 1};
    }
    words = make_words(p, &whole);
    if (words == NULL) {
        package_refuse(p, program->path,
                       "it is neither C, C++ nor one program in Python 3, and has neither 'build' "
                       "nor 'run'");
        return "";
    }
    return arena_printf(p->arena, "mkdir -p %s\ncp -R %s/. %s\ncd %s\n%s", PROGRAM_PLACE,
                        PROGRAM_FILES, PROGRAM_PLACE, PROGRAM_PLACE, words);
}
